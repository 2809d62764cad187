"""Stop calling an upstream that keeps failing; after a while, try it again with care.

In: a Call. Out: its reply, or CircuitOpen at once, without calling the upstream. There is one breaker for each upstream
and model. The layer judges how calls end (a stream, at its last token; as a probe, at its first one). The breaker is
shared/resilience/breaker.py.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from shared.pipeline.call import Call
from shared.pipeline.errors import (
    UpstreamFault,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.pipeline.layer import Handler
from shared.pipeline.outcome import Ending, Outcome
from shared.pipeline.reply import Reply, TokenStream
from shared.resilience.adaptive_breaker import AdaptiveBreaker
from shared.resilience.breaker import Breaker
from shared.resilience.breakers import Breakers
from shared.resilience.circuit import MakeBreaker, Result, Rules, State
from shared.settings import Settings

# Failures of the upstream. A 429 is not one (a healthy upstream protects itself that way), nor is a rejected request,
# nor a reply that we cannot read: what one caller asks for must not close the upstream to all.
FAILURES = (UpstreamFault, UpstreamUnavailable, UpstreamTimeout)
TIMER_GRAIN = 0.01  # seconds; a timer of the event loop may fire too early by this much


class CircuitBreaker:
    """Applies the CIRCUIT_BREAKER_* settings. `breaker` makes each breaker; pass your own to replace it."""

    def __init__(self, settings: Settings, *, breaker: MakeBreaker | None = None) -> None:
        rules = Rules(
            failures=settings.circuit_breaker_failure_threshold,
            min_success_rate=settings.circuit_breaker_min_success_rate,
            window=settings.circuit_breaker_window_sec,
            open_for=settings.circuit_breaker_timeout_sec,
            probes=settings.circuit_breaker_probes,
            successes=settings.circuit_breaker_success_threshold,
        )
        usual = AdaptiveBreaker if settings.circuit_breaker_adaptive else Breaker
        self.circuits = Breakers(rules, breaker or usual)

    async def __call__(self, call: Call, next: Handler) -> Reply:
        circuit = self.circuits.of(call.target.upstream, call.target.model or call.request.model)
        permit, asked = circuit.admit(), time.perf_counter()
        try:
            reply = await next(call)
        except BaseException as error:
            circuit.settle(permit, judge(error, call))
            if isinstance(error, UpstreamRejected) and error.upstream_status == 404:
                self.circuits.forget(circuit)
            raise
        circuit.took(time.perf_counter() - asked, None if isinstance(reply, TokenStream) else reply.usage.output)
        if not isinstance(reply, TokenStream):
            circuit.settle(permit, Result.SUCCESS)
        elif circuit.look() is State.HALF_OPEN:
            # A stream may last for minutes. If a probe held its place for so long, all other calls would be refused.
            circuit.settle(permit, Result.SUCCESS)
            call.on_done(lambda outcome: circuit.settle_late(judge_stream(outcome, call)))
        else:
            call.on_done(lambda outcome: circuit.settle(permit, judge_stream(outcome, call)))
        return reply

    def checks(self) -> Mapping[str, Any]:
        """For GET /health."""
        return {"circuit_breakers": self.circuits.report()}


# region: judge
def judge(error: BaseException | None, call: Call) -> Result:
    """Was the upstream at fault?"""
    if isinstance(error, asyncio.CancelledError):  # time is up, or the client has left
        return Result.FAILURE if call.remaining() < TIMER_GRAIN else Result.NEITHER
    if not isinstance(error, FAILURES):
        return Result.NEITHER
    # A refused key is a fault, and a 4xx: waiting does not help.
    return Result.NEITHER if 400 <= (error.upstream_status or 0) < 500 else Result.FAILURE


def judge_stream(outcome: Outcome, call: Call) -> Result:
    if outcome.ending is Ending.FINISHED:
        return Result.SUCCESS
    return judge(outcome.error, call) if outcome.ending is Ending.CUT else Result.NEITHER


# endregion: judge
