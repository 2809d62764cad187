"""The record of one call while it runs: readings of the clock, the layers it passed, the result of each upstream try.

Cheap, because it happens on every request's path: no span is made here, and no word of a prompt or an answer is kept.
Knows nothing of how traces are written or sent; see spans.py and exporter.py. Times are readings of perf_counter().
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from shared.pipeline.call import Call, Target
from shared.pipeline.errors import ServiceError
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.reply import Reply, TokenStream
from shared.telemetry.trace_context import TRACEPARENT, TRACESTATE, new_span_id, traceparent

SANE_CODE = re.compile(r"[\w.-]{1,64}")  # an upstream's error code may be anything, even a prompt
ANSWERED = 200

T = TypeVar("T")

Attributes = Mapping[str, Any]


@dataclass(slots=True)
class LayerTime:
    """A call's way through one layer, until its reply or its error came out. `depth` 0 is the first layer."""

    name: str
    depth: int
    started: float
    ended: float = 0.0
    error: str = ""


class Try(NamedTuple):
    """One request to an upstream, until its answer, or its first token, arrived."""

    started: float
    ended: float
    status: int | None  # None: there was no answer
    error: str


@dataclass(slots=True)
class UpstreamTime:
    """All tries of a call at one upstream and model. `layer` counts the layers that the call had entered before."""

    target: Target
    base_url: str
    layer: int
    started: float
    id: str = field(default_factory=new_span_id)
    tries: list[Try] = field(default_factory=list)
    first_chunk: float = 0.0  # of a stream
    ended: float = 0.0
    name: str = ""
    error: str = ""
    attributes: Attributes = field(default_factory=dict)

    @property
    def tried(self) -> float:
        """The time when the last try ended."""
        return self.tries[-1].ended if self.tries else self.started


@dataclass(slots=True)
class Trace:
    """For a call that is not `sampled`, only its upstreams are noted: enough to report a failure.

    `parent` is the span that called us, and empty if there is none; ids are in hexadecimal digits. `part`: the call is
    part of a batch, whose span is the parent.
    """

    id: str
    sampled: bool
    started: float
    parent: str = ""
    state: str = ""
    name: str = ""
    part: bool = False
    span_id: str = ""  # set if others must know it before the trace is written
    ended: float = 0.0
    failed: bool = False
    attributes: Attributes = field(default_factory=dict)
    layers: list[LayerTime] = field(default_factory=list)
    upstreams: list[UpstreamTime] = field(default_factory=list)
    awaited: tuple[tuple[str, str], ...] = ()  # trace and span of others' calls

    async def follow_try(self, call: Call, base_url: str, send: Callable[[Call], Awaitable[T]]) -> T:
        """One try of `call` at the upstream of `base_url`, noted with its result."""
        started = time.perf_counter()
        asked = self.upstreams[-1] if self.upstreams else None
        if asked is None or asked.target != call.target:
            asked = UpstreamTime(call.target, base_url, len(self.layers), started)
            self.upstreams.append(asked)
        try:
            reply = await send(call)
        except BaseException as error:
            status = getattr(error, "upstream_status", None)
            asked.tries.append(Try(started, time.perf_counter(), status, error_type(error)))
            raise
        ended = time.perf_counter()
        asked.tries.append(Try(started, ended, ANSWERED, ""))
        if isinstance(reply, TokenStream):
            asked.first_chunk = ended
        return reply

    def tell(self, headers: dict[str, str]) -> None:
        """Tell the upstream which trace and span its own work belongs to."""
        headers[TRACEPARENT] = traceparent(self.id, self.upstreams[-1].id, self.sampled)
        if self.state:
            headers[TRACESTATE] = self.state

    def part_of(self, name: str) -> "Trace":
        """The trace of one call of this batch."""
        return Trace(self.id, self.sampled, self.started, self.span_id, self.state, name, part=True)

    def waits_for(self, other: object) -> None:
        """Note that this call's answer comes from another call's work, given by its trace."""
        if isinstance(other, Trace) and other is not self and other.upstreams:
            self.awaited += ((other.id, other.upstreams[-1].id),)


def trace_of(call: Call) -> Trace | None:
    """The record of this call, if there is one."""
    return call.trace if isinstance(call.trace, Trace) else None


def follow_layer(layer: Layer, depth: int, next: Handler) -> Handler:
    """`layer` before `next`, with a note of the time that calls spend in it."""
    name = type(layer).__name__

    # region: followed
    async def followed(call: Call) -> Reply:
        trace = trace_of(call)
        if trace is None:  # a call that another layer made without a trace
            return await layer(call, next)
        time_in_layer = LayerTime(name, depth, time.perf_counter())
        trace.layers.append(time_in_layer)
        try:
            return await layer(call, next)
        except BaseException as error:
            time_in_layer.error = error_type(error)
            raise
        finally:
            time_in_layer.ended = time.perf_counter()

    # endregion: followed
    return followed


def error_type(error: BaseException) -> str:
    """Our own name for the error, never its text, which may repeat the caller's words."""
    if isinstance(error, ServiceError):
        return error.error_code if SANE_CODE.fullmatch(error.error_code) else error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__
