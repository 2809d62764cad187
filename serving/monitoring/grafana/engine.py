"""The engine that makes the tokens: the embedded server or vLLM, which use the same names. Some only vLLM has."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from serving.monitoring.grafana.overview import quantile
from serving.monitoring.grafana.panel import board, lines


def engine() -> Dashboard:
    return board(
        "llm-engine",
        "Engine",
        "The other end of the gateway's calls. If it is slow here, nothing in front of it can make it fast.",
        {
            "Load": [
                lines(
                    "Running and waiting",
                    "Waiting above running for long, and the engine is full: another replica, or fewer calls at once "
                    "(HTTP_MAX_CONNECTIONS), so that they wait in the gateway's queue, which is fair.",
                    {
                        "{{model_name}} running": "sum by (model_name) (vllm:num_requests_running)",
                        "{{model_name}} waiting": "sum by (model_name) (vllm:num_requests_waiting)",
                    },
                ),
                lines(
                    "Tokens a second",
                    "Read and made. What is made no longer rises with the demand: that is what this machine can do.",
                    {
                        "{{model_name}} read": "sum by (model_name) (rate(vllm:prompt_tokens_total[$__rate_interval]))",
                        "{{model_name}} made": (
                            "sum by (model_name) (rate(vllm:generation_tokens_total[$__rate_interval]))"
                        ),
                    },
                ),
                lines(
                    "How answers end",
                    "stop is a whole answer, length one that max_tokens cut off: many of those, and people read half "
                    "sentences.",
                    {
                        "{{model_name}} {{finished_reason}}": (
                            "sum by (model_name, finished_reason) (rate(vllm:request_success_total[$__rate_interval]))"
                        )
                    },
                    "reqps",
                    stacked=True,
                ),
            ],
            "Time": [
                lines(
                    "Time to first token, p95",
                    "As the engine sees it. If the gateway's is much longer, the time is lost between the two, or in "
                    "the gateway's queue.",
                    {"{{model_name}}": quantile(0.95, "vllm:time_to_first_token_seconds", "model_name")},
                    "s",
                ),
                lines(
                    "Between two tokens, p95",
                    "Rises with the number that are made at the same time; that is the price of throughput.",
                    {"{{model_name}}": quantile(0.95, "vllm:inter_token_latency_seconds", "model_name")},
                    "s",
                ),
                lines(
                    "Waiting for a place, p95",
                    "From arrival to the batch. The part of a first token's time that another replica would save.",
                    {"{{model_name}}": quantile(0.95, "vllm:request_queue_time_seconds", "model_name")},
                    "s",
                ),
                lines(
                    "Whole requests",
                    "From arrival to the last token, of half of them and of nearly all.",
                    {
                        "{{model_name}} p50": quantile(0.5, "vllm:e2e_request_latency_seconds", "model_name"),
                        "{{model_name}} p95": quantile(0.95, "vllm:e2e_request_latency_seconds", "model_name"),
                    },
                    "s",
                ),
            ],
            "The embedded server's batches": [
                lines(
                    "Sequences in a forward pass, p50",
                    "1 under load means that requests come one by one, and batching gains nothing; see "
                    "BATCH_FLUSH_TIMEOUT_MS.",
                    {
                        "{{model_name}}": (
                            "histogram_quantile(0.5, sum by (le, model_name) "
                            '(rate(inference_batch_size_bucket{job="model"}[$__rate_interval])))'
                        )
                    },
                ),
                lines(
                    "Batches in the making",
                    "0 or 1 for each model: it makes one batch at a time.",
                    {"{{model_name}}": 'sum by (model_name) (inference_active_batches{job="model"})'},
                ),
            ],
            "vLLM's memory (vLLM only)": [
                lines(
                    "KV cache in use",
                    "Near 100 % requests wait or are thrown out of the batch: shorter contexts, fewer at once, or more "
                    "memory (gpu_memory_utilization, tensor parallelism).",
                    {"{{model_name}}": "max by (model_name) (vllm:kv_cache_usage_perc)"},
                    "percentunit",
                    limit=0.95,
                ),
                lines(
                    "Thrown out and begun again",
                    "Preemptions: work done twice for want of KV cache. Should be 0.",
                    {"{{model_name}}": "sum by (model_name) (rate(vllm:num_preemptions_total[$__rate_interval]))"},
                ),
                lines(
                    "Prefix cache hit rate",
                    "The share of prompt tokens that were read before. Low, with one system prompt for all: something "
                    "that changes stands at its beginning, or requests go to replicas by chance.",
                    {
                        "{{model_name}}": (
                            "sum by (model_name) (rate(vllm:prefix_cache_hits_total[$__rate_interval]))"
                            " / sum by (model_name) (rate(vllm:prefix_cache_queries_total[$__rate_interval]))"
                        )
                    },
                    "percentunit",
                ),
            ],
        },
    )
