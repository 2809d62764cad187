"""The parts that demo 2 and all later demos share, wired from the settings and passed to layers and routes by name.

Each part exists once per service, because layers and routes must use the same one.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

from shared.accounts.accounts import Accounts
from shared.app import Gate
from shared.http.auth_gate import auth_gate
from shared.layers.pacing import Pacing
from shared.layers.rate_limit import RateLimit
from shared.layers.response_cache import ResponseCache
from shared.pipeline.layer import Resource
from shared.settings import Settings
from shared.stores.redis import RedisLink


class Parts:
    """The parts of one service. Raises BadSetting."""

    def __init__(self, settings: Settings) -> None:
        self.redis = RedisLink(settings.redis_url, patience=settings.redis_timeout) if settings.redis_url else None
        self.accounts = Accounts(settings)
        self.authenticator = self.accounts.authenticator
        self.ledger = self.accounts.ledger
        self.rate_limit = RateLimit(settings, self.redis)
        self._settings = settings

    @cached_property
    def cache(self) -> ResponseCache:
        return ResponseCache(self._settings, self.redis)

    @cached_property
    def pacing(self) -> Pacing | None:
        return Pacing(self._settings) if self._settings.pace_below else None

    @property
    def learn(self) -> Callable[[str, Mapping[str, str]], None] | None:
        """What is told the headers of each upstream's replies."""
        return self.pacing.learn if self.pacing else None

    @property
    def gate(self) -> Gate:
        """Identifies the caller on the routes that do not go through the layers."""
        return auth_gate(self.authenticator, {"/metrics": self._settings.metrics_token.get_secret_value()})

    @property
    def resources(self) -> list[Resource]:
        """The resources that are opened before the layers, and closed after them."""
        return [*self.accounts.resources, *([self.redis] if self.redis else [])]
