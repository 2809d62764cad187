"""Every setting of the gateway: its name, its default, its unit, and the demo that brings it in.

In: environment variables and `.env`. Out: one frozen `Settings`. A bad value raises BadSetting, whose text is one line
that names it. `.env.example` and the README's table are made from this class, see workshop/reference.py.
"""

from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

EMBEDDED_BASE_URL = "http://127.0.0.1:8100/v1"  # where the embedded model server listens unless told otherwise


class BadSetting(Exception):
    """A setting that the service cannot start with."""


def _setting(default: Any, description: str, *, demo: int, **limits: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"demo": demo}, **limits)


class Settings(BaseSettings):
    """The defaults work offline, with the embedded model behind the gateway."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    # region: upstream-settings
    openai_base_url: str = _setting(
        "", "OpenAI-compatible API to call, with its /v1; empty starts the embedded model server", demo=1
    )
    openai_api_key: SecretStr = _setting(SecretStr(""), "key for that API; sent to it and shown to nobody", demo=1)
    model: str = _setting("workshop-tiny", "model that answers when a request names none", demo=1, min_length=1)
    # endregion: upstream-settings

    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0 for every interface", demo=1)
    port: int = _setting(8000, "port to listen on", demo=1, ge=0, le=65535)

    # region: guard-settings
    max_chars: int = _setting(4000, "longest prompt, in characters", demo=1, ge=1)
    max_body_bytes: int = _setting(1_000_000, "largest request body, in bytes", demo=1, ge=1024)
    timeout: float = _setting(30.0, "seconds that a whole call may take, retries included", demo=1, gt=0)
    max_retries: int = _setting(3, "tries after the first one", demo=1, ge=0, le=10)
    retry_delay: float = _setting(1.0, "seconds before the first retry; doubles up to 10", demo=1, gt=0, le=10)
    # endregion: guard-settings

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
    given = "" if name.endswith("_KEY") else f"={error['input']}"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{name}{given}: {message}"
