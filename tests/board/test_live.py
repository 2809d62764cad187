"""Many changes are one event, a slow browser gets the newest, and streams and clients are bounded."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from shared.pipeline.errors import Overloaded
from workshop.board import live as lives
from workshop.board.buckets import Buckets
from workshop.board.live import RECONNECT, Live


class Room:
    """A room of one number."""

    def __init__(self) -> None:
        self.number = 0
        self.looks = 0

    def look(self) -> bytes:
        self.looks += 1
        return b"%d" % self.number


async def next_of(events: AsyncGenerator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(events), 30)


def test_a_hundred_changes_at_once_are_one_event() -> None:
    async def play() -> None:
        room = Room()
        live = Live(room.look)
        events = live.events("")
        assert await next_of(events) == RECONNECT + b"data: 0\n\n"
        running = asyncio.create_task(live.run())
        for room.number in range(1, 101):
            live.changed()
        assert await next_of(events) == b"data: 100\n\n"
        assert room.looks == 2
        await events.aclose()
        running.cancel()

    asyncio.run(play())


def test_a_slow_browser_gets_the_newest_and_not_all_that_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "PAUSE", 0)

    async def play() -> None:
        room = Room()
        live = Live(room.look)
        slow, quick = live.events(""), live.events("")
        await next_of(slow)
        await next_of(quick)
        running = asyncio.create_task(live.run())
        for room.number in range(1, 6):
            live.changed()
            assert await next_of(quick) == b"data: %d\n\n" % room.number
        assert await next_of(slow) == b"data: 5\n\n"
        await slow.aclose()
        await quick.aclose()
        running.cancel()

    asyncio.run(play())


def test_streams_end_when_the_board_stops() -> None:
    async def play() -> None:
        live = Live(Room().look)
        events = live.events("")
        await next_of(events)
        waiting = asyncio.ensure_future(anext(events, b""))
        await asyncio.sleep(0)
        await live.end()
        assert await asyncio.wait_for(waiting, 30) == b""

    asyncio.run(play())


def test_one_address_and_all_together_have_only_so_many_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "MOST_OF_ONE", 2)
    monkeypatch.setattr(lives, "MOST_STREAMS", 3)

    async def play() -> None:
        live = Live(Room().look)
        opened = [live.events("a"), live.events("a"), live.events("b")]
        for events in opened[:2]:
            await next_of(events)
        with pytest.raises(Overloaded):
            live.must_have_room("a")
        live.must_have_room("b")
        await next_of(opened[2])
        with pytest.raises(Overloaded):
            live.must_have_room("c")
        for events in opened:
            await events.aclose()
        live.must_have_room("a")
        assert not live._open

    asyncio.run(play())


def test_a_client_that_asks_too_often_waits_for_its_next_token() -> None:
    now = 0.0
    buckets = Buckets(2, 60, clock=lambda: now)
    assert [buckets.take("a"), buckets.take("a")] == [0, 0]
    assert buckets.take("a") == 1
    assert buckets.take("b") == 0
    now = 0.5
    assert buckets.take("a") == 0.5
    now = 1.0
    assert buckets.take("a") == 0
    now = 1000.0
    assert [buckets.take("a") > 0 for _ in range(3)] == [False, False, True]


def test_clients_are_forgotten_in_the_order_in_which_they_were_seen() -> None:
    buckets = Buckets(1, 1, most=2, clock=lambda: 0.0)
    for client in ("a", "b", "a", "c"):
        buckets.take(client)
    assert len(buckets) == 2
    assert buckets.take("a") > 0
    assert buckets.take("b") == 0
