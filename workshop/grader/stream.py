"""An answer in server-sent events, as a client sees it: each event with the moment of its arrival.

In: the head of an answer, and its body block by block. Out: the events so far; the reader may stop at any time.
Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. Knows nothing of what the events say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from workshop.grader.service import Answer


@dataclass(slots=True, frozen=True)
class Event:
    """`at` is a reading of time.monotonic(). A comment is a line that begins with a colon; clients ignore it."""

    data: str
    at: float
    comment: bool = False


class Stream:
    """`patience`: seconds that one reading may take. `ended`: the service has sent the whole stream.

    `fault`: why the stream could not be read to its end.
    """

    def __init__(self, head: Answer, blocks: Iterator[bytes], patience: float) -> None:
        self.events: list[Event] = []
        self.ended = False
        self.fault = ""
        self._head = head
        self._blocks = blocks
        self._patience = patience
        self._body = b""
        self._seen = 0  # bytes of whole lines
        self._lines: list[str] = []  # the data of an event without its end

    @property
    def answer(self) -> Answer:
        """What has come so far, as an answer whose text is the stream's."""
        text = self._head.text or self._body.decode(errors="replace")
        if self.fault:
            text += f"… {self.fault}"
        received = self.events[-1].at if self.events else self._head.received
        ms = (received - self._head.sent) * 1000
        return replace(self._head, text=text, ms=ms, received=received)

    def must(self, holds: bool, expected: str, got: object = None) -> None:
        """Raise Failed unless it holds. Without `got`, the report shows the stream so far."""
        self.answer.must(holds, expected, got)

    @property
    def status(self) -> int | None:
        return self._head.status

    @property
    def curl(self) -> str:
        return self._head.curl

    @property
    def data(self) -> list[str]:
        return [event.data for event in self.events if not event.comment]

    @property
    def comments(self) -> list[str]:
        return [event.data for event in self.events if event.comment]

    def read(self, enough: Callable[[Stream], bool] = lambda stream: False) -> None:
        """Read until `enough` says so, the stream ends, or patience is over: comments may come for ever."""
        patience_ends = time.monotonic() + self._patience
        while not (enough(self) or self.ended or self.fault):
            try:
                block = next(self._blocks)
            except StopIteration:
                self.ended = True
            except httpx2.TimeoutException:
                self.fault = "and then nothing more"
            except httpx2.TransportError as fault:
                self.fault = f"and then the connection broke: {fault or type(fault).__name__}"
            else:
                self._body = (self._body + block).replace(b"\r\n", b"\n")
                self._take_events(now := time.monotonic())
                if now > patience_ends and not enough(self):
                    self.fault = f"and no end within {self._patience:g} seconds"

    def _take_events(self, now: float) -> None:
        *lines, _ = self._body[self._seen :].split(b"\n")
        for bytes_of_line in lines:
            self._seen += len(bytes_of_line) + 1
            line = bytes_of_line.decode(errors="replace")
            if line.startswith(":"):
                self.events.append(Event(line[1:].removeprefix(" "), now, comment=True))
            elif line.startswith("data:"):
                self._lines.append(line[5:].removeprefix(" "))
            elif not line and self._lines:
                self.events.append(Event("\n".join(self._lines), now))
                self._lines = []
