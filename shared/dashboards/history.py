"""The last minutes of every panel, and the present alerts of Prometheus.

In: the number of minutes. Out: one document for the page, a few hundred kilobytes at most: POINTS values per line,
at most MOST_LINES lines per panel, and at most MOST_ALERTS alerts. The queries are in panels.py.
"""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.dashboards.panels import ENGINE, PANELS, Line, Panel
from shared.dashboards.source import Asking, Source, Unlike

MINUTES = (5, 15, 60, 360, 1440)  # the ranges that a page may ask for
POINTS = 90
SHORTEST_WINDOW = 60  # seconds: four scrapes at the usual fifteen seconds
STEADY = 2  # seconds: a range ends at a multiple of it, so that a line keeps its shape from one refresh to the next
MOST_LINES = 6
MOST_ALERTS = 50
LONGEST = 300  # characters of a label or an alert's text

Series = tuple[str, list[float | None]]  # a label and its values


class History:
    def __init__(self, prometheus: Source) -> None:
        self._prometheus = prometheus

    async def last(self, minutes: int) -> dict[str, Any]:
        """`engine` is empty if Prometheus has no data of an engine. Raises Unset, Silent."""
        step = math.ceil(minutes * 60 / POINTS)
        end = int(time.time()) // STEADY * STEADY
        span = Span(end - step * (POINTS - 1), end, step)
        async with self._prometheus.asking() as asking:
            alerts, *drawn = await asyncio.gather(
                _alerts(asking), *(_panel(asking, panel, span) for panel in (*PANELS, *ENGINE))
            )
        panels, engine = drawn[: len(PANELS)], drawn[len(PANELS) :]
        return {
            "minutes": minutes,
            "started": span.start,
            "step": step,
            "alerts": alerts,
            "panels": panels,
            "engine": engine if any(panel["lines"] for panel in engine) else [],
        }


class Span:
    """A time range: `start` and `end` in seconds since 1970, `step` in seconds."""

    def __init__(self, start: int, end: int, step: int) -> None:
        self.start, self.end, self.step = start, end, step
        self.window = max(SHORTEST_WINDOW, 2 * step)

    def query(self, line: Line) -> str:
        return line.query.replace("$window", f"{self.window}s")

    def values(self, points: Sequence[tuple[float, str]]) -> list[float | None]:
        """One value per step; None for missing or non-finite samples."""
        values: list[float | None] = [None] * POINTS
        for when, text in points:
            place, value = round((when - self.start) / self.step), float(text)
            if 0 <= place < POINTS and math.isfinite(value):
                values[place] = float(f"{value:.6g}")
        return values


async def _panel(asking: Asking, panel: Panel, span: Span) -> dict[str, Any]:
    found = [series for line in panel.lines for series in await _line(asking, line, span)]
    # The largest lines are shown, in the order of their names: this order stays when their sizes change.
    largest = {label for label, _ in sorted(found, key=_most, reverse=True)[:MOST_LINES]}
    return {
        "name": panel.name,
        "title": panel.title,
        "unit": panel.unit,
        "says": panel.says,
        "lines": [{"label": label, "values": values} for label, values in found if label in largest],
        "queries": [span.query(line) for line in panel.lines],
    }


def _most(series: Series) -> float:
    return max(value or 0.0 for value in series[1])


async def _line(asking: Asking, line: Line, span: Span) -> list[Series]:
    answer = await asking.get(
        "/api/v1/query_range",
        {"query": span.query(line), "start": str(span.start), "end": str(span.end), "step": str(span.step)},
    )
    try:
        series = [
            (line.label.format_map(_Labels(found["metric"])), span.values(found["values"]))
            for found in answer["data"]["result"]
        ]
    except (KeyError, TypeError, ValueError):
        raise Unlike from None
    known = [one for one in series if any(value is not None for value in one[1])]
    return sorted(known, key=lambda one: one[0])


class _Labels(dict[str, str]):
    def __init__(self, labels: Mapping[str, str]) -> None:
        super().__init__({name: str(value)[:LONGEST] for name, value in labels.items()})

    def __missing__(self, name: str) -> str:
        return "all"


async def _alerts(asking: Asking) -> list[dict[str, Any]]:
    """Firing alerts before pending ones."""
    answer = await asking.get("/api/v1/alerts")
    try:
        alerts = [_alert(alert) for alert in answer["data"]["alerts"] if alert["state"] in ("firing", "pending")]
    except (KeyError, TypeError, ValueError):
        raise Unlike from None
    return sorted(alerts, key=lambda alert: (alert["state"], alert["since"]))[:MOST_ALERTS]


def _alert(alert: Mapping[str, Any]) -> dict[str, Any]:
    labels, annotations = alert["labels"], alert.get("annotations", {})
    return {
        "name": str(labels["alertname"])[:LONGEST],
        "severity": str(labels.get("severity", ""))[:LONGEST],
        "state": alert["state"],
        "summary": str(annotations.get("summary", ""))[:LONGEST],
        "since": datetime.fromisoformat(alert["activeAt"]).timestamp(),
    }
