"""The collector of traces: it takes every export, over HTTP and over gRPC, and answers at once that all is well."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.static import nginx
from workshop.processes import free_port

# An empty message, as gRPC frames it; its status is a trailer. No file has the name of a method: hence the error page.
EMPTY_MESSAGE = bytes(5)
BLOCKS = """
  server {{
    listen 127.0.0.1:{http};
    location / {{ return 200 '{{}}'; }}
  }}
  server {{
    listen 127.0.0.1:{grpc} http2;
    default_type application/grpc; add_trailer grpc-status 0; root {folder};
    error_page 404 =200 /empty_message;
  }}
"""


@dataclass(slots=True, frozen=True)
class Collector:
    """`http` is the base URL of OTLP over HTTP; `grpc` is the host and port of OTLP over gRPC."""

    http: str
    grpc: str


@contextmanager
def collector(folder: Path) -> Iterator[Collector]:
    """Start it in a folder of its own."""
    http, grpc = free_port(), free_port()
    (folder / "empty_message").write_bytes(EMPTY_MESSAGE)
    url = f"http://127.0.0.1:{http}"
    with nginx(folder, [BLOCKS.format(http=http, grpc=grpc, folder=folder)], url):
        yield Collector(url, f"127.0.0.1:{grpc}")
