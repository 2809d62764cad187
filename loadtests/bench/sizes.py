"""What the size of the work costs: long bodies, many callers, many open streams, a second worker.

In: the contenders that are compared, by name. Out: a row for each of them and each size. All of it runs on the one
measured core: a second worker shares it with the first, so its row says what sharing costs, not what a core brings.
"""

import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import randrange
from typing import Any

import uvloop

from loadtests.bench.consumption import cpu_seconds, resident_mb
from loadtests.bench.contenders import Contender, Setup
from loadtests.bench.load import CHAT, Measurement, in_turn, load, same
from loadtests.bench.paced import paced_upstream
from loadtests.bench.race import Pace
from loadtests.bench.static import static_upstream
from loadtests.bench.streams import with_open
from loadtests.bench.target import body
from workshop.processes import CannotStart

CONNECTIONS = 16
BODIES = (1, 10, 100)  # kilobytes
CALLERS = (10, 1_000, 100_000)
STREAMS = (100, 1_000, 5_000)  # open at the same time
WORKERS = (1, 2)
LONGEST = 20  # seconds of load at a time, while each caller calls once
FILES_BESIDE = 500  # that a process has open besides its connections
SENTENCE = "Explain time-outs in two lines. "

Row = dict[str, Any]


@dataclass(slots=True, frozen=True)
class Sized:
    """`setup` makes the contender; `with_callers` and `with_workers` make it of another size, if that is possible."""

    setup: Setup
    with_callers: Callable[[int], Setup | None] = lambda _: None
    with_workers: Callable[[int], Setup | None] = lambda _: None


@dataclass(slots=True)
class Sizes:
    """Rows by what was varied; `absent` says what was not measured, and why."""

    rows: dict[str, list[Row]] = field(
        default_factory=lambda: {"bodies": [], "callers": [], "workers": [], "streams": []}
    )
    absent: list[str] = field(default_factory=list)


def measure(contenders: Mapping[str, Sized], folder: Path, pace: Pace) -> Sizes:
    """All four. A contender that does not start, or that fails a request, is left out, with a line."""
    work = _Work(contenders, folder, pace)
    with static_upstream(folder) as upstream:
        work.bodies(upstream)
        work.callers(upstream)
        work.workers(upstream)
    with paced_upstream(folder) as upstream:
        work.streams(upstream)
    return work.sizes


