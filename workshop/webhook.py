"""`python -m workshop.webhook [FILE]`: sign an alert, or the JSON of a file, and send it as a webhook. `make webhook`.

In: a body, the URL of a service, and the secret that it knows. Out: what was sent and what was answered; exit status 0
if the service accepted it. Set your own id or age to see what the receiver does with replays and with old webhooks.
"""

import argparse
import http.client
import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.settings import BadSetting, load_settings
from shared.webhooks.notification import FIRING, RESOLVED
from shared.webhooks.signature import signed_headers
from workshop import direct
from workshop.urls import BadUrl, service_url

PATH = "/webhooks/ingest"
PATIENCE = 15.0  # seconds
BY_HAND = 5.0  # seconds; a person does not wait longer in silence
NEVER = "0001-01-01T00:00:00Z"  # how Alertmanager writes the end of an alert that still fires
EXAMPLE = "DemoAlert"


@dataclass(slots=True, frozen=True)
class Answer:
    """`status` is 0 if there was no answer; `text` then says why."""

    status: int
    text: str

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """Why it was not accepted, in one line."""
        try:
            return f"{self.status} {json.loads(self.text)['error']['message']}"
        except (ValueError, TypeError, KeyError):
            return f"{self.status or 'no answer:'} {self.text[:200]}"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        url = service_url(options.url)
        secret = options.secret or the_secret()
        body = _body(options)
        id = options.id or new_id()
        headers = signed_headers(secret, id, int(time.time() - options.age), body)
    except (BadSetting, BadUrl, OSError) as reason:
        print(reason, file=sys.stderr)
        return 1
    for name, value in headers.items():
        print(f"{name}: {value}", file=sys.stderr)
    answer = post(url, headers, body, BY_HAND)
    print(f"{answer.status or 'no answer:'} {answer.text}")
    return 0 if answer.taken else 1


def the_secret() -> str:
    """WEBHOOK_HMAC_SECRET, from the environment or .env. Raises BadSetting."""
    secret = load_settings().webhook_hmac_secret.get_secret_value()
    if not secret:
        raise BadSetting("WEBHOOK_HMAC_SECRET: is not set; use the secret that the service was started with")
    return secret


def new_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


def deliver(url: str, secret: str, id: str, body: bytes) -> Answer:
    """Sign with the current time, and send. A webhook that is sent again keeps its id: it is the same webhook."""
    return post(url, signed_headers(secret, id, int(time.time()), body), body)


def post(url: str, headers: dict[str, str], body: bytes, patience: float = PATIENCE) -> Answer:
    url = url if urlsplit(url).path.strip("/") else url.rstrip("/") + PATH
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})
    try:
        with direct.urlopen(request, patience) as response:
            return Answer(response.status, response.read().decode())
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, refusal.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as fault:
        return Answer(0, direct.why(url, fault, patience))


def notification(alerts: Sequence[dict[str, Any]]) -> bytes:
    """What Alertmanager would post. https://prometheus.io/docs/alerting/latest/configuration/#webhook_config"""
    document = {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": FIRING if any(alert["status"] == FIRING for alert in alerts) else RESOLVED,
        "receiver": "workshop",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": alerts,
    }
    return json.dumps(document, ensure_ascii=False).encode()


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _body(options: argparse.Namespace) -> bytes:
    if options.file == "-":
        return sys.stdin.buffer.read()
    if options.file:
        return Path(options.file).read_bytes()
    now = time.time()
    alert = {
        "status": RESOLVED if options.resolved else FIRING,
        "labels": {"alertname": options.alert, "severity": "page"},
        "annotations": {"summary": "Somebody sent this by hand, to see what happens to it"},
        "startsAt": moment(now),
        "endsAt": moment(now) if options.resolved else NEVER,
    }
    return notification([alert])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workshop.webhook", description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", metavar="FILE", help="a JSON body, - for stdin; by default an alert")
    parser.add_argument("--url", default="http://localhost:8000", help="of the service, or of its webhook route")
    parser.add_argument("--secret", default="", help="what to sign with (WEBHOOK_HMAC_SECRET)")
    parser.add_argument("--id", default="", help="the webhook's id; the same id again is a replay")
    parser.add_argument(
        "--age", type=float, default=0.0, metavar="SECONDS", help="pretend that it was signed this many seconds ago"
    )
    parser.add_argument("--alert", default=EXAMPLE, metavar="NAME", help="the alert's name")
    parser.add_argument("--resolved", action="store_true", help="say that the alert has stopped")
    return parser


if __name__ == "__main__":
    sys.exit(main())
