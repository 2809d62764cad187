"""Demo 5 · See it, and be told.

Every request is counted, timed and traced, the process watches its own memory, and alerts say when somebody must look.
"""

from fastapi import FastAPI

from shared.accounts.accounts import Accounts
from shared.app import build_service
from shared.health.alerts import alerts_check
from shared.health.caches import Caches
from shared.health.http_client import HttpClient
from shared.health.providers import Providers
from shared.health.redis import redis_check
from shared.http.auth_gate import auth_gate
from shared.http.cors import cors
from shared.layers.account_usage import AccountUsage
from shared.layers.adaptive_timeout import AdaptiveTimeout
from shared.layers.admission_queue import AdmissionQueue
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.circuit_breaker import CircuitBreaker
from shared.layers.fallback import Fallback
from shared.layers.input_guard import InputGuard
from shared.layers.memory_guard import MemoryGuard
from shared.layers.metrics import Metrics
from shared.layers.rate_limit import RateLimit
from shared.layers.request_log import RequestLog
from shared.layers.response_cache import ResponseCache
from shared.layers.retry import Retry
from shared.layers.tracing import Tracing
from shared.logs.human import on_stdout
from shared.memory.watch import MemoryWatch
from shared.process.worker_broadcast import WorkerBroadcast
from shared.resilience.retry_budget import RetryBudgets
from shared.routes.batch import batch_routes
from shared.routes.cache import cache_routes
from shared.routes.chat import chat_routes
from shared.routes.dashboards import dashboard_routes
from shared.routes.debug import debug_routes
from shared.routes.generate_stream import generate_stream_routes
from shared.routes.infer import infer_routes
from shared.routes.metrics import metrics_routes
from shared.routes.models import model_routes
from shared.routes.playground import playground_routes
from shared.routes.summarize import summarize_routes
from shared.routes.tokens import token_routes
from shared.routes.usage import usage_routes
from shared.routes.webhooks import webhook_routes
from shared.settings import Settings
from shared.stores.redis import RedisLink
from shared.webhooks.alert_board import AlertBoard


def build(settings: Settings) -> FastAPI:
    redis = RedisLink(settings.redis_url, patience=settings.redis_timeout) if settings.redis_url else None
    accounts = Accounts(settings)
    rate_limit = RateLimit(settings, redis)
    cache = ResponseCache(settings, redis)
    memory = MemoryWatch(settings, cache.caches)
    orders = WorkerBroadcast()
    traced = settings.enable_tracing and settings.otlp_endpoint != ""
    alerts = AlertBoard(settings, accounts.database)
    return build_service(
        settings,
        title="Demo 5 · See it, and be told",
        layers=[
            # region: outer-layers
            RequestLog(settings.log_file, shown=on_stdout(settings)),
            *([Metrics()] if settings.enable_metrics else []),  #  new: counts and times each call
            *([Tracing(settings)] if traced else []),  #           new: a trace a request, a span a layer
            MemoryGuard(memory),  #                                new: no more work when memory is at its end
            InputGuard(settings.max_chars, {"/v1/chat/completions": settings.max_chars_chat}),
            Authenticate(accounts.authenticator),
            rate_limit,
            # endregion: outer-layers
            Budget(accounts.ledger),
            AccountUsage(accounts.ledger),
            cache,
            AdaptiveTimeout(settings.timeout, settings.timeout_max),
            AdmissionQueue(settings.http_max_connections, settings.queue_max_size, settings.queue_timeout),
            Fallback(settings),
            Retry(
                settings.max_retries,
                delay=settings.retry_delay,
                budgets=RetryBudgets(settings.retry_budget, settings.retry_budget_reserve),
            ),
            CircuitBreaker(settings),
        ],  # innermost: the upstream that the call is meant for
        routes=[
            usage_routes(accounts.ledger, rate_limit.limits),
            token_routes(accounts.authenticator),
            cache_routes,
            summarize_routes,
            generate_stream_routes,
            chat_routes,
            model_routes,
            infer_routes,
            batch_routes,
            playground_routes,
            dashboard_routes,
            *([metrics_routes] if settings.enable_metrics else []),
            webhook_routes(alerts),
            debug_routes(memory, orders),  #    new: POST /debug/memory/cleanup, /debug/circuit-breakers/reset
        ],
        resources=[*accounts.resources, alerts, orders, *([redis] if redis else [])],
        gate=auth_gate(accounts.authenticator),
        # new: GET /health says what is wrong
        checks=[Providers, HttpClient, Caches, redis_check(redis), alerts_check(alerts)],
        cors=cors(settings.cors_origins),
    )
