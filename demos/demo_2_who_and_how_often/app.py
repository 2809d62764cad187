"""Demo 2 · Who may call, and how often.

A token says who is calling. Each caller has a limit of requests and tokens per window, counted in this process or, for
all workers together, in Redis. Usage goes to the caller's account, and a spent budget ends the calls.
"""

from fastapi import FastAPI

from demos.parts import Parts
from shared.app import build_service
from shared.layers.account_usage import AccountUsage
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.routes.tokens import token_routes
from shared.routes.usage import usage_routes
from shared.settings import Settings
from shared.upstream.sdk import OpenAIClient


def build(settings: Settings) -> FastAPI:
    parts = Parts(settings)
    return build_service(
        settings,
        title="Demo 2 · Who may call, and how often",
        layers=[
            # region: layers
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Authenticate(parts.authenticator),  #  new: who calls, by token or by address
            parts.rate_limit,  #                   new: requests and tokens per window, requests per hour
            Budget(parts.ledger),  #               new: US dollars per month
            AccountUsage(parts.ledger),  #         new: each call's usage, on its caller's account
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
            # endregion: layers
        ],
        upstreams=OpenAIClient(settings),  # innermost: the model, through OpenAI's SDK
        routes=[usage_routes(parts.ledger, parts.rate_limit.limits), token_routes(parts.authenticator)],
        resources=parts.resources,  # shared by layers and routes
        gate=parts.gate,  # identifies callers on routes outside the layers
    )
