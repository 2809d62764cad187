"""How a body is read: alerts of Alertmanager and Grafana, events, and a clear error for anything else."""

import json
import random
from typing import Any

import pytest

from shared.pipeline.errors import InvalidRequest
from shared.webhooks.notification import MOST_ALERTS, Alert, read
from tests.webhooks.mess import messed_up
from tests.webhooks.sender import alert, notification


def told(document: Any) -> list[Alert]:
    return list(read(json.dumps(document).encode()).alerts)


def test_an_alertmanagers_notification_is_its_alerts() -> None:
    fired, stopped = told(notification(alert("Down"), alert("Slow", "resolved", fingerprint="1a30ba71cca2921f")))
    assert (fired.name, fired.severity, fired.status) == ("Down", "page", "firing")
    assert fired.summary == "Down is about something"
    assert fired.starts == pytest.approx(1770383325.828, abs=0.001)
    assert fired.ends is None
    assert (stopped.name, stopped.status, stopped.fingerprint) == ("Slow", "resolved", "1a30ba71cca2921f")
    assert stopped.ends == 1770386925


def test_grafanas_notification_is_read_as_well() -> None:
    document = notification(alert("Down", fingerprint="c6eadffa33fcdf37", values={"B": 44.2}, silenceURL="https://x"))
    assert told(document | {"version": "1", "orgId": 1, "title": "[FIRING:1]", "state": "alerting"})[0].name == "Down"


def test_alerts_without_a_fingerprint_are_told_apart_by_their_labels_in_any_order() -> None:
    one = {"alertname": "Down", "job": "a", "zone": "1"}
    first, again, other = (
        alert("Down", labels=labels) for labels in (one, dict(reversed(one.items())), one | {"zone": "2"})
    )
    a, b, c = told(notification(first, again, other))
    assert a.fingerprint == b.fingerprint != c.fingerprint


def test_missing_fields_of_an_alert_are_filled_in() -> None:
    bare, described = told({"status": "resolved", "alerts": [{}, alert("X", annotations={"description": "so it is"})]})
    assert (bare.name, bare.severity, bare.status, bare.summary) == ("unnamed", "unknown", "resolved", "")
    assert bare.starts is None
    assert described.summary == "so it is"


def test_texts_are_cut_to_one_short_line() -> None:
    labels = {"alertname": "A\r\nB\x00\x1b[31m", "severity": "s" * 1000}
    (kept,) = told(notification(alert("", labels=labels, annotations={"summary": "é" * 10_000}, fingerprint="'; --")))
    assert kept.name == "A  B  [31m"
    assert len(kept.severity) <= 50
    assert kept.summary == "é" * 500
    assert kept.fingerprint.isalnum()


def test_surplus_alerts_of_a_notification_are_left_out_and_counted() -> None:
    many = read(json.dumps(notification(*[alert("X")] * (MOST_ALERTS + 7))).encode())
    assert (len(many.alerts), many.left_out) == (MOST_ALERTS, 7)


def test_an_event_is_its_type() -> None:
    event = read(b'{"type": "user.created", "timestamp": "2022-11-03T20:26:10.344522Z", "data": {"id": 1}}')
    assert (event.type, event.alerts) == ("user.created", ())


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "neither"),
        (b'"x"', "neither"),
        (b"null", "neither"),
        (b"{}", "neither"),
        (b'{"data": 1}', "neither"),
        (b'{"type": 5}', "type: "),
        (b'{"type": ""}', "type: "),
        (b'{"alerts": 5}', "alerts: "),
        (b'{"alerts": [5]}', "alerts.0: "),
        (b'{"alerts": [{"status": "pending"}]}', "alerts.0.status: "),
        (b'{"alerts": [{"labels": {"a": 1}}]}', "alerts.0.labels.a: "),
        (b'{"alerts": [{"startsAt": "yesterday"}]}', "alerts.0.startsAt: "),
        (b'{"status": "broken", "alerts": []}', "status: "),
    ],
)
def test_other_bodies_are_refused_with_the_reason(body: bytes, complaint: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(body)
    assert complaint in refused.value.message
    assert len(refused.value.message) < 500


def test_a_malformed_notification_is_either_read_or_refused() -> None:
    dice = random.Random(5)
    refused = 0
    for _ in range(3000):
        body = json.dumps(messed_up(dice)).encode()
        try:
            read(body)
        except InvalidRequest:
            refused += 1
    assert 500 < refused < 2900, "the random input must contain both kinds"
