"""The fallback layer: when it asks another upstream, which one, and how it names it."""

import asyncio
import time
from collections.abc import Mapping

import pytest
from prometheus_client import REGISTRY

from shared.layers.fallback import Fallback
from shared.pipeline.call import PRIMARY, Call, Target
from shared.pipeline.errors import (
    CircuitOpen,
    DeadlineExceeded,
    InvalidRequest,
    ServiceError,
    UpstreamBadReply,
    UpstreamFault,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.pipeline.reply import Completion, Reply
from shared.settings import Settings
from tests.resilience.stage import replying
from tests.shared.conftest import completion, make_call
from workshop.grader.launch import SIMULATOR

FALLBACKS = "small,other@http://x.test/v1"
SMALL, OTHER = Target("primary", "small"), Target("x.test", "other")


def asking(answers: Mapping[Target, Reply | Exception], fallbacks: str = FALLBACKS) -> tuple[Call, list[Target], Reply]:
    """One call, the targets that it asked, and its reply. Raises ServiceError."""
    call, asked = make_call(), list[Target]()

    def reply(call: Call) -> Reply | Exception:
        asked.append(call.target)
        return answers[call.target]

    return call, asked, asyncio.run(Fallback(Settings(fallbacks=fallbacks))(call, replying(reply)))


@pytest.mark.parametrize(
    "error",
    [
        CircuitOpen("left alone"),
        UpstreamFault("500"),
        UpstreamFault("our key was refused", retryable=False),
        UpstreamUnavailable("refused"),
        UpstreamTimeout("connecting"),
        UpstreamBadReply("not JSON"),
        UpstreamRateLimited("429"),
    ],
)
def test_when_the_upstream_is_lost_the_next_one_answers(error: Exception) -> None:
    call, asked, reply = asking({PRIMARY: error, SMALL: completion("small")})
    assert isinstance(reply, Completion)
    assert reply.text == "small"
    assert asked == [PRIMARY, SMALL]
    assert call.target == SMALL
    assert call.metadata == {"fallback": "small"}
    assert call.response_headers == {"X-Fallback": "small"}
    assert call.log_fields == {"fallback": "small"}


@pytest.mark.parametrize("error", [UpstreamRejected("400"), DeadlineExceeded("late"), InvalidRequest("no")])
def test_errors_that_no_other_upstream_can_mend_are_raised_at_once(error: ServiceError) -> None:
    with pytest.raises(type(error)):
        asking({PRIMARY: error})


def test_fallbacks_are_asked_in_order_and_the_one_that_answers_is_named() -> None:
    call, asked, _ = asking({PRIMARY: CircuitOpen("x"), SMALL: UpstreamFault("500"), OTHER: completion()})
    assert asked == [PRIMARY, SMALL, OTHER]
    assert call.metadata == {"fallback": "other@x.test"}


def test_a_rejection_by_a_fallback_is_not_the_callers_fault() -> None:
    _, asked, _ = asking({PRIMARY: CircuitOpen("x"), SMALL: UpstreamRejected("no such model"), OTHER: completion()})
    assert asked == [PRIMARY, SMALL, OTHER]


def test_if_all_fail_the_primarys_error_is_raised() -> None:
    answers = {
        PRIMARY: CircuitOpen("left alone", retry_after=40),
        SMALL: UpstreamRejected("no such model"),
        OTHER: UpstreamFault("500"),
    }
    with pytest.raises(CircuitOpen) as told:
        asking(answers)
    assert told.value.headers() == {"Retry-After": "40"}


def test_if_all_fail_no_fallback_is_named_and_the_target_is_the_primary() -> None:
    async def run() -> Call:
        call = make_call()
        with pytest.raises(CircuitOpen):
            await Fallback(Settings(fallbacks=FALLBACKS))(call, replying(lambda _: CircuitOpen("x")))
        return call

    call = asyncio.run(run())
    assert (call.target, call.metadata, call.response_headers) == (PRIMARY, {}, {})


def test_no_target_is_asked_twice() -> None:
    with pytest.raises(CircuitOpen):
        asking({PRIMARY: CircuitOpen("x")}, fallbacks=SIMULATOR)  # the model that the call itself names


def test_without_time_left_no_fallback_is_asked() -> None:
    async def run() -> None:
        call, asked = make_call(), list[Target]()
        call.deadline = time.perf_counter() + 0.01

        def reply(call: Call) -> Exception:
            asked.append(call.target)
            return CircuitOpen("x")

        with pytest.raises(CircuitOpen):
            await Fallback(Settings(fallbacks=FALLBACKS))(call, replying(reply))
        assert asked == [PRIMARY]

    asyncio.run(run())


def answered(name: str) -> float:
    return REGISTRY.get_sample_value("gateway_fallbacks_total", {"fallback": name}) or 0.0


def test_replies_of_fallbacks_are_counted() -> None:
    before = answered("small")
    asking({PRIMARY: CircuitOpen("x"), SMALL: completion()})
    asking({PRIMARY: completion()})
    assert answered("small") == before + 1
