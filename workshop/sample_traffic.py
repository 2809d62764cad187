"""A few requests, so that a demo has something in its metrics, its traces and its log from the start.

In: the gateway's URL. Out: requests that say where they come from (their ids begin with `demo-traffic-`), far fewer
than a stranger may make. The answers are read and thrown away.
"""

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from workshop import direct

GAP_SECONDS = 2.0  # Prometheus first scrapes after five, and a rate counts only what comes after that
PATIENCE = 60.0

REQUESTS: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("/generate", {"prompt": "What is a request id for?"}),
    ("/generate/batch", {"prompts": ["What is Grafana for?", "¿Qué son las métricas?"]}),
    ("/generate", {"prompt": ""}),  # refused
    ("/generate/stream", {"prompt": "What is Prometheus for?"}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is PromQL?"}], "stream": True}),
    ("/generate", {"prompt": "What are metrics for?", "temperature": 0}),
    ("/generate", {"prompt": "What are metrics for?", "temperature": 0}),  # from the cache
)


def begin(url: str) -> None:
    """Send them one after the other, in the background."""
    threading.Thread(target=_send, args=(url,), daemon=True).start()


def _send(url: str) -> None:
    for number, (path, body) in enumerate(REQUESTS, 1):
        with contextlib.suppress(OSError):  # the log shows what became of each request
            post(url + path, body, {"X-Request-ID": f"demo-traffic-{number}"})
        time.sleep(GAP_SECONDS)


def post(url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
    """Send JSON, and read the answer to its end. Raises OSError, of which an HTTPError is one."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
    )
    with direct.urlopen(request, PATIENCE) as response:
        response.read()
