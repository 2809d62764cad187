"""The race: vLLM alone runs throughout, and beside it one way to serve after the other, in turns of seconds.

Each is compared with what vLLM alone did in the same minute: what slowed one down in a round slowed down the other. In:
who takes part. Out: what each showed in every round. A contender that has not its turn is frozen.
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
    requests: int = 300  # of CONNECTIONS at a time, a round
    alone: int = 12  # one after the other, a round


QUICK = Pace(rounds=2, requests=100)


@dataclass(slots=True, frozen=True)
class Turn:
    single: Load  # one at a time
    busy: Load  # CONNECTIONS at a time
    cpu_ms: Mapping[Part, float]  # of a busy request


@dataclass(slots=True)
class Shown:
    """What one way to serve showed. `rounds`: its turn in each, and that of vLLM alone."""

    buys: str
    start_seconds: float
    memory_mb: float = 0
    rounds: list[tuple[Turn, Turn]] = field(default_factory=list)


@dataclass(slots=True)
class Results:
    """By name, in the order in which they stand in the table. vLLM alone has its turns in the rounds of the others."""

    alone: Shown
    shown: dict[str, Shown] = field(default_factory=dict)


def run(setups: Sequence[Setup], folder: Path, pace: Pace) -> Results:
    """Raises CannotStart when somebody does not start."""
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
    """Both, and who was first is second in the next round."""
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
