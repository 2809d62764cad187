"""Slow down before an upstream's own rate limit is reached, and not after it has refused a call.

In: a Call. Out: its reply, after a wait if little is left of the limits that the upstream's headers name; or
UpstreamRateLimited at once, if the wait would be longer than the call has time. Then a fallback may answer.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from prometheus_client import Counter

from shared.pipeline.call import Call
from shared.pipeline.errors import UpstreamRateLimited
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.resilience.pacing import Pace
from shared.settings import Settings
from shared.upstream.openai_wire import worst_case
from shared.upstream.quota import REQUESTS, TOKENS, quotas

Short = Sequence[tuple[Pace, float]]

paced_seconds = Counter("gateway_paced_seconds_total", "Waits for the rate limits of an upstream", ["upstream"])


class Pacing:
    """`learn` the headers of each reply. Each worker of the service paces its own part of the limits.

    Upstreams count the most tokens that a call may use, until they know how many it did; so does this.
    """

    def __init__(self, settings: Settings) -> None:
        below, part = settings.pace_below, 1 / settings.workers
        self._paces: defaultdict[str, dict[str, Pace]] = defaultdict(
            lambda: {unit: Pace(below, part, time.monotonic) for unit in (REQUESTS, TOKENS)}
        )

    def learn(self, upstream: str, headers: Mapping[str, str]) -> None:
        for quota in quotas(headers):
            self._paces[upstream][quota.unit].learn(quota.remaining, quota.limit, quota.reset_s)

    def wait(self, upstream: str, call: Call) -> float:
        """Seconds that a call to this upstream would have to wait now."""
        return _longest(self._short_of(upstream, call))

    async def __call__(self, call: Call, next: Handler) -> Reply:
        upstream = call.target.upstream
        requests = self._paces[upstream][REQUESTS]
        requests.begin()
        try:
            if (seconds := self._take(upstream, call)) > 0:
                paced_seconds.labels(upstream).inc(seconds)
                call.log_fields["paced_ms"] = round(seconds * 1000, 2)
                await asyncio.sleep(seconds)
            return await next(call)
        finally:
            requests.end()

    def _take(self, upstream: str, call: Call) -> float:
        """The seconds to wait, for a place that is now this call's. Raises UpstreamRateLimited."""
        short = self._short_of(upstream, call)
        seconds = _longest(short)
        if seconds >= call.remaining():
            raise UpstreamRateLimited(
                "the upstream's own rate limit is nearly used up; try again later", retry_after=seconds
            )
        for pace, cost in short:
            pace.take(cost)
        return seconds

    def _short_of(self, upstream: str, call: Call) -> Short:
        """The limits of which little is left, each with what this call costs; nearly always none."""
        return [
            (pace, 1.0 if unit == REQUESTS else worst_case(call.request))
            for unit, pace in self._paces[upstream].items()
            if pace.slows
        ]


def _longest(short: Short) -> float:
    return max((pace.wait(cost) for pace, cost in short), default=0.0)
