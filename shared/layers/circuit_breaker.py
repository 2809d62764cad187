"""Stop calling what does not answer: an upstream that keeps failing is left alone, then tried with care.

In: a Call. Out: its reply, or CircuitOpen at once, without a word to the upstream. One breaker for each upstream and
model. Judges how calls end, streams too, whose last token is what counts; the breaker is shared/resilience/breaker.py.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from shared.pipeline.call import Call
from shared.pipeline.errors import (
    UpstreamBadReply,
    UpstreamFault,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.pipeline.layer import Handler
from shared.pipeline.outcome import Ending, Outcome
from shared.pipeline.reply import Reply, TokenStream
from shared.resilience.breaker import Breaker, MakeBreaker, Result, Rules
from shared.resilience.breakers import Breakers
from shared.settings import Settings

# Of these the upstream is the cause. Not of a 429, which is how a healthy one protects itself, nor of what it rejects.
FAILURES = (UpstreamFault, UpstreamUnavailable, UpstreamTimeout, UpstreamBadReply)
TIMER_GRAIN = 0.01  # seconds; a timer of the event loop may be this early


class CircuitBreaker:
    """The CIRCUIT_BREAKER_* settings. `breaker` makes each breaker, for who wants to put in one of their own."""

    def __init__(self, settings: Settings, *, breaker: MakeBreaker = Breaker) -> None:
        rules = Rules(
            failures=settings.circuit_breaker_failure_threshold,
            min_success_rate=settings.circuit_breaker_min_success_rate,
            window=settings.circuit_breaker_window_sec,
            open_for=settings.circuit_breaker_timeout_sec,
            probes=settings.circuit_breaker_probes,
            successes=settings.circuit_breaker_success_threshold,
        )
        self.circuits = Breakers(rules, breaker)

    async def __call__(self, call: Call, next: Handler) -> Reply:
        circuit = self.circuits.of(call.target.upstream, call.target.model or call.request.model)
        permit = circuit.admit()
        try:
            reply = await next(call)
        except BaseException as error:
            circuit.settle(permit, judge(error, call))
            if isinstance(error, UpstreamRejected) and error.upstream_status == 404:
                self.circuits.forget(circuit)
            raise
        if isinstance(reply, TokenStream):
            call.on_done(lambda outcome: circuit.settle(permit, judge_stream(outcome, call)))
        else:
            circuit.settle(permit, Result.SUCCESS)
        return reply

    def checks(self) -> Mapping[str, Any]:
        """For GET /health."""
        return {"circuit_breakers": self.circuits.report()}


# region: judge
def judge(error: BaseException | None, call: Call) -> Result:
    """Whose fault was it?"""
    if isinstance(error, asyncio.CancelledError):  # time is up, or the client has left
        return Result.FAILURE if call.remaining() < TIMER_GRAIN else Result.NEITHER
    if isinstance(error, UpstreamFault):
        return Result.FAILURE if error.retryable else Result.NEITHER  # our key was refused: no wait mends that
    return Result.FAILURE if isinstance(error, FAILURES) else Result.NEITHER


def judge_stream(outcome: Outcome, call: Call) -> Result:
    if outcome.ending is Ending.FINISHED:
        return Result.SUCCESS
    return judge(outcome.error, call) if outcome.ending is Ending.CUT else Result.NEITHER


# endregion: judge
