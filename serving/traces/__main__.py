"""Starts the trace receiver: `python -m serving.traces --port 4318`.

Out: one JSON line on stdout once it listens, or one line on stderr and exit code 1. Exits with 0 when told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import uvloop

from serving.local.listener import Listener, PortTaken
from serving.traces.app import build

OTLP_PORT = 4318  # the default port of senders of OTLP/HTTP


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.traces", description="Keeps the latest traces, in memory.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=OTLP_PORT, help="port to listen on; 0 takes a free one")
    options = parser.parse_args()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options.host, options.port))
    except PortTaken as error:
        print(f"serving.traces: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


async def _serve(host: str, port: int) -> None:
    listener = Listener(host, port)
    serving = asyncio.create_task(listener.serve(build()))
    await asyncio.sleep(0)  # signals are handled from the first step on: a reader of the next line may send one
    print(json.dumps({"event": "listening", "host": listener.host, "port": listener.port}), flush=True)
    await serving


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


if __name__ == "__main__":
    sys.exit(main())
