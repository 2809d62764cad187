"""Counts of cache hits, misses and other results, for GET /cache/stats and for Prometheus.

Per process: each of several workers counts its own calls, and Prometheus adds them up.
"""

from prometheus_client import Counter

from shared.process.write_behind import Steps

requests_total = Counter("gateway_cache_requests_total", "Calls by cache tier and result", ["tier", "result"])
evictions_total = Counter("inference_cache_evictions_total", "Answers evicted from memory to make room", ["cache"])

# All series exist from the start, with the value 0.
_requests = {
    (tier, result): Steps(requests_total.labels(tier, result))
    for tier in ("memory", "redis")
    for result in ("hit", "miss", "coalesced", "bypass")
}


class Statistics:
    """`misses` counts upstream calls that were begun; `bypasses` counts calls that were not looked up.

    `refusals` counts answers that were not kept. `tier` is where the answer would have been: "memory" or "redis".
    """

    def __init__(self, cache: str) -> None:
        self.hits = self.misses = self.coalesced = self.bypasses = self.refusals = 0
        self._evictions = evictions_total.labels(cache)

    def hit(self, tier: str) -> None:
        self.hits += 1
        _requests[tier, "hit"].inc()

    def miss(self, tier: str) -> None:
        self.misses += 1
        _requests[tier, "miss"].inc()

    def coalesce(self, tier: str) -> None:
        self.coalesced += 1
        _requests[tier, "coalesced"].inc()

    def bypass(self, tier: str) -> None:
        self.bypasses += 1
        _requests[tier, "bypass"].inc()

    def evict(self, entries: int) -> None:
        self._evictions.inc(entries)

    @property
    def hit_rate(self) -> float:
        """Hits ÷ look-ups, 0 to 1. Coalesced calls are in neither: they found nothing, and cost nothing."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0
