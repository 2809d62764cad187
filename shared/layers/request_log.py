"""Write one JSON line per request: its caller, its size, its cost, its duration and its end.

In: a Call. Out: its reply, unchanged. Writes when the call is settled, so a stream's line covers the whole stream.
Prompts and answers are never written, only their lengths and the prompt's hash.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any

from shared.logs.human import Line
from shared.logs.json_lines import LineLog
from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.outcome import Outcome
from shared.pipeline.reply import Reply

HASH_LENGTH = 16  # hexadecimal digits

Record = Callable[[Call, Outcome], dict[str, Any]]


class RequestLog:
    """Writes to stdout, and to `path` unless that is `-`; `record` makes a line from a call and its outcome.

    `shown` makes the stdout line from that record; without it, stdout gets the same JSON.
    """

    def __init__(self, path: str, record: Record | None = None, *, shown: Line | None = None) -> None:
        self._path = None if path == "-" else path
        self._record = record or log_record
        self._shown = shown
        self._lines: LineLog | None = None

    async def open(self) -> None:
        self._lines = LineLog(self._path, shown=self._shown)

    async def close(self) -> None:
        if self._lines is not None:
            self._lines.close()

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.on_done(lambda outcome: self._write(call, outcome))
        return await next(call)

    def _write(self, call: Call, outcome: Outcome) -> None:
        if self._lines is not None:
            record = self._record(call, outcome)
            if not isinstance(record, dict):
                raise TypeError(f"the record of a log line must be a dict, and not {type(record).__name__}")
            self._lines.write(record)


# region: log-line
def log_record(call: Call, outcome: Outcome) -> dict[str, Any]:
    """The fields of the log line. Names never change; other layers add theirs in `call.log_fields`."""
    prompt = call.request.prompt
    return {
        # region: log-line-fields
        "request_id": call.request_id,
        "timestamp": time.time(),
        "latency_ms": round(call.elapsed_ms(), 2),
        "prompt_hash": hashlib.sha256(prompt.encode()).hexdigest()[:HASH_LENGTH],
        "prompt_length": len(prompt),
        "response_length": outcome.response_length,
        "tokens_input": outcome.usage.input,
        "tokens_output": outcome.usage.output,
        "tokens_total": outcome.usage.total,
        "cost_usd": outcome.cost_usd,
        "model": outcome.model or call.request.model,
        # endregion: log-line-fields
        "endpoint": call.endpoint,
        "outcome": outcome.ending,
        "error": outcome.error.error_code if outcome.error else None,
        "status": outcome.status,
        "retries": call.retries,
        **call.log_fields,
    }


# endregion: log-line
