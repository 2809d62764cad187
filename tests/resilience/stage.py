"""The setting for tests of single layers: calls, streams, and handlers that wait until the test ends them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from shared.pipeline.call import Call, Caller
from shared.pipeline.errors import ServiceError
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.outcome import Ending, Outcome
from shared.pipeline.reply import Chunk, Reply, TokenStream
from tests.shared.conftest import completion, make_call


def call_of(caller: str = "ana", *, stream: bool = False) -> Call:
    call = make_call(stream=stream)
    call.caller = Caller(caller)
    return call


def token_stream() -> TokenStream:
    async def rest() -> AsyncIterator[Chunk]:
        return
        yield

    async def close() -> None: ...

    return TokenStream(Chunk(b"", "hola", 4), rest(), close)


class Upstream:
    """Calls wait here until a test ends them, in order of arrival."""

    def __init__(self) -> None:
        self.inside: list[tuple[Call, asyncio.Future[Reply]]] = []

    async def __call__(self, call: Call) -> Reply:
        ending: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.inside.append((call, ending))
        return await ending

    def callers(self) -> list[str]:
        """The callers of the waiting calls, in order of arrival."""
        return [call.caller.id for call, ending in self.inside if not ending.done()]

    def end(self, how: Reply | Exception | None = None) -> None:
        """Ends the call that has waited longest."""
        ending = next(ending for _, ending in self.inside if not ending.done())
        if isinstance(how, Exception):
            ending.set_exception(how)
        else:
            ending.set_result(how or completion())


def send(layer: Layer, handler: Handler, call: Call) -> asyncio.Task[Reply]:
    return asyncio.ensure_future(layer(call, handler))


async def until(condition: Callable[[], bool]) -> None:
    """Runs the event loop step by step until the condition is true."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")


async def settle_down() -> None:
    """Runs the event loop until every task waits."""
    for _ in range(20):
        await asyncio.sleep(0)


def finish(call: Call, ending: Ending, error: ServiceError | None = None) -> None:
    call.finish(Outcome(ending, error=error))


def replying(reply: Callable[[Call], Reply | BaseException]) -> Callable[[Call], Awaitable[Reply]]:
    """A handler that returns or raises the result of `reply`."""

    async def handler(call: Call) -> Reply:
        answer = reply(call)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return handler
