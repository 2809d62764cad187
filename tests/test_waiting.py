"""The tests' own waits and stopwatch."""

import asyncio
import itertools
import os
import subprocess
import sys
import time

import pytest

from tests import virtual_time
from tests.waiting import Stopwatch, wait_asking, wait_for, wait_on_loop, wait_until_still


def test_a_wait_returns_the_value_of_its_condition() -> None:
    answers = iter([None, "", "there"])
    assert wait_for(lambda: next(answers)) == "there"


def test_a_wait_in_vain_says_what_it_waited_for() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 seconds: the moon is blue"):
        wait_for(lambda: False, "the moon is blue", seconds=0)
    with pytest.raises(AssertionError, match=r"it is grey"):
        wait_for(lambda: False, lambda: "it is grey", seconds=0)


def test_other_tasks_run_during_a_wait_on_the_loop() -> None:
    async def run() -> None:
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, done.set)
        assert await wait_on_loop(done.is_set)
        assert await wait_asking(done.wait)
        with pytest.raises(AssertionError, match="never"):
            await wait_on_loop(lambda: None, "never", seconds=0)

    asyncio.run(run())


def test_a_value_that_changes_is_not_still() -> None:
    numbers = itertools.chain(range(1, 6), itertools.repeat(6))
    seen: list[int] = []

    def look() -> int:
        seen.append(next(numbers))
        return seen[-1]

    wait_until_still(look, seconds=0.1)
    assert seen[-1] == 6


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be pinned to a core here")
def test_a_stopwatch_does_not_count_the_time_without_a_core() -> None:
    [core, *_] = os.sched_getaffinity(0)
    ours = os.sched_getaffinity(0)
    busy = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, [{core}]); print(flush=True)\nwhile True: pass"]
    others = [subprocess.Popen(busy, stdout=subprocess.PIPE) for _ in range(3)]
    try:
        for other in others:
            assert other.stdout
            assert other.stdout.readline()
        os.sched_setaffinity(0, [core])
        stopwatch, began, used = Stopwatch(), time.monotonic(), time.process_time()
        while time.process_time() - used < 0.3:
            pass
        passed, counted = time.monotonic() - began, stopwatch.seconds
    finally:
        os.sched_setaffinity(0, ours)
        for other in others:
            other.kill()
            other.communicate()
    assert passed > 0.6, "no other process took the core from this one"
    assert 0.25 < counted < passed / 1.5


def test_virtual_time_passes_while_everybody_waits_and_only_then() -> None:
    async def run() -> tuple[float, float]:
        began = time.perf_counter()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 3600)
        waited = time.perf_counter() - began
        sum(range(1_000_000))
        return waited, time.perf_counter() - began - waited

    waited, worked = virtual_time.run(run())
    assert waited == pytest.approx(3600)
    assert worked == 0
