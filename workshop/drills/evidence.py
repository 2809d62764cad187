"""What an engineer on call can see of a running service: its metrics in Prometheus, its log, its traces.

In: where they are. Out: numbers, firing alerts, log lines, spans. Knows nothing of drills.
"""

import json
import math
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop import direct
from workshop.translation.phrases import say

PATIENCE = 5.0  # seconds
FIRED = 'max_over_time(ALERTS{alertstate="firing"}[1h])'  # at any time since a drill began


class NoEvidence(Exception):
    """There is no evidence, or none yet; the text says what is missing."""


@dataclass(slots=True, frozen=True)
class Evidence:
    """Base URLs, and the path of the request log."""

    prometheus: str
    traces: str
    log: Path

    def value(self, promql: str) -> float:
        """The one number that a query returns. Raises NoEvidence."""
        found = self._prometheus("query", query=promql)["result"]
        number = float(found[0]["value"][1]) if found else math.nan
        if math.isnan(number):
            raise NoEvidence(say("Prometheus has no number yet for {query}", query=promql))
        return number

    def fired(self) -> set[str]:
        """The alerts that have fired in this drill: one may end while a person types. Raises NoEvidence."""
        fired = self._prometheus("query", query=FIRED)["result"]
        return {series["metric"]["alertname"] for series in fired}

    def pending(self) -> set[str]:
        """The alerts whose condition holds, but not long enough yet. Raises NoEvidence."""
        return {alert["labels"]["alertname"] for alert in self._alerts() if alert["state"] == "pending"}

    def lines(self, seconds: float) -> list[dict[str, Any]]:
        """The log's lines of the last `seconds`. Raises NoEvidence."""
        try:
            lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]
        except OSError as error:
            raise NoEvidence(say("cannot read {file}: {reason}", file=self.log, reason=error.strerror)) from None
        return [line for line in lines if line["timestamp"] >= time.time() - seconds]

    def longest_span(self, least_ms: float) -> str:
        """The name of the span that took the time of the newest trace of at least `least_ms`.

        It is the longest of the spans without children. Raises NoEvidence.
        """
        slow = [trace for trace in _get(f"{self.traces}/traces") if trace["duration_ms"] >= least_ms]
        if not slow:
            raise NoEvidence(say("no trace yet took {least} ms or more", least=f"{least_ms:g}"))
        spans = _get(f"{self.traces}/traces/{slow[0]['trace_id']}")["spans"]
        parents = {span["parent_id"] for span in spans}
        name: str = max((s for s in spans if s["span_id"] not in parents), key=lambda s: s["duration_ms"])["name"]
        return name

    def _alerts(self) -> list[dict[str, Any]]:
        alerts: list[dict[str, Any]] = self._prometheus("alerts")["alerts"]
        return alerts

    def _prometheus(self, path: str, **parameters: str) -> Any:
        return _get(f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")["data"]


def _get(url: str) -> Any:
    try:
        with direct.urlopen(url, PATIENCE) as response:
            return json.load(response)
    except (OSError, ValueError) as error:
        raise NoEvidence(say("{url} does not answer: {reason}", url=url, reason=error)) from None
