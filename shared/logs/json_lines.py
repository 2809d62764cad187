"""Writes log lines; the event loop never waits for a disk or a terminal.

There are two kinds. Request lines: one JSON object per request, to stdout and to a file, for `jq` (LineLog).
Operational lines: events of the service itself, one JSON object each, to stderr, through the standard `logging`.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import orjson

from shared.logs.exception_origin import explained

log = logging.getLogger(__name__)

# The id of the request that this task serves: a fault far from the request's own code is logged with it.
serving: ContextVar[str] = ContextVar("serving", default="")

FLUSH_SECONDS = 0.05
MOST_WAITING = 100_000  # lines; with more, a hanging disk would fill the memory


class LineLog:
    """Appends JSON lines to stdout and to `path`. `shown` formats a record differently for stdout.

    A line waits at most FLUSH_SECONDS. Then a separate thread writes all waiting lines in one write, so that lines stay
    whole when several workers append to one file. After a rotation, the new file is opened.
    """

    def __init__(
        self, path: str | None, *, stdout: bool = True, shown: Callable[[Mapping[str, Any]], str] | None = None
    ) -> None:
        self._path = Path(path) if path else None
        self._stdout = stdout
        self._shown = shown
        self._waiting: list[dict[str, Any]] = []
        # Each count is changed by one thread: `_queued` and `_dropped` by the event loop's, the others by the writer's.
        self._queued = 0
        self._dropped = 0
        self._emitted = 0
        self._reported = 0
        self._timer: asyncio.TimerHandle | None = None
        self._complained = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="request-log")

    def write(self, record: dict[str, Any]) -> None:
        """Queue one record. Never blocks, never raises."""
        if self._queued - self._emitted >= MOST_WAITING:
            self._dropped += 1
            return
        self._queued += 1
        self._waiting.append(record)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def close(self) -> None:
        """Write all waiting lines and stop the thread. Blocks until they are written."""
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        self._thread.shutdown(wait=True)

    def _flush(self) -> None:
        self._timer = None
        records, self._waiting = self._waiting, []
        if records:
            self._thread.submit(self._emit, records)

    def _emit(self, records: list[dict[str, Any]]) -> None:
        lines = b"".join(line for record in records if (line := _json(record)))
        if self._stdout:
            shown = self._shown
            on_stdout = lines if shown is None else "".join(f"{shown(record)}\n" for record in records).encode()
            with contextlib.suppress(OSError, ValueError):  # our stdout was closed
                sys.stdout.buffer.write(on_stdout)
                sys.stdout.buffer.flush()
        if self._path is not None:
            self._append(self._path, lines)
        self._emitted += len(records)
        if news := self._dropped - self._reported:
            self._reported += news
            log.error("%d lines of the request log are lost: the disk takes them too slowly", news)

    def _append(self, path: Path, lines: bytes) -> None:
        try:
            with path.open("ab", buffering=0) as file:  # opened each time: survives rotation, costs 20 µs per batch
                file.write(lines)
        except OSError as error:
            if not self._complained:
                log.error("cannot write the request log %s: %s", path, error.strerror)
                self._complained = True


def _json(record: Mapping[str, Any]) -> bytes:
    """The record's line; empty, with a log entry, if it cannot be JSON. The other lines must not be lost with it."""
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        wrong = ", ".join(repr(name) for name, value in record.items() if not _is_json(value))
        bug = TypeError(f"the log line's {wrong or 'names'} cannot be JSON: {error}")
        fields = {"request_id": record.get("request_id")}
        log.error("a bug: a request has no log line", exc_info=bug, extra={"fields": fields})
        return b""


def _is_json(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


class JsonFormatter(logging.Formatter):
    """A log record as one JSON object: timestamp (seconds), level, logger, message.

    While a request is served, also its id. For an exception, also its type, its reason, the line of this project that
    it comes from, and the traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := serving.get():
            line["request_id"] = request_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            if record.exc_info[1] is not None:
                line |= explained(record.exc_info[1])
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class OncePerRequest(logging.Filter):
    """Lets an exception through once per failed request, however many handlers log it on its way out.

    A record without a request id (the web server's own report) passes only if the exception was not logged before.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        request_id = getattr(record, "fields", {}).get("request_id")
        told: set[str | None] = error.__dict__.setdefault("_told", set())
        if request_id in told or (request_id is None and told):
            return False
        told.add(request_id)
        return True


def configure_operational_log(level: int = logging.INFO, formatter: logging.Formatter | None = None) -> None:
    """Send everything that uses `logging` to stderr, as JSON lines unless `formatter` writes others."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter or JsonFormatter())
    handler.addFilter(OncePerRequest())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # we log its start and stop in one line


def writable(path: str) -> str | None:
    """Why `path` cannot be appended to, or None."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644))
    except OSError as error:
        return error.strerror
    return None
