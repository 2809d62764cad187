"""All workers carry out an order to one of them exactly once; workers that start later do not."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from shared.process.worker_broadcast import FILE, WorkerBroadcast, worker_broadcasts
from tests.waiting import wait_on_loop


def given_by_another_worker(order: str, path: Path) -> None:
    told = f"from shared.process.worker_broadcast import *; WorkerBroadcast({str(path)!r}).tell_others({order!r})"
    subprocess.run([sys.executable, "-c", told], check=True)


def test_an_order_is_carried_out_once_by_every_other_worker(tmp_path: Path) -> None:
    path, done = tmp_path / "orders", list[str]()

    def fail() -> None:
        done.append("failed")
        raise RuntimeError("a bug")

    async def work() -> None:
        path.write_text("1 reset\n")  # from before this worker's start
        worker = WorkerBroadcast(str(path))
        worker.on("reset", lambda: done.append("reset"))
        worker.on("fail", fail)
        await worker.open()
        worker.tell_others("reset")  # this worker does it itself
        for order in ("reset", "unknown", "fail", "reset"):
            given_by_another_worker(order, path)
        await wait_on_loop(lambda: len(done) == 3)
        await worker.close()

    asyncio.run(work())
    assert done == ["reset", "failed", "reset"]


def test_a_single_process_broadcasts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE, raising=False)
    assert not WorkerBroadcast().tell_others("reset")
    with worker_broadcasts():
        assert WorkerBroadcast().tell_others("reset")
    assert not WorkerBroadcast().tell_others("reset")


def test_a_file_that_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not WorkerBroadcast(str(tmp_path / "gone" / "orders")).tell_others("reset")
    assert "do not reach the other workers" in caplog.text
