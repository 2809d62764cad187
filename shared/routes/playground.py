"""GET /playground: a page to talk to this service with, and the switches of the faults behind it.

The page is a fixed table of files, read once. A browser may only talk to where its page came from, so in development
the fault switches of an embedded model server are handed on; nowhere else do they exist.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from yarl import URL

from shared.http.json import read_body
from shared.http.tags import OPEN
from shared.pipeline.errors import InvalidRequest, NotFound
from shared.upstream.client import Upstream
from shared.upstream.pools import Upstreams

if TYPE_CHECKING:
    from shared.service import Service

WEB = Path(__file__).resolve().parent.parent / "web"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGE = "/playground"
# Every path and its file: what is not here is not served, whatever a path says. Other pages are other routes'.
FILES = {PAGE: WEB / "index.html"} | {
    f"{PAGE}/{file.name}": file for file in WEB.iterdir() if file.suffix in TYPES and file.suffix != ".html"
}

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # keep it, but ask each time: a page and its scripts must be of one version
}

FAULTS_SECONDS = 2.0
MOST_FAULTS_BYTES = 64 << 10


@dataclass(slots=True, frozen=True)
class Asset:
    body: bytes
    media_type: str
    etag: str

    @classmethod
    def read(cls, file: Path) -> Asset:
        body = file.read_bytes()
        return cls(body, TYPES[file.suffix], f'"{hashlib.sha256(body).hexdigest()[:16]}"')

    def response(self, request: Request) -> Response:
        headers = {**HEADERS, "ETag": self.etag}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


def playground_routes(service: Service) -> APIRouter:
    """For build_service's `routes`."""
    router = APIRouter()
    assets = {path: Asset.read(file) for path, file in FILES.items()}

    async def asset(request: Request) -> Response:
        return assets[request.scope["path"]].response(request)

    for path in assets:
        shown = path == PAGE
        router.add_api_route(path, asset, summary="A page to talk to it with", tags=[OPEN], include_in_schema=shown)

    assert isinstance(service.upstreams, Upstreams)
    upstream = service.upstreams.primary
    if service.settings.env == "development" and _is_here(upstream.base_url):
        _add_faults(router, upstream)
    return router


def _add_faults(router: APIRouter, upstream: Upstream) -> None:
    url = URL(upstream.base_url).with_path("/admin/faults")

    async def relay(method: str, body: bytes | None = None) -> Response:
        try:
            async with (
                asyncio.timeout(FAULTS_SECONDS),
                upstream.session.request(method, url, data=body, allow_redirects=False) as response,
            ):
                status, answer = response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            status, answer = 0, b""
        if status == InvalidRequest.status:
            raise InvalidRequest(orjson.loads(answer)["error"]["message"], code="bad_fault")
        if status != 200:
            raise NotFound("no embedded model server with fault switches answers behind this service")
        return Response(answer, media_type="application/json")

    @router.get(f"{PAGE}/faults", summary="What goes wrong with the next calls (development)")
    async def faults() -> Response:
        return await relay("GET")

    @router.put(f"{PAGE}/faults", summary="Order faults of the embedded model server (development)")
    async def order(request: Request) -> Response:
        return await relay("PUT", await read_body(request, MOST_FAULTS_BYTES))

    @router.delete(f"{PAGE}/faults", summary="No more faults (development)")
    async def take_back() -> Response:
        return await relay("DELETE")


def _is_here(url: str) -> bool:
    """Is this an address of this very machine?"""
    host = URL(url).host or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
