"""The race: vLLM alone runs throughout; beside it, one way to serve after the other takes turns with it, for seconds.

Each is compared with vLLM alone in the same minute: a slow moment slows down both. In: the contenders. Out: the
measurements of each, round by round. A contender is frozen while it is not its turn.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.bench_serving.client import Client, Load
from loadtests.bench_serving.contenders import START_SECONDS, Contenders, Setup, url
from loadtests.bench_serving.work import PARTS, Part, cpu_seconds, frozen, resident_mb
from workshop.processes import Process

CONNECTIONS = 20


@dataclass(slots=True, frozen=True)
class Pace:
    rounds: int = 4
    requests: int = 300  # CONNECTIONS at a time, per round
    alone: int = 12  # one after the other, per round


QUICK = Pace(rounds=2, requests=100)


@dataclass(slots=True, frozen=True)
class Turn:
    single: Load  # one at a time
    busy: Load  # CONNECTIONS at a time
    cpu_ms: Mapping[Part, float]  # per request under load


@dataclass(slots=True)
class Shown:
    """The measurements of one way to serve. `rounds`: its turn in each, and the turn of vLLM alone."""

    buys: str
    start_seconds: float
    memory_mb: float = 0
    rounds: list[tuple[Turn, Turn]] = field(default_factory=list)


@dataclass(slots=True)
class Results:
    """By name, in the order of the table. vLLM alone has its turns in the rounds of the others."""

    alone: Shown
    shown: dict[str, Shown] = field(default_factory=dict)


def run(setups: Sequence[Setup], folder: Path, pace: Pace) -> Results:
    """Raises CannotStart if a contender does not start."""
    contenders = Contenders(folder)
    with ExitStack() as running:
        plain = contenders.alone()
        results = Results(alone=Shown("its own server, no Ray", _started(running, plain)))
        client = running.enter_context(Client(contenders.model, folder))
        _warm_up(client, plain)
        results.alone.memory_mb = resident_mb(plain.pid)
        for setup in setups:
            with ExitStack() as one:
                process = contenders.serve(setup)
                shown = results.shown[setup.name] = Shown(setup.buys, _started(one, process))
                _warm_up(client, process)
                for number in range(pace.rounds):
                    _say(f"{setup.name}: round {number + 1} of {pace.rounds}")
                    shown.rounds.append(_round(number, client, process, plain, pace))
                shown.memory_mb = resident_mb(process.pid)
    return results


def _started(running: ExitStack, process: Process) -> float:
    _say(f"starting {process.name}")
    begun = time.monotonic()
    running.callback(process.stop)
    process.start(START_SECONDS)
    return time.monotonic() - begun


def _warm_up(client: Client, process: Process) -> None:
    client.measure(url(process), 4 * CONNECTIONS, connections=CONNECTIONS, seed=99)


def _round(number: int, client: Client, process: Process, plain: Process, pace: Pace) -> tuple[Turn, Turn]:
    """Both turns; who goes first alternates from round to round."""
    if number % 2:
        turn = _turn(number, client, process, plain, pace)
        return turn, _turn(number, client, plain, process, pace)
    alone = _turn(number, client, plain, process, pace)
    return _turn(number, client, process, plain, pace), alone


def _turn(number: int, client: Client, who: Process, other: Process, pace: Pace) -> Turn:
    with frozen(other.pid):
        single = client.measure(url(who), pace.alone, connections=1, seed=number)
        before = cpu_seconds(who.pid)
        busy = client.measure(url(who), pace.requests, connections=CONNECTIONS, seed=number)
        after = cpu_seconds(who.pid)
    return Turn(single, busy, {part: (after[part] - before[part]) / pace.requests * 1000 for part in PARTS})


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
