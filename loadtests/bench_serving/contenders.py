"""The contenders: vLLM's own server, and Ray Serve around the same engine, one setting at a time.

In: laptop.yaml, which has the model and the engine's arguments for all of them. Out: a process for each, and its URL.
Always one replica: the comparison is about the way to an engine, not about the number of engines.
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

# Serve's defaults, for contenders without our profile.
PLAIN_SERVE = {"RAY_SERVE_ENABLE_HA_PROXY": "0", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "0"}
DIRECT = {"RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING": "1"}


@dataclass(slots=True, frozen=True)
class Setup:
    """Ray Serve, and how it differs from the profile that we serve with. `buys`: a text for the table."""

    name: str
    buys: str
    application: str = OURS
    environment: Mapping[str, str] = field(default_factory=dict)
    engine: Mapping[str, Any] = field(default_factory=dict)


TUNED = "Ray Serve, tuned"
BY_HAND = "by hand"
PLAIN = "vLLM alone"

# From Serve's defaults to what we serve with: each step changes one setting more than the step above.
STEPS = (
    Setup("Ray Serve's defaults", "a proxy in Python, an ingress in Python", OFFICIAL, PLAIN_SERVE),
    Setup(
        "… throughput optimized",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED=1: one thread, no log line per request, gRPC between them",
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
    Setup(TUNED, "no LLMRouter: HAProxy picks the replica with the fewest requests. laptop.yaml serves with this"),
)
# Beside it: what we serve with, except for one setting.
KNOBS = (
    Setup(BY_HAND, "serving/ray_serve/by_hand.py instead of the builder", "serving.ray_serve.by_hand:build"),
    Setup("no engine metrics", "log_engine_metrics: false", "loadtests.bench_serving.applications:unmeasured"),
    Setup(
        "looked at less often",
        "the controller looks twice a second, not ten times; metrics every 10 s, not every 2; none from HAProxy",
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
        """vLLM's own server, with the engine's arguments from laptop.yaml. It also writes no log line per request."""
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
        """Ray Serve with this setup. Raises CannotStart without the serving environment."""
        file = copy.deepcopy(self._file)
        application = file["applications"][0]
        application["import_path"] = setup.application
        application["args"]["engine"] |= setup.engine
        name = "".join(letter for letter in setup.name if letter.isalnum())
        config = self._folder / f"{name}.yaml"
        config.write_text(yaml.safe_dump(file))
        return ray_serve(free_ports(), config, setup.environment, self._folder / f"{name}.log")


def url(process: Process) -> str:
    """The base URL of its OpenAI API, without /v1."""
    return process.ready_url.removesuffix("/health").removesuffix("/v1/models")


def _options(arguments: Iterable[tuple[str, Any]]) -> list[str]:
    options = []
    for name, value in arguments:
        option = f"--{name.replace('_', '-')}"
        options += [option] if value is True else [option, str(value)]
    return options
