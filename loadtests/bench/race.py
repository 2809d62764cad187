"""The race: all contenders start, then each gets the same work, in turn, round after round.

The rounds are interleaved because machines are noisy: a slow moment slows all contenders of a round, so ratios within a
round mean more than numbers. In: contenders. Out: the measurements of each, round by round. A gateway that says that it
knows its callers has to refuse one that it does not know.
"""

import http.client
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from loadtests.bench.consumption import cpu_seconds, resident_mb
from loadtests.bench.contenders import UNGOVERNED, Contender, Governance, Setup
from loadtests.bench.load import Measurement, load
from loadtests.bench.paced import paced_upstream
from loadtests.bench.static import static_upstream
from loadtests.bench.streams import Streamed, stream
from loadtests.bench.target import Target, body
from workshop.processes import CannotStart

CONNECTIONS = (1, 16, 64)
WARM_UP = 16  # connections and streams
STRANGER = "Bearer sk-of-nobody"


@dataclass(slots=True, frozen=True)
class Pace:
    """The amounts of work. Chunks arrive alone: each stream sends one every `apart_ms`, and streams take turns."""

    rounds: int = 5
    seconds: int = 2  # of load at each number of connections
    first_tokens: int = 30  # streams in a row, per round
    streams: int = 16  # at the same time
    chunks: int = 100
    apart_ms: int = 20  # slow enough for LiteLLM, which would otherwise be measured while it is behind
    streams_in_all: int = 1000
    rounds_of_sizes: int = 3
    seconds_of_sizes: int = 1
    numbers_of_callers: int = 3  # the largest takes a minute


QUICK = Pace(
    rounds=1, seconds=1, first_tokens=10, chunks=50, streams_in_all=100, rounds_of_sizes=1, numbers_of_callers=2
)


@dataclass(slots=True)
class Shown:
    """The measurements of one contender, one value per round."""

    version: str
    governance: Governance = UNGOVERNED
    start_cpu_s: list[float] = field(default_factory=list)  # until it listens, of each start
    loads: dict[int, list[Measurement]] = field(default_factory=dict)  # by connections
    request_cpu_us: list[float] = field(default_factory=list)
    chunk_cpu_us: list[float] = field(default_factory=list)
    first_token_ms: list[float] = field(default_factory=list)  # medians
    memory_mb: dict[str, float] = field(default_factory=dict)  # resident: after "answers", and after "streams"


@dataclass(slots=True)
class Results:
    """By contender's name, in the order of the table. `absent`: why a contender did not take part."""

    shown: dict[str, Shown] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    # The upstream called directly, in the same rounds:
    direct: list[Measurement] = field(default_factory=list)
    direct_first_token_ms: list[float] = field(default_factory=list)


def run(setups: Mapping[str, Setup], needed: set[str], folder: Path, pace: Pace) -> Results:
    """Raises CannotStart if one of the `needed` does not start, or if any contender fails a request during the race."""
    results = Results()
    race = _Race(setups, needed, folder, results)
    with static_upstream(folder) as upstream, ExitStack() as running:
        everybody = race.started(running, upstream, lambda one: load(one.target, WARM_UP, 2))
        direct = Target("the upstream", f"{upstream}/chat/completions")
        for number in range(pace.rounds):
            _say(f"answers: round {number + 1} of {pace.rounds}")
            _round_of_answers(everybody, direct, pace, results)
        race.weigh(everybody, "answers")
    with paced_upstream(folder) as upstream, ExitStack() as running:
        everybody = race.started(running, upstream, lambda one: _streams(one.target, WARM_UP, at_once=WARM_UP))
        direct = Target("the upstream", f"{upstream}/chat/completions")
        for number in range(pace.rounds):
            _say(f"streams: round {number + 1} of {pace.rounds}")
            _round_of_streams(everybody, direct, pace, results)
        so_far = WARM_UP + pace.rounds * (pace.first_tokens + pace.streams)
        for one in everybody.values():
            _streams(one.target, pace.streams_in_all - so_far, at_once=pace.streams)
        race.weigh(everybody, "streams")
    return results


