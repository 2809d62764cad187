"""Demo 4 services with one deliberate fault each. The checks must find every fault.

Each function builds an application as `demos.demo_4_streaming.app:build` does, and runs as
`python -m shared.server tests.demo_4.mutants:buffers_streams`. test_demo_4.py says which checks must catch which.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from shared.app import build_service
from shared.http.event_stream import EventStream
from shared.http.relay import relay
from shared.layers.adaptive_timeout import AdaptiveTimeout
from shared.layers.admission_queue import AdmissionQueue
from shared.layers.circuit_breaker import CircuitBreaker
from shared.layers.fallback import Fallback
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog, log_record
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call
from shared.pipeline.errors import Overloaded, ServiceError, UpstreamError, UpstreamRejected, UpstreamUnavailable
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.outcome import Ending, Outcome, Usage
from shared.pipeline.reply import Chunk, Format, Relay, Reply, TokenStream
from shared.resilience.breaker import Breaker
from shared.resilience.circuit import MakeBreaker, Result, Rules, State
from shared.resilience.retry_budget import RetryBudgets
from shared.routes.batch import batch_routes
from shared.routes.chat import chat_routes
from shared.routes.endpoint import open_call
from shared.routes.generate import to_chat
from shared.routes.generate_stream import generate_stream_routes
from shared.routes.infer import infer_routes
from shared.routes.models import model_routes
from shared.routes.schemas import GenerateRequest
from shared.routes.streaming import Deltas
from shared.service import Routes, Service
from shared.settings import Settings
from shared.upstream.event_parser import Events
from shared.upstream.pools import Upstreams
from shared.upstream.sse import DONE, MakeEvents, event


def demo_4(
    settings: Settings,
    *,
    log: RequestLog | None = None,
    around: Sequence[Layer] = (),
    timeout: Layer | None = None,
    queue: Layer | None = None,
    fallback: Layer | None = None,
    retry: Layer | None = None,
    breaker: Layer | None = None,
    inside: Sequence[Layer] = (),
    stream_routes: Routes = generate_stream_routes,
    events: MakeEvents = Events,
    relay: Relay = relay,
) -> FastAPI:
    """The part of demo 4's stack that its checks see, with a mutant's part in place of the right one."""
    return build_service(
        settings,
        title="Demo 4, wrong on purpose",
        upstreams=Upstreams(settings, events),
        layers=[
            log or RequestLog(settings.log_file),
            InputGuard(settings.max_chars, {"/v1/chat/completions": settings.max_chars_chat}),
            *around,
            timeout or AdaptiveTimeout(settings.timeout, settings.timeout_max),
            queue or AdmissionQueue(settings.http_max_connections, settings.queue_max_size, settings.queue_timeout),
            fallback or Fallback(settings),
            retry or Retry(settings.max_retries, delay=settings.retry_delay, budgets=_budgets(settings)),
            breaker or CircuitBreaker(settings),
            *inside,
        ],
        routes=[stream_routes, chat_routes, model_routes, infer_routes, batch_routes],
        relay=relay,
    )


def _budgets(settings: Settings) -> RetryBudgets:
    return RetryBudgets(settings.retry_budget, settings.retry_budget_reserve)


def _with(settings: Settings, **changes: Any) -> FastAPI:
    """The right parts with wrong settings."""
    return demo_4(settings.model_copy(update=changes))


# --- reading and writing streams ---------------------------------------------------------------------------------


class BlocksAreEvents:
    """Takes each block of bytes for whole events, which is true only on a good day."""

    def feed(self, block: bytes) -> list[bytes]:
        return [text.removeprefix(b"data: ") for text in block.split(b"\n\n") if text]


def takes_blocks_for_events(settings: Settings) -> FastAPI:
    return demo_4(settings, events=BlocksAreEvents)


class DecodesEachBlock(Events):
    """Breaks an é whose bytes arrive in two blocks."""

    def feed(self, block: bytes) -> list[bytes]:
        return super().feed(block.decode(errors="replace").encode())


def decodes_each_block(settings: Settings) -> FastAPI:
    return demo_4(settings, events=DecodesEachBlock)


class OneOfEachBlock(Events):
    """Reads only the first event of a block that ends in the middle of another."""

    def feed(self, block: bytes) -> list[bytes]:
        payloads = super().feed(block)
        return payloads[:1] if self._held else payloads


def takes_one_event_of_a_block_and_a_half(settings: Settings) -> FastAPI:
    return demo_4(settings, events=OneOfEachBlock)


class ForgetsTheRest(Events):
    """Loses an event that is incomplete at the end of a block."""

    def feed(self, block: bytes) -> list[bytes]:
        self.__init__()  # type: ignore[misc]
        return super().feed(block)


def forgets_the_rest_of_each_block(settings: Settings) -> FastAPI:
    return demo_4(settings, events=ForgetsTheRest)


class LooksForLineFeeds(Events):
    """Takes CR for a character of the line, so that an empty line that ends in CR LF is not empty."""

    def feed(self, block: bytes) -> list[bytes]:
        return super().feed(block.replace(b"\r", b"\0"))


def knows_no_other_end_of_a_line(settings: Settings) -> FastAPI:
    return demo_4(settings, events=LooksForLineFeeds)


class TakesAllForData(Events):
    """Reads comments and other fields as data."""

    def _read(self, line: bytes, payloads: list[bytes]) -> None:
        super()._read(b"data:" + line if line and not line.startswith(b"data:") else line, payloads)


def takes_comments_for_data(settings: Settings) -> FastAPI:
    return demo_4(settings, events=TakesAllForData)


class WantsASpace(Events):
    def _read(self, line: bytes, payloads: list[bytes]) -> None:
        if not line or line.startswith(b"data: "):
            super()._read(line, payloads)


def wants_a_space_after_the_colon(settings: Settings) -> FastAPI:
    return demo_4(settings, events=WantsASpace)


def reads_all_streams_as_one(settings: Settings) -> FastAPI:
    one = Events()
    return demo_4(settings, events=lambda: one)


async def _all_at_once(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    yield b"".join([data async for data in relay(call, stream, format)])


def buffers_streams(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=_all_at_once)


async def _two_behind(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    held: list[bytes] = []
    async for data in relay(call, stream, format):
        held.append(data)
        if len(held) > 2:
            yield held.pop(0)
    yield b"".join(held)


def is_always_two_tokens_behind(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=_two_behind)


async def _done_whatever_happens(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    """Sends [DONE] even after an error, as some engines do."""
    async for data in relay(call, stream, format):
        yield data
    if call.outcome is not None and call.outcome.ending is Ending.CUT:
        yield event(DONE)


def ends_cut_streams_in_done(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=_done_whatever_happens)


async def _no_last_word(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    async for data in relay(call, stream, format):
        if call.outcome is None or call.outcome.ending is not Ending.CUT:
            yield data


def ends_cut_streams_without_a_word(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=_no_last_word)


async def _done_for_half_an_answer(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    """Ends a broken stream like a complete one, as the starter does."""
    try:
        async for chunk in stream:
            if data := format.chunk(chunk):
                yield data
    except ServiceError:
        pass
    yield format.end(call) + event(DONE)
    await stream.aclose()


def takes_half_an_answer_for_a_whole_one(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=_done_for_half_an_answer)


async def _of_nobody(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    async for data in relay(call, stream, format):
        yield data.replace(call.request_id.encode(), b"somebody-elses") if b'"error"' in data else data


def names_another_request_in_its_errors(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=_of_nobody)


class WithoutItsEnd:
    """A route's format that sends nothing between the last token and [DONE]."""

    def __init__(self, format: Format) -> None:
        self.chunk = format.chunk

    def end(self, call: Call) -> bytes:
        return b""


