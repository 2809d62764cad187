"""Every error, on every route, in the one envelope."""

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from shared.asgi.disconnect import ClientLeft
from shared.errors import MethodNotAllowed, NotFound, ServiceError
from shared.routes.json import json_response

CLIENT_CLOSED_REQUEST = 499  # nginx's; nobody receives it, but logs and metrics read it


def answer_errors_in_the_envelope(app: FastAPI) -> None:
    @app.exception_handler(ServiceError)
    async def refused(request: Request, error: ServiceError) -> Response:
        request_id = getattr(request.state, "request_id", None)
        return json_response(error.envelope(request_id), status=error.http_status, headers=error.headers())

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        refusal = (
            MethodNotAllowed(f"{request.method} is not for {path}")
            if error.status_code == MethodNotAllowed.status
            else NotFound(f"there is no {path} here; GET / lists the routes")
        )
        response = await refused(request, refusal)
        response.headers.update(error.headers or {})  # Allow
        return response

    @app.exception_handler(ClientLeft)
    async def client_left(request: Request, error: ClientLeft) -> Response:
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        return await refused(request, ServiceError("the service failed; the request id is in its log"))
