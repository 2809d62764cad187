"""A server that is down and stays down: its port is taken, but nobody listens on it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def dead_server() -> Iterator[str]:
    """Its URL. Connections to it are refused at once, whatever other tests start meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
