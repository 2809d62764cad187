"""Broadcasts an order from one worker to all workers of the service, within a second.

A request reaches one worker, and there is no way to choose which one. So the workers share a file: each order is a line
in it, and every worker checks whether it has grown. The file lives as long as the service, and holds nothing secret.
A single process needs none. Knows nothing of what the orders do.
"""

import asyncio
import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

FILE = "SERVICE_ORDERS"  # the environment variable with the path of the file
LOOK_SECONDS = 0.5


@contextmanager
def worker_broadcasts() -> Iterator[None]:
    """Workers that are started inside this block share their orders."""
    with tempfile.TemporaryDirectory(prefix="llm-service-orders-", ignore_cleanup_errors=True) as folder:
        os.environ[FILE] = str(Path(folder) / "orders")
        try:
            yield
        finally:
            del os.environ[FILE]


class WorkerBroadcast:
    """`on` defines what an order does in this worker. Without `path`, the environment may name the file."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path or os.environ.get(FILE)
        self._read = 0  # bytes
        self._meaning: dict[str, Callable[[], object]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        if self._path is not None:
            self._read = self._size()  # earlier orders do not concern a new worker
            self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    def on(self, order: str, act: Callable[[], object]) -> None:
        self._meaning[order] = act

    def tell_others(self, order: str) -> bool:
        """False if there are no other workers, or if they cannot be reached."""
        if self._path is None:
            return False
        try:
            with open(self._path, "ab", buffering=0) as file:
                file.write(f"{os.getpid()} {order}\n".encode())
        except OSError as error:
            log.error("orders do not reach the other workers: %s", error.strerror)
            return False
        return True

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for order in self._new():
                log.info("another worker was ordered to %s: this one follows", order)
                try:
                    self._meaning[order]()
                except Exception:  # later orders must still work
                    log.exception("an order could not be carried out")

    def _new(self) -> Iterator[str]:
        """New orders from other workers that this worker knows."""
        if self._size() <= self._read:
            return
        with open(self._path or "", "rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            giver, _, order = line.partition(" ")
            if giver != str(os.getpid()) and order in self._meaning:
                yield order

    def _size(self) -> int:
        try:
            return os.stat(self._path or "").st_size
        except OSError:
            return 0
