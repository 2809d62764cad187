"""Faults on order: what goes wrong with the next calls, and for how many of them.

In: a plan, one fault or a sequence of them, from the environment or PUT /admin/faults. Out: for each call, the fault
that it meets, and the gate where it may be held. Knows nothing of HTTP: the chat route carries faults out, and the
listener closes the port.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from serving.local.gate import Gate, Hold

Garbage = Literal["text", "json", "truncated", "empty", "wrong-shape"]
MODIFIERS = ("hold", "hold_after_tokens", "latency_ms", "fragment_bytes")  # the answer still comes
ENDINGS = ("status", "hang", "refuse_s", "reset", "cut_after_tokens", "garbage", "stall_after_tokens", "mix")

ROUNDING = 1e-9  # 0.1 + 0.2 + 0.7 is slightly more than 1


class BadFault(ValueError):
    """A plan that cannot be carried out; the text says what would be right."""


class BadRelease(ValueError):
    """An order to release calls that makes no sense; the text says what would be right."""


class Fault(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    hold: bool = False
    hold_after_tokens: int | None = Field(None, ge=0)
    latency_ms: float | None = Field(None, ge=0, le=600_000)
    fragment_bytes: int | None = Field(None, ge=1, le=65536)
    status: int | None = Field(None, ge=400, le=599)
    retry_after: float | None = Field(None, ge=0)
    headers: dict[str, str] | None = None
    hang: bool = False
    refuse_s: float | None = Field(None, gt=0, le=600)
    reset: bool = False
    cut_after_tokens: int | None = Field(None, ge=0)
    stall_after_tokens: int | None = Field(None, ge=0)
    garbage: Garbage | None = None
    times: int | None = Field(None, ge=1)
    rate: float | None = Field(None, ge=0, le=1)
    seed: int = 0
    mix: list[Fault] | None = Field(None, min_length=1, max_length=20)

    @property
    def endings(self) -> list[str]:
        return self._given(ENDINGS)

    @property
    def mixes(self) -> bool:
        """Can it be one fault of a mix, in which each call meets at most one?"""
        return self.rate is not None and self.times is None and self.refuse_s is None and self.mix is None

    @property
    def name(self) -> str:
        return (*self.endings, *self.modifiers)[0]

    @property
    def modifiers(self) -> list[str]:
        return self._given(MODIFIERS)

    def _given(self, names: tuple[str, ...]) -> list[str]:
        values = ((name, getattr(self, name)) for name in names)
        return [name for name, value in values if value is not None and value is not False]  # cut_after_tokens may be 0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.endings and not self.modifiers:
            raise ValueError(f"a fault needs one of {', '.join((*MODIFIERS, *ENDINGS))}")
        if len(self.endings) > 1:
            raise ValueError(f"a fault ends a call in one way, not in {' and '.join(self.endings)}; use a sequence")
        if self.hold and self.hold_after_tokens is not None:
            raise ValueError("a call is held once: before its answer (hold) or amid it (hold_after_tokens)")
        if self.status is None and (self.retry_after is not None or self.headers):
            raise ValueError("retry_after and headers go with a status")
        if self.refuse_s is not None and (self.times or self.rate is not None or self.modifiers):
            raise ValueError("refuse_s stands alone: it closes the port at once, for that many seconds")
        if self.mix is not None and (self.rate is not None or self.modifiers):
            raise ValueError("a mix takes its rates from its faults; beside them it may have only times and seed")
        if self.mix is not None and not all(fault.mixes for fault in self.mix):
            raise ValueError("each fault of a mix needs a rate, and may not have times, refuse_s or a mix")
        if sum(fault.rate or 0.0 for fault in self.mix or ()) > 1 + ROUNDING:
            raise ValueError("the rates of a mix are shares of all calls: together at most 1")
        if any(not _printable(text) for pair in (self.headers or {}).items() for text in pair):
            raise ValueError("headers may have only visible ASCII characters")
        return self


class Release(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    calls: int | None = Field(None, ge=1)


class Plan(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    sequence: list[Fault] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _reaches_the_end(self) -> Self:
        if any(fault.times is None and fault.refuse_s is None for fault in self.sequence[:-1]):
            raise ValueError("every fault of a sequence except the last needs times, or the next would never come")
        return self


def read_plan(body: bytes) -> list[Fault]:
    """Raises BadFault."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadFault(f'Faults are a JSON object, like {{"status": 503, "times": 2}}: {error}.') from None
    if not isinstance(document, dict):
        raise BadFault('Faults are a JSON object, like {"status": 503, "times": 2} or {"sequence": [...]}.')
    try:
        if "sequence" in document:
            return Plan.model_validate(document).sequence
        return [Fault.model_validate(document)]
    except ValidationError as error:
        raise BadFault(_sentence(error)) from None


def read_release(body: bytes) -> int | None:
    """How many of the held calls to let go; None for all. Raises BadRelease."""
    try:
        return Release.model_validate_json(body or b"{}").calls
    except ValidationError:
        raise BadRelease('No body releases all held calls, {"calls": 2} the two that came first.') from None


class Faults:
    """The plan in progress. Lives on the event loop."""

    def __init__(self, refuse: Callable[[float], None]) -> None:
        self._refuse = refuse
        self._plan: list[Fault] = []
        self._left: int | None = None
        self._chance = random.Random(0)
        self._gate = Gate()
        self.applied = 0

    def set(self, plan: list[Fault]) -> None:
        """Replaces the plan. Calls that the old plan holds go on."""
        self.release()
        self._plan = list(plan)
        self.applied = 0
        self._enter()

    def clear(self) -> None:
        self.release()
        self._plan = []

    def release(self, calls: int | None = None) -> int:
        """Lets the first `calls` held calls go on, or all that have met a fault so far. Returns how many were held."""
        if calls is not None:
            return self._gate.release(calls)
        gate, self._gate = self._gate, Gate()
        return gate.open()

    def hold(self) -> Hold:
        """The way through the gate for the call that has just met a fault."""
        return Hold(self._gate)

    def next(self) -> Fault | None:
        """The fault that this call meets. Calls spared by the rate do not count against `times`."""
        if not self._plan:
            return None
        fault = self._struck(self._plan[0])
        if fault is None:
            return None
        self.applied += 1
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._plan.pop(0)
                self._enter()
        return fault

    def _struck(self, planned: Fault) -> Fault | None:
        """The part of the plan that this call meets. Draws once, even for a mix: the same seed hits the same calls."""
        if planned.rate is None and planned.mix is None:
            return planned
        draw = self._chance.random()
        for fault in planned.mix or [planned]:
            draw -= fault.rate or 0.0
            if draw < 0:
                return fault
        return None

    def view(self) -> dict[str, Any]:
        plan = [fault.model_dump(exclude_defaults=True) for fault in self._plan]
        if plan and self._left is not None:
            plan[0]["times"] = self._left
        return {"sequence": plan, "applied": self.applied, "held": self._gate.held}

    def _enter(self) -> None:
        """Starts the first fault of the remaining plan."""
        while self._plan and (seconds := self._plan[0].refuse_s) is not None:
            self._plan.pop(0)
            self.applied += 1
            self._refuse(seconds)
        if self._plan:
            self._left = self._plan[0].times
            self._chance = random.Random(self._plan[0].seed)


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{where}: there is no such fault. There are {', '.join(Fault.model_fields)}."
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}." if where else f"{message[0].upper()}{message[1:]}."
