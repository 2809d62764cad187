"""What a query of PromQL selects, read off its text, and a Prometheus that is asked whether there is any of it.

Knows as much of the language as our own rules and dashboards use.
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
WINDOW = re.compile(r"\[\d+[smhdw][^]]*\]|\boffset\s+\w+")


def selectors(query: str) -> list[str]:
    """Each metric that it names, with its labels."""
    text = WINDOW.sub("", NOT_SELECTED.sub("", query))
    return [found.group().strip() for found in SELECTOR.finditer(text) if found["name"] not in WORDS]


def names(query: str) -> set[str]:
    return {selector.partition("{")[0].strip() for selector in selectors(query)}


def renamed(query: str, name: str) -> str:
    """The same query, of a metric that nobody has."""
    return re.sub(rf"(?<![\w:]){re.escape(name)}(?![\w:])", f"{name}_renamed", query)


@dataclass(slots=True, frozen=True)
class Asked:
    """A query, where it stands, and whether it must have a result itself, or only what it selects must exist.

    An alert's expression has none in good times.
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
        """The numbers that it has for the query; 0 / 0 is none."""
        found = (float(series["value"][1]) for series in self.get("query", query=query)["result"])
        return [number for number in found if not math.isnan(number)]

    def missing(self, asked: Asked) -> list[str]:
        """What of this query has no data, in words."""
        nothing = [s for s in selectors(asked.query) if not self.get("series", **{"match[]": s})]
        said = [f"{asked.where}: there is no {selector}" for selector in nothing]
        if not said and asked.answers and not self.numbers(asked.query):
            said = [f"{asked.where}: no result for {asked.query}"]
        return said

    def still_missing(self, queries: Iterable[Asked], patience: float = PATIENCE) -> list[str]:
        """What is missing for `patience` seconds, while the service has traffic."""
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
