"""An upstream that fails six of ten calls, in three ways at once, costs no answer while a healthy fallback exists.

CHAOS_SECONDS sets the duration; a run of a minute finds more than one of fifteen seconds.
"""

import asyncio
import itertools
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.stress.client import ROUTES, Seen, ask, connections
from tests.stress.gateway import NO_BREAKER, Gateway, running
from tests.stress.simulator import simulator
from tests.waiting import wait_for

SECONDS = float(os.environ.get("CHAOS_SECONDS", "15"))
CONNECTIONS = 200
ILL = {
    "mix": [
        {"status": 500, "rate": 0.3},
        {"status": 429, "rate": 0.2, "retry_after": 0.2},
        {"cut_after_tokens": 5, "rate": 0.1},
    ],
    "seed": 4,
}
QUICK = {"slots": 1000, "ttft_ms": 10, "tpot_ms": 1}
TOKENS = 20
RETRY_BUDGET, RESERVE = 0.2, 20


async def crowd(gateway: Gateway, seconds: float) -> list[Seen]:
    """People who keep asking, half of the time for streams."""
    numbers, ends, seen = itertools.count(), time.monotonic() + seconds, []

    async with connections() as session:

        async def person() -> None:
            while time.monotonic() < ends:
                number = next(numbers)
                route = ROUTES[number % len(ROUTES)]
                seen.append(await ask(session, gateway.url, route, f"chaos.{number}", f"Hola {number}", TOKENS))

        await asyncio.gather(*(person() for _ in range(CONNECTIONS)))
    return seen


@pytest.mark.timeout(SECONDS + 100)
@pytest.mark.parametrize("breaker", ["breaker", "no breaker"])
def test_with_a_fallback_every_request_is_answered_and_every_stream_ends_or_gets_an_error(
    breaker: str, tmp_path: Path
) -> None:
    with (
        simulator(tmp_path, QUICK) as ill,
        simulator(tmp_path, QUICK, "fallback") as well,
        running(
            ill.url,
            tmp_path,
            FALLBACKS=f"@{well.url}/v1",
            RETRY_DELAY="0.05",
            RETRY_BUDGET=str(RETRY_BUDGET),
            RETRY_BUDGET_RESERVE=str(RESERVE),
            **({} if breaker == "breaker" else NO_BREAKER),
        ) as gateway,
    ):
        with ill.fault(ILL):
            seen = asyncio.run(crowd(gateway, SECONDS))
            asked = ill.received()
        helped = well.received()

        statuses = Counter(f"{one.status} {'whole' if one.complete else 'not'}" for one in seen)
        print(f"{len(seen)} requests, {asked} calls of the ill one, {helped} of the other: {dict(statuses)}")
        wrong = [f"{one.request_id}: {why}" for one in seen if (why := one.wrong())]
        assert not wrong, "\n".join(wrong[:10])
        lost = [f"{one.request_id} {one.status} {one.body[:200]!r}" for one in seen if one.status != 200]
        assert not lost, "\n".join(lost[:10])
        cut = sum(not one.complete for one in seen)
        assert 0 < cut < len(seen) / 10, "some requests end cut, but fewer than one in ten"
        short = [one.request_id for one in seen if one.complete and len(one.text().split()) != TOKENS]
        assert not short, f"half an answer passed for a complete one: {short[:10]}"
        assert helped
        assert asked <= (1 + RETRY_BUDGET) * len(seen) + RESERVE, "retries over their budget"
        wait_for(lambda: gateway.places() == (0, 0), what=gateway.places)
        wait_for(lambda: len(gateway.lines()) == len(seen), what=lambda: "a line of the log for each request")
        cut_lines = [line for line in gateway.lines() if line["outcome"] == "cut"]
        assert len(cut_lines) == cut
        assert all(line["tokens_output"] > 0 for line in cut_lines), "a cut stream is charged for its tokens"
