"""Replays recorded metrics pages of real engines over HTTP, as engines under traffic would show them.

In: a Prometheus job with a page in `recorded/`. Out: a URL. With each request the counters grow by the recorded values,
so that rates are known; gauges stay.
"""

import contextlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

PAGES = {file.stem: file for file in (Path(__file__).parent / "recorded").glob("*.txt")}
RECORDED = sorted(PAGES)
GROWING = {"counter", "histogram"}
TYPE = re.compile(r"# TYPE (?P<name>\S+) (?P<type>\w+)")
SAMPLE = re.compile(r"(?P<series>(?P<name>[\w:]+)(?:{.*})?) (?P<value>\S+)")
PART = re.compile(r"_(bucket|count|sum)$")


def grown(page: str, times: int) -> str:
    """The page with all counters multiplied by `times`."""
    types: dict[str, str] = {}
    lines = []
    for line in page.splitlines():
        if declared := TYPE.fullmatch(line):
            types[declared["name"]] = declared["type"]
        elif sample := SAMPLE.fullmatch(line):
            kind = types.get(sample["name"]) or types.get(PART.sub("", sample["name"]), "")
            if kind in GROWING:
                line = f"{sample['series']} {float(sample['value']) * times:g}"
        lines.append(line)
    return "\n".join([*lines, ""])


@contextmanager
def told_again(job: str) -> Iterator[str]:
    page, looks = PAGES[job].read_text(), count(1)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            with contextlib.suppress(OSError):  # a Prometheus that stops does not wait for the rest
                self.wfile.write(grown(page, next(looks)).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
