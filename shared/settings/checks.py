"""Settings that are right one by one, and do not fit each other; and variables that are not what they seem.

In: settings. Out: a sentence for each remark, with what to change. The service starts all the same. What the machine's
memory allows is checked where memory is guarded, see shared/memory/thresholds.py.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from shared.settings.settings import Settings, odd_variables

GRPC_PORT, HTTP_PORT = 4317, 4318  # of OTLP


def remarks(settings: Settings) -> list[str]:
    """What the person who chose these settings should know."""
    return [*odd_variables(), *contradictions(settings)]


def contradictions(settings: Settings) -> Iterator[str]:
    """What does not fit, and what to change: a sentence each."""
    places = settings.http_max_connections + settings.queue_max_size
    if settings.uvicorn_limit_concurrency < places:
        yield (
            f"UVICORN_LIMIT_CONCURRENCY={settings.uvicorn_limit_concurrency} refuses calls before HTTP_MAX_CONNECTIONS "
            f"and QUEUE_MAX_SIZE do: raise it to {places}"
        )
    if settings.cache_max_memory_mb >= settings.memory_threshold_mb:
        yield "CACHE_MAX_MEMORY_MB must be below MEMORY_THRESHOLD_MB, or a full cache is emptied again and again"
    if settings.timeout > settings.timeout_max:
        yield f"TIMEOUT={settings.timeout:g} is above TIMEOUT_MAX={settings.timeout_max:g}, which wins from demo 4 on"
    if settings.try_timeout > settings.timeout_max:
        yield "TRY_TIMEOUT is above TIMEOUT_MAX: no fallback is ever asked because of it"
    if settings.upstreams and settings.openai_base_url:
        yield "OPENAI_BASE_URL is ignored from demo 4 on: UPSTREAMS is set"
    if settings.env == "production" and settings.progress_file:
        yield "PROGRESS_FILE is ignored with ENV=production: an attendee's progress is shown in development only"
    if settings.env == "production" and not settings.api_keys_required:
        yield "ENV=production without API_KEYS_REQUIRED: a stranger who finds the port can spend your money"
    if _port(settings.otlp_endpoint) == GRPC_PORT:
        yield f"OTLP_ENDPOINT has the port of OTLP over gRPC; this speaks OTLP over HTTP, usually at {HTTP_PORT}"


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None
