"""What became of the calls that met a cache: counted for GET /cache/stats, and for Prometheus.

Of this process: with several workers, each counts its own; Prometheus adds them up.
"""

from prometheus_client import Counter

hits_total = Counter("inference_cache_hits_total", "Answers that were in the cache", ["cache"])
misses_total = Counter("inference_cache_misses_total", "Look-ups that found nothing", ["cache"])
coalesced_total = Counter("inference_cache_coalesced_total", "Calls that shared an answer under way", ["cache"])
evictions_total = Counter("inference_cache_evictions_total", "Answers that had to make room in memory", ["cache"])


class Statistics:
    """`misses` counts upstream calls begun; `bypasses` calls that were not looked up; `refusals` answers not kept."""

    def __init__(self, cache: str) -> None:
        self.hits = self.misses = self.coalesced = self.bypasses = self.refusals = 0
        self._hits = hits_total.labels(cache)
        self._misses = misses_total.labels(cache)
        self._coalesced = coalesced_total.labels(cache)
        self._evictions = evictions_total.labels(cache)

    def hit(self) -> None:
        self.hits += 1
        self._hits.inc()

    def miss(self) -> None:
        self.misses += 1
        self._misses.inc()

    def coalesce(self) -> None:
        self.coalesced += 1
        self._coalesced.inc()

    def evict(self, entries: int) -> None:
        self._evictions.inc(entries)

    @property
    def hit_rate(self) -> float:
        """Hits ÷ look-ups, 0 to 1. Coalesced calls are in neither: they found nothing, and cost nothing."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0
