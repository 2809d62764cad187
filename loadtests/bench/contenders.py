"""The contenders: our gateway, a bare pass-through, the Portkey gateway and the LiteLLM proxy.

In: the upstream's base URL and a folder. Out: a process on the measured core, and the target of its requests. Each is
set up as its own documentation recommends for speed, and answers OpenAI's chat route.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from loadtests.bench.cores import measured
from loadtests.bench.target import Target
from workshop.node import NodeError, find_node, install
from workshop.processes import ROOT, CannotStart, Process, free_port, gateway

PEERS = ROOT / "loadtests" / "peers"
ROUTE = "/v1/chat/completions"

# High enough for the load; the limiter does its work nevertheless.
MOST = str(10**9)
NO_LIMITS = dict.fromkeys(("RATE_LIMIT_RPM", "RATE_LIMIT_ANONYMOUS_RPM", "RATE_LIMIT_RPH", "RATE_LIMIT_TPM"), MOST)


@dataclass(slots=True, frozen=True)
class Contender:
    version: str
    process: Process
    target: Target


class Setup(Protocol):
    def __call__(self, upstream: str, folder: Path) -> Contender:
        """A contender, ready to start. Raises CannotStart if it is not installed and cannot be."""


@dataclass(slots=True, frozen=True)
class Ours:
    """A stack of ours, called with a token: complete, or without metrics and traces.

    Traces go to the `collector`, a base URL, at the default sampling ratio.
    """

    build: str
    collector: str
    watched: bool = True

    def __call__(self, upstream: str, folder: Path) -> Contender:
        port = free_port()
        demo = " ".join(self.build.removeprefix("demos.").split("_")[:2])
        environment = {
            "OPENAI_BASE_URL": upstream,
            "LOG_FILE": str(folder / "logs.json"),
            "DATABASE_URL": f"sqlite:///{folder / 'workshop.db'}",
            "OTLP_ENDPOINT": self.collector,
            "ENABLE_TRACING": str(self.watched),
            "ENABLE_METRICS": str(self.watched),
            **NO_LIMITS,
        }
        process = gateway(self.build, port=port, environment=environment, output=folder / "gateway.log")
        headers = {"Authorization": f"Bearer {token(environment)}"}
        return Contender(
            f"{demo}, all layers" if self.watched else "no metrics, no traces",
            measured(process),
            Target("the gateway", f"http://127.0.0.1:{port}{ROUTE}", headers),
        )


def token(environment: Mapping[str, str]) -> str:
    """A new token of the service that has this environment."""
    command = [sys.executable, "-m", "shared.accounts", "create", "bench"]
    made = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}, check=False
    )
    if made.returncode:
        raise CannotStart(made.stderr.strip())
    return made.stdout.strip()


def uvicorn(name: str, app: str, environment: Mapping[str, str], output: Path) -> tuple[Process, str]:
    """An ASGI application served as our own services are, and its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    return measured(Process(name, command, f"{url}/health", environment, output=output)), url


def passthrough(upstream: str, folder: Path) -> Contender:
    environment, output = {"OPENAI_BASE_URL": upstream}, folder / "passthrough.log"
    process, url = uvicorn("the pass-through", "loadtests.passthrough:app", environment, output)
    return Contender(f"aiohttp {version('aiohttp')}", process, Target("bare pass-through", f"{url}{ROUTE}"))


def portkey(upstream: str, folder: Path) -> Contender:
    """As `npx @portkey-ai/gateway` starts it, without its page; the headers of each request name the upstream."""
    try:
        node = find_node(ROOT / ".run" / "node", oldest=18)
        modules = install(node, PEERS, ROOT / ".run" / "portkey")
    except NodeError as reason:
        raise CannotStart(str(reason)) from None
    package = modules / "node_modules" / "@portkey-ai" / "gateway"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = Process(
        "Portkey",
        [*node.node, str(package / "build" / "start-server.js"), f"--port={port}", "--headless"],
        url,
        {"NODE_ENV": "production"},
        output=folder / "portkey.log",
    )
    headers = {
        "Authorization": "Bearer sk-static",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": upstream,
    }
    number = json.loads((package / "package.json").read_text())["version"]
    return Contender(number, measured(process), Target("Portkey gateway", f"{url}{ROUTE}", headers))


def litellm(upstream: str, folder: Path) -> Contender:
    """One worker, no database; peers/litellm.yaml has the rest."""
    environment = ROOT / ".venv-peers"
    program = environment / "bin" / "litellm"
    installed = next(environment.glob("lib/python*/site-packages/litellm-*.dist-info"), None)
    if installed is None or not program.exists():
        raise CannotStart("LiteLLM is not installed: make peers")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    key = f"sk-{secrets.token_hex(24)}"  # it does not start without one
    command = [str(program), "--config", str(PEERS / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--run_granian"]  # its fastest server, by a tenth or two
    process = Process(
        "LiteLLM",
        command,
        f"{url}/health/liveliness",
        {
            "OPENAI_BASE_URL": upstream,
            "LITELLM_MASTER_KEY": key,
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # otherwise it asks the network for prices, and waits
        },
        output=folder / "litellm.log",
    )
    headers = {"Authorization": f"Bearer {key}"}
    number = installed.name.removeprefix("litellm-").removesuffix(".dist-info")
    return Contender(number, measured(process), Target("LiteLLM proxy", f"{url}{ROUTE}", headers))
