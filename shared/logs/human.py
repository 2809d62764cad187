"""The log for people: one line per request and per event of the service. ENABLE_STRUCTURED_LOGGING=false turns it on.

In: the same records that otherwise become JSON. Out: text for a terminal. LOG_FILE stays JSON, for `jq`.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from shared.settings import Settings

Line = Callable[[Mapping[str, Any]], str]


def on_stdout(settings: Settings) -> Line | None:
    """The function that formats a record for stdout; None: JSON."""
    return None if settings.enable_structured_logging else request_line


def request_line(record: Mapping[str, Any]) -> str:
    """The most important fields come first: time, status, endpoint, latency."""
    tokens = f"{record['tokens_input']}+{record['tokens_output']} tokens"
    parts = [
        _clock(record["timestamp"]),
        str(record["status"]),
        record["endpoint"],
        f"{record['latency_ms']:.0f} ms",
        record["error"] or record["outcome"],
        record["model"] or "no model",
        tokens,
        f"${record['cost_usd']:.6f}",
        record.get("caller", ""),
        _noted(record, "cache"),
        _noted(record, "fallback"),
        f"{record['retries']} retries" if record["retries"] else "",
        _noted(record, "request_id"),
        _noted(record, "trace_id"),
    ]
    line = "  ".join(part for part in parts if part)
    # Names come from clients: a name must not start a new line or send codes to the terminal.
    return line if line.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in line)


class ReadableFormatter(logging.Formatter):
    """`14:03:22 WARNING shared.stores.redis: redis is back`"""

    def format(self, record: logging.LogRecord) -> str:
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        url = f" {fields['url']}" if "url" in fields else ""
        line = f"{_clock(record.created)} {record.levelname} {record.name}: {record.getMessage()}{url}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _noted(record: Mapping[str, Any], name: str) -> str:
    return f"{name}={record[name]}" if record.get(name) else ""


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
