"""Demo 4 · Streams, and a client that survives its upstream.

Answers come as they are generated, on our own routes and on OpenAI's. When the upstream is slow, ill or gone, calls are
given the time that their work needs, retried within a budget, kept away from what is broken, and answered elsewhere.
"""

from fastapi import FastAPI

from shared.accounts.accounts import Accounts
from shared.app import build_service
from shared.http.auth_gate import auth_gate
from shared.layers.account_usage import AccountUsage
from shared.layers.adaptive_timeout import AdaptiveTimeout
from shared.layers.admission_queue import AdmissionQueue
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.circuit_breaker import CircuitBreaker
from shared.layers.fallback import Fallback
from shared.layers.input_guard import InputGuard
from shared.layers.rate_limit import RateLimit
from shared.layers.request_log import RequestLog
from shared.layers.response_cache import ResponseCache
from shared.layers.retry import Retry
from shared.resilience.retry_budget import RetryBudgets
from shared.routes.batch import batch_routes
from shared.routes.cache import cache_routes
from shared.routes.chat import chat_routes
from shared.routes.generate_stream import generate_stream_routes
from shared.routes.infer import infer_routes
from shared.routes.models import model_routes
from shared.routes.playground import playground_routes
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
        title="Demo 4 · Streams, and a client that survives its upstream",
        layers=[
            # region: layers
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars, {"/v1/chat/completions": settings.max_chars_chat}),
            Authenticate(accounts.authenticator),
            rate_limit,
            Budget(accounts.ledger),
            AccountUsage(accounts.ledger),
            ResponseCache(settings, redis),
            AdaptiveTimeout(settings.timeout, settings.timeout_max),  #     new: a deadline that fits
            AdmissionQueue(  #                                              new: so many at once, the rest in line
                settings.http_max_connections, settings.queue_max_size, settings.queue_timeout
            ),
            Fallback(settings),  #                                          new: another model, another upstream
            Retry(  #                                                       now within a budget
                settings.max_retries,
                delay=settings.retry_delay,
                budgets=RetryBudgets(settings.retry_budget, settings.retry_budget_reserve),
            ),
            CircuitBreaker(settings),  #                                    new: what keeps failing is left alone
            # endregion: layers
        ],  # innermost: the upstream that the call is meant for
        routes=[
            usage_routes(accounts.ledger, rate_limit.limits),
            token_routes(accounts.authenticator),
            cache_routes,
            summarize_routes,
            generate_stream_routes,  #    new: POST /generate/stream
            chat_routes,  #               new: POST /v1/chat/completions
            model_routes,  #              new: GET /v1/models
            infer_routes,  #              new: POST /v1/infer, /v1/infer/stream
            batch_routes,  #              new: POST /generate/batch
            playground_routes,  #         new: GET /playground
        ],
        resources=[*accounts.resources, *([redis] if redis else [])],
        gate=auth_gate(accounts.authenticator),
    )
