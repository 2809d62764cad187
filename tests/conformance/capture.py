"""An upstream that records what it receives and answers with known bytes.

It serves tests that look only at the wire; all others use the embedded server's answers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FRAME: dict[str, Any] = {
    "id": "chatcmpl-captured",
    "created": 1_790_000_000,
    "model": "captured-1",
    "system_fingerprint": "fp_1",
    "x_vendor": {"unknown": [1, 2.50, None]},
}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}
MESSAGE: dict[str, Any] = {
    "role": "assistant",
    "content": "Hola 🙂",
    "reasoning_content": "hm",
    "refusal": None,
    "annotations": [],
}


def _bytes(document: object) -> bytes:
    # Our own JSON never has these spaces and escapes: a re-encoded document is noticed.
    return json.dumps(document, indent=1).replace("\n", " ").encode()


def _chunk(*choices: object, **more: object) -> bytes:
    return b"data: " + _bytes({**FRAME, "object": "chat.completion.chunk", "choices": choices, **more}) + b"\n\n"


def _said(finish_reason: str | None = None, **delta: object) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason, "stop_token": 7}


COMPLETION = _bytes(
    {
        **FRAME,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": MESSAGE, "logprobs": None, "finish_reason": "stop"}],
        "usage": USAGE,
    }
)
CHUNKS = (
    _chunk(_said(role="assistant", content="")),
    _chunk(_said(reasoning_content="hm")),
    _chunk(_said(content="Hola")),
    _chunk(_said(content=" 🙂")),
    _chunk(_said("stop")),
)
USAGE_CHUNK = _chunk(usage=USAGE)
DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class Captured:
    headers: dict[str, str]  # names in lower case
    body: Any


@dataclass(slots=True)
class Capture:
    url: str
    calls: list[Captured] = field(default_factory=list)

    def only(self) -> Captured:
        """The only call since the last look."""
        [call] = self.calls
        self.calls.clear()
        return call


@contextmanager
def capturing() -> Iterator[Capture]:
    calls: list[Captured] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            calls.append(Captured({name.lower(): value for name, value in self.headers.items()}, body))
            if not body.get("stream"):
                return self._answer("application/json", COMPLETION)
            wants_usage = (body.get("stream_options") or {}).get("include_usage")
            self._answer("text/event-stream", b"".join(CHUNKS) + (USAGE_CHUNK if wants_usage else b"") + DONE)

        def _answer(self, content_type: str, data: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Capture(f"http://127.0.0.1:{server.server_port}", calls)
    finally:
        server.shutdown()
        server.server_close()
