"""Turns every error, on every route, into a response with the same envelope."""

import logging

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match

from shared.http.disconnect import ClientLeft
from shared.http.json import json_response
from shared.pipeline.errors import CLIENT_CLOSED_REQUEST, InvalidRequest, MethodNotAllowed, NotFound, ServiceError

log = logging.getLogger(__name__)

METHODS = ("GET", "POST", "PUT", "DELETE")  # HEAD is a GET, see same_route.py


def as_response(request: Request, error: Exception) -> Response:
    """The response for `error`. An error that is not ours is a bug: it is logged, and the client gets a plain 500."""
    match error:
        case ClientLeft():
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        case ServiceError():
            refusal = error
        case HTTPException():
            refusal = _of_the_framework(request, error)
        case _:
            fields = {"request_id": getattr(request.state, "request_id", None)}
            said = "a bug: %s %s failed"
            log.error(said, request.method, request.url.path, exc_info=error, extra={"fields": fields})
            refusal = ServiceError("the service failed; the request id is in its log")
    request_id = getattr(request.state, "request_id", None)
    headers = refusal.headers() | (_allowed(request) if isinstance(refusal, MethodNotAllowed) else {})
    return json_response(refusal.envelope(request_id), status=refusal.http_status, headers=headers)


def answer_errors_in_the_envelope(app: FastAPI) -> None:
    async def answer(request: Request, error: Exception) -> Response:
        return as_response(request, error)

    for kind in (ServiceError, HTTPException, ClientLeft, Exception):
        app.add_exception_handler(kind, answer)


def _allowed(request: Request) -> dict[str, str]:
    """The methods of all routes with this path; the framework names those of the first."""
    found = {
        method
        for method in METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    return {"Allow": ", ".join(sorted(found))}


def _of_the_framework(request: Request, error: HTTPException) -> ServiceError:
    path = request.url.path
    if error.status_code == NotFound.status:
        return NotFound(f"there is no {path} here; GET / lists the routes")
    if error.status_code == MethodNotAllowed.status:
        return MethodNotAllowed(f"{request.method} is not allowed on {path}")
    refusal = InvalidRequest(str(error.detail))
    refusal.http_status = error.status_code
    return refusal
