"""The engine that makes the tokens: the embedded server or vLLM, which use the same names. Some exist only in vLLM.

Each line is for one job and model: behind vLLM the embedded server may be the fallback, with the same model.
"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from serving.monitoring.grafana.overview import quantile
from serving.monitoring.grafana.panel import Panel, board, lines

OF = "job, model_name"
NAME = "{{job}} {{model_name}}"
VLLM = '{job=~"ray|vllm"}'
REPLICA = "{{deployment}}{{job}}"  # Ray Serve has deployments; vLLM alone has its job


def engine() -> Dashboard:
    return board(
        "llm-engine",
        "Engine",
        "The other end of the gateway's calls. If it is slow here, nothing in front of it can make it fast.",
        {
            "Replicas (vLLM only)": _replicas(),
            "Load": _load(),
            "Time": _time(),
            "The KV cache (vLLM only)": _memory(),
            "The embedded server's batches": _embedded(),
        },
    )


def _replicas() -> list[Panel]:
    return [
        lines(
            "Replicas",
            "Wanted by the autoscaler, and ready to answer. The difference is starting; if that takes longer than "
            "loading the model, they cannot start: `serve status` says why.",
            {
                f"{REPLICA} wanted": "engine:replicas_wanted",
                f"{REPLICA} ready": "engine:replicas_ready",
                f"{REPLICA} starting": "clamp_min(engine:replicas_wanted - engine:replicas_ready, 0)",
            },
        ),
        lines(
            "What the autoscaler sees",
            "Requests in flight, averaged over look_back_period_s, and how many of them the wanted replicas have room "
            "for. Requests above the room for upscale_delay_s add a replica; far below it, one is removed.",
            {
                "{{deployment}} requests": "sum by (deployment) (ray_serve_autoscaling_total_requests)",
                "{{deployment}} room": (
                    "sum by (deployment) (ray_serve_autoscaling_target_ongoing_requests)"
                    " * sum by (deployment) (engine:replicas_wanted)"
                ),
                "{{deployment}} replicas asked for": ("sum by (deployment) (ray_serve_autoscaling_desired_replicas)"),
            },
        ),
        lines(
            "Requests in each replica",
            "They should be close together. One far above the others is slow, or gets more than its share. If all are "
            "at max_ongoing_requests, new requests wait in Serve.",
            {
                "{{replica}}": "sum by (replica) (ray_serve_replica_processing_queries)",
                "waiting in Serve": "engine:requests_waiting_in_serve",
            },
        ),
        lines(
            "Failed health checks",
            "Each step up is the end of a replica, and of its open streams; a new replica takes its place. Serve "
            "forgets the counts of replicas that are long gone.",
            {"{{deployment}}": "engine:failed_health_checks:total"},
        ),
    ]


def _load() -> list[Panel]:
    return [
        lines(
            "Running and waiting",
            "If waiting stays above running, the engine is full: add a replica, or send fewer calls at once "
            "(HTTP_MAX_CONNECTIONS), so that they wait in the gateway's queue, which is fair.",
            {
                f"{NAME} running": "engine:requests_running",
                f"{NAME} waiting": "engine:requests_waiting",
            },
        ),
        lines(
            "Tokens per second",
            "Read and made. If made no longer rises with demand, this hardware is at its limit.",
            {
                f"{NAME} read": f"sum by ({OF}) (rate(vllm:prompt_tokens_total[$__rate_interval]))",
                f"{NAME} made": f"sum by ({OF}) (rate(vllm:generation_tokens_total[$__rate_interval]))",
            },
        ),
        lines(
            "Tokens per vLLM step",
            "One per running request, and now and then whole prompts. A median of 1 under load: requests come one by "
            "one, and batching gains nothing.",
            {
                f"{NAME} p50": quantile(0.5, "vllm:iteration_tokens_total", OF),
                f"{NAME} p95": quantile(0.95, "vllm:iteration_tokens_total", OF),
            },
        ),
        lines(
            "How answers end",
            "stop is a whole answer, length one that max_tokens cut off: with many of those, people read half "
            "sentences.",
            {
                f"{NAME} {{{{finished_reason}}}}": (
                    f"sum by ({OF}, finished_reason) (rate(vllm:request_success_total[$__rate_interval]))"
                )
            },
            "reqps",
            stacked=True,
        ),
    ]


def _time() -> list[Panel]:
    return [
        lines(
            "Time to first token",
            "As the engine sees it; it promises 95 % within a second. If the gateway's is much longer, the time is "
            "lost between the two, or in the gateway's queue.",
            {
                f"{NAME} p50": quantile(0.5, "vllm:time_to_first_token_seconds", OF),
                f"{NAME} p95": quantile(0.95, "vllm:time_to_first_token_seconds", OF),
            },
            "s",
            limit=1,
        ),
        lines(
            "Time between tokens",
            "Rises with the number of answers made at the same time; that is the price of throughput.",
            {
                f"{NAME} p50": quantile(0.5, "vllm:inter_token_latency_seconds", OF),
                f"{NAME} p95": quantile(0.95, "vllm:inter_token_latency_seconds", OF),
            },
            "s",
        ),
        lines(
            "Whole requests",
            "From arrival to the last token, at the median and for nearly all.",
            {
                f"{NAME} p50": quantile(0.5, "vllm:e2e_request_latency_seconds", OF),
                f"{NAME} p95": quantile(0.95, "vllm:e2e_request_latency_seconds", OF),
            },
            "s",
        ),
        lines(
            "Where an answer's time goes",
            "On average, in the gateway and in vLLM. Another replica would save the wait for a place in the batch; "
            "reading depends on the prompt's length, making on the answer's. The gateway should be the thinnest.",
            {
                "gateway": _mean("gateway_overhead_seconds"),
                "waiting for a place": _mean("vllm:request_queue_time_seconds", VLLM),
                "reading the prompt": _mean("vllm:request_prefill_time_seconds", VLLM),
                "making tokens": _mean("vllm:request_decode_time_seconds", VLLM),
            },
            "s",
            stacked=True,
        ),
    ]


def _memory() -> list[Panel]:
    return [
        lines(
            "KV cache in use",
            "Of the fullest replica. Near 100 % requests wait or are preempted: use shorter contexts, fewer requests "
            "at once, or more memory (gpu_memory_utilization, tensor parallelism).",
            {NAME: "engine:kv_cache_usage:max"},
            "percentunit",
            limit=0.9,
        ),
        lines(
            "Preempted",
            "Preemptions: work done twice for lack of KV cache. Should be 0.",
            {
                NAME: (
                    f"sum by ({OF}) (rate(vllm:num_preemptions_total[$__rate_interval]))"
                    " or 0 * engine:requests_running"  # through Ray, a count of zero is missing
                )
            },
        ),
        lines(
            "Prefix cache hit rate",
            "The share of prompt tokens that were read before. If it is low with one system prompt for all, something "
            "at its beginning changes, or requests are spread over the replicas at random.",
            {
                NAME: (
                    f"(sum by ({OF}) (rate(vllm:prefix_cache_hits_total[$__rate_interval]))"
                    " or 0 * engine:requests_running)"
                    f" / sum by ({OF}) (rate(vllm:prefix_cache_queries_total[$__rate_interval]))"
                )
            },
            "percentunit",
        ),
        lines(
            "Wait for a slot, p95",
            "From arrival to the batch. The part of a first token's time that another replica would save.",
            {NAME: quantile(0.95, "vllm:request_queue_time_seconds", OF)},
            "s",
        ),
    ]


def _embedded() -> list[Panel]:
    return [
        lines(
            "Sequences in a forward pass, p50",
            "1 under load means that requests come one by one, and batching gains nothing; see BATCH_FLUSH_TIMEOUT_MS.",
            {
                "{{model_name}}": (
                    "histogram_quantile(0.5, sum by (le, model_name) "
                    '(rate(engine_batch_size_bucket{job="model"}[$__rate_interval])))'
                )
            },
        ),
        lines(
            "Batches in progress",
            "0 or 1 for each model: it makes one batch at a time.",
            {"{{model_name}}": 'sum by (model_name) (engine_active_batches{job="model"})'},
        ),
    ]


def _mean(histogram: str, only: str = "") -> str:
    return f"sum(rate({histogram}_sum{only}[$__rate_interval])) / sum(rate({histogram}_count{only}[$__rate_interval]))"