def leaves_the_end_out(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=lambda call, stream, format: relay(call, stream, WithoutItsEnd(format)))


async def _never_done(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    async for data in relay(call, stream, format):
        yield data.removesuffix(event(DONE))


def never_says_done(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=_never_done)


async def _done_too_early(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    async for data in relay(call, stream, format):
        end = event(DONE)
        yield end + data.removesuffix(end) if data.endswith(end) else data


def says_done_before_the_end(settings: Settings) -> FastAPI:
    return demo_4(settings, relay=_done_too_early)


class TriesAgain:
    """Retries a stream that breaks off: the client gets half an answer, and then another whole one."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if not isinstance(reply, TokenStream):
            return reply

        async def chunks() -> AsyncIterator[Chunk]:
            try:
                async for chunk in reply:
                    if chunk is not reply.first:
                        yield chunk
            except UpstreamUnavailable:
                again = await next(call)
                assert isinstance(again, TokenStream)
                async for chunk in again:
                    yield chunk

        return TokenStream(reply.first, chunks(), reply.aclose)


def tries_again_after_the_first_token(settings: Settings) -> FastAPI:
    return demo_4(settings, inside=[TriesAgain()])


def promises_too_early(settings: Settings) -> FastAPI:
    """Sends the 200 before it knows whether there will be an answer."""

    def routes(service: Service) -> APIRouter:
        router = APIRouter()

        async def answer(call: Call) -> AsyncGenerator[bytes]:
            try:
                stream = await service.answer(call)
                assert isinstance(stream, TokenStream)
                async for data in relay(call, stream, Deltas()):
                    yield data
            except ServiceError as error:
                yield event(orjson.dumps(error.envelope(call.request_id)))

        @router.post("/generate/stream")
        async def generate_stream(request: Request) -> Response:
            call = await open_call(
                service, request, GenerateRequest, lambda asked: to_chat(service, asked, stream=True)
            )
            return EventStream(answer(call), headers={}, keepalive=settings.stream_keepalive_sec, patience=60)

        return router

    return demo_4(settings, stream_routes=routes)


def never_ends_a_silence(settings: Settings) -> FastAPI:
    return _with(settings, stream_silence_timeout=1e6)


def sends_no_comments(settings: Settings) -> FastAPI:
    return _with(settings, stream_keepalive_sec=1e6)


# --- usage, and clients that leave -------------------------------------------------------------------------------


class Counts:
    """Replaces the upstream's token count."""

    def __init__(self, usage: Usage | None) -> None:
        self.usage = usage

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if not isinstance(reply, TokenStream):
            return reply
        stream = reply

        async def chunks() -> AsyncIterator[Chunk]:
            async for chunk in stream:
                if chunk is not stream.first:
                    yield replace(chunk, usage=self.usage if chunk.usage else None)

        return TokenStream(stream.first, chunks(), stream.aclose)


def streams_cost_nothing(settings: Settings) -> FastAPI:
    return demo_4(settings, inside=[Counts(Usage())])


def guesses_what_streams_used(settings: Settings) -> FastAPI:
    return demo_4(settings, inside=[Counts(None)])


def _free_for_who_leaves(call: Call, outcome: Outcome) -> dict[str, Any]:
    if outcome.ending is Ending.LEFT:
        outcome = replace(outcome, usage=Usage(), cost_usd=0.0)
    return log_record(call, outcome)


def books_nothing_for_who_leaves(settings: Settings) -> FastAPI:
    return demo_4(settings, log=RequestLog(settings.log_file, _free_for_who_leaves))


class WorksForNobody:
    """Waits for the upstream even after the client has left."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await asyncio.shield(asyncio.ensure_future(next(call)))


def keeps_asking_for_who_left(settings: Settings) -> FastAPI:
    return demo_4(settings, inside=[WorksForNobody()])


class ReadsForNobody:
    """Reads a stream to its end even after the client has left."""

    readers: ClassVar[set[asyncio.Task[None]]] = set()

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if not isinstance(reply, TokenStream):
            return reply
        stream, read = reply, asyncio.Queue[Chunk | UpstreamError | None]()

        async def pump() -> None:
            try:
                async for chunk in stream:
                    if chunk is not stream.first:
                        read.put_nowait(chunk)
                read.put_nowait(None)
            except UpstreamError as broken:
                read.put_nowait(broken)
            finally:
                await stream.aclose()

        async def chunks() -> AsyncIterator[Chunk]:
            while (chunk := await read.get()) is not None:
                if isinstance(chunk, UpstreamError):
                    raise chunk
                yield chunk

        async def leave_it_open() -> None:
            return

        reader = asyncio.create_task(pump())
        self.readers.add(reader)
        reader.add_done_callback(self.readers.discard)
        return TokenStream(stream.first, chunks(), leave_it_open)


def keeps_reading_for_who_left(settings: Settings) -> FastAPI:
    return demo_4(settings, inside=[ReadsForNobody()])


# --- OpenAI's API ------------------------------------------------------------------------------------------------


class Asks:
    """Changes the caller's request."""

    def __init__(self, change: Callable[[Call], None]) -> None:
        self.change = change

    async def __call__(self, call: Call, next: Handler) -> Reply:
        self.change(call)
        return await next(call)


def _asking(settings: Settings, change: Callable[[Call], None]) -> FastAPI:
    return demo_4(settings, around=[Asks(change)])


def always_sends_usage(settings: Settings) -> FastAPI:
    def change(call: Call) -> None:
        extra = {**call.request.extra, "stream_options": {"include_usage": True}}
        call.request = replace(call.request, extra=extra)

    return _asking(settings, change)


def never_sends_usage(settings: Settings) -> FastAPI:
    def change(call: Call) -> None:
        extra = {name: value for name, value in call.request.extra.items() if name != "stream_options"}
        call.request = replace(call.request, extra=extra)

    return _asking(settings, change)


KNOWN = {"stream_options", "n", "seed", "stop", "tools", "tool_choice", "logprobs", "top_logprobs", "response_format"}


def drops_what_it_does_not_know(settings: Settings) -> FastAPI:
    def change(call: Call) -> None:
        extra = {name: value for name, value in call.request.extra.items() if name in KNOWN}
        call.request = replace(call.request, extra=extra)

    return _asking(settings, change)


def drops_tools(settings: Settings) -> FastAPI:
    def change(call: Call) -> None:
        extra = {name: value for name, value in call.request.extra.items() if not name.startswith("tool")}
        call.request = replace(call.request, extra=extra)

    return _asking(settings, change)


class RefusesInItsOwnWay:
    def __init__(self, status: int) -> None:
        self.status = status

    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await next(call)
        except UpstreamRejected as error:
            if error.upstream_status == 404:
                error.http_status = self.status
            raise


def answers_400_for_models_that_do_not_exist(settings: Settings) -> FastAPI:
    return demo_4(settings, around=[RefusesInItsOwnWay(400)])


def does_not_read_max_new_tokens(settings: Settings) -> FastAPI:
    def change(call: Call) -> None:
        if call.endpoint.startswith("/v1/infer"):
            call.request = replace(call.request, max_tokens=1000)

    return _asking(settings, change)


# --- many prompts ------------------------------------------------------------------------------------------------


class InOrderOfArrival:
    """Gives the first answer of a batch that arrives to the first prompt."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Reply]] = []
        self.answered = 0

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if call.endpoint != "/generate/batch":
            return await next(call)
        mine: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.waiting.append(mine)
        reply = await next(call)
        self.waiting[self.answered].set_result(reply)
        self.answered += 1
        return await mine


def answers_batches_as_they_come(settings: Settings) -> FastAPI:
    return demo_4(settings, around=[InOrderOfArrival()])


def answers_batches_all_at_once(settings: Settings) -> FastAPI:
    return _with(settings, max_concurrent=1000)


def answers_batches_one_by_one(settings: Settings) -> FastAPI:
    return _with(settings, max_concurrent=1)


# --- retries -----------------------------------------------------------------------------------------------------


class NotForStreams(Retry):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await (next(call) if call.request.stream else super().__call__(call, next))


def never_retries_streams(settings: Settings) -> FastAPI:
    return demo_4(settings, retry=NotForStreams(settings.max_retries, settings.retry_delay))


class KnowsBetter(Retry):
    def backoff(self, retries: int, error: UpstreamError) -> float:
        said, error.retry_after = error.retry_after, None
        wait = super().backoff(retries, error)
        error.retry_after = said
        return wait


def asks_again_before_its_time(settings: Settings) -> FastAPI:
    return demo_4(settings, retry=KnowsBetter(settings.max_retries, settings.retry_delay))


def retries_without_a_budget(settings: Settings) -> FastAPI:
    return demo_4(settings, retry=Retry(settings.max_retries, settings.retry_delay))


# --- the circuit breaker -----------------------------------------------------------------------------------------


def _breaker(settings: Settings, make: MakeBreaker) -> FastAPI:
    return demo_4(settings, breaker=CircuitBreaker(settings, breaker=make))


def opens_one_failure_too_late(settings: Settings) -> FastAPI:
    return _with(settings, circuit_breaker_failure_threshold=settings.circuit_breaker_failure_threshold + 1)


def opens_one_failure_too_soon(settings: Settings) -> FastAPI:
    return _with(settings, circuit_breaker_failure_threshold=settings.circuit_breaker_failure_threshold - 1)


class LetsAFewThrough(Breaker):
    """Lets only four calls through at the same time while the breaker is closed."""

    few = 4

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.under_way = 0

    def admit(self) -> int | None:
        if self.state is State.CLOSED and self.under_way == self.few:
            return None
        permit = super().admit()
        self.under_way += permit is not None
        return permit

    def settle(self, permit: int, result: Result) -> None:
        self.under_way -= 1
        super().settle(permit, result)


def lets_a_few_through_when_closed(settings: Settings) -> FastAPI:
    return _breaker(settings, LetsAFewThrough)


class CountsAllFailures(Breaker):
    """Counts failures even if successes come between them."""

    def settle(self, permit: int, result: Result) -> None:
        if not (self.state is State.CLOSED and result is Result.SUCCESS):
            super().settle(permit, result)


def counts_failures_that_are_not_in_a_row(settings: Settings) -> FastAPI:
    return _breaker(settings, CountsAllFailures)


class Reads(Breaker):
    """Reads one kind of result as another in one state. It reads late results correctly."""

    state_of_mind = State.CLOSED
    read, as_if = Result.NEITHER, Result.SUCCESS

    def settle(self, permit: int, result: Result) -> None:
        wrong = self._state is self.state_of_mind and result is self.read
        super().settle(permit, self.as_if if wrong else result)


class BeginsANewRow(Reads):
    """Restarts the count of failures after an inconclusive call."""


def begins_a_new_row_with_what_tells_nothing(settings: Settings) -> FastAPI:
    return _breaker(settings, BeginsANewRow)


class TakesAnyEndForASuccess(Reads):
    state_of_mind = State.HALF_OPEN


def takes_probes_that_tell_nothing_for_successes(settings: Settings) -> FastAPI:
    return _breaker(settings, TakesAnyEndForASuccess)


class TakesAnyEndForAFailure(Reads):
    state_of_mind = State.HALF_OPEN
    as_if = Result.FAILURE


def takes_probes_that_tell_nothing_for_failures(settings: Settings) -> FastAPI:
    return _breaker(settings, TakesAnyEndForAFailure)


class WaitsForWhatIsOver(Breaker):
    """Never frees the place of an inconclusive probe."""

    def settle(self, permit: int, result: Result) -> None:
        if result is not Result.NEITHER:
            super().settle(permit, result)


def never_ends_a_probe_that_tells_nothing(settings: Settings) -> FastAPI:
    return _breaker(settings, WaitsForWhatIsOver)


class BlamesTheUpstream(CircuitBreaker):
    """Blames the upstream even for faults in the request."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        circuit = self.circuits.of(call.target.upstream, call.target.model or call.request.model)
        permit = circuit.admit()
        try:
            reply = await next(call)
        except UpstreamError:
            circuit.settle(permit, Result.FAILURE)
            raise
        circuit.settle(permit, Result.SUCCESS)
        return reply


def counts_rejections(settings: Settings) -> FastAPI:
    return demo_4(settings, breaker=BlamesTheUpstream(settings))


class RefusesSlowly(CircuitBreaker):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await super().__call__(call, next)
        except ServiceError as error:
            if error.error_code == "circuit_open":
                await asyncio.sleep(0.1)
            raise


def refuses_slowly(settings: Settings) -> FastAPI:
    return demo_4(settings, breaker=RefusesSlowly(settings))


class SaysNotWhen(Breaker):
    def half_open_in(self) -> float:
        return 0.0


def says_not_when_to_come_back(settings: Settings) -> FastAPI:
    return _breaker(settings, SaysNotWhen)


class SaysTheWholeWait(Breaker):
    """States the whole wait, however much of it has passed."""

    def half_open_in(self) -> float:
        return self.rules.open_for if self.state is State.OPEN else 0.0


def always_says_the_whole_wait(settings: Settings) -> FastAPI:
    return _breaker(settings, SaysTheWholeWait)


class LetsSomeThrough(Breaker):
    """Lets every fourth call through while the breaker is open."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.refused = 0

    def admit(self) -> int | None:
        permit = super().admit()
        if permit is None and self.state is State.OPEN:
            self.refused += 1
            return self._era if self.refused % 4 == 0 else None
        return permit


def lets_some_through_while_open(settings: Settings) -> FastAPI:
    return _breaker(settings, LetsSomeThrough)


class IsImpatient(Breaker):
    """Becomes half-open after half of the wait."""

    @property
    def state(self) -> State:
        if self._state is State.OPEN and self._clock() - self._since >= self.rules.open_for / 2:
            self._become(State.HALF_OPEN)
        return self._state


def half_opens_too_soon(settings: Settings) -> FastAPI:
    return _breaker(settings, IsImpatient)


class TakesOffence(Breaker):
    """Restarts the wait with each refused call."""

    def admit(self) -> int | None:
        permit = super().admit()
        if permit is None and self._state is State.OPEN:
            self._since = self._clock()
        return permit


def begins_its_wait_again_with_each_call(settings: Settings) -> FastAPI:
    return _breaker(settings, TakesOffence)


class StaysOpen(Breaker):
    @property
    def state(self) -> State:
        return self._state


def never_half_opens(settings: Settings) -> FastAPI:
    return _breaker(settings, StaysOpen)


def lets_a_herd_through(settings: Settings) -> FastAPI:
    return _with(settings, circuit_breaker_probes=1000)


class ReadsNoPermits(Breaker):
    """Counts every result, no matter when the call began."""

    late: ClassVar[set[Result]] = set(Result)

    def settle(self, permit: int, result: Result) -> None:
        if permit == self._era or result in self.late:
            super().settle(self._era, result)


def counts_what_began_before(settings: Settings) -> FastAPI:
    return _breaker(settings, ReadsNoPermits)


class IsClosedByLateResults(ReadsNoPermits):
    """Closes on a late success, without a probe."""

    late: ClassVar[set[Result]] = {Result.SUCCESS}


def is_closed_by_late_results(settings: Settings) -> FastAPI:
    return _breaker(settings, IsClosedByLateResults)


class IsOpenedByLateResults(ReadsNoPermits):
    late: ClassVar[set[Result]] = {Result.FAILURE}


def is_opened_by_late_results(settings: Settings) -> FastAPI:
    return _breaker(settings, IsOpenedByLateResults)


class FreesPlacesTooOften(Breaker):
    """Frees a probe's place when a call that is not a probe ends."""

    def settle(self, permit: int, result: Result) -> None:
        if permit != self._era and self._state is State.HALF_OPEN:
            self._probing -= 1
        super().settle(permit, result)


def has_places_for_what_began_before(settings: Settings) -> FastAPI:
    return _breaker(settings, FreesPlacesTooOften)


def lets_one_probe_through(settings: Settings) -> FastAPI:
    return _with(settings, circuit_breaker_probes=1)


class KeepsAllPlaces(Breaker):
    """Limits the total number of probes instead of the number of concurrent probes."""

    def _settle_probe(self, result: Result) -> None:
        self._probing += 1
        super()._settle_probe(result)


def counts_all_probes_there_were(settings: Settings) -> FastAPI:
    return _breaker(settings, KeepsAllPlaces)


class HasWaitedAlready(Breaker):
    """Measures the wait of a reopened breaker from the first opening: the wait is already over."""

    def _become(self, state: State) -> None:
        since = self._since
        again = self._state is State.HALF_OPEN and state is State.OPEN
        super()._become(state)
        if again:
            self._since = since - self.rules.open_for


def begins_no_new_wait(settings: Settings) -> FastAPI:
    return _breaker(settings, HasWaitedAlready)


class ForgivesAFailedProbe(Breaker):
    def settle(self, permit: int, result: Result) -> None:
        probed = self._state is State.HALF_OPEN and result is Result.FAILURE
        super().settle(permit, Result.NEITHER if probed else result)


def forgives_a_failed_probe(settings: Settings) -> FastAPI:
    return _breaker(settings, ForgivesAFailedProbe)


def closes_one_success_too_soon(settings: Settings) -> FastAPI:
    return _with(settings, circuit_breaker_success_threshold=settings.circuit_breaker_success_threshold - 1)


def never_closes(settings: Settings) -> FastAPI:
    return _with(settings, circuit_breaker_success_threshold=1000)


class HoldsAGrudge(Breaker):
    def _become(self, state: State) -> None:
        failures = self._failures
        super()._become(state)
        self._failures = failures


def holds_old_failures_against_it(settings: Settings) -> FastAPI:
    return _breaker(settings, HoldsAGrudge)


class KeepsItToItself:
    """A breaker that GET /health does not know of."""

    def __init__(self, settings: Settings) -> None:
        self.breaker = CircuitBreaker(settings)

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await self.breaker(call, next)


def tells_nobody_of_its_breakers(settings: Settings) -> FastAPI:
    return demo_4(settings, breaker=KeepsItToItself(settings))


# --- fallbacks, queues, time-outs --------------------------------------------------------------------------------


class AsksEverybody(Fallback):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await super().__call__(call, next)
        except UpstreamRejected:
            reply = await self._ask_others(call, next)
            if reply is None:
                raise
            return reply


def falls_back_for_wrong_requests(settings: Settings) -> FastAPI:
    return demo_4(settings, fallback=AsksEverybody(settings))


class KeepsQuiet:
    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        call.metadata.pop("fallback", None)
        return reply


def does_not_name_the_fallback(settings: Settings) -> FastAPI:
    return demo_4(settings, around=[KeepsQuiet()])


class NotForStreamsEither(Fallback):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await (next(call) if call.request.stream else super().__call__(call, next))


def never_falls_back_for_streams(settings: Settings) -> FastAPI:
    return demo_4(settings, fallback=NotForStreamsEither(settings))


def has_room_for_everybody(settings: Settings) -> FastAPI:
    return _with(settings, queue_max_size=10**6)


def lets_nobody_wait(settings: Settings) -> FastAPI:
    return _with(settings, queue_max_size=0)


class LetsThemWaitInVain(AdmissionQueue):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await super().__call__(call, next)
        except Overloaded:
            await asyncio.sleep(1)
            raise


def refuses_after_a_wait(settings: Settings) -> FastAPI:
    queue = LetsThemWaitInVain(settings.http_max_connections, settings.queue_max_size, settings.queue_timeout)
    return demo_4(settings, queue=queue)


def has_one_timeout_for_all(settings: Settings) -> FastAPI:
    return demo_4(settings, timeout=Timeout(settings.timeout))


def knows_no_longest_time(settings: Settings) -> FastAPI:
    return demo_4(settings, timeout=AdaptiveTimeout(settings.timeout, most=1e6))
