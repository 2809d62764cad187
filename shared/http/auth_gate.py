"""Authentication for routes that do not go through the layers: GET /usage, /, /health, and paths that do not exist.

Each of them refuses a bad token. From here on, the caller is in `request.state.caller`.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from hmac import compare_digest
from types import MappingProxyType

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.accounts.identity import Identity
from shared.http.envelope import as_response
from shared.http_client.headers import by_name
from shared.pipeline.call import Caller
from shared.pipeline.errors import Forbidden, ServiceError

PROGRAM = Caller("program", role="admin")


class AuthGate:
    """Identifies every caller. If tokens are required, callers without one reach only `open_paths`.

    `tokens` are those of programs, by the one path that each is for. On that path, it is an administrator's.
    """

    def __init__(
        self,
        app: ASGIApp,
        open_paths: Collection[str],
        *,
        authenticator: Identity,
        tokens: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.app = app
        self.authenticator = authenticator
        self.open_paths = open_paths
        self._programs = {path: f"bearer {token}".encode() for path, token in tokens.items() if token}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            caller = await self._identify(scope)
        except ServiceError as refusal:
            return await as_response(Request(scope), refusal)(scope, receive, send)
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)

    async def _identify(self, scope: Scope) -> Caller:
        headers, path = by_name(scope["headers"]), scope["path"]
        if expected := self._programs.get(path):
            scheme, _, token = headers.get("authorization", "").partition(" ")
            if compare_digest(f"{scheme.lower()} {token.strip()}".encode(), expected):
                return PROGRAM
        caller = await self.authenticator.identify(headers, scope["client"][0] if scope["client"] else "")
        if path not in self.open_paths:
            self.authenticator.admit(caller)
        return caller


def auth_gate(
    authenticator: Identity, tokens: Mapping[str, str] = MappingProxyType({})
) -> Callable[[ASGIApp, Collection[str]], ASGIApp]:
    """For build_service's `gate`."""
    return partial(AuthGate, authenticator=authenticator, tokens=tokens)


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
