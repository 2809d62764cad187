"""A private PostgreSQL for tests and benchmarks, which can be stopped, frozen and restarted.

It does not wait for the disk (fsync=off). Its folder is removed at the end.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Self

import psutil

from workshop.processes import POLL_SECONDS, free_port

USER = "postgres"
PATIENCE = 120.0  # seconds


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs: Debian keeps them out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class PrivatePostgres:
    """PostgreSQL refuses to run as root. Root runs it as `postgres`, the user that Debian's package creates."""

    def __init__(self, bin: Path) -> None:
        self._bin = bin
        self._user = USER if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="workshop-postgres-"))
        self._server: subprocess.Popen[bytes] | None = None
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "--no-sync", "--auth=trust", f"--username={USER}", str(self._folder / "data"))
        self._port = free_port()  # last, because initdb takes seconds on a busy machine, and a port is soon taken

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    *(str(self._bin / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder)),
                    *("-p", str(self._port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"),
                ],
                user=self._user,
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        patience_ends = time.monotonic() + PATIENCE
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < patience_ends, (self._folder / "log").read_text()
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        if self._server is not None:
            self.thaw()
            self._server.send_signal(signal.SIGINT)  # "fast" shutdown: cuts connections, keeps data
            self._server.wait(PATIENCE)
            self._server = None

    def freeze(self) -> None:
        """It keeps its connections and accepts new ones, but answers nothing."""
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        for process in self._processes():
            process.resume()

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{uuid.uuid4().hex}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", USER, name)
        return f"postgresql://{USER}@127.0.0.1:{self._port}/{name}"

    def _processes(self) -> list[psutil.Process]:
        assert self._server is not None
        server = psutil.Process(self._server.pid)
        return [server, *server.children(recursive=True)]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            user=self._user,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
