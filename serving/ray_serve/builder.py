"""The official way: a deployment with OpenAI's API, built by ray.serve.llm from our arguments.

In: ServingArguments. Out: a Serve application. Serve imports `build` by the path in a config file.
"""

from typing import Any

from ray import serve
from ray.serve.llm import LLMConfig, build_llm_deployment

from serving.ray_serve.arguments import ServingArguments
from serving.ray_serve.warm_server import WarmServer

LOCAL_MODEL = "serving.ray_serve.warm_server:LocalModel"


def build(arguments: ServingArguments) -> serve.Application:
    """Raises ValueError for arguments that ray.serve.llm or vLLM reject."""
    # Not build_openai_app: that adds a Python server which each request passes through, or which is asked about each
    # request. Here each replica has vLLM's own OpenAI API, and HAProxy sends a request to the replica with the fewest.
    # Only routing by the beginning of a prompt, or by its user, would need that server.
    return build_llm_deployment(
        llm_config(arguments),
        deployment_cls=serve.ingress()(WarmServer),
        override_serve_options={"name": arguments.deployment},
    )


def llm_config(arguments: ServingArguments) -> LLMConfig:
    """What ray.serve.llm needs to know about our model."""
    # region: llm-config
    engine = arguments.engine_arguments()
    return LLMConfig(
        model_loading_config={"model_id": engine.pop("served_model_name"), "model_source": engine.pop("model")},
        accelerator_type=arguments.accelerator,
        accelerator_config={"kind": arguments.hardware},
        # Otherwise a replica asks for two whole CPUs: one for itself, one for its engine.
        placement_group_config={"bundles": _bundles(arguments)},
        engine_kwargs=engine,
        runtime_env={"env_vars": arguments.process_environment()},
        deployment_config={**arguments.serve_options(), "ray_actor_options": {"num_cpus": 0}},
        callback_config={"callback_class": LOCAL_MODEL} if arguments.weights != arguments.source else {},
    )
    # endregion: llm-config


def _bundles(arguments: ServingArguments) -> list[dict[str, Any]]:
    device = {"CPU": arguments.cpus} | ({"GPU": 1} if arguments.hardware == "gpu" else {})
    return [dict(device) for _ in range(arguments.tensor_parallel)]
