"""A sender of webhooks that signs them with the specification's own package, not with our code."""

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import Webhook

from workshop.grader.service import Answer, Service

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATH = "/webhooks/ingest"


def headers(body: str, *, id: str, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """`at` is in seconds since 1970; the default is now."""
    seconds = int(time.time() if at is None else at)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": Webhook(secret).sign(id, datetime.fromtimestamp(seconds, UTC), body),
    }


def by_hand(key: bytes, id: str, at: int, body: str) -> dict[str, str]:
    """The five lines that people write without a library."""
    digest = hmac.new(key, f"{id}.{at}.{body}".encode(), hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


def new_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


def notification(*alerts: Mapping[str, Any]) -> dict[str, Any]:
    """A notification as Alertmanager sends it."""
    return {
        "receiver": "gateway",
        "status": "firing",
        "alerts": [dict(alert) for alert in alerts],
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://prometheus.example.org:9093",
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
    }


def alert(name: str, status: str = "firing", **more: Any) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "page", "job": "gateway"},
        "annotations": {"summary": f"{name} is about something", "description": "more of it"},
        "startsAt": "2026-02-06T13:08:45.828123456Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-02-06T14:08:45Z",
        "generatorURL": "http://prometheus.example.org:9090/graph",
        **more,
    }


class Sender:
    def __init__(self, service: Service) -> None:
        self._service = service

    def send(
        self,
        document: object,
        *,
        id: str = "",
        at: float | None = None,
        secret: str = SECRET,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`document`: an object for JSON, or a string to send unchanged. `headers` replace those of the signature."""
        body = document if isinstance(document, str) else json.dumps(document)
        signed = _signed(body, id=id or new_id(), at=at, secret=secret)
        return self.post(body, {**signed, **(headers or {})})

    def post(self, body: str, headers: Mapping[str, str]) -> Answer:
        return self._service.request("POST", PATH, body=body, headers=headers)


_signed = headers
