"""POST /webhooks/ingest: signed webhooks from other services, each accepted once. GET /webhooks/alerts: the board."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import Counter

from shared.http.auth_gate import caller_of
from shared.http.json import json_response, read_body
from shared.http.tags import OPEN
from shared.pipeline.errors import NotFound, ServiceError, Unauthorized
from shared.webhooks.alert_board import AlertBoard
from shared.webhooks.notification import FIRING, Notification, read
from shared.webhooks.signature import Verifier

if TYPE_CHECKING:
    from shared.service import Routes, Service

log = logging.getLogger(__name__)

webhooks_total = Counter(
    "gateway_webhooks_total", "Webhooks received, by outcome: taken, duplicate, or the code of the refusal", ["outcome"]
)


def webhook_routes(board: AlertBoard) -> Routes:
    """For build_service's `routes`. Raises BadSetting for an invalid secret."""

    def routes(service: Service) -> APIRouter:
        settings = service.settings
        verifier = Verifier(settings.webhook_hmac_secret.get_secret_value(), settings.webhook_timestamp_window)
        router = APIRouter()

        @router.post("/webhooks/ingest", tags=[OPEN], summary="Receive a signed webhook")
        async def ingest(request: Request) -> Response:
            try:
                if not verifier:
                    raise NotFound("WEBHOOK_HMAC_SECRET is not set: webhooks are disabled", code="webhooks_disabled")
                claim = verifier.claim(request.headers)
                body = await read_body(request, settings.max_body_bytes)
                verifier.verify(claim, body)
                told = read(body)
                news = await board.take(claim.id, told.alerts)
            except ServiceError as refusal:
                webhooks_total.labels(refusal.error_code).inc()
                raise
            webhooks_total.labels("taken" if news else "duplicate").inc()
            if news:
                _log(claim.id, told)
            # Also for a duplicate: a sender that did not get our first answer sends again until it gets one.
            return json_response({"id": claim.id, "duplicate": not news, "alerts": len(told.alerts)})

        @router.get("/webhooks/alerts", summary="Current alerts (callers with a token)")
        async def alerts(request: Request) -> Response:
            if caller_of(request).user is None:
                raise Unauthorized("alerts are for callers with a token: Authorization: Bearer wk_…")
            return json_response({"alerts": await board.current()})

        return router

    return routes


def _log(id: str, told: Notification) -> None:
    """Log one operational line per alert, or one for an event."""
    if told.type != "alerts":
        log.info("webhook %s", told.type, extra={"fields": {"event": "webhook", "type": told.type, "webhook_id": id}})
    for alert in told.alerts:
        fields = {
            "event": "alert",
            "name": alert.name,
            "severity": alert.severity,
            "status": alert.status,
            "summary": alert.summary,
            "fingerprint": alert.fingerprint,
            "webhook_id": id,
        }
        level = logging.WARNING if alert.status == FIRING else logging.INFO
        log.log(level, "alert %s is %s", alert.name, alert.status, extra={"fields": fields})
    if told.left_out:
        log.warning("webhook %s has %d alerts too many, which were left out", id, told.left_out)
