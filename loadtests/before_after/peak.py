"""The peak: a burst of requests, and in the middle of it seconds in which the model is slow and sometimes fails.

In: a crowd and the model. Out: the crowd's answers. Requests come at random moments, the same for everybody, whether
earlier ones are answered or not: so a service that fails fast is not asked more often than one that fails late.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass

from loadtests.before_after.crowd import Crowd
from loadtests.before_after.model import Model
from loadtests.before_after.questions import SEED, bodies, ranks


@dataclass(slots=True, frozen=True)
class Peak:
    """Seconds, and requests per second. The bad seconds begin with `bad_after` seconds of the burst."""

    calm: float = 3  # before the burst, and after it
    calm_rps: float = 20
    burst: float = 10
    burst_rps: float = 500
    bad_after: float = 3
    bad: float = 4
    failing: float = 0.2  # share of the model's calls that get a 503
    slower: float = 1  # every call takes this much longer

    def moments(self) -> list[float]:
        """When each request is due, in seconds from the beginning: a Poisson process."""
        return list(self._moments(random.Random(SEED)))

    def _moments(self, chance: random.Random) -> Iterator[float]:
        begins = 0.0
        for seconds, rps in ((self.calm, self.calm_rps), (self.burst, self.burst_rps), (self.calm, self.calm_rps)):
            now, begins = begins + chance.expovariate(rps), begins + seconds
            while now < begins:
                yield now
                now += chance.expovariate(rps)

    @property
    def trouble(self) -> dict[str, object]:
        slow, failed = {"latency_ms": self.slower * 1000}, {"status": 503, "rate": self.failing}
        return {"mix": [{**slow, **failed}, {**slow, "rate": 1 - self.failing}], "seed": SEED}


async def meet(peak: Peak, crowd: Crowd, model: Model, run: str) -> None:
    """Until the last one has an answer, or has left."""
    moments = peak.moments()
    trouble = asyncio.create_task(_trouble(peak, model))
    try:
        await crowd.at_moments(bodies(ranks(len(moments)), run), moments)
    finally:
        await trouble


async def _trouble(peak: Peak, model: Model) -> None:
    await asyncio.sleep(peak.calm + peak.bad_after)
    await asyncio.to_thread(model.fail, peak.trouble)
    await asyncio.sleep(peak.bad)
    await asyncio.to_thread(model.recover)
