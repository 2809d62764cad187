"""Services that each raise an unexpected exception in one place, to test the reports of the grader and the log."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from shared.app import build_service
from shared.layers.request_log import RequestLog
from shared.pipeline.call import Call
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.outcome import Outcome
from shared.pipeline.reply import Format, Reply, TokenStream
from shared.routes.generate_stream import generate_stream_routes
from shared.service import Routes, Service
from shared.settings import Settings
from shared.upstream.pools import Upstreams


class RaisesWhenTold:
    """Raises only for prompts with "please fail" in them, so that some checks pass."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if "please fail" in call.request.prompt:
            raise KeyError("tokens_left")
        return await next(call)


def in_a_layer(settings: Settings) -> FastAPI:
    return _service(settings, [RequestLog(settings.log_file), RaisesWhenTold()])


def in_a_route(settings: Settings) -> FastAPI:
    def routes(service: Service) -> APIRouter:
        router = APIRouter()

        @router.get("/broken")
        async def broken() -> None:
            raise LookupError("no such route, after all")

        return router

    return _service(settings, [RequestLog(settings.log_file)], [routes])


def in_the_middle_of_a_stream(settings: Settings) -> FastAPI:
    async def relay(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
        async for chunk in stream:
            yield format.chunk(chunk)
            raise ArithmeticError("half a token")

    return build_service(
        settings,
        title="A stream that breaks",
        upstreams=Upstreams(settings),
        layers=[RequestLog(settings.log_file)],
        routes=[generate_stream_routes],
        relay=relay,
    )


def in_a_log_line(settings: Settings) -> FastAPI:
    def record(call: Call, outcome: Outcome) -> dict[str, Any]:
        return {"request_id": call.request_id, "odd": object() if "please fail" in call.request.prompt else None}

    return _service(settings, [RequestLog(settings.log_file, record)])


def when_it_is_opened(settings: Settings) -> FastAPI:
    class Closed(RequestLog):
        async def open(self) -> None:
            raise OSError("the drawer is stuck")

    return _service(settings, [Closed(settings.log_file)])


def _service(settings: Settings, layers: Sequence[Layer], routes: Sequence[Routes] = ()) -> FastAPI:
    return build_service(
        settings, title="Broken on purpose", upstreams=Upstreams(settings), layers=layers, routes=routes
    )
