"""GET /v1/models and /v1/models/{id}: the upstream's models, as the upstream lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from shared.cache.coalesced import Coalesced
from shared.pipeline.errors import NotFound, UpstreamRejected
from shared.upstream.openai_wire import MISSHAPEN
from shared.upstream.pools import Upstreams

if TYPE_CHECKING:
    from shared.service import Service


REMEMBERED = 1.0  # seconds; however many ask, the upstream lists its models once, and calls keep their connections


def model_routes(service: Service) -> APIRouter:
    router = APIRouter()
    assert isinstance(service.upstreams, Upstreams)
    upstreams = service.upstreams
    remembered = Coalesced[bytes](REMEMBERED)

    async def listed() -> bytes:
        return await remembered.get(None, upstreams.models)

    @router.get("/v1/models", summary="The models behind this service")
    async def models() -> Response:
        return _as_it_came(await listed())

    @router.get("/v1/models/{name:path}", summary="One of these models")
    async def model(name: str) -> Response:
        # Names may have slashes (google/medgemma-27b), but must not lead out of /models.
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise NotFound(f"the model {name!r} does not exist", code="model_not_found")
        shown, refusal = b"", None
        try:
            shown = await upstreams.models(quote(name, safe="/"))
        except UpstreamRejected as error:
            refusal = error
        # vLLM has no route for a single model, and Ray Serve shows it without its date; both list it in full.
        if b'"created"' not in shown and (entry := _entry(await listed(), name)):
            return _as_it_came(orjson.dumps(entry))
        if refusal:
            raise refusal
        return _as_it_came(shown)

    return router


def _entry(listed: bytes, name: str) -> object:
    """The entry of the model with this name, or None."""
    try:
        return next((entry for entry in orjson.loads(listed)["data"] if entry["id"] == name), None)
    except MISSHAPEN:
        return None


def _as_it_came(listed: bytes) -> Response:
    return Response(listed, media_type="application/json")
