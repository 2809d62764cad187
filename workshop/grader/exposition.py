"""The numbers in GET /metrics: Prometheus' text format, read by Prometheus' own Python client.

In: an answer. Out: samples, by selectors as in PromQL: `inference_requests_total`, or
`gateway_tokens_total{direction="input"}`, which is the sum over all models. Knows none of the names.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from workshop.grader.service import Answer

LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Selector:
    name: str
    labels: Mapping[str, str]

    @classmethod
    def of(cls, written: str) -> "Selector":
        name, _, labels = written.partition("{")
        return cls(name, dict(LABEL.findall(labels)))

    def takes(self, sample: Sample) -> bool:
        return sample.name == self.name and self.labels.items() <= sample.labels.items()


def reader_headers() -> dict[str, str]:
    """For GET /metrics of a service that requires tokens: METRICS_TOKEN, if the environment has it."""
    token = os.environ.get("METRICS_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


class Scrape:
    """The answer of GET /metrics. It must be a text that Prometheus can read. Raises Failed."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        answer.must(answer.status == 200, "200")
        self.types: dict[str, str] = {}  # by the name after # TYPE
        samples: list[Sample] = []
        try:
            for family in text_string_to_metric_families(answer.text):
                self.types[f"{family.name}_total" if family.type == "counter" else family.name] = family.type
                samples += family.samples
        except ValueError as wrong:
            answer.must(False, "Prometheus' text format", f"{type(wrong).__name__}: {wrong}")
        self._samples = samples

    @cached_property
    def _by_name(self) -> Mapping[str, list[Sample]]:
        found: dict[str, list[Sample]] = {}
        for sample in self._samples:
            found.setdefault(sample.name, []).append(sample)
        return found

    @property
    def series(self) -> int:
        """The number of all series."""
        return len(self._samples)

    @property
    def label_values(self) -> set[str]:
        return {value for sample in self._samples for value in sample.labels.values()}

    def count(self, written: str) -> int:
        """The number of series that match."""
        selector = Selector.of(written)
        return sum(map(selector.takes, self._by_name.get(selector.name, ())))

    def edges(self, histogram: str) -> set[str]:
        """The edges of its buckets."""
        return {sample.labels["le"] for sample in self._by_name.get(f"{histogram}_bucket", ())}

    def sum(self, written: str) -> float:
        """The sum of the series that match; 0 if there is none."""
        selector = Selector.of(written)
        return float(sum(sample.value for sample in self._by_name.get(selector.name, ()) if selector.takes(sample)))
