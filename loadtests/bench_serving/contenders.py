"""Those that are measured: vLLM's own server, and Ray Serve around the same engine, a knob at a time.

In: laptop.yaml, which says the model and the engine's arguments of all of them. Out: a process for each, and its URL.
One replica, always: what is compared is the way to an engine, not how many engines there are.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from workshop.processes import ROOT, Process, free_port
from workshop.serving_cluster import LAPTOP, PYTHON, free_ports, ray_serve

OURS = "serving.ray_serve.builder:build"
OFFICIAL = "loadtests.bench_serving.applications:official"
START_SECONDS = 180.0

# Serve's defaults, for those that do without our profile.
PLAIN_SERVE = {"RAY_SERVE_ENABLE_HA_PROXY": "0", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "0"}
DIRECT = {"RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING": "1"}


@dataclass(slots=True, frozen=True)
class Setup:
    """Ray Serve, and what is different about it from the profile that we serve with. `buys`: for the table."""

    name: str
    buys: str
    application: str = OURS
    environment: Mapping[str, str] = field(default_factory=dict)
    engine: Mapping[str, Any] = field(default_factory=dict)


TUNED = "Ray Serve, tuned"
BY_HAND = "by hand"
PLAIN = "vLLM alone"

# From Serve's defaults to what we serve with: each is the one above and one knob more.
STEPS = (
    Setup("Ray Serve's defaults", "a proxy in Python, an ingress in Python", OFFICIAL, PLAIN_SERVE),
    Setup(
        "… throughput optimized",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED=1: one thread, no log line a request, gRPC between them",
        OFFICIAL,
        {**PLAIN_SERVE, "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"},
    ),
    Setup(
        "… HAProxy, direct streaming",
        "RAY_SERVE_ENABLE_HA_PROXY=1, RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING=1: tokens come straight from the replica, "
        "and LLMRouter is asked where to send each request",
        OFFICIAL,
        DIRECT,
    ),
    Setup(TUNED, "no LLMRouter: HAProxy picks the replica with the fewest. What laptop.yaml serves with"),
)
# Beside it: what we serve with, but for one thing.
KNOBS = (
    Setup(BY_HAND, "serving/ray_serve/by_hand.py in the builder's place", "serving.ray_serve.by_hand:build"),
    Setup("no engine metrics", "log_engine_metrics: false", "loadtests.bench_serving.applications:unmeasured"),
    Setup(
        "looked at less often",
        "the controller twice a second, not ten times; numbers for Prometheus every 10 s, not every 2; HAProxy's none",
        environment={
            "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
            "RAY_metrics_report_interval_ms": "10000",
            "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",
            "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        },
    ),
)


class Contenders:
    """`folder` takes config files and logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = yaml.safe_load(LAPTOP.read_text())
        arguments = self._file["applications"][0]["args"]
        arguments["replicas"] = {"min": 1, "max": 1}
        self.model: str = arguments["model"]

    def alone(self, engine: Mapping[str, Any] | None = None) -> Process:
        """vLLM's own server, with the engine's arguments of laptop.yaml. It writes no line a request either."""
        arguments = self._file["applications"][0]["args"]
        port = free_port()
        command = [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--model", str(ROOT / arguments["source"]), "--served-model-name", self.model]
        command += ["--max-model-len", str(arguments["max_model_len"]), "--disable-uvicorn-access-log"]
        command += _options({**arguments["engine"], **(engine or {})}.items())
        environment = {**arguments["environment"], "VLLM_NO_USAGE_STATS": "1"}
        log = self._folder / "vllm.log"
        return Process(PLAIN, command, f"http://127.0.0.1:{port}/health", environment, output=log)

    def serve(self, setup: Setup) -> Process:
        """Raises CannotStart where there is no serving environment."""
        file = copy.deepcopy(self._file)
        application = file["applications"][0]
        application["import_path"] = setup.application
        application["args"]["engine"] |= setup.engine
        name = "".join(letter for letter in setup.name if letter.isalnum())
        config = self._folder / f"{name}.yaml"
        config.write_text(yaml.safe_dump(file))
        return ray_serve(free_ports(), config, setup.environment, self._folder / f"{name}.log")


def url(process: Process) -> str:
    """Where its OpenAI API is, without the /v1."""
    return process.ready_url.removesuffix("/health").removesuffix("/v1/models")


def _options(arguments: Iterable[tuple[str, Any]]) -> list[str]:
    options = []
    for name, value in arguments:
        option = f"--{name.replace('_', '-')}"
        options += [option] if value is True else [option, str(value)]
    return options
