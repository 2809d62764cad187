"""An upstream that answers with a test's own text, piece by piece: for texts that none of our models would write.

In: pieces of text, during a call. Out: OpenAI's stream, or the whole answer; and the request bodies.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

MODEL = "scripted"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


class Scripted:
    """The upstream; `url` is its base URL without /v1."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[Any] = []
        self.pieces: Queue[str | None] = Queue()

    def say(self, text: str) -> None:
        self.pieces.put(text)

    def end(self) -> None:
        self.pieces.put(None)

    def answers(self, text: str) -> None:
        """Answers the next call with this text."""
        self.say(text)
        self.end()


@contextmanager
def scripted_upstream() -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._head("application/json")
            self.wfile.write(json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            upstream.bodies.append(body)
            if body.get("stream"):
                return self._stream()
            text = "".join(iter(upstream.pieces.get, None))
            self._head("application/json")
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self.wfile.write(json.dumps({"model": MODEL, "choices": [choice], "usage": USAGE}).encode())

        def _stream(self) -> None:
            self._head("text/event-stream")
            for text in iter(upstream.pieces.get, None):
                self._event({"index": 0, "delta": {"content": text}, "finish_reason": None})
            self._event({"index": 0, "delta": {}, "finish_reason": "stop"}, usage=USAGE)
            self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, choice: dict[str, Any], **more: Any) -> None:
            chunk = {"object": "chat.completion.chunk", "model": MODEL, "choices": [choice], **more}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

        def _head(self, content_type: str) -> None:
            self.send_response(200)
            self.send_header("content-type", content_type)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        upstream = Scripted(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield upstream
        finally:
            upstream.end()
            server.shutdown()
