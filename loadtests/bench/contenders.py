"""A contender, and those of this repository: our gateway, and two bare pass-throughs. `peers.py` has the others.

In: the upstream's base URL and a folder. Out: a process on the measured core, and the target of its requests.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from loadtests.bench.callers import make_callers
from loadtests.bench.cores import measured
from loadtests.bench.target import Target
from shared import __version__
from workshop.processes import ROOT, CannotStart, Process, free_port, gateway

ROUTE = "/v1/chat/completions"

# High enough for the load; the limiter does its work nevertheless.
MOST = str(10**9)
NO_LIMITS = dict.fromkeys(("RATE_LIMIT_RPM", "RATE_LIMIT_ANONYMOUS_RPM", "RATE_LIMIT_RPH", "RATE_LIMIT_TPM"), MOST)
# For thousands of streams at the same time, each with a connection of its own to the upstream.
ROOM = {"UVICORN_LIMIT_CONCURRENCY": "20000", "HTTP_MAX_CONNECTIONS": "20000"}


@dataclass(slots=True, frozen=True)
class Governance:
    """What a gateway does with each request besides passing it on, in words. Empty: it does not."""

    callers: str = ""
    limits: str = ""
    log: str = ""
    metrics: str = ""
    traces: str = ""

    @property
    def complete(self) -> bool:
        """Is there all that a row among the governed ones needs? Traces only if the gateway has them."""
        return bool(self.callers and self.limits and self.log and self.metrics)


UNGOVERNED = Governance()


@dataclass(slots=True, frozen=True)
class Contender:
    """`keys`: those of all its callers, if it has more than the one of `target`."""

    version: str
    process: Process
    target: Target
    governance: Governance = UNGOVERNED
    keys: Sequence[str] = ()


class Setup(Protocol):
    def __call__(self, upstream: str, folder: Path) -> Contender:
        """A contender, ready to start, with its files in a `folder` of its own.

        Raises CannotStart if it is not installed and cannot be.
        """


@dataclass(slots=True, frozen=True)
class Ours:
    """A stack of ours, called with a token: complete, or without metrics and traces.

    Traces go to the `collector`, a base URL, at the default sampling ratio.
    """

    build: str
    collector: str
    watched: bool = True
    callers: int = 1
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)

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
            "UVICORN_WORKERS": str(self.workers),
            **NO_LIMITS,
            **self.settings,
        }
        process = gateway(self.build, port=port, environment=environment, output=folder / "gateway.log")
        keys = make_callers(environment["DATABASE_URL"], self.callers) if self.callers > 1 else [token(environment)]
        return Contender(
            f"{demo}, all layers" if self.watched else "no metrics, no traces",
            measured(process),
            Target("the gateway", f"http://127.0.0.1:{port}{ROUTE}", {"Authorization": f"Bearer {keys[0]}"}),
            self._governance(),
            keys,
        )

    def _governance(self) -> Governance:
        return Governance(
            callers="a token, from a database",
            limits="requests and tokens of each caller, per minute and per hour",
            log="a JSON line per request, with tokens and cost",
            metrics="Prometheus" if self.watched else "",
            traces="one in ten, OTLP" if self.watched else "",
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


def uvicorn(name: str, app: str, environment: Mapping[str, str], output: Path, workers: int = 1) -> tuple[Process, str]:
    """An ASGI application served as our own services are, and its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--workers", str(workers)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    return measured(Process(name, command, f"{url}/health", environment, output=output)), url


@dataclass(slots=True, frozen=True)
class Passthrough:
    """The bare pass-through: `app` is the one of `loadtests.passthrough` with the HTTP client that is named."""

    app: str
    client: str
    workers: int = 1

    def __call__(self, upstream: str, folder: Path) -> Contender:
        process, url = uvicorn(
            "the pass-through",
            f"loadtests.passthrough:{self.app}",
            {"OPENAI_BASE_URL": upstream},
            folder / "passthrough.log",
            self.workers,
        )
        return Contender(self.client, process, Target("bare pass-through", f"{url}{ROUTE}"))


BY_AIOHTTP = Passthrough("app", f"aiohttp {version('aiohttp')}")
BY_OUR_CLIENT = Passthrough("on_our_client", f"shared/http_client {__version__}")
