"""A day of traffic, replayed to Ray Serve's own autoscaler in a moment and without a cluster: is the promise kept?

`python -m serving.ray_serve.dry_run FILE.yaml`, in the serving environment. In: a config file; and recorded traffic, if
--recorded names a run that `make load-6` has kept. Out: the curve of the day, how many first tokens came in time, and
the cost in replica-seconds; exit status 1 if a promise is broken.

The decisions are Ray's: its look-back window, target, delays and bounds, with a simulated clock. The rest is a model.
Traffic comes at random around the day's curve, the same for every file. A replica computes one token for each of its
requests, then the next: the more requests, the longer a step. It takes `max_ongoing_requests`, the others wait.

The model ignores that replicas on one machine share its cores, that prompts differ and some are cached, that clients
leave or ask again, that replicas fail, and that Serve refuses requests that wait too long. Trust its comparisons, not
its seconds: a change that helps here helps there.
"""

import argparse
import heapq
import itertools
import json
import math
import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import yaml

from serving.ray_serve.arguments import ServingArguments

KEPT, BROKEN, UNREADABLE = 0, 1, 2
SEED = 6
BARS = " ▁▂▃▄▅▆▇█"
COLUMNS, PARTS = 72, 8
HOURS = 24
# Requests per second, hour by hour, as a fraction of the peak: a quiet night, a rush in the morning and in the evening.
CURVE = (
    *(0.08, 0.05, 0.05, 0.05, 0.05, 0.08, 0.12, 0.18, 0.22, 0.9, 0.22, 0.2),
    *(0.15, 0.18, 0.22, 0.22, 0.2, 0.18, 0.18, 0.22, 1.0, 0.22, 0.15, 0.1),
)
SPREAD = 0.5  # of the logarithm of an answer's length
RAMP = 0.5  # of an hour, in which traffic goes from one hour's level to the next one's


@dataclass(slots=True, frozen=True)
class Machine:
    """How fast a replica is, how busy its day, and what was promised. In seconds, unless another unit is given."""

    hour_s: float  # how long an hour of the day lasts
    busiest: float  # requests per second
    tokens: float  # of an answer, at the median
    start_s: float  # until a new replica is warm
    step_s: float  # one token for one request
    step_each_s: float  # more, for each further request
    first_token_s: float  # the promise: within this time …
    share: float  # … for this share of all requests
    replicas: float  # and no more than this many on average


MACHINES = {
    # Measured: workshop-tiny, one replica on a core of its own. The day lasts 24 minutes, as delays are in seconds.
    "cpu": Machine(60, 22, 150, 15, 0.0033, 0.0003, first_token_s=1.0, share=0.99, replicas=1.3),
    # Assumed: a model of 27 billion parameters on four GPUs. The day lasts a real day.
    "gpu": Machine(3600, 16, 250, 180, 0.020, 0.0004, first_token_s=1.0, share=0.99, replicas=7),
}


class Request(NamedTuple):
    came: float
    tokens: int


class Traffic(NamedTuple):
    """Requests, in order of arrival, and how long the traffic lasts."""

    requests: Iterable[Request]
    seconds: float


class Replica:
    """An engine that makes one token after another, for all of its requests at once."""

    def __init__(self, number: int, ready: float) -> None:
        self.name = f"replica-{number}"
        self.ready = ready
        self.leaves: float | None = None  # when it must have ended
        self.steps = 0.0
        self.working: list[float] = []  # a heap: the step at which each is done

    def take(self, request: Request) -> None:
        heapq.heappush(self.working, self.steps + request.tokens)

    def work(self, seconds: float, machine: Machine) -> None:
        if self.working:
            self.steps += seconds / machine_step(machine, len(self.working))
            while self.working and self.working[0] <= self.steps:
                heapq.heappop(self.working)


def machine_step(machine: Machine, requests: int) -> float:
    """Seconds until each of these requests has one more token."""
    return machine.step_s + machine.step_each_s * (requests - 1)