class _Race:
    def __init__(self, setups: Mapping[str, Setup], needed: set[str], folder: Path, results: Results) -> None:
        self._setups = dict(setups)
        self._needed = needed
        self._folder = folder
        self._results = results

    def started(
        self, running: ExitStack, upstream: str, warm_up: Callable[[Contender], object]
    ) -> dict[str, Contender]:
        everybody = {}
        for name, setup in list(self._setups.items()):
            _say(f"starting {name}")
            try:
                with ExitStack() as starting:
                    contender = setup(upstream, Path(tempfile.mkdtemp(dir=self._folder)))
                    starting.enter_context(contender.process)
                    used = cpu_seconds(contender.process.pid)
                    warm_up(contender)
                    if contender.governance.callers:
                        must_refuse_strangers(contender.target)
                    running.push(starting.pop_all())
            except CannotStart as reason:
                if name in self._needed:
                    raise
                self._leave_out(name, reason)
            else:
                everybody[name] = contender
                shown = self._results.shown.setdefault(name, Shown(contender.version, contender.governance))
                shown.start_cpu_s.append(used)
        return everybody

    def _leave_out(self, name: str, reason: CannotStart) -> None:
        line = f"{name} is not measured: {reason}"
        _say(line)
        self._results.absent.append(line)
        self._results.shown.pop(name, None)
        del self._setups[name]

    def weigh(self, everybody: Mapping[str, Contender], after: str) -> None:
        for name, one in everybody.items():
            self._results.shown[name].memory_mb[after] = resident_mb(one.process.pid)


def must_refuse_strangers(target: Target) -> None:
    """Raises CannotStart if the target answers a caller with an unknown key."""
    connection = http.client.HTTPConnection(*target.address, timeout=10)
    headers = {"Content-Type": "application/json", **target.headers, "Authorization": STRANGER}
    try:
        connection.request("POST", urlsplit(target.url).path, body("Who am I?"), headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as fault:
        raise CannotStart(f"{target.name} does not answer a caller that it does not know: {fault!r}") from None
    finally:
        connection.close()
    if not 400 <= status < 500:
        raise CannotStart(f"{target.name} answers {status} to a caller that it does not know")


def _round_of_answers(everybody: Mapping[str, Contender], direct: Target, pace: Pace, results: Results) -> None:
    for connections in CONNECTIONS:
        if connections == 1:
            results.direct.append(load(direct, 1, pace.seconds))
        for name, one in everybody.items():
            shown = results.shown[name]
            before = cpu_seconds(one.process.pid)
            measured = load(one.target, connections, pace.seconds)
            if connections == CONNECTIONS[1]:
                used = cpu_seconds(one.process.pid) - before
                shown.request_cpu_us.append(used / measured.requests * 1e6)
            shown.loads.setdefault(connections, []).append(measured)


def _round_of_streams(everybody: Mapping[str, Contender], direct: Target, pace: Pace, results: Results) -> None:
    results.direct_first_token_ms.append(_first_token_ms(direct, pace))
    for name, one in everybody.items():
        results.shown[name].first_token_ms.append(_first_token_ms(one.target, pace))
    for name, one in everybody.items():
        before = cpu_seconds(one.process.pid)
        relayed = uvloop.run(
            stream(one.target, streams=pace.streams, at_once=pace.streams, chunks=pace.chunks, apart_ms=pace.apart_ms)
        )
        used = cpu_seconds(one.process.pid) - before
        results.shown[name].chunk_cpu_us.append(used / relayed.chunks * 1e6)


def _first_token_ms(target: Target, pace: Pace) -> float:
    return statistics.median(_streams(target, pace.first_tokens, at_once=1).first_token) * 1000


def _streams(target: Target, streams: int, *, at_once: int) -> Streamed:
    """Short streams: five chunks, one millisecond apart."""
    return uvloop.run(stream(target, streams=streams, at_once=at_once, chunks=5, apart_ms=1))


def _say(line: str) -> None:
    print(line, file=sys.stderr)
