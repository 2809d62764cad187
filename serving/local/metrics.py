"""Prometheus metrics under vLLM's names, so that one dashboard reads this server and a vLLM cluster.

In: counts and seconds from the models. Out: the text of GET /metrics. Knows nothing of HTTP or of how tokens are made.
Two names are the workshop's own: `engine_batch_size` and `engine_active_batches`.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from serving.local.chat_request import FinishReason

FAST = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LABEL = ["model_name"]


class Metrics:
    """All series of one server, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        self.running = Gauge("vllm:num_requests_running", "Requests being decoded", LABEL, registry=registry)
        self.waiting = Gauge("vllm:num_requests_waiting", "Requests that wait for a place", LABEL, registry=registry)
        self.prompt_tokens = Counter("vllm:prompt_tokens", "Prompt tokens read", LABEL, registry=registry)
        self.generation_tokens = Counter("vllm:generation_tokens", "Tokens generated", LABEL, registry=registry)
        self.success = Counter(
            "vllm:request_success", "Requests answered to the end", [*LABEL, "finished_reason"], registry=registry
        )
        self.first_token = Histogram(
            "vllm:time_to_first_token_seconds", "Arrival to first token", LABEL, buckets=FAST, registry=registry
        )
        self.inter_token = Histogram(
            "vllm:inter_token_latency_seconds", "Gap between two tokens", LABEL, buckets=FAST, registry=registry
        )
        self.latency = Histogram(
            "vllm:e2e_request_latency_seconds", "Arrival to last token", LABEL, buckets=SLOW, registry=registry
        )
        self.queue = Histogram(
            "vllm:request_queue_time_seconds", "Arrival to a place in the batch", LABEL, buckets=FAST, registry=registry
        )
        self.batch_size = Histogram(
            "engine_batch_size", "Sequences in one forward pass", LABEL, buckets=BATCHES, registry=registry
        )
        self.active_batches = Gauge("engine_active_batches", "Batches in the making", LABEL, registry=registry)

    def of(self, model: str) -> ModelMetrics:
        return ModelMetrics(self, model)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class ModelMetrics:
    """The series of one model. Safe to call from any thread."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self.running = metrics.running.labels(model)
        self.waiting = metrics.waiting.labels(model)
        self.prompt_tokens = metrics.prompt_tokens.labels(model)
        self.generation_tokens = metrics.generation_tokens.labels(model)
        self.first_token = metrics.first_token.labels(model)
        self.inter_token = metrics.inter_token.labels(model)
        self.latency = metrics.latency.labels(model)
        self.queue = metrics.queue.labels(model)
        self.batch_size = metrics.batch_size.labels(model)
        self.active_batches = metrics.active_batches.labels(model)
        reasons: tuple[FinishReason, ...] = ("stop", "length", "tool_calls")
        self._success = {reason: metrics.success.labels(model, reason) for reason in reasons}

    def watch(self, running: Callable[[], int], waiting: Callable[[], int]) -> None:
        """The two gauges are computed when somebody reads them, so they can never drift."""
        self.running.set_function(running)
        self.waiting.set_function(waiting)

    def finished(self, reason: FinishReason, seconds: float) -> None:
        self._success[reason].inc()
        self.latency.observe(seconds)
