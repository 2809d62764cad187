"""A stack of layers, an upstream and the routes, put together into one FastAPI application.

This is where a call is settled: whatever happens inside, each call gets exactly one outcome, with its usage and cost.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import SERVICE_NAME, __version__
from shared.asgi.concurrency import ConcurrencyLimit
from shared.asgi.express import Endpoint, Express, post_endpoints
from shared.asgi.request_id import RequestId
from shared.call import Call, Ending, Outcome, Usage
from shared.errors import InvalidRequest, ServiceError
from shared.layers.tracing import Tracing
from shared.pipeline import Layer, Resource, compose
from shared.prices import Price, PriceList, Prices
from shared.reply import Chunk, Completion, Reply, TokenStream
from shared.routes.generate import generate_routes
from shared.routes.health import Checked, health_routes
from shared.routes.refusals import answer_errors_in_the_envelope
from shared.routes.root import root_routes
from shared.routes.streaming import Relay, relay
from shared.settings import Settings
from shared.sse import Events, MakeEvents
from shared.telemetry.trace import follow_try
from shared.upstreams import Upstreams
from shared.wire import estimate

log = logging.getLogger(__name__)


class Service:
    """What the routes talk to: layers around an upstream, and the accounting of every call."""

    def __init__(
        self,
        settings: Settings,
        title: str,
        layers: Sequence[Layer],
        prices: Prices | None = None,
        events: MakeEvents = Events,
        relay: Relay = relay,
        checks: Sequence["MakeCheck"] = (),
    ) -> None:
        self.settings = settings
        self.title = title
        self.layers = layers
        self.started = time.time()
        self.relay = relay
        self.upstreams = Upstreams(settings, events)
        self.upstream = self.upstreams.primary
        self._prices = prices or PriceList(Price(settings.price_input_per_1m, settings.price_output_per_1m))
        self._handler = compose(layers, self._send)
        self.checks = [make_check(self) for make_check in checks]
        self._tracing = next((layer for layer in layers if isinstance(layer, Tracing)), None)

    # region: answer
    async def answer(self, call: Call) -> Reply:
        """Send the call through the layers and settle it. Raises ServiceError, and nothing else."""
        try:
            reply = await self._handler(call)
            if not isinstance(reply, TokenStream):
                self._settle_completion(call, reply)
                return reply
        except ServiceError as error:
            error.noted_headers = call.response_headers
            if isinstance(error, InvalidRequest):
                error.http_status = call.invalid_status
            call.finish(Outcome(Ending.FAILED, error=error))
            raise
        except asyncio.CancelledError:
            call.finish(Outcome(Ending.LEFT))
            raise
        except Exception:
            fields = {"request_id": call.request_id}
            log.exception("a bug: request %s failed inside the stack", call.request_id, extra={"fields": fields})
            bug = ServiceError("the service failed; the request id is in its log")
            call.finish(Outcome(Ending.FAILED, error=bug))
            raise bug from None
        waited = round(call.elapsed_ms(), 2)
        call.metadata["time_to_first_token_ms"] = call.log_fields["time_to_first_token_ms"] = waited
        return self._settled_at_its_end(call, reply)

    # endregion: answer

    def together(self, calls: Sequence[Call]) -> AbstractContextManager[None]:
        """The calls of one request, while they are answered."""
        return nullcontext() if self._tracing is None else self._tracing.together(calls)

    async def _send(self, call: Call) -> Reply:
        if call.refusal is not None:  # a stack without an input guard must not send what could not be read
            raise call.refusal
        if call.trace is not None:
            return await follow_try(call, call.trace, self.upstreams.base_url(call.target), self.upstreams)
        return await self.upstreams(call)

    def _settle_completion(self, call: Call, reply: Completion) -> None:
        reason, cached = reply.finish_reason, reply.cached
        self._settle(call, Ending.FINISHED, reply.model, reply.usage, len(reply.text), cached=cached, reason=reason)

    def _settle(
        self,
        call: Call,
        ending: Ending,
        model: str,
        usage: Usage,
        response_length: int,
        error: ServiceError | None = None,
        cached: bool = False,
        reason: str | None = None,
    ) -> None:
        cost, source = (0.0, "cache") if cached else self._prices.cost(model, usage)
        call.finish(Outcome(ending, usage, cost, source, model, response_length, error, cached, reason))

    def _settled_at_its_end(self, call: Call, stream: TokenStream) -> TokenStream:
        """The same stream, which settles the call when it ends, breaks or is closed before."""
        chunks = self._relay(call, stream)

        async def close() -> None:
            await chunks.aclose()
            await stream.aclose()
            if call.outcome is None:  # closed before anybody asked for a second chunk
                first = stream.first
                usage = first.usage or estimate(call.request, first.length)
                self._settle(call, Ending.LEFT, first.model or call.request.model, usage, first.length)

        return TokenStream(stream.first, chunks, close)

    # region: relay-settles
    async def _relay(self, call: Call, stream: TokenStream) -> AsyncGenerator[Chunk]:
        model, usage, reason, length = call.request.model, None, None, 0
        ending, error = Ending.LEFT, None
        try:
            async for chunk in stream:
                model, usage = chunk.model or model, chunk.usage or usage
                reason = chunk.finish_reason or reason
                length += chunk.length
                if chunk is not stream.first:
                    yield chunk
            ending = Ending.FINISHED
        except ServiceError as broken:
            ending, error = Ending.CUT, broken
            raise
        finally:
            usage = usage or estimate(call.request, length)
            self._settle(call, ending, model, usage, length, error, reason=reason)
            await stream.aclose()

    # endregion: relay-settles


MakeCheck = Callable[[Service], Checked]
Routes = Callable[[Service], APIRouter]
Gate = Callable[[ASGIApp], ASGIApp]


def build_service(
    settings: Settings,
    *,
    title: str,
    layers: Sequence[Layer],
    routes: Sequence[Routes] = (),
    resources: Sequence[Resource] = (),
    gate: Gate | None = None,
    around: Gate | None = None,
    prices: Prices | None = None,
    events: MakeEvents = Events,
    relay: Relay = relay,
    checks: Sequence[MakeCheck] = (),
) -> FastAPI:
    """The application of one demo.

    `routes` come besides those of demo 1. `resources` are what several layers share (a database, Redis): opened before
    the layers, closed after them. `gate` stands before every route that does not go through the layers; `around`
    before all of them, where limits and tokens do not count. Without `prices`: list prices, and PRICE_*_PER_1M for
    models that have none. `events` and `relay` are what streams are read and written by, for who wants to put in parts
    of their own. With `checks`, GET /health shows these besides the layers', and says what is wrong.
    """
    service = Service(settings, title, layers, prices, events, relay, checks)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            for resource in (*resources, *layers, service.upstreams, *service.checks):
                if isinstance(resource, Resource):
                    await _open(resource)
                    opened.push_async_callback(resource.close)
            yield

    # No /docs: its page loads scripts from elsewhere, and this must work offline. /openapi.json is there.
    app = _Application(
        title=title, version=__version__, summary=SERVICE_NAME, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    answer_errors_in_the_envelope(app)
    express: dict[str, Endpoint] = {}
    for make_routes in (root_routes, health_routes, generate_routes, *routes):
        router = make_routes(service)
        app.include_router(router)
        express |= post_endpoints(router)
    if gate is not None:
        app.add_middleware(gate)
    app.add_middleware(Express, routes=express)
    app.add_middleware(ConcurrencyLimit, limit=settings.uvicorn_limit_concurrency)
    if around is not None:
        app.add_middleware(around)
    app.add_middleware(RequestId)  # the last one added is the outermost
    return app


async def _open(resource: Resource) -> None:
    try:
        await resource.open()
    except Exception:
        log.exception("a bug: %s cannot be opened", type(resource).__name__)
        raise


class _Application(FastAPI):
    """FastAPI whose middleware is around all of it: what FastAPI itself puts there costs each request a tenth more."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._around: ASGIApp = super().__call__

    def add_middleware(self, middleware_class: Any, *args: Any, **kwargs: Any) -> None:
        self._around = middleware_class(self._around, *args, **kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._around(scope, receive, send)
