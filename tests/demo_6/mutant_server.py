"""All wrong deployments at once, before one engine: each has a path of its own, and all come up in the time of one.

`python -m tests.demo_6.mutant_server FILE.yaml --port 8000`, in the serving environment. In: a config file, for the
engine's arguments. Out: /NAME/v1/chat/completions and the rest of each, /NAME/check_health for what Serve would ask it,
/starter and /solved for what attendees begin and end with, /metrics for vLLM's own numbers. No Ray: uvicorn.
"""

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest
from vllm import AsyncEngineArgs
from vllm.v1.engine.async_llm import AsyncLLM

from demos.demo_6_ray_serve_vllm.exercise import deployment as starter
from serving.ray_serve import by_hand
from serving.ray_serve.arguments import ServingArguments
from tests.demo_6 import mutants
from tests.demo_6.solved import deployment as solved


def _all_of(kind: Any) -> list[Any]:
    return [found for child in kind.__subclasses__() for found in (child, *_all_of(child))]


async def serve(arguments: ServingArguments, port: int) -> None:
    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments.engine_arguments()))
    app = FastAPI()

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest())

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    def mount(name: str, deployment: Any, right: FastAPI) -> None:
        deployment.engine, deployment.arguments = engine, arguments
        deployment.tokenizer = engine.get_tokenizer()
        app.mount(f"/{name}", mutants.api(deployment, right))

    for kind in _all_of(mutants.Mutant):
        mutant = kind.__new__(kind)
        if "__init__" in vars(kind):
            mutant.__init__()
        mount(kind.__name__, mutant, by_hand.app)
    for name, module in {"starter": starter, "solved": solved}.items():
        deployed: Any = module.VLLMDeployment
        written = deployed.func_or_class.__mro__[1]  # without what Serve puts around it
        mount(name, written.__new__(written), module.app)
    await uvicorn.Server(uvicorn.Config(app, port=port, log_level="error")).serve()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    (application,) = yaml.safe_load(options.config.read_text())["applications"]
    arguments = ServingArguments(**application["args"])
    os.environ.update(arguments.environment)
    asyncio.run(serve(arguments, options.port))


if __name__ == "__main__":
    main()