class Autoscaler:
    """Ray's own, for one deployment. `target`: how many replicas it wants. All times are the dry run's."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        # Imported here because it takes seconds, and a message about a wrong file should come at once.
        from ray.serve import autoscaling_policy
        from ray.serve._private import autoscaling_state
        from ray.serve._private.common import DeploymentID
        from ray.serve.config import AutoscalingConfig

        self.now = 0.0
        clock = SimpleNamespace(time=lambda: self.now, monotonic=lambda: self.now)
        autoscaling_state.time = autoscaling_policy.time = clock
        self.config = AutoscalingConfig(**options)
        self.deployment = DeploymentID(name="dry-run", app_name="dry-run")
        self.ray = autoscaling_state.DeploymentAutoscalingState(self.deployment)
        deployed = SimpleNamespace(autoscaling_config=self.config, gang_scheduling_config=None)
        info = SimpleNamespace(deployment_config=deployed, target_capacity=None, target_capacity_direction=None)
        self.target = int(self.ray.register(info, 0))
        self._seen: dict[str, Any] = {}
        self._looks = itertools.count(1)

    def look(self, now: float, ongoing: Mapping[str, int]) -> None:
        """Report what each running replica has to do, as often as replicas look and report."""
        from ray.serve._private.common import RUNNING_REQUESTS_KEY, ReplicaID, ReplicaMetricReport
        from ray.serve._private.metrics_utils import InMemoryMetricsStore

        self.now = now
        ids = {name: ReplicaID(name, self.deployment) for name in ongoing}
        self._seen = {name: self._seen.get(name) or InMemoryMetricsStore() for name in ongoing}
        self.ray.update_running_replica_ids(list(ids.values()))
        for name, requests in ongoing.items():
            self._seen[name].add_metrics_point({RUNNING_REQUESTS_KEY: float(requests)}, now)
        if next(self._looks) % self._looks_a_report:
            return
        for name, seen in self._seen.items():
            seen.prune_keys_and_compact_data(now - self.config.look_back_period_s)
            report = {key: list(series) for key, series in seen.data.items()}
            self.ray.record_request_metrics_for_replica(ReplicaMetricReport(ids[name], report, now))

    def decide(self, now: float) -> int:
        self.now = now
        self.target = int(self.ray.get_decision_num_replicas(self.target))
        return self.target

    @property
    def look_s(self) -> float:
        """Between two looks: a fifth of the window, as in ray.serve._private.replica."""
        return float(min(self.config.look_back_period_s * 0.2, self.config.metrics_interval_s))

    @property
    def _looks_a_report(self) -> int:
        return max(1, int(self.config.metrics_interval_s / self.look_s + 0.5))


@dataclass(slots=True)
class Hour:
    """A part of the day: the requests that came in it, those with a late first token, and the replicas at its end."""

    came: int = 0
    late: int = 0
    longest: float = 0.0  # seconds to a first token
    replicas: int = 0


@dataclass(slots=True)
class Day:
    machine: Machine
    seconds: float
    columns: list[Hour] = field(default_factory=lambda: [Hour() for _ in range(COLUMNS)])
    replica_seconds: float = 0.0
    most: int = 0
    started: int = 0
    cut: int = 0  # answers that were not finished when their replica had to go

    def column(self, moment: float) -> Hour:
        return self.columns[min(int(moment / self.seconds * COLUMNS), COLUMNS - 1)]

    @property
    def came(self) -> int:
        return sum(hour.came for hour in self.columns)

    @property
    def share_in_time(self) -> float:
        return 1 - sum(hour.late for hour in self.columns) / max(self.came, 1)

    @property
    def promises(self) -> dict[str, dict[str, Any]]:
        machine = self.machine
        least = machine.share
        most = machine.replicas * self.seconds
        return {
            "slo": {
                "kept": self.share_in_time >= least and not self.cut,
                "expected": f"a first token within {machine.first_token_s:g} s for {least:.0%}, and no answer cut off",
                "got": f"{self.share_in_time:.2%} of {self.came:,}; {self.cut} cut off",
            },
            "cost": {
                "kept": self.replica_seconds <= most,
                "expected": f"at most {most:,.0f} replica-seconds, {machine.replicas:g} replicas on average",
                "got": f"{self.replica_seconds:,.0f}, {self.replica_seconds / self.seconds:.2f} on average",
            },
        }


def dry_run(arguments: ServingArguments, machine: Machine, traffic: Traffic) -> Day:
    """The whole day, second by second. Raises ValueError for numbers that Ray rejects."""
    day = Day(machine, traffic.seconds)
    autoscaler = Autoscaler(arguments.serve_options()["autoscaling_config"])
    numbers = itertools.count()
    replicas = [Replica(next(numbers), 0.0) for _ in range(autoscaler.target)]
    coming, line = deque(traffic.requests), deque[Request]()
    tick = min(autoscaler.look_s, machine.first_token_s) / 5
    looked = 0.0
    for beat in range(int(day.seconds / tick)):
        now = beat * tick
        while coming and coming[0].came < now + tick:
            request = coming.popleft()
            day.column(request.came).came += 1
            line.append(request)
        serving = [replica for replica in replicas if replica.ready <= now and replica.leaves is None]
        _hand_out(line, serving, now, arguments.max_ongoing_requests, day)
        for replica in replicas:
            if replica.ready <= now:
                replica.work(tick, machine)
        if now >= looked:
            autoscaler.look(now, {replica.name: len(replica.working) for replica in serving})
            looked = now + autoscaler.look_s
        _scale(replicas, autoscaler.decide(now), now, numbers, machine, arguments.drain_s)
        _end(replicas, now, day)
        day.replica_seconds += len(replicas) * tick
        day.most = max(day.most, len(replicas))
        day.column(now).replicas = len(replicas)
    day.started = next(numbers)
    for request in line:  # no replica had room for these
        day.column(request.came).late += 1
    return day


def a_day(machine: Machine) -> Traffic:
    """Requests at random moments around the day's curve."""
    seconds = HOURS * machine.hour_s

    def requests() -> Iterator[Request]:
        chance, moment = random.Random(SEED), 0.0
        while (moment := moment + chance.expovariate(machine.busiest)) < seconds:
            tokens = _tokens(machine, chance)
            if chance.random() < _busyness(moment / machine.hour_s):
                yield Request(moment, tokens)

    return Traffic(requests(), seconds)


