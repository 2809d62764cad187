"""A private Redis for a test: started on a free port, killed, frozen, thawed and started again at will.

The program is the environment's own (Valkey, a fork of Redis, from a package) or the system's. It keeps nothing on
disk, so it is empty after a restart, as the replacement of a cache server is.

`python -m workshop.redis_server --port 6390` runs it in the foreground, for labs.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from typing import Self

from workshop.processes import die_with_parent, free_port
from workshop.programs import PROGRAMS

PATIENCE = 10.0  # seconds to come up
PROGRAM = PROGRAMS["redis-server"]
MISSING = f"there is no redis-server: make install brings one, or on Debian apt-get install {PROGRAM.package}"


class RedisServer:
    """`url` stays the same across kills and restarts. Nothing survives the `with` block."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._popen = subprocess.Popen(
            [_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        patience_ends = time.monotonic() + PATIENCE
        while not self.answers():
            assert self._popen.poll() is None, f"redis-server ended with exit status {self._popen.returncode}"
            assert time.monotonic() < patience_ends, "redis-server did not answer"
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """End it at once: connections are reset, new ones are refused."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
            self._popen = None

    def freeze(self) -> None:
        """Connections stay open and the kernel accepts new ones, but nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def answers(self) -> bool:
        """Does it answer a PING right now?"""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()  # SIGKILL ends a frozen process too

    def _signal(self, number: signal.Signals) -> None:
        assert self._popen is not None, "redis-server is not running"
        os.kill(self._popen.pid, number)


def available() -> bool:
    """Is there a redis-server on this machine?"""
    return PROGRAM.path() is not None


def _binary() -> str:
    found = PROGRAM.path()
    assert found, MISSING
    return found


if __name__ == "__main__":
    if not available():
        sys.exit(MISSING)
    os.execv(_binary(), [_binary(), *sys.argv[1:]])
