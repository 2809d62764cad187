"""A client that trusts nothing: it keeps every byte of a reply, and checks it against the contract.

In: a route and a prompt. Out: a Seen. Knows the promises of our routes and the rules of server-sent events, but not
what the upstream did.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from shared.upstream import lenient_json

PATIENCE = 120.0  # seconds for a whole reply; here none may take longer
HONEST = {400, 404, 413, 422, 429, 502, 503, 504}  # statuses that are allowed for faults of the upstream
DONE = "[DONE]"


@dataclass(slots=True, frozen=True)
class Route:
    """One kind of request, with a name."""

    path: str
    stream: bool
    openai: bool

    @property
    def name(self) -> str:
        return f"{self.path}{'+stream' if self.stream and self.openai else ''}"

    def body(self, prompt: str, max_tokens: int = 100) -> dict[str, Any]:
        if not self.openai:
            return {"prompt": prompt, "max_tokens": max_tokens, "temperature": 0.7}
        messages = [{"role": "user", "content": prompt}]
        return {"messages": messages, "max_tokens": max_tokens, "stream": self.stream}


GENERATE = Route("/generate", stream=False, openai=False)
CHAT = Route("/v1/chat/completions", stream=False, openai=True)
GENERATE_STREAM = Route("/generate/stream", stream=True, openai=False)
CHAT_STREAM = Route("/v1/chat/completions", stream=True, openai=True)
UNARY, STREAMS = (GENERATE, CHAT), (GENERATE_STREAM, CHAT_STREAM)
ROUTES = (*UNARY, *STREAMS)


@dataclass(slots=True)
class Seen:
    """A reply as received. `failure` says why it has no end."""

    route: Route
    request_id: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str = ""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether this is a complete answer."""
        return self.status == 200 and (not self.route.stream or self.payloads()[-1:] == [DONE])

    def payloads(self) -> list[str]:
        return payloads(self.body)

    def text(self) -> str:
        """The model's text."""
        if not self.route.stream:
            document = lenient_json.read(self.body)
            message = document["choices"][0]["message"] if self.route.openai else {"content": document["output"]}
            return str(message["content"] or "")
        frames = self.frames()
        if not self.route.openai:
            return "".join(frame.get("delta", "") for frame in frames)
        listed = [frame.get("choices") for frame in frames]
        choices = [choice for some in listed if isinstance(some, list) for choice in _objects(some)]
        deltas = [choice.get("delta") for choice in choices]
        contents = [delta.get("content") for delta in _objects(deltas)]
        return lenient_json.well_formed("".join(content for content in contents if isinstance(content, str)))

    def frames(self) -> list[dict[str, Any]]:
        """The objects of a stream. OpenAI's route passes on whatever else comes, our own routes nothing else."""
        found = []
        for payload in self.payloads():
            if payload == DONE:
                continue
            try:
                found.append(json.loads(payload))
            except (ValueError, RecursionError):
                assert self.route.openai, f"no JSON: {payload[:100]}"
        return _objects(found) if self.route.openai else found

    def wrong(self) -> str:
        """How the reply breaks the contract; empty if it is right."""
        if self.failure:
            return f"no end: {self.failure}"
        if self.status != 200 and self.status not in HONEST:
            return f"status {self.status}"
        if self.headers.get("X-Request-ID") != self.request_id:
            return "no request id of its own"
        try:
            if self.status != 200:
                self._check_error(orjson.loads(self.body))
            elif self.route.stream:
                self._check_stream()
            elif self.route.openai:
                assert lenient_json.read(self.body)["choices"][0]["message"] is not None
            else:
                self._check_answer(orjson.loads(self.body))
        except (AssertionError, ValueError, KeyError, TypeError, IndexError) as wrong:
            return f"{self.status} {type(wrong).__name__} {wrong}: {self.body[:300]!r}"
        return ""

    def _check_error(self, document: Any) -> None:
        error = document["error"]
        assert set(error) == {"message", "type", "param", "code", "request_id"}, "not our envelope"
        assert isinstance(error["message"] or None, str), "no message"
        assert isinstance(error["code"] or None, str), "no code"
        assert len(self.body) < 5000, "the error is too long"
        assert error["request_id"] == self.request_id, "an error for another request"

    def _check_answer(self, document: Any) -> None:
        assert isinstance(document["output"], str), "no text"
        self._check_metadata(document)

    def _check_metadata(self, document: Any) -> None:
        assert document["request_id"] == self.request_id, "an answer to another request"
        metadata = document["metadata"]
        for count in metadata["tokens"].values():
            assert type(count) is int, "token counts that are not numbers"
            assert 0 <= count < 1 << 33, "an impossible number of tokens"
        assert metadata["cost_usd"] >= 0, "a negative cost"
        assert isinstance(metadata["model"], str), "no model"

    def _check_stream(self) -> None:
        assert self.headers["Content-Type"].startswith("text/event-stream"), "not a stream"
        assert self.body.endswith(b"\n\n"), "the last event has no end"
        events = self.payloads()
        assert events, "a stream without events"
        frames = self.frames()
        errors = [frame for frame in frames if frame.get("error")]
        assert events.count(DONE) + len(errors) == 1, "neither one [DONE] nor one error"
        if errors:
            assert frames[-1] is errors[0], "something follows the error"
            return self._check_error({"error": errors[0]["error"]})
        assert events[-1] == DONE, "something follows [DONE]"
        if not self.route.openai:
            assert all(set(frame) == {"delta"} for frame in frames[:-1]), "an event that is not a delta"
            self._check_metadata(frames[-1])


def _objects(values: Iterable[object]) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)]


def payloads(body: bytes) -> list[str]:
    """The data of each event, as in the standard: CR, LF and CRLF all end a line."""
    lines = body.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found: list[str] = []
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            found.append("\n".join(data))
            data = []
    return found


def connections() -> aiohttp.ClientSession:
    """Any number of connections, each for one request, so that no reply can affect the next one."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=PATIENCE))


async def ask(
    session: aiohttp.ClientSession, url: str, route: Route, request_id: str, prompt: str = "Hola", max_tokens: int = 100
) -> Seen:
    """Asks once. Never raises."""
    seen, started = Seen(route, request_id), time.monotonic()
    headers = {"X-Request-ID": request_id}
    body = bytearray()
    try:
        async with session.post(url + route.path, json=route.body(prompt, max_tokens), headers=headers) as response:
            seen.status, seen.headers = response.status, response.headers
            async for block in response.content.iter_any():
                body += block
    except (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as fault:
        seen.failure = f"{type(fault).__name__} {fault}"
    seen.body, seen.seconds = bytes(body), time.monotonic() - started
    return seen
