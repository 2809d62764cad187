"""A client that leaves when a test says so, and not when its patience ends: it hangs up where the `with` block does.

In: the URL of a service, a path and a document. Out: a request that is sent, and whose answer nobody reads.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

CONNECTS_WITHIN = 60.0  # seconds


@contextmanager
def asking(url: str, path: str, document: object, headers: Mapping[str, str] | None = None) -> Iterator[socket.socket]:
    """While inside, the client waits for its answer."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    body = json.dumps(document).encode()
    sent = {"Host": address.netloc, "Content-Type": "application/json", "Content-Length": len(body), **(headers or {})}
    head = "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""])
    with socket.create_connection((address.hostname, address.port), timeout=CONNECTS_WITHIN) as connection:
        connection.sendall(head.encode() + body)
        yield connection
