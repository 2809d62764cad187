"""Every setting of the gateway: its name, its default, its unit, and the demo that introduces it.

In: variables of the environment, `.env`, CONFIG_FILE. Out: one frozen `Settings`. A bad value raises BadSetting, whose
text is one line that names it. `.env.example` and docs/settings.md are generated from this class, see
workshop/reference.py.
"""

import contextlib
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from shared.settings import sources
from shared.settings.sources import CannotRead

HALF_AS_MUCH_AGAIN = 1.5
PRODUCTION = Path(__file__).with_name("production.yaml")
EMBEDDED_BASE_URL = "http://127.0.0.1:8100/v1"  # where the embedded model server listens by default


class BadSetting(Exception):
    """A setting that the service cannot start with."""


def _setting(default: Any, description: str, *, demo: int, **limits: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"demo": demo}, **limits)


class Settings(BaseSettings):
    """The defaults work offline, with the embedded model behind the gateway."""

    # python-dotenv reads the file.
    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    config_file: str = _setting(
        "",
        "YAML file of settings, by the same names; variables win over it; empty: with ENV=production, "
        "shared/settings/production.yaml; -: none",
        demo=1,
    )

    openai_base_url: str = _setting(
        "", "base URL of an OpenAI-compatible API, with its /v1; empty: the embedded model server", demo=1
    )
    openai_api_key: SecretStr = _setting(SecretStr(""), "API key for OPENAI_BASE_URL; never shown or logged", demo=1)
    model: str = _setting("workshop-tiny", "model for requests that name none", demo=1, min_length=1)

    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0: every interface", demo=1)
    port: int = _setting(8000, "port to listen on; 0: a free one", demo=1, ge=0, le=65535)

    max_chars: int = _setting(4000, "maximum length of a prompt, in characters", demo=1, ge=1)
    max_body_bytes: int = _setting(
        10_000_000, "maximum size of a request body, in bytes; a photo of a phone fits", demo=1, ge=1024
    )
    timeout: float = _setting(
        30.0, "deadline of a whole call, in seconds, retries included; from demo 4 on, its minimum", demo=1, gt=0
    )
    max_retries: int = _setting(3, "maximum number of retries after the first try", demo=1, ge=0, le=10)
    retry_delay: float = _setting(
        1.0, "seconds before the first retry; doubles each time, up to 10", demo=1, gt=0, le=10
    )

    price_input_per_1m: float = _setting(
        0.15, "US dollars per million input tokens, for models without a known price", demo=1, ge=0
    )
    price_output_per_1m: float = _setting(
        0.60, "US dollars per million output tokens, for models without a known price", demo=1, ge=0
    )
    log_file: str = _setting("logs.json", "file for the request log, in addition to stdout; -: no file", demo=1)
    http_max_connections: int = _setting(100, "maximum number of connections to an upstream", demo=1, ge=1)
    http_connect_timeout: float = _setting(10.0, "timeout for connecting to an upstream, in seconds", demo=1, gt=0)
    http_keepalive_expiry: float = _setting(30.0, "seconds that an idle upstream connection stays open", demo=1, gt=0)

    env: Literal["development", "production"] = _setting(
        "development", "development or production; production starts 4 workers", demo=2
    )
    uvicorn_workers: int = _setting(
        0, "number of worker processes; 0: 1 in development, 4 in production", demo=2, ge=0, le=64
    )
    uvicorn_limit_concurrency: int = _setting(
        200, "maximum requests in progress per worker; more get 503", demo=2, ge=1
    )
    database_url: str = _setting(
        "sqlite:///workshop.db", "database for tokens and usage: sqlite:///FILE or postgresql://…", demo=2
    )
    redis_url: str = _setting("", "Redis that the workers share: redis://…; empty: each worker on its own", demo=2)
    redis_timeout: float = _setting(
        0.08, "timeout of one Redis command, in seconds; after it, each worker counts alone for a while", demo=2, gt=0
    )
    api_keys_required: bool = _setting(False, "refuse callers without a token (401)", demo=2)
    token_cache_ttl: float = _setting(
        300.0, "seconds that a worker trusts a verified token before it asks the database again", demo=2, ge=0
    )
    trusted_proxies: str = _setting(
        "", "proxies whose X-Forwarded-For is trusted: addresses or networks, comma-separated", demo=2
    )
    rate_limit_rpm: int = _setting(
        600, "requests that a caller may make per window (RATE_LIMIT_WINDOW_SEC)", demo=2, ge=1
    )
    rate_limit_window_sec: float = _setting(60.0, "length of the rate-limit window, in seconds", demo=2, gt=0)
    rate_limit_rph: int = _setting(10_000, "requests that a caller may make per hour", demo=2, ge=1)
    rate_limit_burst: int = _setting(0, "requests allowed per window on top of RATE_LIMIT_RPM", demo=2, ge=0)
    rate_limit_tpm: int = _setting(100_000, "tokens, input plus output, that a caller may use per window", demo=2, ge=1)
    rate_limit_anonymous_rpm: int = _setting(20, "requests per window from an IP address without a token", demo=2, ge=1)
    rate_limit_overrides: str = _setting(
        "", 'different limits for some endpoints, as JSON: {"/generate": {"rpm": 60}}', demo=2
    )
    usage_flush_seconds: float = _setting(1.0, "seconds between writes of usage to the database", demo=2, gt=0)

    cache_backend: Literal["memory", "redis"] = _setting(
        "memory", "where cached answers are kept: memory or redis", demo=3
    )
    cache_max_size: int = _setting(10_000, "maximum number of entries in the cache of answers", demo=3, ge=1)
    cache_summaries_max_size: int = _setting(2_000, "maximum number of entries in the cache of summaries", demo=3, ge=1)
    cache_max_memory_mb: float = _setting(64.0, "maximum size of a cache in memory, in megabytes", demo=3, gt=0)
    cache_default_ttl: float = _setting(
        3600.0, "lifetime of an entry, in seconds, in caches without a TTL of their own", demo=3, gt=0
    )
    cache_responses_ttl: float = _setting(1800.0, "lifetime of a cached answer, in seconds", demo=3, gt=0)
    cache_scope: Literal["caller", "shared"] = _setting(
        "caller", "caller: a caller gets only its own cached answers; shared: those of all callers", demo=3
    )
    cache_sampled: bool = _setting(False, "also cache answers with a temperature above 0", demo=3)

    max_chars_chat: int = _setting(
        200_000, "maximum length of a conversation on /v1/chat/completions, in characters", demo=4, ge=1
    )
    max_batch: int = _setting(100, "maximum number of prompts in one /generate/batch", demo=4, ge=1)
    max_concurrent: int = _setting(
        10, "prompts of one /generate/batch that are answered at the same time", demo=4, ge=1
    )
    timeout_max: float = _setting(300.0, "maximum deadline of a call, in seconds, however large its work", demo=4, gt=0)
    stream_silence_timeout: float = _setting(
        60.0,
        "seconds in which the upstream sends nothing, or the client reads nothing, before a stream ends",
        demo=4,
        gt=0,
    )
    stream_keepalive_sec: float = _setting(
        15.0, "seconds of silence before a stream's client gets a keep-alive comment", demo=4, gt=0
    )
    retry_budget: float = _setting(
        0.2, "retries allowed per call: 0.2 is one retry for every five calls", demo=4, ge=0, le=1
    )
    retry_budget_reserve: int = _setting(
        20, "extra retries, available at the start and after quiet times", demo=4, ge=0
    )
    circuit_breaker_failure_threshold: int = _setting(
        5, "consecutive failures that open the circuit breaker; if it is adaptive, at first", demo=4, ge=1
    )
    circuit_breaker_timeout_sec: float = _setting(
        60.0, "seconds that the breaker stays open before it tries again", demo=4, gt=0
    )
    circuit_breaker_success_threshold: int = _setting(
        3, "successful calls that close a half-open breaker again", demo=4, ge=1
    )
    circuit_breaker_probes: int = _setting(
        1, "calls that a half-open breaker lets through at the same time", demo=4, ge=1
    )
    circuit_breaker_adaptive: bool = _setting(
        False,
        "breakers learn how often an upstream usually fails, and how fast it usually is, and open when that changes",
        demo=4,
    )
    circuit_breaker_min_success_rate: float = _setting(
        0.5, "share of successful calls below which the breaker also opens", demo=4, ge=0, le=1
    )
    circuit_breaker_window_sec: float = _setting(
        30.0, "seconds over which the breaker measures that share", demo=4, gt=0
    )
    fallbacks: str = _setting(
        "", "fallbacks for a failing upstream, in order: [model][@base_url], comma-separated", demo=4
    )
    fallback_api_keys: SecretStr = _setting(
        SecretStr(""), "API keys for FALLBACKS, comma-separated, in the same order", demo=4
    )
    upstreams: str = _setting(
        "",
        "several upstreams for the same models, in place of OPENAI_BASE_URL: base URLs, comma-separated, each with "
        "weight=N after it if it takes N times the calls",
        demo=4,
    )
    upstream_api_keys: SecretStr = _setting(
        SecretStr(""), "API keys for UPSTREAMS, comma-separated, in the same order; empty: OPENAI_API_KEY", demo=4
    )
    load_balancing: Literal["least_busy", "round_robin", "prefix"] = _setting(
        "least_busy",
        "which of UPSTREAMS gets a call: the less busy of two chosen at random; each in turn; or, as long as it is not "
        "much busier than the others, the one that has seen prompts with this beginning (for its prefix cache)",
        demo=4,
    )
    pace_below: float = _setting(
        0.0,
        "share of an upstream's own rate limit below which calls to it are spread over the time to its reset; 0: never",
        demo=4,
        ge=0,
        le=1,
    )
    queue_max_size: int = _setting(
        100, "calls that may wait for a free connection (HTTP_MAX_CONNECTIONS); more get 503", demo=4, ge=0
    )
    queue_timeout: float = _setting(10.0, "maximum wait of a call in that queue, in seconds", demo=4, gt=0)
    progress_file: str = _setting(
        "",
        "JSON file with an attendee's progress, shown in the playground; make demo-N sets it; only in development",
        demo=4,
    )

    enable_metrics: bool = _setting(True, "count and time every call, for GET /metrics", demo=5)
    metrics_token: SecretStr = _setting(
        SecretStr(""),
        "token for GET /metrics alone, for your Prometheus; with API_KEYS_REQUIRED, it or an administrator's is needed",
        demo=5,
    )
    enable_tracing: bool = _setting(True, "record traces (also needs OTLP_ENDPOINT)", demo=5)
    enable_structured_logging: bool = _setting(
        True, "JSON lines on stdout; false: readable lines there, and JSON only in LOG_FILE", demo=5
    )
    otlp_endpoint: str = _setting(
        "", "OTLP/HTTP collector that receives the traces, e.g. http://localhost:4318; empty: no traces", demo=5
    )
    trace_sample_ratio: float = _setting(
        0.1,
        "share of requests whose trace is kept; failed requests (5xx, broken streams) are always kept",
        demo=5,
        ge=0,
        le=1,
    )
    memory_threshold_mb: float = _setting(
        1024.0, "resident megabytes of a worker above which it empties its caches", demo=5, gt=0
    )
    memory_emergency_mb: float = _setting(
        1536.0,
        "resident megabytes of a worker above which it refuses calls; if only MEMORY_THRESHOLD_MB is set, half as much "
        "again",
        demo=5,
        gt=0,
    )
    memory_check_seconds: float = _setting(1.0, "seconds between checks of memory", demo=5, gt=0)
    webhook_hmac_secret: SecretStr = _setting(
        SecretStr(""),
        "secret that signs webhooks (whsec_…), or the new and the old one during a rotation; empty: no webhooks",
        demo=5,
    )
    webhook_timestamp_window: float = _setting(
        300.0, "maximum difference between a webhook's timestamp and our clock, in seconds", demo=5, gt=0
    )
    cors_origins: str = _setting("", "web origins whose pages may call this service, comma-separated; *: any", demo=5)
    prometheus_url: str = _setting("", "URL of the Prometheus that the playground's dashboards read", demo=5)
    traces_url: str = _setting("", "URL of the trace receiver that the playground's trace view reads", demo=5)

    try_timeout: float = _setting(
        0.0,
        "seconds per try, to the first token or whole answer, before a fallback is asked; 0: no limit per try",
        demo=6,
        ge=0,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Any,
        env_settings: Any,
        dotenv_settings: Any,
        file_secret_settings: Any,
    ) -> tuple[Any, ...]:
        """What was passed, then variables, then `.env`, then both by names that others use, then CONFIG_FILE."""
        fields, own = settings_cls.model_fields, (init_settings, env_settings, dotenv_settings)
        named = sources.from_other_names({**dotenv_settings.env_vars, **env_settings.env_vars}, fields)
        winning = [source() for source in (*own, lambda: named)]

        def first(name: str) -> str:
            return next(filter(None, (source.get(name) for source in winning)), "")

        file = first("config_file") or (str(PRODUCTION) if first("env") == "production" else "")
        return *own, lambda: named, partial(sources.from_file, file, fields)

    @property
    def workers(self) -> int:
        """Number of worker processes."""
        return self.uvicorn_workers or (4 if self.env == "production" else 1)

    @property
    def traced(self) -> bool:
        """Are traces recorded and sent?"""
        return self.enable_tracing and self.otlp_endpoint != ""

    @model_validator(mode="before")
    @classmethod
    def _emergency_follows(cls, given: dict[str, Any]) -> dict[str, Any]:
        if "memory_threshold_mb" in given and "memory_emergency_mb" not in given:
            with contextlib.suppress(ValueError, TypeError):  # what is no number is refused a moment later
                return {**given, "memory_emergency_mb": float(given["memory_threshold_mb"]) * HALF_AS_MUCH_AGAIN}
        return given

    @field_validator("openai_base_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        if "#" in url:
            raise ValueError("has a #; a base URL ends with its path, usually /v1, or with a query")
        return url.rstrip("/")

    @field_validator("openai_api_key", "metrics_token", mode="after")
    @classmethod
    def _fits_a_header(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()  # a secret made with `echo` ends in a line end
        if not text.isascii() or not text.isprintable():
            raise ValueError("has characters that an HTTP header cannot hold")
        return SecretStr(text)


# region: load-settings
def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and .env. Raises BadSetting, a line per bad value."""
    try:
        return Settings(**overrides)
    except ValidationError as invalid:
        raise BadSetting("\n".join(_one_line(error) for error in invalid.errors())) from None
    except CannotRead as reason:
        raise BadSetting(str(reason)) from None
    except UnicodeDecodeError:
        raise BadSetting(".env: is not UTF-8 text") from None


# endregion: load-settings


def odd_variables() -> list[str]:
    """What to know about the variables that are set: other names, slips, and what does nothing here."""
    given = {**DotEnvSettingsSource(Settings).env_vars, **EnvSettingsSource(Settings).env_vars}
    return [*sources.remarks(given, Settings.model_fields)]


SECRET_ENDINGS = ("_KEY", "_KEYS", "_SECRET", "_TOKEN", "DATABASE_URL", "REDIS_URL")  # their values are never shown


def _one_line(error: Any) -> str:
    name = str(error["loc"][0]).upper() if error["loc"] else "settings"
    given = "" if name.endswith(SECRET_ENDINGS) else f"={error['input']}"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{name}{given}: {message}"
