"""The layer that bounds one try, alone and with the layers that react to it."""

import asyncio

import pytest

from shared.layers.circuit_breaker import CircuitBreaker
from shared.layers.fallback import Fallback
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.layers.try_timeout import TryTimeout
from shared.pipeline.call import PRIMARY, Call, Target
from shared.pipeline.errors import CircuitOpen, DeadlineExceeded, UpstreamFault, UpstreamTimeout
from shared.pipeline.layer import Handler, Layer, compose
from shared.pipeline.reply import Completion, Reply
from shared.settings import Settings
from tests.resilience.stage import replying, token_stream
from tests.shared.conftest import completion, make_call

MOMENT = 0.02  # seconds
LONG = 30.0
OTHER = Target("other.test", "tiny")
FALLBACKS = "tiny@http://other.test/v1"


async def silent(call: Call) -> Reply:
    await asyncio.Event().wait()
    raise AssertionError("never")


def run(*layers: Layer, handler: Handler, call: Call | None = None) -> Reply:
    async def once() -> Reply:
        return await compose(layers, handler)(call or make_call())

    return asyncio.run(once())


def test_a_silent_upstream_times_out() -> None:
    with pytest.raises(UpstreamTimeout, match=r"within the 0\.02 seconds of a try") as told:
        run(TryTimeout(MOMENT), handler=silent)
    assert told.value.status == 504
    assert not told.value.retryable


def test_the_upstream_call_is_cancelled_at_the_time_out() -> None:
    left = []

    async def noticing(call: Call) -> Reply:
        try:
            return await silent(call)
        except asyncio.CancelledError:
            left.append(call)
            raise

    with pytest.raises(UpstreamTimeout):
        run(TryTimeout(MOMENT), handler=noticing)
    assert len(left) == 1


@pytest.mark.parametrize("reply", [completion(), token_stream()], ids=["whole", "stream"])
def test_an_answer_in_time_passes_as_it_is(reply: Reply) -> None:
    assert run(TryTimeout(LONG), handler=replying(lambda _: reply)) is reply


def test_an_error_in_time_passes_as_it_is() -> None:
    fault = UpstreamFault("500")
    with pytest.raises(UpstreamFault) as told:
        run(TryTimeout(LONG), handler=replying(lambda _: fault))
    assert told.value is fault


@pytest.mark.parametrize("seconds", [0.0, LONG], ids=["no bound", "a bound past the deadline"])
def test_an_earlier_deadline_of_the_call_wins(seconds: float) -> None:
    with pytest.raises(DeadlineExceeded, match=r"within 0\.02 seconds"):
        run(Timeout(MOMENT), TryTimeout(seconds), handler=silent)


def test_a_client_that_leaves_is_not_a_time_out() -> None:
    async def leave() -> None:
        asked = asyncio.ensure_future(TryTimeout(LONG)(make_call(), silent))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(leave())


def test_after_a_time_out_there_is_no_retry_but_a_fallback() -> None:
    """This is the purpose of the layer: an upstream that holds one call would also hold the next try."""
    asked: list[Target] = []

    async def upstreams(call: Call) -> Reply:
        asked.append(call.target)
        return completion("of the fallback") if call.target == OTHER else await silent(call)

    call = make_call()
    layers = Fallback(Settings(fallbacks=FALLBACKS)), Retry(3, MOMENT), TryTimeout(MOMENT)
    reply = run(*layers, handler=upstreams, call=call)
    assert isinstance(reply, Completion)
    assert reply.text == "of the fallback"
    assert asked == [PRIMARY, OTHER]
    assert call.response_headers == {"X-Fallback": "tiny@other.test"}


def test_silence_opens_the_breaker_and_the_next_call_is_not_even_sent() -> None:
    asked: list[Call] = []

    async def counted(call: Call) -> Reply:
        asked.append(call)
        return await silent(call)

    async def twice() -> None:
        breaker = CircuitBreaker(Settings(circuit_breaker_failure_threshold=1))
        stack = compose([breaker, TryTimeout(MOMENT)], counted)
        with pytest.raises(UpstreamTimeout):
            await stack(make_call())
        with pytest.raises(CircuitOpen):
            await stack(make_call())

    asyncio.run(twice())
    assert len(asked) == 1
