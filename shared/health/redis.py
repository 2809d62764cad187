"""Does Redis answer? For GET /health: without Redis, limits and caches go on in each worker alone, and look healthy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from shared.stores.redis import RedisLink

if TYPE_CHECKING:
    from shared.service import Service


class RedisCheck:
    """Without a `link` there is no Redis to check, and nothing to show."""

    def __init__(self, link: RedisLink | None) -> None:
        self._link = link

    def checks(self) -> Mapping[str, Any]:
        return {} if self._link is None else {"redis": {"up": self._link.up}}


def redis_check(link: RedisLink | None) -> Callable[[Service], RedisCheck]:
    """For build_service's `checks`."""
    return lambda service: RedisCheck(link)
