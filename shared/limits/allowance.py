"""Allowances: the limits of a caller at an endpoint, from the RATE_LIMIT_* settings.

In: a caller and an endpoint. Out: the limits that apply, and the key under which calls are counted.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.pipeline.call import Call, Caller
from shared.settings import BadSetting, Settings

SECOND = 1_000_000  # microseconds; all times here are whole microseconds, so that sums are exact in Python and in Lua
HOUR = 3600 * SECOND
MOST = 999_999_999_999_999  # an integer in a structured header field has fifteen digits (RFC 9651, section 3.3.1)
SETTING = "RATE_LIMIT_OVERRIDES"


@dataclass(frozen=True)
class Limits:
    """The limits of one caller: `requests` and `tokens` in any `window`, `hourly` requests in any hour."""

    requests: int
    window: int  # microseconds
    hourly: int
    tokens: int

    def divided(self, workers: int) -> "Limits":
        """One worker's share, for when workers cannot count together: rounded down, but at least 1."""
        if workers == 1:
            return self
        return replace(
            self,
            requests=max(1, self.requests // workers),
            hourly=max(1, self.hourly // workers),
            tokens=max(1, self.tokens // workers),
        )

    @cached_property
    def horizon(self) -> int:
        """Microseconds after which an admission no longer counts for any limit."""
        return max(self.window, HOUR)


class Override(BaseModel):
    """One endpoint's entry in RATE_LIMIT_OVERRIDES. A missing field keeps the general limit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rpm: int | None = Field(default=None, ge=1)
    rph: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    burst: int | None = Field(default=None, ge=0)


Path = Annotated[str, Field(pattern="^/")]
_OVERRIDES = TypeAdapter(dict[Path, Override])


class Allowances:
    """The limits that the settings define. Raises BadSetting, in one line, for malformed overrides.

    A stranger gets RATE_LIMIT_ANONYMOUS_RPM requests per window, and never more than a known caller. An endpoint with
    an override has its own counters, so calls there use up none of the other limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._overrides = _parse(settings.rate_limit_overrides)
        self._known = {path: self._limits(override, MOST) for path, override in self._overrides.items()}
        self._known[""] = self._limits(Override(), MOST)
        fewest = settings.rate_limit_anonymous_rpm
        self._strangers = {path: self._limits(override, fewest) for path, override in self._overrides.items()}
        self._strangers[""] = self._limits(Override(), fewest)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The endpoints with their own counters, and the empty scope for all others together."""
        return ("", *self._overrides)

    def scope_of(self, endpoint: str) -> str:
        return endpoint if endpoint in self._overrides else ""

    def limits_of(self, caller: Caller, scope: str) -> Limits:
        return (self._strangers if is_stranger(caller) else self._known)[scope]

    def _limits(self, override: Override, most_rpm: int) -> Limits:
        settings = self._settings
        rpm = settings.rate_limit_rpm if override.rpm is None else override.rpm
        burst = settings.rate_limit_burst if override.burst is None else override.burst
        return Limits(
            requests=min(rpm, most_rpm) + burst,
            window=max(1, round(settings.rate_limit_window_sec * SECOND)),
            hourly=settings.rate_limit_rph if override.rph is None else override.rph,
            tokens=min(MOST, settings.rate_limit_tpm if override.tpm is None else override.tpm),
        )


def is_stranger(caller: Caller) -> bool:
    return caller.user is None and (caller.id == "anonymous" or caller.id.startswith("ip:"))


def key_of(call: Call, scope: str) -> str:
    """The key that the call counts under. Without accounts all strangers share a name; the address tells them apart."""
    caller = f"ip:{call.peer}" if call.caller.id == "anonymous" else call.caller.id
    return counted_as(caller, scope)


def counted_as(caller_id: str, scope: str) -> str:
    return f"{caller_id}@{scope}" if scope else caller_id


def _parse(overrides: str) -> dict[str, Override]:
    if not overrides.strip():
        return {}
    try:
        return _OVERRIDES.validate_json(overrides)
    except ValidationError as invalid:
        error = invalid.errors(include_url=False)[0]
        place = "".join(f"[{part!r}]" for part in error["loc"])
        example = '{"/generate": {"rpm": 60, "rph": 600, "tpm": 20000, "burst": 5}}'
        raise BadSetting(f"{SETTING}{place}: {error['msg']}; it takes e.g. {example}") from None
