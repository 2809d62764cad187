"""Demo 3 · Pay once for the same answer.

Answers are kept for the next equal question, in memory or in a Redis that all workers share. Equal calls in progress
share one answer. No caller gets another caller's answer, and the cache keeps no answer that the model would not repeat.
"""

from fastapi import FastAPI

from demos.parts import Parts
from shared.app import build_service
from shared.layers.account_usage import AccountUsage
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog
from shared.layers.response_cache import MakeCache, ResponseCache
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.routes.cache import cache_routes
from shared.routes.summarize import summarize_routes
from shared.routes.tokens import token_routes
from shared.routes.usage import usage_routes
from shared.settings import Settings
from shared.upstream.sdk import OpenAIClient

TITLE = "Demo 3 · Pay once for the same answer"


def build(settings: Settings, *, title: str = TITLE, cache: MakeCache = ResponseCache) -> FastAPI:
    """`cache` makes the layer that keeps answers: pass your own to replace it."""
    parts = Parts(settings)
    return build_service(
        settings,
        title=title,
        layers=[
            # region: layers
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Authenticate(parts.authenticator),
            parts.rate_limit,
            Budget(parts.ledger),
            AccountUsage(parts.ledger),
            cache(settings, parts.redis),  #    new: kept answers, one call for a crowd
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
            # endregion: layers
        ],
        upstreams=OpenAIClient(settings),  # innermost: the model, through OpenAI's SDK
        routes=[
            usage_routes(parts.ledger, parts.rate_limit.limits),
            token_routes(parts.authenticator),
            cache_routes,  #                    new: GET /cache/stats
            summarize_routes,  #                new: POST /summarize, with a cache of its own
        ],
        resources=parts.resources,
        gate=parts.gate,
    )
