"""The metrics that a PromQL query selects, read from its text, and a Prometheus that tells whether they exist.

It knows only the part of the language that our rules and dashboards use.
"""

import json
import math
import re
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.waiting import wait_for

PATIENCE = 60.0  # seconds

STRING = r'"(?:[^"\\]|\\.)*"'
NOT_SELECTED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
SELECTOR = re.compile(
    rf"(?<![\w:.])(?P<name>[a-zA-Z_:][\w:]*)(?P<labels>\s*{{(?:[^}}\"]|{STRING})*}})?(?!\s*\()(?![\w:])"
)
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
OF_FIRING_ALERTS = {"ALERTS"}  # Prometheus's own, which comes and goes with them
WINDOW = re.compile(r"\[\d+[smhdw][^]]*\]|\boffset\s+\w+")


def selectors(query: str) -> list[str]:
    """Each metric in the query, with its labels."""
    text = WINDOW.sub("", NOT_SELECTED.sub("", query))
    return [found.group().strip() for found in SELECTOR.finditer(text) if found["name"] not in WORDS | OF_FIRING_ALERTS]


def names(query: str) -> set[str]:
    return {selector.partition("{")[0].strip() for selector in selectors(query)}


def renamed(query: str, name: str) -> str:
    """The same query with a metric that does not exist."""
    return re.sub(rf"(?<![\w:]){re.escape(name)}(?![\w:])", f"{name}_renamed", query)


@dataclass(slots=True, frozen=True)
class Asked:
    """A query, its place, and whether it must have a result or only its metrics must exist.

    An alert's expression has no result in good times.
    """

    where: str
    query: str
    answers: bool = True


@dataclass(slots=True, frozen=True)
class PrometheusAt:
    url: str

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=60) as response:
            return json.load(response)["data"]

    def numbers(self, query: str) -> list[float]:
        """The query's results, without NaN (0 / 0)."""
        found = (float(series["value"][1]) for series in self.get("query", query=query)["result"])
        return [number for number in found if not math.isnan(number)]

    def missing(self, asked: Asked) -> list[str]:
        """The parts of this query without data, in words."""
        nothing = [s for s in selectors(asked.query) if not self.get("series", **{"match[]": s})]
        said = [f"{asked.where}: there is no {selector}" for selector in nothing]
        if not said and asked.answers and not self.numbers(asked.query):
            said = [f"{asked.where}: no result for {asked.query}"]
        return said

    def still_missing(self, queries: Iterable[Asked], patience: float = PATIENCE) -> list[str]:
        """The parts that are still missing after `patience` seconds of traffic."""
        waiting = list(queries)

        def all_there() -> bool:
            waiting[:] = [asked for asked in waiting if self.missing(asked)]
            return not waiting

        with suppress(AssertionError):
            wait_for(all_there, seconds=patience, poll=0.2)
        return [line for asked in waiting for line in self.missing(asked)]

    def rules(self) -> Iterator[dict[str, Any]]:
        for group in self.get("rules")["groups"]:
            yield from group["rules"]
