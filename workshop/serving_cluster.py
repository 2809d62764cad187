"""Ray Serve with vLLM behind a demo: start it as a process of ours, inspect it, give it another config file.

In: a port and a Serve config file. Out: a Process, and what Ray's REST API says, as `serve status` shows it. Ray and
vLLM live in the serving environment; nothing of them is imported here.
"""

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from workshop import direct
from workshop.processes import ROOT, CannotStart, Process, child_environment

CONFIGS = ROOT / "serving" / "ray_serve"
LAPTOP = CONFIGS / "laptop.yaml"
PYTHON = ROOT / ".venv-serving" / "bin" / "python"
RUN = ROOT / ".run"
HAPROXY_METRICS_OFFSET = 2  # see serving/ray_serve/environment.py
METRICS_OFFSET = 4
DASHBOARD_OFFSET = 5
ENGINE = "VLLM::"  # how the names of vLLM's processes begin
PORTS = 70  # that a cluster takes, from its own port on
FIRST_PORT, LAST_PORT = 10_000, 32_000  # where we look for free ones: below those that the system assigns
START_SECONDS = 660.0  # on a busy machine; the cluster gives up before that
STOP_SECONDS = 30.0
REST_SECONDS = 30.0


@dataclass
class Cluster(Process):
    """A Process with the time that Ray takes to start and to stop."""

    grace: float = STOP_SECONDS

    def start(self, timeout: float = START_SECONDS) -> "Cluster":
        super().start(timeout)
        return self


def ray_serve(
    port: int, config: Path = LAPTOP, environment: Mapping[str, str] | None = None, output: Path | None = None
) -> Cluster:
    """A cluster that serves `config` at `port`. Raises CannotStart without the serving environment."""
    if not PYTHON.exists():
        raise CannotStart("Ray Serve and vLLM are not installed: make install-serving")
    RUN.mkdir(exist_ok=True)
    return Cluster(
        name="Ray Serve",
        command=[str(PYTHON), "-m", "serving.ray_serve", str(config), "--port", str(port)],
        ready_url=f"http://127.0.0.1:{port}/v1/models",
        environment={"RAY_AUTH_TOKEN_PATH": str(token_file(port)), **(environment or {})},
        output=output,
    )


def free_ports() -> int:
    """The first of as many consecutive ports as a cluster takes, all free at this moment. Raises CannotStart."""
    for port in range(FIRST_PORT + os.getpid() % 200 * PORTS, LAST_PORT, PORTS):
        if all(map(_is_free, range(port, port + PORTS))):
            return port
    raise CannotStart(f"there are no {PORTS} consecutive free ports for Ray Serve")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def token_file(port: int) -> Path:
    """Anyone who can read this file may submit work to the cluster."""
    return RUN / f"ray-serve-{port}.token"


def status(port: int) -> dict[str, Any]:
    """What `serve status` shows, and more: "applications", "controller_info", "proxies" … Raises OSError."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port + DASHBOARD_OFFSET}/api/serve/applications/",
        headers={"Authorization": f"Bearer {token_file(port).read_text().strip()}"},
    )
    try:
        with direct.urlopen(request, REST_SECONDS) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except urllib.error.HTTPError as error:
        raise OSError(f"Ray answered {error.code}: {error.read().decode(errors='replace')[:300]}") from None


def redeploy(port: int, config: Path) -> None:
    """What `serve deploy` does. Returns at once: `status` says how far it is. Raises CannotStart."""
    command = [
        str(PYTHON.parent / "serve"),
        "deploy",
        str(config),
        "--address",
        f"http://127.0.0.1:{port + DASHBOARD_OFFSET}",
    ]
    environment = child_environment({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_file(port))})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStart(f"serve deploy: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


@dataclass(slots=True, frozen=True)
class Replica:
    """One engine with its HTTP server. `engine_pids`: the processes that compute for it."""

    id: str
    deployment: str
    state: str  # STARTING, RUNNING, STOPPING, …
    pid: int | None

    @property
    def engine_pids(self) -> tuple[int, ...]:
        try:
            children = psutil.Process(self.pid).children(recursive=True) if self.pid else []
            return tuple(child.pid for child in children if child.name().startswith(ENGINE))
        except psutil.NoSuchProcess:
            return ()


def replicas(port: int) -> list[Replica]:
    """All replicas of the cluster's applications, whatever their state. Raises OSError."""
    return [
        Replica(one["replica_id"], name, one["state"], one.get("pid"))
        for application in status(port)["applications"].values()
        for name, deployment in application["deployments"].items()
        for one in deployment["replicas"]
    ]
