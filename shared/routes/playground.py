"""GET /playground: a page for talking to this service, with switches for faults of the embedded model server.

The page is a fixed table of files, read once. A browser may call only the origin of its page, so in development this
service relays the fault switches of an embedded model server, and an attendee's progress, which the workshop's commands
write to PROGRESS_FILE. Neither exists anywhere else.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from yarl import URL

from shared.http.json import json_response, read_body
from shared.http.tags import OPEN
from shared.http_client.faults import HttpFault
from shared.pipeline.errors import InvalidRequest, NotFound
from shared.upstream.client import Upstream
from shared.upstream.pools import Upstreams

if TYPE_CHECKING:
    from shared.service import Service

WEB = Path(__file__).resolve().parent.parent / "web"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGE = "/playground"
# Every path and its file: nothing else is served, whatever the path. Other pages belong to other routes.
FILES = {PAGE: WEB / "index.html"} | {
    f"{PAGE}/{file.relative_to(WEB).as_posix()}": file
    for file in sorted(WEB.rglob("*"))
    if file.suffix in TYPES and file.suffix != ".html"
}

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # cache, but revalidate: a page and its scripts must have the same version
}

PROGRESS = f"{PAGE}/progress"
PROGRESS_PAGE = WEB / "progress.html"
MOST_PROGRESS_BYTES = 1 << 20
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
        path = request.scope["raw_path"]
        # A page's links are relative to its path without a slash at the end; the root has only that slash.
        if self.media_type == TYPES[".html"] and path.endswith(b"/") and path != b"/":
            page = path.rstrip(b"/").rpartition(b"/")[2].decode()
            return Response(status_code=308, headers={"Location": f"../{page}"})
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
        router.add_api_route(
            path,
            asset,
            summary="A page to try the service",
            tags=[OPEN],
            include_in_schema=shown,
            response_class=HTMLResponse,
        )

    assert isinstance(service.upstreams, Upstreams)
    upstream = service.upstreams.primary
    if service.settings.env == "development" and _is_here(upstream.base_url):
        _add_faults(router, upstream)
    if service.settings.env == "development" and service.settings.progress_file:
        _add_progress(router, Path(service.settings.progress_file))
    return router


def _add_progress(router: APIRouter, file: Path) -> None:
    asset = Asset.read(PROGRESS_PAGE)

    @router.get(PROGRESS, summary="An attendee's progress (development)", tags=[OPEN], response_class=HTMLResponse)
    async def page(request: Request) -> Response:
        return asset.response(request)

    @router.get(f"{PAGE}/api/progress", summary="The data of that page (development)")
    async def progress() -> Response:
        return json_response(await asyncio.to_thread(_read_progress, file))


def _read_progress(file: Path) -> Any:
    """Raises NotFound: the file is another program's, and may be anything."""
    try:
        with file.open("rb") as opened:
            return orjson.loads(opened.read(MOST_PROGRESS_BYTES))
    except OSError as fault:
        raise NotFound(f"the file at PROGRESS_FILE cannot be read: {fault.strerror}") from None
    except orjson.JSONDecodeError:
        raise NotFound("the file at PROGRESS_FILE is not JSON, or too large") from None


def _add_faults(router: APIRouter, upstream: Upstream) -> None:
    url = URL(upstream.base_url).with_path("/admin/faults")

    async def relay(method: str, body: bytes | None = None) -> Response:
        try:
            async with asyncio.timeout(FAULTS_SECONDS):
                response, answer = await upstream.pool.fetch(upstream.head(method, url), body, most=MOST_FAULTS_BYTES)
                status = response.status
        except (HttpFault, TimeoutError):
            status, answer = 0, b""
        if status == InvalidRequest.status:
            raise InvalidRequest(orjson.loads(answer)["error"]["message"], code="bad_fault")
        if status != 200:
            raise NotFound("no embedded model server with fault switches answers behind this service")
        return Response(answer, media_type="application/json")

    @router.get(f"{PAGE}/faults", summary="The faults that the next calls meet (development)")
    async def faults() -> Response:
        return await relay("GET")

    @router.put(f"{PAGE}/faults", summary="Set faults of the embedded model server (development)")
    async def order(request: Request) -> Response:
        return await relay("PUT", await read_body(request, MOST_FAULTS_BYTES))

    @router.delete(f"{PAGE}/faults", summary="Remove all faults (development)")
    async def take_back() -> Response:
        return await relay("DELETE")


def _is_here(url: str) -> bool:
    """Is this an address of this machine?"""
    host = URL(url).host or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
