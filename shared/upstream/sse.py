"""Server-sent events as OpenAI's streams use them: how one is written, and what a parser of them must do.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. event_parser.py reads them.
Knows nothing of models or of HTTP.
"""

from collections.abc import Callable
from typing import Protocol

DONE = b"[DONE]"
END_OF_EVENT = b"\n\n"


class EventReader(Protocol):
    """The part of an event parser that an upstream's client uses."""

    def feed(self, block: bytes) -> list[bytes]: ...


MakeEvents = Callable[[], EventReader]


def event(payload: bytes) -> bytes:
    """One event on the wire."""
    if b"\n" in payload or b"\r" in payload:  # both end a line
        payload = payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    return b"data: " + payload + b"\n\n"


def comment(text: bytes) -> bytes:
    """A line that every client ignores; `text` has no line breaks.

    It belongs to the event that follows: some clients take a comment with a blank line after it for an empty event.
    """
    return b": " + text + b"\n"
