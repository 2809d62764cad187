"""Demo 1 · One guarded endpoint.

A bare LLM call becomes a service: input limits, a deadline, retries of calls that are safe to repeat, one JSON log line
per request with tokens and cost, and an honest error for everything that can go wrong.
"""

from fastapi import FastAPI

from shared.app import build_service
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.settings import Settings
from shared.upstream.sdk import OpenAIClient


def build(settings: Settings) -> FastAPI:
    return build_service(
        settings,
        title="Demo 1 · One guarded endpoint",
        layers=[
            # region: layers
            RequestLog(settings.log_file),  #                          new: id, tokens, cost, latency, one JSON line
            InputGuard(settings.max_chars),  #                         new: nothing too long or unreadable
            Timeout(settings.timeout),  #                              new: one deadline for the whole call
            Retry(settings.max_retries, delay=settings.retry_delay),  # new: only if safe to repeat
            # endregion: layers
        ],
        upstreams=OpenAIClient(settings),  # innermost: the model, through OpenAI's SDK
    )
