"""Every setting of the gateway: its name, its default, its unit, and the demo that brings it in.

In: environment variables and `.env`. Out: one frozen `Settings`. A bad value raises BadSetting, whose text is one line
that names it. `.env.example` and the README's table are made from this class, see workshop/reference.py.
"""

from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

EMBEDDED_BASE_URL = "http://127.0.0.1:8100/v1"  # where the embedded model server listens unless told otherwise


class BadSetting(Exception):
    """A setting that the service cannot start with."""


def _setting(default: Any, description: str, *, demo: int, **limits: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"demo": demo}, **limits)


class Settings(BaseSettings):
    """The defaults work offline, with the embedded model behind the gateway."""

    # python-dotenv reads the file.
    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    openai_base_url: str = _setting(
        "", "OpenAI-compatible API to call, with its /v1; empty starts the embedded model server", demo=1
    )
    openai_api_key: SecretStr = _setting(SecretStr(""), "key for that API; sent to it and shown to nobody", demo=1)
    model: str = _setting("workshop-tiny", "model that answers when a request names none", demo=1, min_length=1)

    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0 for every interface", demo=1)
    port: int = _setting(8000, "port to listen on", demo=1, ge=0, le=65535)

    max_chars: int = _setting(4000, "longest prompt, in characters", demo=1, ge=1)
    max_body_bytes: int = _setting(1_000_000, "largest request body, in bytes", demo=1, ge=1024)
    timeout: float = _setting(
        30.0, "seconds that a whole call may take, retries included; from demo 4 on the least it is given", demo=1, gt=0
    )
    max_retries: int = _setting(3, "tries after the first one", demo=1, ge=0, le=10)
    retry_delay: float = _setting(1.0, "seconds before the first retry; doubles up to 10", demo=1, gt=0, le=10)

    price_input_per_1m: float = _setting(
        0.15, "US dollars per million input tokens of a model with no known price", demo=1, ge=0
    )
    price_output_per_1m: float = _setting(
        0.60, "US dollars per million output tokens of a model with no known price", demo=1, ge=0
    )
    log_file: str = _setting("logs.json", "file for the request log, besides stdout; - for none", demo=1)
    http_max_connections: int = _setting(100, "most connections to the upstream", demo=1, ge=1)
    http_connect_timeout: float = _setting(10.0, "seconds to connect to the upstream", demo=1, gt=0)
    http_keepalive_expiry: float = _setting(30.0, "seconds that an idle upstream connection is kept", demo=1, gt=0)

    env: Literal["development", "production"] = _setting("development", "production starts 4 workers", demo=2)
    uvicorn_workers: int = _setting(0, "worker processes; 0 means 1, and 4 in production", demo=2, ge=0, le=64)
    uvicorn_limit_concurrency: int = _setting(
        200, "requests that a worker serves at the same time; over it 503", demo=2, ge=1
    )
    database_url: str = _setting(
        "sqlite:///workshop.db", "where tokens and usage are kept: sqlite:///FILE or postgresql://…", demo=2
    )
    redis_url: str = _setting("", "redis://… that workers share; empty: each process by itself", demo=2)
    redis_timeout: float = _setting(
        0.08, "seconds for one Redis command; then each process counts by itself for a while", demo=2, gt=0
    )
    api_keys_required: bool = _setting(False, "refuse callers without a token", demo=2)
    token_cache_ttl: float = _setting(300.0, "seconds that a verified token is remembered", demo=2, ge=0)
    trusted_proxies: str = _setting(
        "", "addresses or networks, comma-separated, whose X-Forwarded-For is believed", demo=2
    )
    rate_limit_rpm: int = _setting(600, "requests a caller may make in a window", demo=2, ge=1)
    rate_limit_window_sec: float = _setting(60.0, "seconds of that window", demo=2, gt=0)
    rate_limit_rph: int = _setting(10_000, "requests a caller may make in an hour", demo=2, ge=1)
    rate_limit_burst: int = _setting(0, "requests over RATE_LIMIT_RPM that a window also takes", demo=2, ge=0)
    rate_limit_tpm: int = _setting(100_000, "tokens, in and out, that a caller may use in a window", demo=2, ge=1)
    rate_limit_anonymous_rpm: int = _setting(20, "requests in a window from an address without a token", demo=2, ge=1)
    rate_limit_overrides: str = _setting(
        "", 'other limits for some endpoints, as JSON: {"/generate": {"rpm": 60}}', demo=2
    )
    usage_flush_seconds: float = _setting(1.0, "seconds between writes of usage to the database", demo=2, gt=0)

    cache_backend: Literal["memory", "redis"] = _setting("memory", "where answers are kept", demo=3)
    cache_max_size: int = _setting(10_000, "most entries of a cache", demo=3, ge=1)
    cache_max_memory_mb: float = _setting(64.0, "most megabytes of a cache in memory", demo=3, gt=0)
    cache_default_ttl: float = _setting(
        3600.0, "seconds that an entry lives unless its cache says otherwise", demo=3, gt=0
    )
    cache_responses_ttl: float = _setting(1800.0, "seconds that an answer lives", demo=3, gt=0)
    cache_scope: Literal["caller", "shared"] = _setting("caller", "who may be given whose cached answers", demo=3)
    cache_sampled: bool = _setting(False, "keep answers of a temperature over 0 too", demo=3)

    max_chars_chat: int = _setting(200_000, "longest conversation on /v1/chat/completions, in characters", demo=4, ge=1)
    max_batch: int = _setting(100, "most prompts of one /generate/batch", demo=4, ge=1)
    max_concurrent: int = _setting(
        10, "prompts of one /generate/batch that are answered at the same time", demo=4, ge=1
    )
    timeout_max: float = _setting(300.0, "most seconds that a call is given, however large its work", demo=4, gt=0)
    stream_silence_timeout: float = _setting(
        60.0, "seconds that a stream may be silent, on either side, before it is ended", demo=4, gt=0
    )
    stream_keepalive_sec: float = _setting(
        15.0, "seconds of silence before a stream's client is sent a comment", demo=4, gt=0
    )
    retry_budget: float = _setting(0.2, "retries allowed for each call that is made", demo=4, ge=0, le=1)
    retry_budget_reserve: int = _setting(20, "retries allowed besides, to begin with and in quiet times", demo=4, ge=0)
    circuit_breaker_failure_threshold: int = _setting(
        5, "failures in a row that open the circuit breaker", demo=4, ge=1
    )
    circuit_breaker_timeout_sec: float = _setting(60.0, "seconds that an open breaker waits to try again", demo=4, gt=0)
    circuit_breaker_success_threshold: int = _setting(
        3, "successes of a half-open breaker that close it again", demo=4, ge=1
    )
    circuit_breaker_probes: int = _setting(
        1, "calls that a half-open breaker lets through at the same time", demo=4, ge=1
    )
    circuit_breaker_min_success_rate: float = _setting(
        0.5, "share of successes below which the breaker opens too", demo=4, ge=0, le=1
    )
    circuit_breaker_window_sec: float = _setting(30.0, "seconds over which that share is taken", demo=4, gt=0)
    fallbacks: str = _setting(
        "", "who answers when the upstream cannot, in order: [model][@base_url], comma-separated", demo=4
    )
    fallback_api_keys: SecretStr = _setting(
        SecretStr(""), "keys for FALLBACKS, comma-separated, in their order", demo=4
    )
    queue_max_size: int = _setting(100, "calls that may wait for one of HTTP_MAX_CONNECTIONS", demo=4, ge=0)
    queue_timeout: float = _setting(10.0, "most seconds that a call waits there", demo=4, gt=0)

    enable_metrics: bool = _setting(True, "count and time every call, and show it at GET /metrics", demo=5)
    enable_tracing: bool = _setting(True, "record traces, if OTLP_ENDPOINT says where they go", demo=5)
    enable_structured_logging: bool = _setting(
        True, "JSON lines on stdout; false: lines for people there, and JSON in LOG_FILE alone", demo=5
    )
    otlp_endpoint: str = _setting(
        "", "OTLP/HTTP collector, e.g. http://localhost:4318, that traces are sent to; empty: none are made", demo=5
    )
    trace_sample_ratio: float = _setting(
        0.1, "share of requests whose trace is kept, besides those that fail", demo=5, ge=0, le=1
    )
    memory_threshold_mb: float = _setting(
        1024.0, "megabytes resident, of one worker, over which caches are emptied", demo=5, gt=0
    )
    memory_emergency_mb: float = _setting(1536.0, "megabytes over which it takes no more work", demo=5, gt=0)
    memory_check_seconds: float = _setting(1.0, "seconds between looks at memory", demo=5, gt=0)
    webhook_hmac_secret: SecretStr = _setting(
        SecretStr(""),
        "secret that webhooks are signed with, whsec_…, or the new and the old one; empty: none are taken",
        demo=5,
    )
    webhook_timestamp_window: float = _setting(
        300.0, "seconds that a webhook's time may be away from ours", demo=5, gt=0
    )
    cors_origins: str = _setting("", "origins, comma-separated, whose pages may call this service", demo=5)
    prometheus_url: str = _setting("", "Prometheus that the playground's dashboards are drawn from", demo=5)
    traces_url: str = _setting("", "trace receiver that the playground's trace view reads", demo=5)

    try_timeout: float = _setting(
        0.0,
        "seconds an upstream has for one try, to its first token or whole answer, before a fallback is asked; 0: all",
        demo=6,
        ge=0,
    )

    @property
    def workers(self) -> int:
        """How many processes serve."""
        return self.uvicorn_workers or (4 if self.env == "production" else 1)

    @property
    def traced(self) -> bool:
        """Are traces recorded, and sent somewhere?"""
        return self.enable_tracing and self.otlp_endpoint != ""

    @field_validator("openai_base_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/")


# region: load-settings
def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and .env. Raises BadSetting, one line a bad value."""
    try:
        return Settings(**overrides)
    except ValidationError as invalid:
        raise BadSetting("\n".join(_one_line(error) for error in invalid.errors())) from None
    except UnicodeDecodeError:
        raise BadSetting(".env: is not UTF-8 text") from None


# endregion: load-settings


def _one_line(error: Any) -> str:
    name = str(error["loc"][0]).upper() if error["loc"] else "settings"
    given = "" if name.endswith(("_KEY", "_KEYS", "_SECRET", "DATABASE_URL", "REDIS_URL")) else f"={error['input']}"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{name}{given}: {message}"
