"""All wrong deployments at once, in front of one engine: each has its own path, and all start in the time of one.

`python -m tests.demo_6.mutant_server FILE.yaml --port 8000`, in the serving environment. In: a config file, for the
engine's arguments. Out: for each mutant /NAME/v1/chat/completions and its other routes, /NAME/check_health for Serve's
health check, and /NAME/warmed_up/metrics for its requests to the engine before it was ready. /starter and /solved are
the attendees' first and last versions, /metrics has vLLM's own metrics. It runs on uvicorn, without Ray.
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
from prometheus_client import REGISTRY, generate_latest
from vllm import AsyncEngineArgs
from vllm.v1.engine.async_llm import AsyncLLM

from demos.demo_6_ray_serve_vllm.exercise import deployment as starter
from serving.ray_serve import by_hand
from serving.ray_serve.arguments import ServingArguments
from tests.demo_6 import mutants
from tests.demo_6.solved import deployment as solved

MODULES = {"starter": starter, "solved": solved}


FINISHED = "vllm:request_success_total"
PAGE = """# HELP vllm:request_success_total Requests that it has finished before it was ready.
# TYPE vllm:request_success_total counter
vllm:request_success_total {:.1f}
"""


def _finished() -> float:
    """The number of requests that the engine has finished, by its own count."""
    samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
    return sum(sample.value for sample in samples if sample.name == FINISHED)


def _all_of(kind: Any) -> list[Any]:
    return [found for child in kind.__subclasses__() for found in (child, *_all_of(child))]


async def serve(arguments: ServingArguments, port: int) -> None:
    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments.engine_arguments()))
    generate, asked = engine.generate, 0
    app = FastAPI()

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal asked
        asked += 1
        return generate(*given, **named)

    engine.generate = counted

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest())

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    class Shared:
        """Stands in for vLLM's engine class and returns the one engine."""

        @staticmethod
        def from_engine_args(*given: Any, **named: Any) -> AsyncLLM:
            return engine

    async def mount(name: str, kind: Any, right: FastAPI) -> None:
        deployment, before, finished_before = kind.__new__(kind), asked, _finished()
        await deployment.__init__(arguments)
        while _finished() - finished_before < asked - before:  # noqa: ASYNC110  # it counts a moment later
            await asyncio.sleep(0.01)
        mounted, page = mutants.api(deployment, right), PAGE.format(asked - before)

        @mounted.get("/warmed_up/metrics")
        async def warmed_up() -> PlainTextResponse:
            return PlainTextResponse(page)

        app.mount(f"/{name}", mounted)

    written = {name: mutants.written_class(module) for name, module in MODULES.items()}
    for kind in (mutants.ByHand, *written.values()):
        kind.__init__.__globals__.update(AsyncLLM=Shared, PROMPTS=())  # one start and one warm-up are enough
    for kind in _all_of(mutants.Mutant):
        await mount(kind.__name__, kind, by_hand.app)
    for name, module in MODULES.items():
        await mount(name, written[name], module.app)
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
