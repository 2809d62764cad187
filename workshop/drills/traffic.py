"""The users of a drill: a fixed rate of questions per second, whatever happens to the answers.

In: a URL, and a function that makes the next request. Out: requests, until told to stop. No user waits for another, as
in life: a service that gets slow does not get fewer requests. Answers are read and thrown away.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson
from yarl import URL

from shared.http_client.faults import HttpFault
from shared.http_client.pool import Pool

RATE = 5.0  # requests per second
PATIENCE = 60.0  # seconds that a user waits for an answer
MOST_USERS = 10_000  # at the same time
LONGEST_ANSWER = 1 << 20  # bytes
HEADERS = {"Content-Type": "application/json"}
SHORT = {"model": "workshop-sim", "max_tokens": 32}

# The popular questions, the most popular first.
POPULAR = (
    "What is a cache for?",
    "What is a token?",
    "How do rate limits work?",
    "What is a circuit breaker?",
    "Why do retries need jitter?",
    "What is time to first token?",
    "What does a queue do?",
    "What is a trace?",
)


@dataclass(slots=True, frozen=True)
class Request:
    """A POST request."""

    path: str
    body: Mapping[str, Any]


Ask = Callable[[random.Random], Request]


def everyday(chance: random.Random) -> Request:
    """A good day: popular questions, questions of a user's own, and now and then a stream."""
    mood = chance.random()
    if mood < 0.4:
        return popular(chance)
    path = "/generate" if mood < 0.75 else "/generate/stream"
    return Request(path, {"prompt": f"Tell me about {chance.randrange(10**9)}", **SHORT})


def popular(chance: random.Random) -> Request:
    """A popular question; the answers are soon in the cache."""
    weights = [1 / place for place in range(1, len(POPULAR) + 1)]
    return Request("/generate", {"prompt": chance.choices(POPULAR, weights)[0], "temperature": 0, **SHORT})


class Traffic:
    """`ask` may be replaced while it runs; `rate` is requests per second."""

    def __init__(self, url: str, rate: float, ask: Ask) -> None:
        self.ask = ask
        self._url = URL(url)
        self._rate = rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    async def _run(self) -> None:
        chance = random.Random(5)
        pool = Pool(self._url, most=MOST_USERS, connect_seconds=PATIENCE, idle_seconds=PATIENCE)
        under_way: set[asyncio.Task[None]] = set()
        while not self._over.is_set():
            user = asyncio.create_task(_send(pool, self.ask(chance)))
            under_way.add(user)
            user.add_done_callback(under_way.discard)
            await asyncio.sleep(chance.expovariate(self._rate))
        for user in under_way:
            user.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        pool.close()


async def _send(pool: Pool, request: Request) -> None:
    head = pool.head("POST", pool.origin.join(URL(request.path)), HEADERS)
    try:
        async with asyncio.timeout(PATIENCE):
            await pool.fetch(head, orjson.dumps(request.body), most=LONGEST_ANSWER)
    except (HttpFault, TimeoutError):
        pass  # a user got no answer: the service's own metrics must show it
