"""A server that is down, and stays so: its port is taken, and nobody listens on it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def dead_server() -> Iterator[str]:
    """Its URL. Who calls it is refused at once, whatever other tests start meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