def recorded(file: Path, machine: Machine) -> Traffic:
    """The requests in each second of a recorded run. Raises ValueError or OSError."""
    try:
        asked = [int(second["asked"]) for second in json.loads(file.read_text())["seconds"]]
    except (LookupError, TypeError) as error:
        raise ValueError(f"not a recorded run: {error}") from None
    chance = random.Random(SEED)
    moments = (second + moment for second, count in enumerate(asked) for moment in _moments(count, chance))
    return Traffic((Request(moment, _tokens(machine, chance)) for moment in moments), float(len(asked)))


def _moments(count: int, chance: random.Random) -> list[float]:
    return sorted(chance.random() for _ in range(count))


def _tokens(machine: Machine, chance: random.Random) -> int:
    """The length of an answer: most are short, some are long."""
    return max(1, round(chance.lognormvariate(math.log(machine.tokens), SPREAD)))


def _busyness(hour: float) -> float:
    """As a fraction of the peak. Each hour has its level; the way to it takes RAMP."""
    number = int(hour) % HOURS
    before, level = CURVE[number - 1], CURVE[number]
    return before + (level - before) * min((hour % 1) / RAMP, 1.0)


def _hand_out(line: deque[Request], serving: Sequence[Replica], now: float, room: int, day: Day) -> None:
    """Hand each request to the replica with the least to do, as long as one has room."""
    machine = day.machine
    while line and serving:
        replica = min(serving, key=lambda one: len(one.working))
        if len(replica.working) >= room:
            return
        request = line.popleft()
        replica.take(request)
        # The prompt is read in one step, and the first token comes in the next.
        first = max(now - request.came, 0.0) + 2 * machine_step(machine, len(replica.working))
        hour = day.column(request.came)
        hour.longest = max(hour.longest, first)
        hour.late += first > machine.first_token_s


