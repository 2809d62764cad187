"""The board's own grading of attendees' running services: one at a time, and only where the attendee asks from.

In: the address that a request came from, and a port. Out: what our grader saw there, as verified points. The grader
runs in a process of its own, with a deadline, bounded memory and none of this machine's settings. It speaks HTTP, to
that one address, and follows no redirect.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

from shared.pipeline.errors import Overloaded
from workshop.board.catalogue import Catalogue
from workshop.board.live import Live
from workshop.board.store import Result, Store
from workshop.grader.__main__ import LOST_POINTS, PASSED
from workshop.processes import ROOT, die_with_parent
from workshop.progress import record
from workshop.sidecars import RUN
from workshop.urls import reached_at

SECONDS = 300.0
MOST_WAITING = 100
MEMORY = 4 << 30  # bytes of addresses: what a service answers must not fill this machine
LARGEST_ANSWER = 4 << 20  # bytes that the grader may print
LONGEST = 300  # characters of a reason
# All that the grader needs of our environment. Keys and tokens are not among it: it would send them to the service.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")

Place = tuple[int, int]  # a seat and the number of a demo


@dataclass(slots=True, frozen=True)
class State:
    """`state`: waiting, running, done or failed. `said`: what came of it, for the attendee."""

    state: str
    said: str = ""


class CannotGrade(Exception):
    """One line for the attendee."""


class Gradings:
    def __init__(self, store: Store, catalogue: Catalogue, live: Live) -> None:
        self._store, self._catalogue, self._live = store, catalogue, live
        self._waiting: dict[Place, str] = {}
        self._states: dict[Place, State] = {}
        self._news = asyncio.Event()

    def ask(self, place: Place, address: str, port: int) -> None:
        """Grade what listens at that address. Raises Overloaded."""
        if place not in self._waiting and len(self._waiting) >= MOST_WAITING:
            raise Overloaded("too many services wait to be graded", retry_after=60)
        if self.of(place).state != "running":
            self._waiting[place] = reached_at(address, port)
            self._states[place] = State("waiting")
            self._news.set()

    def of(self, place: Place) -> State:
        return self._states.get(place, State("failed", "nobody has asked for it since the board started"))

    def ahead(self, place: Place) -> int:
        """How many are graded before this one."""
        waiting = list(self._waiting)
        running = sum(state.state == "running" for state in self._states.values())
        return running + waiting.index(place) if place in waiting else 0

    async def run(self) -> None:
        """Grade one after the other, for as long as the board runs."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                place = next(iter(self._waiting))
                await self._grade(place, self._waiting.pop(place))

    async def _grade(self, place: Place, url: str) -> None:
        seat, number = place
        self._states[place] = State("running")
        try:
            result = self._result(number, await graded(number, url))
            self._store.verify(seat, number, result)
        except CannotGrade as reason:
            self._states[place] = State("failed", str(reason))
            return
        except Exception as fault:  # one service must not end the grading of all others
            self._states[place] = State("failed", f"{type(fault).__name__}: {fault}"[:LONGEST])
            return
        self._states[place] = State("done", self._told(number, url, result))
        self._live.changed()

    def _told(self, number: int, url: str, result: Result) -> str:
        """The other points need what only the attendee's own machine has: the log, the model server's faults."""
        total = self._catalogue.demo(number).total
        return f"{url}: the board can see {result.verifiable} of {total} points, and has verified {result.verified}"

    def _result(self, number: int, found: dict[str, Any]) -> Result:
        demo = self._catalogue.demo(number)
        checks = {check["name"]: check["status"] for check in found["checks"]}
        earned = demo.earned(checks)
        return Result(
            earned,
            checks,
            commit="",
            graded=record.now(),
            seen=time.time(),
            verified=earned,
            verifiable=found["graded"],
        )


async def graded(number: int, url: str, seconds: float = SECONDS) -> dict[str, Any]:
    """What `make grade-N URL=…` finds there, as its JSON document. Raises CannotGrade."""
    grader = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "workshop.grader", str(number), "--url", url, "--json"),
        cwd=ROOT,
        env={name: os.environ[name] for name in KEPT if name in os.environ} | {"LOG_FILE": str(RUN / "board" / "none")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LARGEST_ANSWER,
        start_new_session=True,  # so that all of it can be ended at once
        preexec_fn=_contained,
    )
    assert grader.stdout is not None
    assert grader.stderr is not None
    try:
        async with asyncio.timeout(seconds):
            printed, said = await asyncio.gather(_bounded(grader.stdout), _bounded(grader.stderr))
            status = await grader.wait()
    except TimeoutError:
        raise CannotGrade(f"the grading took longer than {seconds:g} seconds") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(grader.pid, signal.SIGKILL)
        await grader.wait()
    if status not in (PASSED, LOST_POINTS):
        lines = said.decode(errors="replace").strip().splitlines()
        raise CannotGrade(lines[0][:LONGEST] if lines else f"the grader ended with exit status {status}")
    found: dict[str, Any] = json.loads(printed)
    return found


async def _bounded(stream: asyncio.StreamReader) -> bytes:
    """All that is printed. Raises CannotGrade if it is too much."""
    blocks: list[bytes] = []
    size = 0
    while block := await stream.read(1 << 16):
        blocks.append(block)
        size += len(block)
        if size > LARGEST_ANSWER:
            raise CannotGrade("the service's answers are too large to be graded")
    return b"".join(blocks)


def _contained() -> None:
    die_with_parent()
    if sys.platform == "linux":  # elsewhere a process cannot be limited so
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
