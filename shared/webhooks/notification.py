"""The content of a webhook: an Alertmanager's notification, or any event in the form of Standard Webhooks.

In: a verified body. Out: alerts, with texts short and clean enough for a log line and a table. Knows nothing of
signatures or databases.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field

from shared.pipeline.errors import InvalidRequest
from shared.pipeline.validation import validated
from shared.webhooks.tables import NAME, SEVERITY, SUMMARY

FIRING, RESOLVED = "firing", "resolved"
MOST_ALERTS = 500  # of one notification
FINGERPRINT = re.compile(r"[0-9A-Za-z]{1,64}")

Status = Literal["firing", "resolved"]
Texts = dict[str, str]


@dataclass(slots=True, frozen=True)
class Alert:
    """Times in seconds since 1970. A firing alert is forgotten at `ends`, unless a webhook repeats it."""

    fingerprint: str
    name: str
    severity: str
    status: Status
    summary: str
    starts: float | None = None
    ends: float | None = None


@dataclass(slots=True, frozen=True)
class Notification:
    """`type` is an event's, or `alerts`. `left_out`: the number of alerts over MOST_ALERTS."""

    type: str
    alerts: tuple[Alert, ...] = ()
    left_out: int = 0


class _Alert(BaseModel):
    status: Status | None = None
    labels: Texts | None = None
    annotations: Texts | None = None
    starts_at: datetime | None = Field(None, alias="startsAt")
    ends_at: datetime | None = Field(None, alias="endsAt")
    fingerprint: str = ""


class _Alerts(BaseModel):
    """https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; Grafana's looks the same."""

    status: Status = "firing"
    alerts: list[_Alert]


class _Event(BaseModel):
    type: str = Field(min_length=1, max_length=NAME)
    data: Any = None


def read(body: bytes) -> Notification:
    """Raises InvalidRequest."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        raise InvalidRequest(f"the body is not valid JSON: {broken}", code="invalid_json") from None
    if isinstance(document, dict) and "alerts" in document:
        told = validated(_Alerts, document)
        kept = told.alerts[:MOST_ALERTS]
        return Notification("alerts", tuple(_alert(alert, told.status) for alert in kept), len(told.alerts) - len(kept))
    if isinstance(document, dict) and "type" in document:
        return Notification(_clean(validated(_Event, document).type, NAME))
    raise InvalidRequest('the body is neither an Alertmanager\'s {"alerts": […]} nor an event {"type": …, "data": …}')


def _alert(alert: _Alert, status: Status) -> Alert:
    labels, annotations = alert.labels or {}, alert.annotations or {}
    return Alert(
        fingerprint=alert.fingerprint if FINGERPRINT.fullmatch(alert.fingerprint) else fingerprint(labels),
        name=_clean(labels.get("alertname", ""), NAME) or "unnamed",
        severity=_clean(labels.get("severity", ""), SEVERITY) or "unknown",
        status=alert.status or status,
        summary=_clean(annotations.get("summary") or annotations.get("description") or "", SUMMARY),
        starts=_seconds(alert.starts_at),
        ends=_seconds(alert.ends_at),
    )


def fingerprint(labels: Mapping[str, str]) -> str:
    """Tells an alert from others by its labels."""
    return hashlib.sha256(orjson.dumps(sorted(labels.items()))).hexdigest()[:16]


def _clean(text: str, length: int) -> str:
    """One line, without characters that a terminal or a database cannot take."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:length]).strip()


def _seconds(moment: datetime | None) -> float | None:
    """None for no time, and for Go's zero time, the year 1."""
    if moment is None or moment.year < 1970:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
