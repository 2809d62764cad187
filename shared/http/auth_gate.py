"""Authentication for routes that do not go through the layers: GET /usage, /, /health, and paths that do not exist.

Each of them refuses a bad token. From here on, the caller is in `request.state.caller`.
"""

from collections.abc import Callable, Collection
from functools import partial

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.accounts.authenticator import Authenticator
from shared.http.envelope import as_response
from shared.pipeline.call import Caller
from shared.pipeline.errors import Forbidden, ServiceError


class AuthGate:
    """Identifies every caller. If tokens are required, callers without one reach only `open_paths`."""

    def __init__(self, app: ASGIApp, open_paths: Collection[str], *, authenticator: Authenticator) -> None:
        self.app = app
        self.authenticator = authenticator
        self.open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        peer = scope["client"][0] if scope["client"] else ""
        try:
            caller = await self.authenticator.identify(Headers(scope=scope), peer)
            if scope["path"] not in self.open_paths:
                self.authenticator.admit(caller)
        except ServiceError as refusal:
            return await as_response(Request(scope), refusal)(scope, receive, send)
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)


def auth_gate(authenticator: Authenticator) -> Callable[[ASGIApp, Collection[str]], ASGIApp]:
    """For build_service's `gate`."""
    return partial(AuthGate, authenticator=authenticator)


def caller_of(request: Request) -> Caller:
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


def admin_of(request: Request) -> Caller:
    """The caller, who is an administrator. Raises Forbidden."""
    caller = caller_of(request)
    if caller.role != "admin":
        raise Forbidden("this needs an administrator's token; make token USER=… ROLE=admin makes one")
    return caller
