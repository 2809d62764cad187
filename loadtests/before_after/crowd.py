"""The load: people who wait for one answer before they ask again, or who come at moments of their own.

In: a target and the bodies of its requests. Out: each Answer, with its time. Not wrk, which has one of the two kinds,
and does not say how each request ended.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import aiohttp

from loadtests.bench.target import Target

PATIENCE = 10.0  # seconds until a person leaves without an answer


@dataclass(slots=True, frozen=True)
class Answer:
    """`asked`: when the request was due, `seconds`: until its end. Status 0 is no answer; `cache` is its X-Cache."""

    asked: float
    seconds: float
    status: int
    cache: str = ""

    @property
    def good(self) -> bool:
        return self.status == 200


class Crowd:
    """People in front of one target. `answers` has what they got so far. Open it inside the event loop."""

    def __init__(self, target: Target, patience: float | None = None) -> None:
        self.answers: list[Answer] = []
        self._target = target
        self._patience = patience

    async def __aenter__(self) -> "Crowd":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"Content-Type": "application/json", **self._target.headers},
            timeout=aiohttp.ClientTimeout(total=self._patience),
        )
        self._began = time.perf_counter()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def in_turn(self, bodies: Sequence[bytes], people: int) -> float:
        """Each person asks the next question as soon as the last one is answered. Returns the seconds it took."""
        began, left = time.perf_counter(), iter(bodies)
        await asyncio.gather(*(self._person(left) for _ in range(people)))
        return time.perf_counter() - began

    async def at_moments(self, bodies: Sequence[bytes], moments: Sequence[float]) -> None:
        """One request at each moment, in seconds from now, whether earlier ones are answered or not."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as asked:
            for body, moment in zip(bodies, moments, strict=True):
                await asyncio.sleep(began + moment - time.perf_counter())
                asked.create_task(self._ask(body, began + moment))

    async def _person(self, left: Iterator[bytes]) -> None:
        for body in left:
            await self._ask(body, time.perf_counter())

    async def _ask(self, body: bytes, due: float) -> None:
        status, cache = 0, ""
        try:
            async with self._session.post(self._target.url, data=body) as response:
                await response.read()
                status, cache = response.status, response.headers.get("X-Cache", "")
        except (aiohttp.ClientError, TimeoutError):
            pass
        self.answers.append(Answer(due - self._began, time.perf_counter() - due, status, cache))
