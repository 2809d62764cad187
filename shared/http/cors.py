"""CORS: the origins whose pages may call this service from a browser.

Runs outside of routes, limits and tokens, so that preflights need no token and pages can read errors, too.
Starlette makes the check; a refusal has our envelope. https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.envelope import as_response
from shared.pipeline.errors import Forbidden
from shared.settings import BadSetting

ANY = "*"
# As browsers write it: lower case, no path, no slash at the end. IPv6 addresses are in brackets.
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")

METHODS = ("GET", "POST")
EXPOSED = (
    "X-Request-ID",
    "X-Cache",
    "X-Cost-USD",
    "X-Fallback",
    "Retry-After",
    "X-Should-Retry",
    "RateLimit",
    "RateLimit-Policy",
    *(f"x-ratelimit-{what}-{of}" for of in ("requests", "tokens") for what in ("limit", "remaining", "reset")),
)


class Cors(CORSMiddleware):
    """No cookies: a page sends a token itself. Any request header is allowed: SDKs add their own."""

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        super().__init__(
            app, allow_origins=origins, allow_methods=METHODS, allow_headers=(ANY,), expose_headers=EXPOSED
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "OPTIONS"
            or not _is_preflight(headers := Headers(scope=scope))
        ):
            return await super().__call__(scope, receive, send)
        response = self.preflight_response(headers)
        if response.status_code != 200:
            said = bytes(response.body).decode().removeprefix("Disallowed CORS ")
            refusal = Forbidden(f"pages of {headers['origin'][:200]} may not do this: {said}", code="cors_refused")
            response = as_response(Request(scope), refusal)
        await response(scope, receive, send)


def _is_preflight(headers: Headers) -> bool:
    return "origin" in headers and "access-control-request-method" in headers


def cors(setting: str) -> Callable[[ASGIApp], ASGIApp] | None:
    """For build_service's `cors`: None if no origin is listed, so that requests skip it. Raises BadSetting."""
    origins = [origin for part in setting.split(",") if (origin := part.strip())]
    for origin in origins:
        if origin != ANY and not ORIGIN.fullmatch(origin):
            raise BadSetting(f"CORS_ORIGINS={origin}: an origin is https://host or http://host:port, and * is any")
    return (lambda app: Cors(app, origins)) if origins else None
