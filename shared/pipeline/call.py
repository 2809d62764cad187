"""What travels through the layers: one call, and who makes it. How it ended is in outcome.py.

One shape for every generating route: routes translate at the edge, so no layer knows which route it serves.
Knows nothing of HTTP frameworks or of the upstream's wire.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from shared.pipeline.errors import InvalidRequest, ServiceError
from shared.pipeline.outcome import Outcome

log = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class ChatRequest:
    """A validated chat request in OpenAI's terms. Fields that we do not read pass through in `extra`, untouched.

    `instructions` are a route's own words to the model, sent before the caller's messages and not counted as theirs.
    `prompt` is all the text that the caller sent, in order; what is counted, limited and hashed.
    """

    model: str
    messages: tuple[Mapping[str, Any], ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stream: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    instructions: str = ""
    prompt: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Guard, limits and log each want it: put together once.
        prompt = "\n".join(text for message in self.messages for text in _texts(message.get("content")))
        object.__setattr__(self, "prompt", prompt)

    def to_wire(self, model: str | None = None) -> dict[str, Any]:
        """The body of POST /chat/completions, for `model` if it is not to be the request's own."""
        body: dict[str, Any] = {"model": model or self.model, "messages": self.messages, **self.extra}
        if self.instructions:
            body["messages"] = ({"role": "system", "content": self.instructions}, *self.messages)
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        if self.stream:
            body["stream"] = True
            # Without this the upstream counts no tokens for a stream, and nobody can say what it cost.
            body["stream_options"] = {**(self.extra.get("stream_options") or {}), "include_usage": True}
        return body


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return []


EMPTY_REQUEST = ChatRequest(model="", messages=())


@dataclass(slots=True, frozen=True)
class Caller:
    """Who is calling. Limits, usage and caches go by `id`: `user:ana`, or `ip:192.0.2.7` for who shows no token."""

    id: str = "anonymous"
    user: str | None = None  # None: a stranger
    role: str = "user"  # or "admin"
    budget_usd: float | None = None  # US dollars a month; None: no bound


ANONYMOUS = Caller()


@dataclass(slots=True, frozen=True)
class Target:
    """Where a call goes: one of the named upstreams, and a model there instead of the request's own."""

    upstream: str = "primary"
    model: str | None = None


PRIMARY = Target()

T = TypeVar("T")
OnDone = Callable[[Outcome], None]


class CallTrace(Protocol):
    """What a call needs of its trace, whoever keeps it; see telemetry/trace.py."""

    async def follow_try(self, call: "Call", base_url: str, send: "Callable[[Call], Awaitable[T]]") -> T:
        """One try of `call` at the upstream of `base_url`, noted with what came of it."""

    def tell(self, headers: dict[str, str]) -> None:
        """Tell the upstream that is being asked whose part its own work is."""

    def waits_for(self, other: object) -> None:
        """Another call's work, by its trace, gives this call its answer."""


@dataclass(slots=True)
class Call:
    """One request on its way in, and the place where layers leave word for each other.

    `started` and `deadline` are readings of `time.perf_counter()`, in seconds. `refusal` is set when the body could not
    be read as a request: such a call still enters the stack, so that it is logged and counted like any other.
    """

    request: ChatRequest
    endpoint: str
    request_id: str
    started: float = field(default_factory=time.perf_counter)
    deadline: float | None = None
    caller: Caller = ANONYMOUS
    headers: Mapping[str, str] = field(default_factory=dict)  # as they came in; names in lower case
    peer: str = ""  # the address at the other end of the connection
    refusal: ServiceError | None = None
    invalid_status: int = InvalidRequest.status  # what a wrong request hears: 400 where OpenAI's API is spoken
    target: Target = PRIMARY
    retries: int = 0
    queued_seconds: float = 0.0  # that it waited for a place
    upstream_seconds: float = 0.0  # that it waited for upstreams, a stream for its chunks too
    response_headers: dict[str, str] = field(default_factory=dict)
    log_fields: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)  # further fields of the reply's metadata
    trace: CallTrace | None = None  # what is noted of this call, if anything is
    outcome: Outcome | None = None
    _on_done: list[OnDone] = field(default_factory=list)

    def on_done(self, tell: OnDone) -> None:
        """Have `tell` called exactly once with the outcome; in the reverse order of registration, as layers unwind."""
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
            except Exception:  # one layer's bookkeeping must not rob the others of theirs
                fields = {"request_id": self.request_id}
                log.exception("a layer failed to settle request %s", self.request_id, extra={"fields": fields})

    def detached(self) -> "Call":
        """The same request as a call of its own, for work that may outlive this one. Somebody must settle it."""
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
        """Answer for detached work: what its layers noted is noted here, and whoever waits for its end is told ours."""
        self.retries += work.retries
        self.queued_seconds += work.queued_seconds
        self.upstream_seconds = work.upstream_seconds  # what the work waited for, and not we for the work
        self.response_headers |= work.response_headers
        self.log_fields |= work.log_fields
        self.metadata |= work.metadata
        self._on_done += work._on_done

    def remaining(self) -> float:
        """Seconds until the deadline; infinite when there is none."""
        return float("inf") if self.deadline is None else self.deadline - time.perf_counter()

    def elapsed_ms(self) -> float:
        """Milliseconds since the request arrived."""
        return (time.perf_counter() - self.started) * 1000
