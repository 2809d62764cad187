"""The race: all contenders start, then each gets the same questions, in turn, round after round, and a peak in the end.

In: contenders. Out: what each answered, with its CPU time and memory. The rounds are interleaved, as in `make bench`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from loadtests.before_after.crowd import PATIENCE, Answer, Crowd
from loadtests.before_after.model import Model
from loadtests.before_after.peak import Peak, meet
from loadtests.before_after.questions import bodies, ranks
from loadtests.bench.consumption import cpu_seconds, resident_mb
from loadtests.bench.contenders import Contender, Setup
from workshop.processes import CannotStart

SAMPLE_SECONDS = 0.25


@dataclass(slots=True, frozen=True)
class Load:
    """So many people ask so many questions, each the next one as soon as the last one is answered."""

    people: int
    questions: int


@dataclass(slots=True, frozen=True)
class Pace:
    """`few` begin, and find the caches empty; `many` ask on."""

    rounds: int = 3
    few: Load = Load(people=8, questions=120)
    many: Load = Load(people=64, questions=800)
    peak: Peak = field(default_factory=Peak)


SHORT_PEAK = Peak(calm=1, burst=2, burst_rps=150, bad_after=0.5, bad=1)
QUICK = Pace(rounds=1, few=Load(people=4, questions=16), many=Load(people=32, questions=128), peak=SHORT_PEAK)


@dataclass(slots=True, frozen=True)
class Answered:
    """The answers of one load, and the seconds that it took."""

    answers: list[Answer]
    seconds: float


@dataclass(slots=True, frozen=True)
class Sample:
    """Resident megabytes, after this many answers."""

    answered: int
    mb: float


@dataclass(slots=True)
class Shown:
    """What one contender showed, one value per round; `memory` has samples of all rounds."""

    version: str
    few: list[Answered] = field(default_factory=list)
    many: list[Answered] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    memory: list[Sample] = field(default_factory=list)
    peak: list[Answer] = field(default_factory=list)
    peak_memory: list[Sample] = field(default_factory=list)


def run(setups: Mapping[str, Setup], model: Model, folder: Path, pace: Pace) -> Mapping[str, Shown]:
    """By name, in the order of the setups. The model runs already. Raises CannotStart."""
    with ExitStack() as running:
        contenders: dict[str, Contender] = {}
        for name, setup in setups.items():
            _say(f"starting {name}")
            contenders[name] = setup(model.url, folder)
            running.enter_context(contenders[name].process)
        shown = {name: Shown(one.version) for name, one in contenders.items()}
        for one in contenders.values():
            uvloop.run(_warm_up(one, pace))
        for number in range(pace.rounds):
            for name, one in contenders.items():
                _say(f"round {number + 1} of {pace.rounds}: {name}")
                uvloop.run(_round(one, shown[name], pace, f"round {number}"))
        for name, one in contenders.items():
            _say(f"peak: {name}")
            uvloop.run(_peak(one, shown[name], pace, model))
            one.process.stop()  # it may still work for people who have left, on the core of the next one
    return shown


async def _warm_up(one: Contender, pace: Pace) -> None:
    async with Crowd(one.target) as crowd:
        await crowd.in_turn(bodies(ranks(2 * pace.few.people), "warm-up"), pace.few.people)


async def _round(one: Contender, shown: Shown, pace: Pace, run: str) -> None:
    asked = bodies(ranks(pace.few.questions + pace.many.questions), run)
    before = cpu_seconds(one.process.pid)
    async with Crowd(one.target) as crowd, _sampled(one, crowd, shown.memory):
        for load, own, answered in (
            (pace.few, asked[: pace.few.questions], shown.few),
            (pace.many, asked[pace.few.questions :], shown.many),
        ):
            since = len(crowd.answers)
            seconds = await crowd.in_turn(own, load.people)
            answered.append(Answered(crowd.answers[since:], seconds))
            if not any(answer.good for answer in answered[-1].answers):
                raise CannotStart(f"{one.target.name} answered none of {load.questions} questions: nothing to compare")
    shown.cpu_seconds.append(cpu_seconds(one.process.pid) - before)


async def _peak(one: Contender, shown: Shown, pace: Pace, model: Model) -> None:
    async with Crowd(one.target, patience=PATIENCE) as crowd, _sampled(one, crowd, shown.peak_memory):
        await meet(pace.peak, crowd, model, "peak")
        shown.peak = crowd.answers


@asynccontextmanager
async def _sampled(one: Contender, crowd: Crowd, samples: list[Sample]) -> AsyncIterator[None]:
    """Looks at the contender's memory meanwhile."""
    before = samples[-1].answered if samples else 0

    def look() -> None:
        samples.append(Sample(before + len(crowd.answers), resident_mb(one.process.pid)))

    async def look_often() -> None:
        while True:
            look()
            await asyncio.sleep(SAMPLE_SECONDS)

    looking = asyncio.create_task(look_often())
    try:
        yield
        look()
    finally:
        looking.cancel()


def _say(line: str) -> None:
    print(line, file=sys.stderr)
