"""`python -m serving.ray_serve FILE.yaml --port 8400`: serve a config file on this machine until told to stop.

Exit status 0 after a signal to stop; 1, with one line on stderr, if it cannot serve.
"""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from serving.ray_serve.cluster import CannotServe, Cluster
from serving.ray_serve.subreaper import SIGNALS, guarded


class Stopped(BaseException):
    """A signal asked us to end. Like KeyboardInterrupt, it is no error that code in between should catch."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m serving.ray_serve", description="Serve a config file on this machine."
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--port", type=int, default=8400)
    parser.add_argument("--reachable", action="store_true", help="serve other machines too, with answers and metrics")
    options = parser.parse_args(arguments)
    return guarded(lambda: serve(Cluster(options.config, options.port, options.reachable)))


def serve(cluster: Cluster) -> int:
    """Serve until told to stop. Returns the exit status."""
    _on_signals(_stop)
    try:
        with cluster:
            _on_signals(_stop)  # Ray has replaced them with its own
            cluster.deploy()
            while True:
                time.sleep(3600)
    except CannotServe as reason:
        print(reason, file=sys.stderr)
        return 1
    except Stopped:
        return 0


def _on_signals(handler: object) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)  # type: ignore[arg-type]


def _stop(number: int, frame: FrameType | None) -> None:
    _on_signals(signal.SIG_IGN)  # once is enough: everything must be shut down
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
