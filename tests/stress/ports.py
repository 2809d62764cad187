"""Start a server on a port that is free, also when somebody else takes it between the look and the start."""

from collections.abc import Callable

from workshop.processes import CannotStart, Process, free_port

TRIES = 3


def on_a_free_port(make: Callable[[int], Process]) -> tuple[Process, str]:
    """The server that `make` describes, started, and its URL. Raises CannotStart."""
    for left in reversed(range(TRIES)):
        port = free_port()
        try:
            return make(port).start(), f"http://127.0.0.1:{port}"
        except CannotStart as reason:
            if not left or "cannot listen" not in str(reason):
                raise
    raise AssertionError
