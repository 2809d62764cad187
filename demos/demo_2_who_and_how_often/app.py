"""Demo 2 · Who may call, and how often.

A token says who is calling. Each caller has so many requests and tokens a window, counted in this process or, by all
workers together, in Redis; what was used is on the caller's account, and a budget ends where it ends.
"""

from fastapi import FastAPI

from shared.accounts.accounts import Accounts
from shared.app import build_service
from shared.http.auth_gate import auth_gate
from shared.layers.account_usage import AccountUsage
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.input_guard import InputGuard
from shared.layers.rate_limit import RateLimit
from shared.layers.request_log import RequestLog
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
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
        title="Demo 2 · Who may call, and how often",
        layers=[
            # region: layers
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Authenticate(accounts.authenticator),  #  new: a token becomes a caller, no token an address
            rate_limit,  #                            new: requests and tokens in a window, requests in an hour
            Budget(accounts.ledger),  #               new: US dollars a month
            AccountUsage(accounts.ledger),  #         new: what each call used, on its caller's account
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
            # endregion: layers
        ],  # innermost: the upstream client
        routes=[usage_routes(accounts.ledger, rate_limit.limits), token_routes(accounts.authenticator)],
        resources=[*accounts.resources, *([redis] if redis else [])],  # what layers and routes share
        gate=auth_gate(accounts.authenticator),  # the same question for the routes that do not go through the layers
    )
