"""Settings that are right one by one, and do not fit each other or this machine.

In: settings. Out: a sentence for each contradiction, with what to change. The service starts all the same.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from shared.settings.settings import Settings

GRPC_PORT, HTTP_PORT = 4317, 4318  # of OTLP
# Where the kernel says how much memory this container may have, in version 2 and 1 of cgroups.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
UNLIMITED = 1 << 60  # bytes; version 1 says so with a number like this


def contradictions(settings: Settings, memory_mb: float | None = None) -> Iterator[str]:
    """`memory_mb`: what this container may use; by default, what the kernel says."""
    places = settings.http_max_connections + settings.queue_max_size
    if settings.uvicorn_limit_concurrency < places:
        yield (
            f"UVICORN_LIMIT_CONCURRENCY={settings.uvicorn_limit_concurrency} refuses calls before HTTP_MAX_CONNECTIONS "
            f"and QUEUE_MAX_SIZE do: raise it to {places}"
        )
    if settings.memory_threshold_mb >= settings.memory_emergency_mb:
        yield "MEMORY_THRESHOLD_MB must be below MEMORY_EMERGENCY_MB, or calls are refused before caches are emptied"
    if settings.cache_max_memory_mb >= settings.memory_threshold_mb:
        yield "CACHE_MAX_MEMORY_MB must be below MEMORY_THRESHOLD_MB, or a full cache is emptied again and again"
    limit = memory_limit_mb() if memory_mb is None else memory_mb
    workers_need = settings.memory_emergency_mb * settings.workers
    if limit and workers_need > limit:
        yield (
            f"{settings.workers} × MEMORY_EMERGENCY_MB is {workers_need:.0f} MB, and this container may use "
            f"{limit:.0f} MB: the kernel would end it first"
        )
    if settings.timeout > settings.timeout_max:
        yield f"TIMEOUT={settings.timeout:g} is above TIMEOUT_MAX={settings.timeout_max:g}, which wins from demo 4 on"
    if settings.try_timeout > settings.timeout_max:
        yield "TRY_TIMEOUT is above TIMEOUT_MAX: no fallback is ever asked because of it"
    if _port(settings.otlp_endpoint) == GRPC_PORT:
        yield f"OTLP_ENDPOINT has the port of OTLP over gRPC; this speaks OTLP over HTTP, usually at {HTTP_PORT}"


def memory_limit_mb() -> float:
    """The limit of this container, in MB; 0 if there is none."""
    for file in map(Path, LIMITS):
        try:
            found = int(file.read_text())
        except (OSError, ValueError):  # no such file, or the word max
            continue
        return found / 1e6 if found < UNLIMITED else 0.0
    return 0.0


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None
