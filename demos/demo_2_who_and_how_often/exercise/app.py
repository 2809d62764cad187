"""Demo 2, your version: the same stack, with the token check and the limiter that you write in gatekeeper.py.

`make demo-2 SOLUTION=exercise` runs it, `make grade-2 SOLUTION=exercise` grades it.
"""

from fastapi import FastAPI

from demos.demo_2_who_and_how_often.exercise.gatekeeper import Doorkeeper, FairShare
from shared.accounts.address import ClientAddress
from shared.accounts.tokens import Tokens
from shared.accounts.usage import UsageLedger
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
from shared.routes.usage import usage_routes
from shared.settings import Settings
from shared.stores.database import Database
from shared.stores.redis import RedisLink
from shared.upstream.sdk import OpenAIClient


def build(settings: Settings) -> FastAPI:
    redis = RedisLink(settings.redis_url, patience=settings.redis_timeout) if settings.redis_url else None
    database = Database(settings.database_url)
    ledger = UsageLedger(database, settings.usage_flush_seconds)
    doorkeeper = Doorkeeper(  #                                                       task 1
        Tokens(database),
        ClientAddress(settings.trusted_proxies),
        required=settings.api_keys_required,
        cache_ttl=settings.token_cache_ttl,
    )
    return build_service(
        settings,
        title="Demo 2 · Who may call, and how often, your version",
        layers=[
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Authenticate(doorkeeper),
            # The limiter in Redis is given; yours counts for one worker.
            RateLimit(settings, redis) if redis else FairShare(settings),  #          tasks 2 to 5
            Budget(ledger),
            AccountUsage(ledger),
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
        ],
        upstreams=OpenAIClient(settings),  # innermost: the model, through OpenAI's SDK
        routes=[usage_routes(ledger)],
        resources=[database, ledger, *([redis] if redis else [])],
        gate=auth_gate(doorkeeper),
    )
