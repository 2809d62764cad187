"""The checks of demo 5, in the order in which GET /health shows them."""

from shared.health.alerts import alerts_check
from shared.health.caches import Caches
from shared.health.http_client import HttpClient
from shared.health.providers import Providers
from shared.health.redis import redis_check
from shared.service import MakeCheck
from shared.stores.redis import RedisLink
from shared.webhooks.alert_board import AlertBoard


def health_checks(redis: RedisLink | None, alerts: AlertBoard) -> list[MakeCheck]:
    """For build_service's `checks`."""
    return [Providers, HttpClient, Caches, redis_check(redis), alerts_check(alerts)]
