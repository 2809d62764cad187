"""Demo 4 · Streams, and a client that survives its upstream.

Answers arrive as they are generated, on our own routes and on OpenAI's. When the upstream is slow, broken or gone, a
call gets the time that its work needs and retries within a budget. An upstream that keeps failing is left alone, and a
fallback answers.
"""

from collections.abc import Iterator

from fastapi import FastAPI

from demos.parts import Parts
from shared.app import build_service
from shared.layers.account_usage import AccountUsage
from shared.layers.adaptive_timeout import AdaptiveTimeout
from shared.layers.admission_queue import AdmissionQueue
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.circuit_breaker import CircuitBreaker
from shared.layers.fallback import Fallback
from shared.layers.input_guard import InputGuard
from shared.layers.load_balance import LoadBalance
from shared.layers.request_log import RequestLog
from shared.layers.retry import Retry
from shared.pipeline.layer import Layer
from shared.pipeline.reply import Relay
from shared.resilience.circuit import MakeBreaker
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
from shared.service import Routes
from shared.settings import Settings
from shared.upstream.event_parser import Events
from shared.upstream.members import read_upstreams
from shared.upstream.pools import Upstreams
from shared.upstream.sse import MakeEvents

TITLE = "Demo 4 · Streams, and a client that survives its upstream"


def build(
    settings: Settings,
    *,
    title: str = TITLE,
    breaker: MakeBreaker | None = None,
    events: MakeEvents = Events,
    relay: Relay | None = None,
) -> FastAPI:
    """`breaker`, `events` and `relay`: pass your own to replace them."""
    parts = Parts(settings)
    return build_service(
        settings,
        title=title,
        layers=layers(settings, parts, breaker),
        # new: a client that relays streams replaces the SDK
        upstreams=Upstreams(settings, events, parts.learn),
        routes=routes(parts),
        resources=parts.resources,
        gate=parts.gate,
        relay=relay,
    )


def layers(settings: Settings, parts: Parts, breaker: MakeBreaker | None = None) -> list[Layer]:
    return [
        # region: layers
        RequestLog(settings.log_file),
        InputGuard(settings.max_chars, {"/v1/chat/completions": settings.max_chars_chat}),
        Authenticate(parts.authenticator),
        parts.rate_limit,
        Budget(parts.ledger),
        AccountUsage(parts.ledger),
        parts.cache,
        AdaptiveTimeout(settings.timeout, settings.timeout_max),  #     new: a deadline that fits it
        AdmissionQueue(  #                                              new: so many at once, and a queue
            connections(settings), settings.queue_max_size, settings.queue_timeout
        ),
        Fallback(settings),  #                                          new: another model, another upstream
        Retry(  #                                                       now within a budget
            settings.max_retries,
            delay=settings.retry_delay,
            budgets=RetryBudgets(settings.retry_budget, settings.retry_budget_reserve),
        ),
        *spread(settings, parts),  #                                    new: over several upstreams, and over time
        CircuitBreaker(settings, breaker=breaker),  #                   new: spares a failing upstream
        # endregion: layers
    ]


def connections(settings: Settings) -> int:
    """To the primary, or to all that stand in its place."""
    return settings.http_max_connections * max(1, len(read_upstreams(settings)))


def spread(settings: Settings, parts: Parts) -> Iterator[Layer]:
    """The layers for UPSTREAMS and PACE_BELOW, if these are set."""
    if settings.upstreams:
        yield LoadBalance(settings, parts.pacing.wait if parts.pacing else None)
    if parts.pacing:
        yield parts.pacing


def routes(parts: Parts) -> list[Routes]:
    return [
        usage_routes(parts.ledger, parts.rate_limit.limits),
        token_routes(parts.authenticator),
        cache_routes,
        summarize_routes,
        generate_stream_routes,  #    new: POST /generate/stream
        chat_routes,  #               new: POST /v1/chat/completions
        model_routes,  #              new: GET /v1/models
        infer_routes,  #              new: POST /v1/infer, /v1/infer/stream
        batch_routes,  #              new: POST /generate/batch
        playground_routes,  #         new: GET /playground
    ]
