"""The connections to the upstreams, for GET /health: how many are open, how many are in use, and the limit.

In: the service. Out: three numbers, over all upstreams of this worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.upstream.pools import Upstreams

if TYPE_CHECKING:
    from shared.service import Service


class HttpClient:
    """`limit` is HTTP_MAX_CONNECTIONS for each upstream; our own looks at it have two more."""

    def __init__(self, service: Service) -> None:
        assert isinstance(service.upstreams, Upstreams)
        self._upstreams = service.upstreams.pools
        self._limit = service.settings.http_max_connections * len(self._upstreams)

    def checks(self) -> Mapping[str, Any]:
        counts = [upstream.connections for upstream in self._upstreams.values()]
        return {
            "http_client": {
                "open": sum(open for open, _ in counts),
                "in_use": sum(in_use for _, in_use in counts),
                "limit": self._limit,
            }
        }
