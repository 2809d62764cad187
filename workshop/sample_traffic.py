"""A few requests, so that whoever starts a demo finds something in its metrics, its traces and its log.

In: the gateway's URL. Out: requests that say where they come from, their ids begin with `demo-traffic-`; far fewer than
a stranger may make. What comes back is read and thrown away.
"""

import contextlib
import json
import threading
import time
import urllib.request

from workshop import direct

GAP_SECONDS = 2.0  # Prometheus looks for the first time after five, and a rate is of what comes after that
PATIENCE = 60.0

REQUESTS = (
    ("/generate", {"prompt": "What is a request id for?"}),
    ("/generate/batch", {"prompts": ["What is Grafana for?", "¿Qué son las métricas?"]}),
    ("/generate", {"prompt": ""}),  # refused
    ("/generate/stream", {"prompt": "What is Prometheus for?"}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is PromQL?"}], "stream": True}),
    ("/generate", {"prompt": "What are metrics for?", "temperature": 0}),
    ("/generate", {"prompt": "What are metrics for?", "temperature": 0}),  # from the cache
)


def begin(url: str) -> None:
    """Send them one after the other, while the caller goes on."""
    threading.Thread(target=_send, args=(url,), daemon=True).start()


def _send(url: str) -> None:
    for number, (path, body) in enumerate(REQUESTS, 1):
        headers = {"Content-Type": "application/json", "X-Request-ID": f"demo-traffic-{number}"}
        request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
        # Whoever looks at the log sees what became of it.
        with contextlib.suppress(OSError), direct.urlopen(request, PATIENCE) as response:
            response.read()
        time.sleep(GAP_SECONDS)
