"""An upstream that counts: so many calls in a window, 429 for the rest, and OpenAI's headers with every reply."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 0,
    "model": "counted",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hola"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class QuotaServer(ThreadingHTTPServer):
    """At most `limit` calls in each window of `seconds`, which begins with its first call."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self.answered = 0
        self.refused = 0
        self._used = 0
        self._begun = float("-inf")
        self._counting = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def take(self) -> tuple[bool, dict[str, str]]:
        """Whether a call is answered, and the headers that say what is left."""
        with self._counting:
            now = time.monotonic()
            if now - self._begun >= self.seconds:
                self._begun, self._used = now, 0
            fits = self._used < self.limit
            self._used += fits
            self.answered += fits
            self.refused += not fits
            reset = self._begun + self.seconds - now
            return fits, {
                "x-ratelimit-limit-requests": str(self.limit),
                "x-ratelimit-remaining-requests": str(self.limit - self._used),
                "x-ratelimit-reset-requests": f"{reset:.3f}s",
            }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: QuotaServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        fits, headers = self.server.take()
        body = json.dumps(ANSWER if fits else {"error": {"message": "too many requests"}}).encode()
        self.send_response(200 if fits else 429)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def quota_server(limit: int, seconds: float) -> Iterator[QuotaServer]:
    with QuotaServer(limit, seconds) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
