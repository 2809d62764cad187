"""Starts a server on a free port, even if another process takes the port between the check and the start."""

from collections.abc import Callable

from workshop.processes import CannotStart, Process, free_port

TRIES = 3


def on_a_free_port(make: Callable[[int], Process]) -> tuple[Process, str]:
    """Starts the server that `make` describes. Returns it and its URL. Raises CannotStart."""
    for left in reversed(range(TRIES)):
        port = free_port()
        try:
            return make(port).start(), f"http://127.0.0.1:{port}"
        except CannotStart as reason:
            if not left or "cannot listen" not in str(reason):
                raise
    raise AssertionError
