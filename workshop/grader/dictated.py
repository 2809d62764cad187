"""An upstream that sends exactly the bytes it is told to: streams as other servers write them, cut where we like.

In: blocks of bytes, separately for each call. Out: a server that sends a block when it is told to, and not before.
Knows nothing of models.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from queue import Queue
from threading import Thread


class Dictation:
    """Calls are numbered from 0, in order of arrival. Blocks for a call that has not arrived yet wait for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._blocks: dict[int, Queue[bytes]] = {}
        self._numbers = count()

    def say(self, call: int, block: bytes) -> None:
        """Send a block to this call. An empty block ends the stream."""
        self.blocks(call).put(block)

    def blocks(self, call: int) -> Queue[bytes]:
        return self._blocks.setdefault(call, Queue())

    def next_call(self) -> int:
        return next(self._numbers)

    def end(self) -> None:
        """End all streams that are still open."""
        for blocks in list(self._blocks.values()):
            blocks.put(b"")


@contextmanager
def dictated() -> Iterator[Dictation]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            blocks = dictation.blocks(dictation.next_call())
            with contextlib.suppress(OSError):  # the client has left
                while block := blocks.get():
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        dictation = Dictation(f"http://127.0.0.1:{server.server_port}/v1")
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield dictation
        finally:
            dictation.end()
            server.shutdown()
            thread.join()
