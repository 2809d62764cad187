"""Totals without labels, computed from the labelled metrics at each scrape.

They make `rate(inference_errors_5xx_total[5m]) / rate(inference_requests_total[5m])` work as written: both sides have
one series, which exists, at 0, before the first error. To count them separately would cost each request twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from shared.telemetry.metrics import DURATION_EDGES

Labels = Mapping[str, str]


def derived(metrics: Iterable[Metric]) -> Iterator[Metric]:
    families = {metric.name: metric for metric in metrics}

    def samples(source: str) -> Sequence[Sample]:
        # In workers' files, a metric with labels exists once it has a series.
        return families[source].samples if source in families else ()

    def total(name: str, source: str, help: str, counts: Callable[[Labels], bool] = lambda labels: True) -> Metric:
        return CounterMetricFamily(name, help, sum(one.value for one in samples(source) if counts(one.labels)))

    requests, cache = "gateway_requests", "gateway_cache_requests"
    yield total("inference_requests", requests, "Calls")
    yield total("inference_errors_5xx", requests, "Calls with a 5xx status", lambda of: of["status"][0] == "5")
    yield total("inference_errors_4xx", requests, "Calls with a 4xx status", lambda of: of["status"][0] == "4")
    yield total("inference_cache_hits", cache, "Answers that cost nothing", lambda of: of["result"] in FOR_NOTHING)
    yield total("inference_cache_misses", cache, "Answers paid for", lambda of: of["result"] == "miss")
    yield total("rate_limit_hits", "gateway_rate_limit_refusals", "Calls over a limit")
    yield in_ms(samples("gateway_request_duration_seconds"))


FOR_NOTHING = ("hit", "coalesced")


def in_ms(seconds: Iterable[Sample]) -> Metric:
    """One histogram in milliseconds, from the endpoints' histograms in seconds."""
    edges = [(_written(edge), _written(edge * 1000)) for edge in (*DURATION_EDGES, float("inf"))]
    buckets, total = dict.fromkeys((edge for edge, _ in edges), 0.0), 0.0
    for sample in seconds:
        if sample.name.endswith("_bucket"):
            buckets[sample.labels["le"]] += sample.value
        elif sample.name.endswith("_sum"):
            total += sample.value
    return HistogramMetricFamily(
        "inference_request_duration_ms",
        "From arrival to the last byte",
        buckets=[(ms, buckets[edge]) for edge, ms in edges],
        sum_value=total * 1000,
    )


def _written(edge: float) -> str:
    return str(floatToGoString(edge))  # type: ignore[no-untyped-call]
