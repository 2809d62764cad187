"""The routes, as one ASGI application: OTLP in, traces as JSON out.

In: POST /v1/traces. Out: GET /traces, newest first, GET /traces/{id}, GET /health. Whatever format the sender
uses, an error is a Status in JSON: `{"code", "message"}`, with gRPC's code.
"""

from __future__ import annotations

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.traces.body import Bodies, Refused
from serving.traces.otlp import JSON, BadMessage, answer, read
from serving.traces.traces import NO_ROOM, Traces

INVALID_ARGUMENT, NOT_FOUND, UNKNOWN = 3, 5, 2  # google.rpc.Code
CODES = {400: INVALID_ARGUMENT, 404: NOT_FOUND, 413: INVALID_ARGUMENT, 415: INVALID_ARGUMENT}


class Receiver:
    def __init__(self) -> None:
        self._traces = Traces()
        self._bodies = Bodies()

    async def receive(self, request: Request) -> Response:
        body, media_type = await self._bodies.read(request)
        try:
            received = read(body, media_type)
        except BadMessage as wrong:
            raise Refused(400, str(wrong)) from None
        if refused := self._traces.add(received.spans):
            received.rejected += refused
            received.reason = NO_ROOM
        return Response(answer(received, media_type), media_type=media_type)

    async def traces(self, request: Request) -> Response:
        """`?attribute=NAME&value=TEXT`: only traces with a span that has this attribute and value."""
        asked = request.query_params
        return _json(self._traces.newest(asked.get("attribute", ""), asked.get("value", "")))

    async def trace(self, request: Request) -> Response:
        trace = self._traces.get(request.path_params["trace_id"].lower())
        if trace is None:
            raise Refused(404, "no such trace is kept here")
        return _json(trace)

    async def health(self, request: Request) -> Response:
        return _json({"status": "healthy", **self._traces.held()})


def build() -> Starlette:
    receiver = Receiver()
    return Starlette(
        routes=[
            Route("/v1/traces", receiver.receive, methods=["POST"]),
            Route("/traces", receiver.traces),
            Route("/traces/{trace_id}", receiver.trace),
            Route("/health", receiver.health),
        ],
        exception_handlers={Refused: _refused, HTTPException: _http_error},
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _json({"code": CODES.get(error.status, UNKNOWN), "message": str(error)}, error.status)


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405."""
    assert isinstance(error, HTTPException)
    said = {
        "code": CODES.get(error.status_code, UNKNOWN),
        "message": f"{request.method} {request.url.path}: {error.detail}",
    }
    response = _json(said, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type=JSON)
