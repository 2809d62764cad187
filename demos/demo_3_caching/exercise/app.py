"""Demo 3, your version: the same stack, with a cache made of the parts that you write in cache.py.

`make demo-3 SOLUTION=exercise` runs it, `make grade-3 SOLUTION=exercise` grades it.
"""

from fastapi import FastAPI

from demos.demo_3_caching.exercise.cache import SingleFlight, Store, cache_key
from shared.accounts.accounts import Accounts
from shared.app import build_service
from shared.http.auth_gate import auth_gate
from shared.layers.account_usage import AccountUsage
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.input_guard import InputGuard
from shared.layers.rate_limit import RateLimit
from shared.layers.request_log import RequestLog
from shared.layers.response_cache import ResponseCache
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.routes.cache import cache_routes
from shared.routes.summarize import summarize_routes
from shared.routes.tokens import token_routes
from shared.routes.usage import usage_routes
from shared.settings import Settings
from shared.stores.redis import RedisLink


def build(settings: Settings) -> FastAPI:
    redis = RedisLink(settings.redis_url, patience=settings.redis_timeout) if settings.redis_url else None
    accounts = Accounts(settings)
    rate_limit = RateLimit(settings, redis)
    return build_service(
        settings,
        title="Demo 3 · Pay once for the same answer, your version",
        layers=[
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Authenticate(accounts.authenticator),
            rate_limit,
            Budget(accounts.ledger),
            AccountUsage(accounts.ledger),
            ResponseCache(
                settings,
                redis,
                key=cache_key,  #             task 1
                store=Store,  #               task 2
                flights=SingleFlight(),  #    task 3
            ),
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
        ],  # innermost: the upstream client
        routes=[
            usage_routes(accounts.ledger, rate_limit.limits),
            token_routes(accounts.authenticator),
            cache_routes,
            summarize_routes,
        ],
        resources=[*accounts.resources, *([redis] if redis else [])],
        gate=auth_gate(accounts.authenticator),
    )
