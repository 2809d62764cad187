"""Fixtures for the core's tests: calls, a scripted handler, and a real embedded server as upstream."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.outcome import Usage
from shared.pipeline.reply import Completion, Reply
from shared.settings import Settings
from shared.upstream.client import Upstream
from workshop.grader.launch import SIMULATOR, ModelServer, embedded_server
from workshop.grader.upstream import Upstream as Faults


def make_call(prompt: str = "Hola", *, stream: bool = False, max_tokens: int = 20) -> Call:
    messages = ({"role": "user", "content": prompt},)
    request = ChatRequest(SIMULATOR, messages, temperature=0.0, max_tokens=max_tokens, stream=stream)
    return Call(request, endpoint="/generate", request_id="test")


def answering(*replies: Reply | Exception) -> Callable[[Call], Awaitable[Reply]]:
    """A handler that returns (or raises) these, one per call; it repeats the last one for ever."""
    waiting = list(replies)

    async def handler(call: Call) -> Reply:
        reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    return handler


def completion(text: str = "hola") -> Completion:
    return Completion(model=SIMULATOR, text=text, usage=Usage(3, 4), finish_reason="stop", raw=b"{}")


@pytest.fixture(scope="package")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture
def faults(server: ModelServer) -> Iterator[Faults]:
    """The embedded server's switches and its register of calls."""
    upstream = Faults(server.url, key=server.key)
    upstream.forget_calls()
    yield upstream
    upstream.clear()
    upstream.close()


@asynccontextmanager
async def opened(server: ModelServer) -> AsyncIterator[Upstream]:
    """A client of the embedded server, inside this event loop."""
    settings = Settings(openai_api_key=SecretStr(server.key))
    upstream = Upstream(settings, base_url=f"{server.url}/v1")
    await upstream.open()
    try:
        yield upstream
    finally:
        await upstream.close()
