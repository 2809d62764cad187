"""The official way: an OpenAI-compatible application made by ray.serve.llm, from our arguments.

In: ServingArguments. Out: a Serve application. Serve imports `build` by the path in a config file.
"""

from typing import Any

from ray import serve
from ray.serve.llm import LLMConfig, build_openai_app

from serving.ray_serve.arguments import ServingArguments

WARM_SERVER = "serving.ray_serve.warm_server:WarmServer"
LOCAL_MODEL = "serving.ray_serve.warm_server:LocalModel"


# region: builder
def build(arguments: ServingArguments) -> serve.Application:
    """Raises ValueError for arguments that ray.serve.llm or vLLM do not take."""
    return build_openai_app({"llm_configs": [llm_config(arguments)]})


def llm_config(arguments: ServingArguments) -> LLMConfig:
    """What ray.serve.llm needs to know of our model."""
    engine = arguments.engine_arguments()
    return LLMConfig(
        model_loading_config={"model_id": engine.pop("served_model_name"), "model_source": engine.pop("model")},
        accelerator_type=arguments.accelerator,
        accelerator_config={"kind": arguments.hardware},
        # On a CPU a replica would ask for two whole CPUs, one for itself and one for its engine.
        placement_group_config={"bundles": _bundles(arguments)},
        engine_kwargs=engine,
        runtime_env={"env_vars": arguments.environment},
        deployment_config={**arguments.serve_options(), "ray_actor_options": {"num_cpus": 0}},
        server_cls=WARM_SERVER,
        callback_config={"callback_class": LOCAL_MODEL} if arguments.weights != arguments.source else {},
    )


# endregion: builder


def _bundles(arguments: ServingArguments) -> list[dict[str, Any]]:
    device = {"CPU": arguments.cpus} | ({"GPU": 1} if arguments.hardware == "gpu" else {})
    return [dict(device) for _ in range(arguments.tensor_parallel)]
