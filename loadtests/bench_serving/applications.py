"""The application as ray.serve.llm itself builds it, for the contenders beside ours.

In: the same ServingArguments, so that engine, weights and warm-up are the same. Out: a Serve application. Serve imports
these functions by their path; they run in the serving environment.
"""

from typing import Any

from ray import serve
from ray.serve.llm import LLMConfig, build_llm_deployment, build_openai_app

from serving.ray_serve.arguments import ServingArguments
from serving.ray_serve.builder import llm_config
from serving.ray_serve.warm_server import WarmServer


def official(arguments: ServingArguments) -> serve.Application:
    """With the ingress in Python; or with LLMRouter, if the environment asks for direct streaming."""
    return build_openai_app({"llm_configs": [_config(arguments, server_cls=WarmServer)]})


def unbatched(arguments: ServingArguments) -> serve.Application:
    """The same, but each token is passed on at once, not in batches of 50 ms."""
    config = _config(arguments, server_cls=WarmServer, experimental_configs={"stream_batching_interval_ms": 0})
    return build_openai_app({"llm_configs": [config]})


def unmeasured(arguments: ServingArguments) -> serve.Application:
    """Ours, with an engine that reports no metrics to Ray."""
    return build_llm_deployment(
        _config(arguments, log_engine_metrics=False),
        deployment_cls=serve.ingress()(WarmServer),
        override_serve_options={"name": arguments.deployment},
    )


def _config(arguments: ServingArguments, **more: Any) -> LLMConfig:
    return llm_config(arguments).model_copy(update=more)
