"""The Prometheus queries of Grafana's and the playground's dashboards, as written there.

`unanswered` finds the queries that a real cluster leaves without a result.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from serving.monitoring.grafana.__main__ import FOLDER
from shared.dashboards.panels import ENGINE, PANELS, Panel
from tests.monitoring.promql import Asked, PrometheusAt
from workshop.processes import free_port
from workshop.prometheus import prometheus

INTERVAL = "500ms"
PATIENCE = 60.0  # seconds: Ray updates its metrics every few
EMBEDDED = 'job="model"'


def of_grafana(board: str = "*") -> Iterator[Asked]:
    for file in sorted(FOLDER.glob(f"{board}.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"].replace("$__rate_interval", "1m")
                yield Asked(f"{file.stem}: {panel['title']}", query)


def of_the_page(*panels: Panel) -> Iterator[Asked]:
    for panel in panels:
        for line in panel.lines:
            yield Asked(f"the playground: {panel.title}", line.query.replace("$window", "1m"))


def dashboards() -> list[Asked]:
    return [*of_grafana(), *of_the_page(*PANELS, *ENGINE)]


def unanswered(targets: Mapping[str, str], folder: Path, ask: Callable[[], object]) -> list[str]:
    """The engine's panels that have nothing to draw under traffic: `ask` is called again and again.

    `targets`: the URLs that have metrics, by job: ray, haproxy and gateway, or vllm alone.
    """
    waiting = [
        one for one in [*of_grafana("engine"), *of_the_page(*ENGINE)] if EMBEDDED not in one.query or "model" in targets
    ]
    port = free_port()
    hosts = {job: url.removeprefix("http://") for job, url in targets.items()}
    patience_ends = time.monotonic() + PATIENCE
    with prometheus(port=port, folder=folder, targets=hosts, interval=INTERVAL, output=folder.with_suffix(".txt")):
        watching = PrometheusAt(f"http://127.0.0.1:{port}")
        while waiting and time.monotonic() < patience_ends:
            ask()
            waiting = [one for one in waiting if not watching.numbers(one.query)]
    return [f"{one.where}: no result for {one.query}" for one in waiting]
