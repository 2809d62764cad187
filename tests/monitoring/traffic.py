"""All kinds of requests, answered and refused, so that every metric counts something.

In: the URL of a service and a user's token. It runs in threads until it is stopped.
"""

import contextlib
import itertools
import json
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

PATIENCE = 60.0
CROWD = 24  # requests at the same time: more than the workers' queues hold

ANSWERED: tuple[tuple[str, Any], ...] = (
    ("/generate", {"prompt": "What is the same for all?", "temperature": 0, "max_tokens": 4}),
    ("/generate/stream", {"prompt": "Stream, please", "max_tokens": 8}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hola"}], "max_tokens": 8, "stream": True}),
    ("/generate", {"prompt": "What are metrics?", "model": "workshop-tiny", "max_tokens": 4}),
    ("/generate/batch", {"prompts": ["one", "two"]}),
)
REFUSED: tuple[tuple[str, Any], ...] = (("/generate", {"prompt": ""}), ("/webhooks/ingest", {"unsigned": True}))


class Traffic:
    """`token` belongs to a user; strangers ask, too, and soon exceed their limit."""

    def __init__(self, service: str, token: str) -> None:
        self._service = service
        self._token = token
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._everyday, self._crowds)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _everyday(self) -> None:
        for number in itertools.count():
            for path, body in (*ANSWERED, *REFUSED):
                self._ask(path, body, self._token)
            self._ask(
                "/generate", {"prompt": f"Something new {number}", "temperature": 0, "max_tokens": 4}, self._token
            )
            self._ask("/generate", {"prompt": f"Who are you? {number}", "max_tokens": 4})
            if self._stopped.wait(0.05):
                return

    def _crowds(self) -> None:
        with ThreadPoolExecutor(CROWD) as crowd:
            while not self._stopped.wait(1.0):
                body = {"prompt": "All at once", "temperature": 1, "max_tokens": 16}
                list(crowd.map(lambda _: self._ask("/generate", body, self._token), range(CROWD)))  # noqa: B023

    def _ask(self, path: str, body: Any, token: str = "") -> None:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        request = urllib.request.Request(self._service + path, json.dumps(body).encode(), headers)
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=PATIENCE) as response:
            response.read()
