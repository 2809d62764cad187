"""People who keep asking the gateway: some want whole answers, some want streams.

In: a gateway's URL. Out: an Asked for every request, from its start on, so that a test can choose its moment. It asks
as OpenAI's clients do, but never retries.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

PATIENCE = 120.0  # seconds; a request that hangs longer is lost
PAUSE = 0.3  # seconds between two questions of one person: a starting replica needs the processor, too
WHOLE_TOKENS = 16
STREAM_TOKENS = 160  # enough for a stream that lasts seconds
QUESTIONS = ("What is a time-out for?", "What is Ray Serve?", "What is a token?", "Why do we cache?", "What is vLLM?")


@dataclass(slots=True)
class Asked:
    """One request. Times are those of time.monotonic(); None means that it has not happened."""

    streamed: bool
    began: float
    first_token: float | None = None
    ended: float | None = None
    status: int | None = None
    fallback: str = ""
    text: str = ""
    finish_reason: str = ""
    done: bool = False  # [DONE] has arrived
    error: str = ""

    @property
    def answered(self) -> bool:
        """The answer is complete and without an error."""
        whole = self.status == 200 and bool(self.text and self.finish_reason) and not self.error
        return whole and (self.done or not self.streamed)

    @property
    def told_of_its_end(self) -> bool:
        """A stream broke off after it had begun, and its reader was told that the answer is incomplete."""
        return self.streamed and bool(self.text) and bool(self.error) and not self.done

    @property
    def in_the_middle(self) -> bool:
        return self.streamed and self.first_token is not None and self.ended is None

    @property
    def by_the_engine(self) -> bool:
        return self.answered and not self.fallback

    @property
    def by_the_fallback(self) -> bool:
        return self.answered and bool(self.fallback)

    def __str__(self) -> str:
        took = (self.ended or time.monotonic()) - self.began
        kind = "stream" if self.streamed else "whole"
        return f"{kind}: {self.status} after {took:.1f} s, {len(self.text)} characters, {self.error or 'no error'}"


class Crowd:
    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.going = True
        self._numbers = itertools.count()

    @property
    def ended(self) -> list[Asked]:
        return [one for one in self.asked if one.ended is not None]

    @property
    def cut(self) -> list[Asked]:
        """Streams that broke off after they had begun, and whose readers were told."""
        return [one for one in self.ended if one.told_of_its_end]

    @property
    def streaming(self) -> list[Asked]:
        """Streams from the cluster that have begun and not ended."""
        return [one for one in self.asked if one.in_the_middle and not one.fallback]

    @property
    def lost(self) -> list[str]:
        """The requests that were neither answered nor told of their end, in words."""
        return [str(one) for one in self.ended if not (one.answered or one.told_of_its_end)]

    def since(self, moment: float) -> list[Asked]:
        """Requests that began after `moment` and have ended."""
        return [one for one in self.ended if one.began > moment]

    async def come(self, whole: int, streams: int) -> None:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False, limits=limits) as client:
            kinds = [False] * whole + [True] * streams
            await asyncio.gather(*(self._keep_asking(client, streamed) for streamed in kinds))

    async def _keep_asking(self, client: httpx2.AsyncClient, streamed: bool) -> None:
        while self.going:
            one = Asked(streamed, time.monotonic())
            self.asked.append(one)
            try:
                await (self._read_stream if streamed else self._read_whole)(client, one)
            except (httpx2.TransportError, ValueError, LookupError) as fault:
                one.error = f"{type(fault).__name__}: {fault}"
            one.ended = time.monotonic()
            await asyncio.sleep(PAUSE)

    async def _read_whole(self, client: httpx2.AsyncClient, one: Asked) -> None:
        answer = await client.post(self.url, json=self._body(WHOLE_TOKENS))
        _note_head(one, answer)
        body = answer.json()
        if answer.status_code == 200:
            _note_choice(one, body["choices"][0], "message")
        else:
            one.error = body["error"]["code"]

    async def _read_stream(self, client: httpx2.AsyncClient, one: Asked) -> None:
        body = self._body(STREAM_TOKENS) | {"stream": True, "ignore_eos": True}
        async with client.stream("POST", self.url, json=body) as answer:
            _note_head(one, answer)
            async for line in answer.aiter_lines():
                if line.startswith("data: ") and not one.done:
                    _note_event(one, line[6:])
                elif line.startswith("{"):  # an error as a JSON document
                    one.error = json.loads(line)["error"]["code"]

    def _body(self, max_tokens: int) -> dict[str, Any]:
        number = next(self._numbers)  # keeps caches from answering
        content = f"{QUESTIONS[number % len(QUESTIONS)]} ({number})"
        return {"messages": [{"role": "user", "content": content}], "max_tokens": max_tokens, "temperature": 0.7}


@contextmanager
def crowd(gateway: str, *, whole: int, streams: int) -> Iterator[Crowd]:
    """They ask until the block ends. Then each waits for the end of their last request."""
    people = Crowd(f"{gateway}/v1/chat/completions")
    thread = threading.Thread(target=lambda: asyncio.run(people.come(whole, streams)), daemon=True)
    thread.start()
    try:
        yield people
    finally:
        people.going = False
        thread.join(2 * PATIENCE)
        assert not thread.is_alive(), "somebody still waits for an answer"


def _note_head(one: Asked, answer: httpx2.Response) -> None:
    one.status, one.fallback = answer.status_code, answer.headers.get("x-fallback", "")


def _note_event(one: Asked, data: str) -> None:
    if data == "[DONE]":
        one.done = True
        return
    event = json.loads(data)
    if error := event.get("error"):
        one.error = error["code"]
    elif event.get("choices"):
        _note_choice(one, event["choices"][0], "delta")


def _note_choice(one: Asked, choice: dict[str, Any], part: str) -> None:
    if content := choice[part].get("content"):
        one.first_token = one.first_token or time.monotonic()
        one.text += content
    one.finish_reason = choice["finish_reason"] or one.finish_reason
