"""No sequence of bytes from an upstream makes the gateway hang, crash, grow or answer 500.

The upstream is a socket that sends arbitrary bytes. The client's reply decides each case. After each test the gateway
must be healthy and no larger, hold no socket or place at the upstream, and have printed no errors. Another BYTES_SEED
corrupts good replies in other ways.
"""

import asyncio
import os
import random
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.stress.client import (
    CHAT,
    CHAT_STREAM,
    GENERATE,
    GENERATE_STREAM,
    ROUTES,
    Route,
    Seen,
    ask,
    connections,
)
from tests.stress.gateway import MB, NO_BREAKER, Gateway, Peak, running
from tests.stress.raw_upstream import Peer, Play, RawUpstream, bytes_play, raw_upstream
from tests.stress.replies import good, spoilt
from tests.stress.upstream_bytes import STREAMED, TEXT, WHOLE, Case, dribbled
from tests.waiting import wait_for

SHORT = {
    "MAX_RETRIES": "0",
    "TIMEOUT": "4",
    "TIMEOUT_MAX": "4",
    "STREAM_SILENCE_TIMEOUT": "2",
    "HTTP_KEEPALIVE_EXPIRY": "1",
}
MOST_MEMORY = 200 * MB  # more than when idle, for several replies of the largest size at once
SEED = os.environ.get("BYTES_SEED", "4")
SPOILT = 500  # replies per route
AT_ONCE = 40


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    with raw_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(upstream.url, tmp_path_factory.mktemp("bytes"), **SHORT, **NO_BREAKER) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def _is_well_afterwards(gateway: Gateway, upstream: RawUpstream) -> Iterator[None]:
    with Peak(gateway) as memory:
        yield
    assert memory.grew < MOST_MEMORY, f"{memory.grew / MB:.0f} MB more than before"
    assert gateway.get("/health")["status"] == "healthy"
    assert gateway.places() == (0, 0)
    wait_for(lambda: gateway.connections_to(upstream.port) == 0, what=lambda: "sockets to the upstream are left")
    assert not gateway.said(), b"\n".join(gateway.said()[:3]).decode(errors="replace")


async def play(
    gateway: Gateway, upstream: RawUpstream, route: Route, plays: Mapping[str, Play], at_once: int = AT_ONCE
) -> list[Seen]:
    """Asks once for each play, by its id."""
    upstream.plays.update(plays)
    room = asyncio.Semaphore(at_once)
    async with connections() as session:

        async def one(request_id: str) -> Seen:
            async with room:
                for _ in range(10):  # the gateway may reuse a connection that the upstream is closing
                    seen = await ask(session, gateway.url, route, request_id)
                    if upstream.asked[request_id]:
                        break
                return seen

        seen = await asyncio.gather(*map(one, plays))
    unasked = [request_id for request_id in plays if not upstream.asked[request_id]]
    assert not unasked, f"never reached the upstream: {unasked[:5]}"
    return seen


def must_be_right(seen: list[Seen]) -> None:
    wrong = [f"{one.request_id}: {why}" for one in seen if (why := one.wrong())]
    assert not wrong, f"{len(wrong)} of {len(seen)} wrong\n" + "\n".join(wrong[:10])


def complaint(seen: Seen, case: Case) -> str:
    """How the reply to a case differs from the expected one; empty if it does not."""
    if wrong := seen.wrong():
        return wrong
    if seen.status not in case.expected:
        return f"{seen.status} instead of {sorted(case.expected)}: {seen.body[:200]!r}"
    if seen.status == 200 and seen.complete == case.cut:
        return f"{'a whole' if case.cut else 'half an'} answer: {seen.body[-300:]!r}"
    if seen.status == 200 and not case.cut and case.says is not None and seen.text() != case.says:
        return f"says {seen.text()[:100]!r}"
    return ""


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_behaviour_of_the_upstream_gets_the_right_reply(
    route: Route, gateway: Gateway, upstream: RawUpstream
) -> None:
    cases = {
        f"{route.name.strip('/').replace('/', '.').replace('+', '.')}.{number}": (name, case)
        for number, (name, case) in enumerate((STREAMED if route.stream else WHOLE).items())
    }
    plays = {request_id: case.play for request_id, (_, case) in cases.items()}
    seen = asyncio.run(play(gateway, upstream, route, plays, at_once=8))
    wrong = [f"{cases[one.request_id][0]}: {why}" for one in seen if (why := complaint(one, cases[one.request_id][1]))]
    assert not wrong, f"{len(wrong)} of {len(seen)}\n" + "\n".join(wrong)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_randomly_corrupted_replies_are_complete_or_errors(
    route: Route, gateway: Gateway, upstream: RawUpstream
) -> None:
    chance = random.Random(f"{SEED}{route.name}")
    reply = good(TEXT, streams=route.stream)

    def one_play() -> Play:
        data = spoilt(reply, chance)
        return dribbled(data, 50) if chance.random() < 0.2 else bytes_play(data)

    plays = _numbered(route, "spoilt", [one_play() for _ in range(SPOILT)])
    must_be_right(asyncio.run(play(gateway, upstream, route, plays)))


@pytest.mark.parametrize("route", [CHAT, CHAT_STREAM], ids=lambda route: route.name)
def test_a_reply_that_ends_at_any_byte_is_complete_or_an_error(
    route: Route, gateway: Gateway, upstream: RawUpstream
) -> None:
    reply = good(TEXT, streams=route.stream)
    plays = _numbered(route, "cut", [bytes_play(reply[:end]) for end in range(0, len(reply), 3)])
    seen = asyncio.run(play(gateway, upstream, route, plays))
    must_be_right(seen)
    whole = [one for one in seen if one.complete]
    assert all(one.text() == TEXT for one in whole), "half an answer passed for a complete one"


@pytest.mark.parametrize("route", [GENERATE, GENERATE_STREAM], ids=lambda route: route.name)
def test_leftovers_on_a_kept_connection_never_reach_the_next_caller(
    route: Route, gateway: Gateway, upstream: RawUpstream
) -> None:
    """Odd requests get a corrupt reply, or two, on a connection that stays open; even ones get their own id."""
    chance = random.Random(SEED)

    async def own_name(peer: Peer) -> None:
        peer.stays = True
        await peer.send(good(f"this is for {peer.request_id}", streams=route.stream))

    async def wicked(peer: Peer) -> None:
        peer.stays = True
        stranger = good("this is for somebody else", streams=route.stream)
        if chance.random() < 0.5:
            return await peer.send(stranger + stranger)
        await peer.send(spoilt(stranger, chance))

    plays = _numbered(route, "kept", [own_name, wicked] * 200)
    seen = asyncio.run(play(gateway, upstream, route, plays, at_once=4))
    must_be_right(seen)
    honest = seen[::2]
    answered = [one for one in honest if one.status == 200 and one.complete]
    assert all(one.text() == f"this is for {one.request_id}" for one in answered), "an answer to another request"
    assert len(answered) > len(honest) / 2


def _numbered(route: Route, name: str, plays: Iterable[Play]) -> dict[str, Play]:
    """Plays by request id."""
    return {f"{name}.{ROUTES.index(route)}.{number}": one for number, one in enumerate(plays)}
