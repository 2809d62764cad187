"""`python -m workshop.alert_forwarder --prometheus URL --to URL`: send Prometheus' alerts to a service, signed.

Alertmanager does this in production, with groups, silences and people on call, but it cannot sign what it sends. In:
Prometheus' list of alerts, every few seconds. Out: a signed webhook whenever an alert starts or stops firing. It is
sent again with the same id until the receiver accepts it.
"""

import argparse
import contextlib
import http.client
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.settings import BadSetting
from shared.webhooks.notification import FIRING, RESOLVED, fingerprint
from workshop import direct
from workshop.webhook import PATIENCE, deliver, moment, new_id, notification, the_secret

REMIND = 300.0  # seconds between two reminders of an alert that still fires
FORGOTTEN = 2 * REMIND + 60  # seconds; without a reminder, an alert is over by then
REMEMBERED = 3600.0  # seconds for which we remember when an alert stopped

Alert = dict[str, Any]  # in the format of the webhook


class NoAlerts(Exception):
    """Prometheus did not answer with its alerts."""


@dataclass(slots=True, frozen=True)
class Letter:
    """A webhook on its way, and what its receiver knows once it has accepted it."""

    id: str
    body: bytes
    known: Mapping[str, Alert]
    reminded: float
    told: str


class Forwarder:
    """`say` takes one line for a person whenever something has changed."""

    def __init__(
        self,
        prometheus: str,
        to: str,
        secret: str,
        clock: Callable[[], float] = time.time,
        say: Callable[[str], None] = print,
    ) -> None:
        self._prometheus = prometheus.rstrip("/")
        self._to = to
        self._secret = secret
        self._clock = clock
        self._say = say
        self._known: Mapping[str, Alert] = {}  # the firing alerts that the receiver was told of
        self._ended: dict[str, float] = {}
        self._reminded = 0.0
        self._letter: Letter | None = None
        self._trouble = ""

    def turn(self) -> None:
        """Ask Prometheus once, and send what has changed."""
        try:
            # A webhook on its way goes first: the receiver may have it already, and must see the same id again.
            letter = self._letter or self._write(firing(self._prometheus))
        except NoAlerts as reason:
            return self._complain(str(reason))
        if letter is None:
            return self._complain("")
        self._letter = letter
        answer = deliver(self._to, self._secret, letter.id, letter.body)
        if not answer.taken:
            if 400 <= answer.status < 500:
                self._letter = None  # the receiver would refuse it again
            return self._complain(f"not taken: {answer.reason}")
        self._letter = None
        self._known, self._reminded = letter.known, letter.reminded
        self._complain("")
        self._say(letter.told)

    def _write(self, now_firing: Mapping[str, Alert]) -> Letter | None:
        """The letter about what the receiver does not know yet; None if there is nothing to say."""
        now = self._clock()
        self._ended = {key: ended for key, ended in self._ended.items() if now - ended < REMEMBERED}
        begun = {key: self._begin(key, alert) for key, alert in now_firing.items() if key not in self._known}
        over = {key: alert for key, alert in self._known.items() if key not in now_firing}
        remind = now - self._reminded >= REMIND
        if not begun and not over and not (remind and self._known):
            return None
        going_on = {key: alert for key, alert in self._known.items() if key not in over}
        still = {"status": FIRING, "endsAt": moment(now + FORGOTTEN)}
        ended = {"status": RESOLVED, "endsAt": moment(now)}
        for key in over:
            self._ended[key] = now
        told = [alert | still for alert in (begun | going_on if remind else begun).values()]
        told += [alert | ended for alert in over.values()]
        lines = ", ".join(f"{alert['labels'].get('alertname', 'unnamed')} {alert['status']}" for alert in told)
        return Letter(
            new_id(), notification(told), begun | going_on, now if remind else self._reminded, f"told: {lines}"
        )

    def _begin(self, key: str, alert: Alert) -> Alert:
        """Date the alert now if Prometheus, after a restart, resumes one that we have reported as over."""
        ended = self._ended.get(key)
        if ended is None or _seconds(alert["startsAt"]) > ended:
            return alert
        return alert | {"startsAt": moment(self._clock())}

    def _complain(self, trouble: str) -> None:
        """Say each trouble once, not every few seconds."""
        if trouble and trouble != self._trouble:
            self._say(trouble)
        self._trouble = trouble


def firing(prometheus: str) -> dict[str, Alert]:
    """The alerts that fire there, by fingerprint. Raises NoAlerts."""
    try:
        with direct.urlopen(f"{prometheus}/api/v1/alerts", PATIENCE) as response:
            found = json.load(response)["data"]["alerts"]
            return {
                fingerprint(alert["labels"]): {
                    "labels": alert["labels"],
                    "annotations": alert["annotations"],
                    "startsAt": alert["activeAt"],
                    "fingerprint": fingerprint(alert["labels"]),
                }
                for alert in found
                if alert["state"] == FIRING
            }
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as fault:
        raise NoAlerts(f"{prometheus} does not say which alerts fire: {fault}") from None


def _seconds(rfc3339: str) -> float:
    """Prometheus writes nanoseconds, which Python 3.11 cuts to microseconds."""
    return datetime.fromisoformat(rfc3339).timestamp()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workshop.alert_forwarder", description=__doc__.split("\n")[0])
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--to", required=True, metavar="URL", help="the service, or its route for webhooks")
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    options = parser.parse_args(arguments)
    try:
        forwarder = Forwarder(options.prometheus, options.to, the_secret(), say=_say)
    except BadSetting as reason:
        print(reason, file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            forwarder.turn()
            time.sleep(options.every)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
