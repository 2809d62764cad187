"""Starts the embedded model server: `python -m serving.local --port 8100`.

In: flags and environment (settings.py). Out: one JSON line on stdout once it is ready to answer, or one line on
stderr and exit code 1.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import uvloop

from serving.local.access import Access
from serving.local.app import App, build
from serving.local.call_log import Calls
from serving.local.completion import Model
from serving.local.engine import Batching
from serving.local.faults import BadFault, Fault, Faults, read_plan
from serving.local.listener import Listener, PortTaken
from serving.local.metrics import Metrics
from serving.local.settings import BadSetting, Settings, load, variable
from serving.local.simulator import Pace, WorkshopSim
from serving.local.tiny import MissingWeights, WorkshopTiny


def main() -> int:
    try:
        settings = load(sys.argv[1:], os.environ)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except (BadSetting, MissingWeights, PortTaken, FailedToLoad) as error:
        print(f"serving.local: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


class FailedToLoad(Exception):
    """The weights exist but cannot be run."""


async def serve(settings: Settings) -> None:
    metrics = Metrics()
    own = {name: make_model(name, settings, metrics) for name in settings.models}
    models = own | {alias: own[target] for alias, target in settings.served_model_name.items()}
    access, calls = Access(settings.api_key), Calls()
    plan = _plan(settings)
    listener = Listener(settings.host, settings.port)
    faults = Faults(listener.refuse)
    app = build(
        App(models, metrics, access, int(time.time())),
        models,
        faults,
        calls,
        access,
        admin=settings.admin,
        max_body_bytes=settings.max_body_bytes,
    )
    serving = asyncio.create_task(listener.serve(app))
    try:
        await _load(list(own.values()))
        faults.set(plan)
        print(json.dumps({"event": "listening", "host": listener.host, "port": listener.port}), flush=True)
    except Exception as error:
        listener.stop()
        raise FailedToLoad(f"cannot load a model: {' '.join(str(error).split())}") from None
    finally:
        await serving
        for model in own.values():
            model.stop()


def make_model(name: str, settings: Settings, metrics: Metrics) -> Model:
    if name == WorkshopTiny.name:
        batching = Batching(settings.batch_max_size, settings.batch_flush_timeout_ms / 1000)
        return WorkshopTiny(settings.weights, settings.threads, batching, metrics.of(name))
    pace = Pace(settings.sim_ttft_ms / 1000, settings.sim_tpot_ms / 1000, settings.sim_jitter, settings.sim_seed)
    return WorkshopSim(
        settings.sim_slots,
        pace,
        settings.sim_output_tokens,
        settings.sim_queue_max,
        settings.sim_context_tokens,
        metrics.of(name),
    )


async def _load(models: list[Model]) -> None:
    await asyncio.gather(*(model.start() for model in models))


def _plan(settings: Settings) -> list[Fault]:
    if not settings.faults:
        return []
    try:
        return read_plan(settings.faults.encode())
    except BadFault as error:
        raise BadSetting(f"{variable('faults')}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
