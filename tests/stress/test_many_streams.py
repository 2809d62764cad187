"""A thousand simultaneous streams on one worker: each is complete and correct, and nothing remains afterwards."""

import asyncio
from pathlib import Path

from tests.stress.client import STREAMS, Seen, ask, connections
from tests.stress.gateway import MB, Gateway, running
from tests.stress.simulator import MODEL, simulator
from tests.waiting import wait_for
from workshop.grader.upstream import Upstream

STREAMS_AT_ONCE = 1000
TOKENS = 30
PACE = {"slots": 2 * STREAMS_AT_ONCE, "ttft_ms": 3000, "tpot_ms": 100}  # all begin before the first ends

# Freed memory that a process may keep: malloc returns only the top of its heaps, and Python only empty arenas. A leak
# of a kilobyte per chunk, or of a task per stream, would be more than that.
KEPT = 25 * MB
FEW = 10  # descriptors or tasks


def prompt(number: int) -> str:
    return f"Hola, I am number {number}"


async def streams(gateway: Gateway, wave: str) -> list[Seen]:
    async with connections() as session:
        return await asyncio.gather(
            *(
                ask(session, gateway.url, STREAMS[number % 2], f"{wave}.{number}", prompt(number), TOKENS)
                for number in range(STREAMS_AT_ONCE)
            )
        )


async def all_together(gateway: Gateway, upstream: Upstream, wave: str) -> list[Seen]:
    """The same, with proof that all are in flight at the same time."""
    with upstream.held(hold_after_tokens=0) as gate:
        asked = asyncio.create_task(streams(gateway, wave))
        await asyncio.to_thread(gate.wait_for, STREAMS_AT_ONCE, unless=asked.done)
        gate.release()
        return await asked


async def true_answers(upstream: str) -> list[str]:
    """The upstream's answers to the prompts, asked directly and without streams."""
    async with connections() as session:

        async def one(number: int) -> str:
            body = {"model": MODEL, "messages": [{"role": "user", "content": prompt(number)}], "max_tokens": TOKENS}
            async with session.post(f"{upstream}/v1/chat/completions", json=body) as response:
                document = await response.json()
            return str(document["choices"][0]["message"]["content"])

        return await asyncio.gather(*map(one, range(STREAMS_AT_ONCE)))


def test_a_thousand_streams_at_once_are_complete_and_leave_nothing(tmp_path: Path) -> None:
    with simulator(tmp_path, PACE) as upstream, running(upstream.url, tmp_path) as gateway:
        expected = asyncio.run(true_answers(upstream.url))
        assert len(set(expected)) == STREAMS_AT_ONCE, "some answers are equal, so a mix-up would go unnoticed"
        asyncio.run(streams(gateway, "first"))  # loads and builds what is needed only once

        def is_still() -> bool:
            return gateway.clients() == 0 and gateway.places() == (0, 0)

        wait_for(is_still)
        memory, descriptors, tasks = gateway.memory(), gateway.descriptors(), gateway.tasks()
        for wave in ("second", "third"):
            seen = asyncio.run(all_together(gateway, upstream, wave))
            wrong = [f"{one.request_id}: {one.wrong() or one.status}" for one in seen if not one.complete]
            assert not wrong, f"{len(wrong)} of {STREAMS_AT_ONCE}: " + "\n".join(wrong[:5])
            assert [one.text() for one in seen] == expected
            assert upstream.register()["finished"] == STREAMS_AT_ONCE
            wait_for(is_still)
        print(f"{(gateway.memory() - memory) / MB:+.1f} MB on {memory / MB:.0f} after two waves more")
        assert gateway.memory() < memory + KEPT
        assert gateway.descriptors() < descriptors + FEW
        assert gateway.tasks() < tasks + FEW
