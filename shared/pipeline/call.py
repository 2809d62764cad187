"""The call that travels through the layers, and its caller. How a call ended is in outcome.py.

All generating routes use this one shape. Routes translate at the edge, so no layer knows which route it serves.
Knows nothing of HTTP frameworks or of the upstream's wire format.
"""

import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from shared.pipeline.errors import InvalidRequest, ServiceError
from shared.pipeline.outcome import Outcome

log = logging.getLogger(__name__)

UNSAID_MAX_TOKENS = 1000  # the answer that is expected if the caller set no maximum


@dataclass(slots=True, frozen=True)
class ChatRequest:
    """A validated chat request in OpenAI's terms. Fields that we do not read pass through `extra` unchanged.

    `instructions` are a route's own words to the model, sent before the caller's messages and not counted as theirs.
    `prompt` is all the text that the caller sent, in order. It is the text that is counted, limited and hashed.
    `added` names fields that a route set and the caller did not: they are left out for a model that refuses them.
    """

    model: str
    messages: tuple[Mapping[str, Any], ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stream: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    instructions: str = ""
    added: frozenset[str] = field(default=frozenset(), compare=False)
    prompt: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # The guard, the limits and the log all need it: join it once.
        prompt = "\n".join(text for message in self.messages for text in _texts(message.get("content")))
        object.__setattr__(self, "prompt", prompt)

    @property
    def longest_answer(self) -> int:
        """The most tokens that an answer may have, by each name for it; upstreams differ in which one they obey."""
        return max(_count(self.max_tokens), _count(self.extra.get("max_completion_tokens"))) or UNSAID_MAX_TOKENS

    @property
    def choices(self) -> int:
        """How many answers the caller wants; OpenAI's `n`."""
        return _count(self.extra.get("n")) or 1

    def to_wire(self, model: str | None = None) -> dict[str, Any]:
        """The body of POST /chat/completions; `model` replaces the request's own."""
        body: dict[str, Any] = {"model": model or self.model, "messages": self.messages, **self.extra}
        if self.instructions:
            body["messages"] = ({"role": "system", "content": self.instructions}, *self.messages)
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        if self.stream:
            body["stream"] = True
            # Without this the upstream counts no tokens for a stream, and its cost is unknown.
            body["stream_options"] = {**(self.extra.get("stream_options") or {}), "include_usage": True}
        return body


def _count(value: object) -> int:
    """A positive number as a lenient upstream may read it: 5, 5.0, "5". 0 for everything else."""
    if value is None:
        return 0
    if isinstance(value, int | float | str):
        with contextlib.suppress(ValueError, OverflowError):
            return max(0, math.ceil(float(value)))
    return 0


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return []


EMPTY_REQUEST = ChatRequest(model="", messages=())


@dataclass(slots=True, frozen=True)
class Caller:
    """The caller. Limits, usage and caches use `id`: `user:ana`, or `ip:192.0.2.7` for callers without a token."""

    id: str = "anonymous"
    user: str | None = None  # None: no token
    role: str = "user"  # or "admin"
    budget_usd: float | None = None  # US dollars per month; None: no limit


ANONYMOUS = Caller()


@dataclass(slots=True, frozen=True)
class Target:
    """Where a call goes: a named upstream, and the model to use there (None: the request's own)."""

    upstream: str = "primary"
    model: str | None = None


PRIMARY = Target()

T = TypeVar("T")
OnDone = Callable[[Outcome], None]


class CallTrace(Protocol):
    """The part of a trace that a call uses; see telemetry/trace.py."""

    async def follow_try(self, call: "Call", base_url: str, send: "Callable[[Call], Awaitable[T]]") -> T:
        """Send one try of `call` to the upstream at `base_url`, and record how it ended."""

    def tell(self, headers: dict[str, str]) -> None:
        """Add the headers that link the upstream's own trace to this one."""

    def waits_for(self, other: object) -> None:
        """Record that this call waits for the answer of another call, which has the trace `other`."""


@dataclass(slots=True)
class Call:
    """One request on its way in, and the place where layers leave information for each other.

    `started` and `deadline` are readings of `time.perf_counter()`, in seconds. `refusal` is set when the body is not a
    valid request. Such a call still enters the stack, so that it is logged and counted like any other.
    """

    request: ChatRequest
    endpoint: str
    request_id: str
    started: float = field(default_factory=time.perf_counter)
    deadline: float | None = None
    caller: Caller = ANONYMOUS
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case; repeated ones are one list
    peer: str = ""  # the address at the other end of the connection
    refusal: ServiceError | None = None
    invalid_status: int = InvalidRequest.status  # for an invalid request: 400 on OpenAI's routes
    target: Target = PRIMARY
    retries: int = 0
    queued_seconds: float = 0.0  # spent waiting for a place
    upstream_seconds: float = 0.0  # spent waiting for upstreams, including the chunks of a stream
    response_headers: dict[str, str] = field(default_factory=dict)
    log_fields: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)  # further fields of the reply's metadata
    trace: CallTrace | None = None  # None if this call is not traced
    outcome: Outcome | None = None
    _on_done: list[OnDone] = field(default_factory=list)

    def on_done(self, tell: OnDone) -> None:
        """Call `tell` exactly once with the outcome. The last one registered is called first, as layers unwind."""
        self._on_done.append(tell)

    def finish(self, outcome: Outcome) -> None:
        """Settle the call. Only the first outcome counts."""
        if self.outcome is not None:
            return
        self.outcome = outcome
        while self._on_done:
            tell = self._on_done.pop()
            try:
                tell(outcome)
            except Exception:  # a bug in one layer's bookkeeping must not stop the others
                fields = {"request_id": self.request_id}
                log.exception("a layer failed to settle request %s", self.request_id, extra={"fields": fields})

    def detached(self) -> "Call":
        """The same request as a separate call, for work that may outlive this one. The creator must settle it."""
        return Call(
            self.request,
            self.endpoint,
            self.request_id,
            started=self.started,
            deadline=self.deadline,
            caller=self.caller,
            headers=self.headers,
            peer=self.peer,
            trace=self.trace,
        )

    def inherit(self, work: "Call") -> None:
        """Take over detached work: copy what its layers noted, and tell its `on_done` callbacks this call's outcome."""
        self.retries += work.retries
        self.queued_seconds += work.queued_seconds
        self.upstream_seconds = work.upstream_seconds  # the wait of the work itself, not our wait for it
        self.response_headers |= work.response_headers
        self.log_fields |= work.log_fields
        self.metadata |= work.metadata
        self._on_done += work._on_done

    def remaining(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else self.deadline - time.perf_counter()

    def elapsed_ms(self) -> float:
        """Milliseconds since the request arrived."""
        return (time.perf_counter() - self.started) * 1000
