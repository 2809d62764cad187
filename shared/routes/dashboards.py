"""GET /playground/traces and /playground/dashboards: two pages on the state of the service, and the data they show.

A browser may call only the origin of its page, so this service reads Prometheus and the trace receiver: with fixed
queries, within two seconds, and once for all pages that ask at about the same time. Where tokens are required, only
callers with a token get the data.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from shared.cache.coalesced import Coalesced
from shared.dashboards.history import MINUTES, History
from shared.dashboards.source import Missing, Source
from shared.http.json import json_response
from shared.http.tags import OPEN
from shared.pipeline.errors import InvalidRequest, NotFound
from shared.routes.playground import PAGE, WEB, Asset

if TYPE_CHECKING:
    from shared.service import Service

PAGES = {f"{PAGE}/{name}": WEB / f"{name}.html" for name in ("traces", "dashboards")}
API = f"{PAGE}/api"
TRACE_ID = re.compile(r"[0-9a-f]{32}")
REMEMBERED = 1.5  # seconds
REQUEST_ID = "gateway.request_id"  # the attribute that identifies a trace
LONGEST_ID = 200  # characters


def dashboard_routes(service: Service) -> APIRouter:
    """For build_service's `routes`."""
    router = APIRouter()
    _add_pages(router)
    settings = service.settings
    _add_traces(router, Source(settings.traces_url, setting="TRACES_URL", what="trace receiver"))
    _add_series(router, Source(settings.prometheus_url, setting="PROMETHEUS_URL", what="Prometheus"))
    return router


def _add_pages(router: APIRouter) -> None:
    assets = {path: Asset.read(file) for path, file in PAGES.items()}

    async def page(request: Request) -> Response:
        return assets[request.scope["path"]].response(request)

    for path in assets:
        summary = "A page that shows the state of the service"
        router.add_api_route(path, page, summary=summary, tags=[OPEN], response_class=HTMLResponse)


def _add_traces(router: APIRouter, receiver: Source) -> None:
    # Listed as a route only if there is a trace receiver: the chat then shows a link to the traces.
    listed: dict[str, Any] = {"include_in_schema": receiver.known}
    remembered = Coalesced[Any](REMEMBERED)

    async def newest(of_request: str = "") -> Any:
        async with receiver.asking() as asking:
            only = {"attribute": REQUEST_ID, "value": of_request} if of_request else None
            return await asking.get("/traces", only)

    @router.get(f"{API}/traces", summary="The latest traces, or those of one request (request_id)", **listed)
    async def traces(request: Request) -> Response:
        if of_request := request.query_params.get("request_id", "")[:LONGEST_ID]:
            return json_response(await newest(of_request))
        return json_response(await remembered.get(None, newest))

    @router.get(f"{API}/traces/{{trace_id}}", summary="A trace with its spans", **listed)
    async def trace(trace_id: str) -> Response:
        if not TRACE_ID.fullmatch(trace_id):
            raise InvalidRequest("a trace id is 32 hexadecimal digits", param="trace_id")
        async with receiver.asking() as asking:
            try:
                return json_response(await asking.get(f"/traces/{trace_id}"))
            except Missing:
                gone = "no such trace is kept any more, or none was ever sent"
                raise NotFound(gone, code="trace_not_found") from None


def _add_series(router: APIRouter, prometheus: Source) -> None:
    history = History(prometheus)
    remembered = Coalesced[Any](REMEMBERED)

    @router.get(f"{API}/series", summary="The time series that the dashboards show", include_in_schema=prometheus.known)
    async def series(request: Request) -> Response:
        minutes = _minutes(request.query_params.get("minutes", "15"))
        return json_response(await remembered.get(minutes, lambda: history.last(minutes)))


def _minutes(text: str) -> int:
    for minutes in MINUTES:
        if text == str(minutes):
            return minutes
    raise InvalidRequest(f"minutes must be one of {', '.join(map(str, MINUTES))}", param="minutes")
