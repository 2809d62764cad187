"""A client that leaves when a test says so, not after a time-out: it hangs up when the `with` block ends.

In: the URL of a service, a path and a document. Out: a request that is sent; nobody reads its answer.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

CONNECTS_WITHIN = 60.0  # seconds


@contextmanager
def asking(url: str, path: str, document: object, headers: Mapping[str, str] | None = None) -> Iterator[socket.socket]:
    """The client waits for its answer until the block ends."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    body = json.dumps(document).encode()
    sent = {"Host": address.netloc, "Content-Type": "application/json", "Content-Length": len(body), **(headers or {})}
    head = "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""])
    with socket.create_connection((address.hostname, address.port), timeout=CONNECTS_WITHIN) as connection:
        connection.sendall(head.encode() + body)
        yield connection
