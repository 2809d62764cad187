"""POST /tokens/revoke: an administrator revokes a token, or all tokens of a user. In this worker it works at once.

Other workers trust a verified token until TOKEN_CACHE_TTL is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from shared.accounts.authenticator import Authenticator
from shared.accounts.tokens import UnknownName
from shared.http.auth_gate import admin_of
from shared.http.json import json_response, read_body
from shared.pipeline.errors import NotFound
from shared.pipeline.validation import parse

if TYPE_CHECKING:
    from shared.service import Routes, Service


class RevokeRequest(BaseModel):
    """`name`: a user's name, or a token's id."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)


def token_routes(authenticator: Authenticator) -> Routes:
    """For build_service's `routes`."""

    def routes(service: Service) -> APIRouter:
        router = APIRouter()

        @router.post("/tokens/revoke", summary="Revoke a token, or all tokens of a user (administrators)")
        async def revoke(request: Request) -> Response:
            admin_of(request)
            asked = parse(RevokeRequest, await read_body(request, service.settings.max_body_bytes))
            try:
                ended = await authenticator.revoke(asked.name)
            except UnknownName as unknown:
                raise NotFound(str(unknown), param="name") from None
            return json_response({"revoked": ended})

        return router

    return routes
