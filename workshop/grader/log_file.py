"""The request log of the service under test, as a file that another process writes.

In: a path. Out: its lines by request id, with a wait: a service may write a moment after it has answered.
"""

import json
import time
from pathlib import Path
from typing import Any

from workshop.grader.service import Answer
from workshop.grader.verdict import Failed

WRITTEN_WITHIN = 5.0  # seconds
POLL_SECONDS = 0.02


class LogFile:
    """`printed` is the file for the service's stdout and stderr, if the grader started it."""

    def __init__(self, path: Path, printed: Path | None = None) -> None:
        self.path = path
        self._printed = printed

    def lines_of(self, answer: Answer, within: float = WRITTEN_WITHIN) -> list[dict[str, Any]]:
        """The lines of the request that got this answer, at least one. Raises Failed if none comes in time."""
        request_id = answer.headers.get("x-request-id", "")
        patience_ends = time.monotonic() + within
        while not (lines := [line for line in self._records() if line.get("request_id") == request_id]):
            if time.monotonic() > patience_ends:
                expected = f"a JSON line in the log with the reply's X-Request-ID ({request_id or 'it has none'})"
                raise Failed(expected, self.last_line() or "an empty log", self.shown(answer))
            time.sleep(POLL_SECONDS)
        return lines

    def text(self) -> str:
        """All that the service has written so far: its log, and its output."""
        return "".join(
            path.read_text(errors="replace") for path in (self.path, self._printed) if path and path.exists()
        )

    def last_line(self) -> str:
        lines = self.path.read_text(errors="replace").splitlines() if self.path.exists() else []
        return lines[-1] if lines else ""

    def shown(self, answer: Answer) -> str:
        """The commands that show a log line: the request, then a look at the log."""
        return f"{answer.curl}\ntail -n 1 logs.json"

    def _records(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [record for line in self.path.read_text(errors="replace").splitlines() if (record := _object(line))]


def _object(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