def _scale(
    replicas: list[Replica], target: int, now: float, numbers: "itertools.count[int]", machine: Machine, drain_s: float
) -> None:
    """New replicas take time to start; those that go, the newest first, may finish their requests."""
    staying = [replica for replica in replicas if replica.leaves is None]
    replicas += [Replica(next(numbers), now + machine.start_s) for _ in range(target - len(staying))]
    newest_first = sorted(staying, key=lambda replica: replica.ready, reverse=True)
    for replica in newest_first[: max(len(staying) - target, 0)]:
        replica.leaves = now + drain_s


def _end(replicas: list[Replica], now: float, day: Day) -> None:
    for replica in [one for one in replicas if one.leaves is not None]:
        if not replica.working or now >= (replica.leaves or now):
            day.cut += len(replica.working)
            replicas.remove(replica)


def report(day: Day, named: str) -> str:
    """For a person: the day as a curve, and the promises."""
    columns, width = day.columns, COLUMNS // PARTS
    begins = "".join(f"{_span(part * day.seconds / PARTS):<{width}}" for part in range(PARTS))
    curves = (
        ("begins at", begins.rstrip()),
        ("requests", _bars([hour.came for hour in columns])),
        ("replicas", "".join(str(hour.replicas) if hour.replicas < 10 else "+" for hour in columns)),
        ("late", _bars([hour.late / max(hour.came, 1) for hour in columns], most=1.0)),
    )
    lines = [f"{day.came:,} requests in {_span(day.seconds)} · {named}\n"]
    lines += [f"  {name:<9} {curve}" for name, curve in curves]
    lines.append(
        f"\n  {day.most} replicas at most, {day.started} started; the longest wait for a first token "
        f"{max(hour.longest for hour in columns):.1f} s\n"
    )
    for name, promise in day.promises.items():
        lines.append(f"  {'✓' if promise['kept'] else '✗'} {name:<5} {promise['expected']}: {promise['got']}")
    return "\n".join(lines)


def _span(seconds: float) -> str:
    units = {"h": 3600, "min": 60, "s": 1}
    unit = next((name for name, size in units.items() if seconds >= 2 * size), "s")
    return f"{seconds / units[unit]:.0f} {unit}"


def _bars(values: Sequence[float], most: float = 0.0) -> str:
    most = most or max(values) or 1.0
    return "".join(BARS[math.ceil(min(value / most, 1.0) * (len(BARS) - 1))] for value in values)


def document(day: Day) -> str:
    """For a machine."""
    columns = [
        {"requests": hour.came, "late": hour.late, "longest_s": round(hour.longest, 3), "replicas": hour.replicas}
        for hour in day.columns
    ]
    return json.dumps(
        {
            "promises": day.promises,
            "share_in_time": day.share_in_time,
            "replica_seconds": day.replica_seconds,
            "most": day.most,
            "started": day.started,
            "cut": day.cut,
            "columns": columns,
        }
    )


def read(file: Path) -> ServingArguments:
    """The first application's arguments. Raises ValueError or OSError."""
    try:
        application = yaml.safe_load(file.read_text())["applications"][0]
        return ServingArguments(**application["args"])
    except (yaml.YAMLError, LookupError, TypeError) as error:
        raise ValueError(f"no application with args: {error}") from None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.ray_serve.dry_run", description=__doc__)
    parser.add_argument("configs", type=Path, nargs="+", metavar="FILE.yaml")
    parser.add_argument("--recorded", type=Path, metavar="RUN.json", help="recorded traffic instead of the day")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file instead")
    options = parser.parse_args(arguments)
    kept = True
    for config in options.configs:
        try:
            serving = read(config)
            machine = MACHINES[serving.hardware]
            traffic = recorded(options.recorded, machine) if options.recorded else a_day(machine)
            day = dry_run(serving, machine, traffic)
        except (OSError, ValueError) as error:
            print(f"{config}: {' '.join(str(error).split())}", file=sys.stderr)
            return UNREADABLE
        print(document(day) if options.json else report(day, str(config)))
        kept = kept and all(promise["kept"] for promise in day.promises.values())
    return KEPT if kept else BROKEN


if __name__ == "__main__":
    sys.exit(main())
