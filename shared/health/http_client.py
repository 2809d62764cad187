"""The client of the upstreams, for GET /health: its connections, its tries, how many failed, how long a reply took.

In: the service. Out: numbers over all upstreams of this worker. GET /debug/stats has them for each upstream, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.upstream import tally
from shared.upstream.pools import Upstreams

if TYPE_CHECKING:
    from shared.service import Service


class HttpClient:
    """`limit` is HTTP_MAX_CONNECTIONS for each upstream; our own looks at it have two more."""

    def __init__(self, service: Service) -> None:
        assert isinstance(service.upstreams, Upstreams)
        self._upstreams = service.upstreams
        self._limit = service.settings.http_max_connections * len(self._upstreams.pools)

    def checks(self) -> Mapping[str, Any]:
        counts = [upstream.pool.connections for upstream in self._upstreams.pools.values()]
        return {
            "http_client": {
                "open": sum(open for open, _ in counts),
                "in_use": sum(in_use for _, in_use in counts),
                "limit": self._limit,
                **tally.report(self._upstreams.tallies.values()),
            }
        }