class _Work:
    def __init__(self, contenders: Mapping[str, Sized], folder: Path, pace: Pace) -> None:
        self.sizes = Sizes()
        self._contenders = contenders
        self._folder = folder
        self._pace = pace

    # --- what is varied ---

    def bodies(self, upstream: str) -> None:
        with self._running("bodies", {name: one.setup for name, one in self._contenders.items()}, upstream) as running:
            for kilobytes in BODIES:
                content = same(body(SENTENCE * (kilobytes * 1000 // len(SENTENCE))))
                self._loaded("bodies", kilobytes, running, dict.fromkeys(running, content))

    def callers(self, upstream: str) -> None:
        for count in CALLERS[: self._pace.numbers_of_callers]:
            setups = {name: one.with_callers(count) for name, one in self._contenders.items()}
            with self._running(f"{count:,} callers", setups, upstream) as running:
                keys = {name: self._keys(one) for name, one in running.items()}
                first = {name: self._first_calls(count, name, one, keys[name]) for name, one in running.items()}
                scripts = {name: in_turn(file, body(SENTENCE), randrange(count)) for name, file in keys.items()}
                for row in self._loaded("callers", count, running, scripts):
                    row["first_cpu_us"] = first[row["name"]]

    def workers(self, upstream: str) -> None:
        for count in WORKERS:
            setups = {name: one.with_workers(count) for name, one in self._contenders.items()}
            with self._running(f"{count} workers", setups, upstream) as running:
                self._loaded("workers", count, running, dict.fromkeys(running, CHAT))

    def streams(self, upstream: str) -> None:
        counts = [count for count in STREAMS if count <= most_streams()]
        if left := [f"{count:,}" for count in STREAMS if count not in counts]:
            self._leave_out(f"{', '.join(left)} open streams", f"ulimit -n has room for {most_streams():,}")
        with self._running("streams", {name: one.setup for name, one in self._contenders.items()}, upstream) as running:
            for name, one in running.items():
                with self._left_out_if_it_fails(f"open streams of {name}"):
                    self.sizes.rows["streams"] += self._open(name, one, counts)

    # --- how ---

    @contextmanager
    def _running(self, what: str, setups: Mapping[str, Setup | None], upstream: str) -> Iterator[dict[str, Contender]]:
        """Those that can be of this size, and start."""
        with ExitStack() as stack:
            running: dict[str, Contender] = {}
            for name, setup in setups.items():
                if setup is not None:
                    with self._left_out_if_it_fails(f"{what} of {name}"):
                        one = setup(upstream, Path(tempfile.mkdtemp(dir=self._folder)))
                        stack.enter_context(one.process)
                        running[name] = one
            yield running

    def _loaded(self, part: str, size: int, running: dict[str, Contender], scripts: Mapping[str, str]) -> list[Row]:
        """Rows of requests, from interleaved rounds."""
        rounds: dict[str, list[tuple[float, Measurement]]] = {name: [] for name in running}
        for _ in range(self._pace.rounds_of_sizes):
            for name, one in list(running.items()):
                _say(f"sizes: {part}, {size:,}, {name}")
                with self._left_out_if_it_fails(f"{part}, {size:,}, of {name}"):
                    if not rounds[name]:
                        load(one.target, CONNECTIONS, 1, scripts[name])  # warm up
                    rounds[name].append(_cost(one, self._pace.seconds_of_sizes, scripts[name]))
        rows = [_row(name, size, rounds[name], running[name]) for name in running if rounds[name]]
        self.sizes.rows[part] += rows
        return rows

    def _first_calls(self, count: int, name: str, one: Contender, keys: Path) -> float | None:
        """Let each caller call. Microseconds of CPU of a first call; None if there are too few callers for a second."""
        costs, called, seconds = [], 0, 1
        _say(f"sizes: the first call of each of {count:,} callers, {name}")
        with self._left_out_if_it_fails(f"the first calls of {count:,} callers of {name}"):
            while called < count:
                cost, got = _cost(one, seconds, in_turn(keys, body(SENTENCE), called))
                called += got.requests
                costs += [cost] * (called <= count)
                seconds = min(LONGEST, 1 + int((count - called) / got.rps))
        return statistics.median(costs) if costs else None

    def _keys(self, one: Contender) -> Path:
        file = Path(tempfile.mkdtemp(dir=self._folder)) / "keys"
        file.write_text("\n".join(one.keys))
        return file

    def _open(self, name: str, one: Contender, counts: list[int]) -> Iterator[Row]:
        def memory() -> float:
            return resident_mb(one.process.pid)

        without = memory()
        for count in counts:
            _say(f"sizes: {count:,} open streams, {name}")
            with_them = uvloop.run(with_open(one.target, count, memory))
            each = (with_them - without) * 1000 / count
            yield {"name": name, "size": count, "kb_each": each, "memory_mb": with_them}

    @contextmanager
    def _left_out_if_it_fails(self, what: str) -> Iterator[None]:
        try:
            yield
        except CannotStart as reason:
            self._leave_out(what, str(reason))

    def _leave_out(self, what: str, why: str) -> None:
        line = f"{what}: not measured: {why}"
        _say(line)
        self.sizes.absent.append(line)


def _cost(one: Contender, seconds: int, script: str) -> tuple[float, Measurement]:
    """Microseconds of CPU per request, and the load."""
    before = cpu_seconds(one.process.pid)
    got = load(one.target, CONNECTIONS, seconds, script)
    return (cpu_seconds(one.process.pid) - before) / got.requests * 1e6, got


def _row(name: str, size: int, rounds: list[tuple[float, Measurement]], one: Contender) -> Row:
    return {
        "name": name,
        "size": size,
        "cpu_us": statistics.median(cpu for cpu, _ in rounds),
        "rps": statistics.median(got.rps for _, got in rounds),
        "memory_mb": resident_mb(one.process.pid),
    }


def most_streams() -> int:
    """The number of streams that a gateway may hold open: each is a connection to it, and one to the upstream."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (most - FILES_BESIDE) // 2


def allow_most_files() -> None:
    """For this process and all that it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _say(line: str) -> None:
    print(line, file=sys.stderr)
