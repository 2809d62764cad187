"""What Ray says about a deployment under load: its replicas each second, and what their engines have counted.

In: the cluster's port on this machine. Out: Looks, and finished requests by engine. Knows nothing of the load's sender.
"""

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from loadtests.autoscaling import Look, Scaling, engines_of, look_of, scaling_of
from workshop import direct
from workshop.processes import CannotStart
from workshop.serving_cluster import METRICS_OFFSET, status

LOOK_SECONDS = 1.0
COUNT_EVERY = 2  # looks; Ray updates its numbers no more often
LEAST_WITHIN = 120.0  # seconds for a deployment to shrink after load
COUNTED_WITHIN = 15.0  # seconds; Ray's numbers are hardly older than that
REST_SECONDS = 10.0
# An engine's own count of finished requests, by the length of their answers.
SAMPLE = re.compile(r"^ray_vllm_request_generation_tokens_(count|bucket)\{(.*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(slots=True)
class Watch:
    """`began`: the moment from which times count. `counted` keeps the last count of an engine that is gone."""

    port: int
    scaling: Scaling
    longer_than: int  # tokens; shorter answers are not from this run: an engine warms up, somebody tries a demo
    began: float = field(default_factory=time.monotonic)
    looks: list[Look] = field(default_factory=list)
    engines: set[str] = field(default_factory=set)
    counted: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, port: int, longer_than: int) -> Self | None:
        """None if Ray cannot be asked, or if nothing scales."""
        try:
            deployment = engines_of(status(port))
            scaling = deployment and scaling_of(deployment)
            if not scaling:
                return None
            watch = cls(port, scaling, longer_than)
            watch.count()
        except OSError:
            return None
        return watch

    def settle(self) -> None:
        """Wait for the minimum of replicas. Raises CannotStart if the deployment does not shrink to it."""
        patience_ends = time.monotonic() + LEAST_WITHIN
        self.look()
        while not self.is_small():
            if time.monotonic() > patience_ends:
                raise CannotStart(f"the deployment does not come down to its {self.scaling.min} replicas: who uses it?")
            time.sleep(LOOK_SECONDS)
            self.look()

    def begin(self, sent: int) -> None:
        """Begin the run now: with the minimum of replicas, and once the `sent` requests since `of` have been counted,
        if they ever are. Raises CannotStart.
        """
        expected, patience_ends = self.counted.total() + sent, time.monotonic() + COUNTED_WITHIN
        self.count()
        while self.counted.total() < expected and time.monotonic() < patience_ends:
            time.sleep(LOOK_SECONDS)
            self.count()
        self.settle()
        self.before = self.counted.copy()
        self.looks.clear()
        self.engines.clear()
        self.began = time.monotonic()

    def keep_looking(self) -> None:
        """Look until killed. Anything unreadable now may be readable the next time."""
        for number in itertools.count():
            try:
                self.look()
                if number % COUNT_EVERY == 0:
                    self.count()
            except OSError:
                pass
            time.sleep(LOOK_SECONDS)

    def look(self) -> None:
        deployment = engines_of(status(self.port))
        if deployment:
            self.looks.append(look_of(deployment, time.monotonic() - self.began))
            self.engines |= {one["replica_id"] for one in deployment["replicas"] if one["state"] == "RUNNING"}

    def count(self) -> None:
        url = f"http://127.0.0.1:{self.port + METRICS_OFFSET}/metrics"
        with direct.urlopen(url, REST_SECONDS) as response:
            text = response.read().decode()
        finished: Counter[str] = Counter()
        for kind, labels, value in SAMPLE.findall(text):
            label = dict(LABEL.findall(labels))
            if kind == "count":
                finished[label["ReplicaId"]] += int(float(value))
            elif float(label["le"]) == self.longer_than:
                finished[label["ReplicaId"]] -= int(float(value))
        self.counted.update({engine: count - self.counted[engine] for engine, count in finished.items()})

    def finished(self) -> dict[str, int]:
        """The finished requests of this run, for each engine that was there."""
        return {engine: self.counted[engine] - self.before[engine] for engine in sorted(self.engines)}

    def is_small(self) -> bool:
        """Only when surplus replicas are gone: one that is stopped while it starts uses a core until it has started."""
        look = self.looks[-1]
        return look.wanted == look.running == self.scaling.min and not look.starting and not look.stopping

    def wants_more(self) -> bool:
        return any(look.wanted > self.scaling.min for look in self.looks)

    def grown_for(self) -> float:
        """Seconds for which there have been more replicas than the minimum."""
        return self._lasts(lambda look: look.running > self.scaling.min)

    def small_for(self) -> float:
        """Seconds for which the replicas running and wanted have been the minimum. Stopping ones do not count."""
        return self._lasts(lambda look: look.wanted == look.running == self.scaling.min)

    def _lasts(self, is_so: Callable[[Look], bool]) -> float:
        so = list(itertools.takewhile(is_so, reversed(self.looks)))
        return so[0].at - so[-1].at if so else 0.0
