"""The contenders: a first version of the service, and demos 1, 3, 4 and 5 as `make demo-N` starts them.

In: the model's base URL and a folder. Out: a process on the measured core, and its `POST /generate`. The demos have
their default settings, but for limits on callers that are too high to matter. From demo 3 on, the caller has a token.
Demo 5 also takes part with the settings of ENV=production and a second model to fall back on, but with one worker, as
all the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from loadtests.bench.contenders import NO_LIMITS, Contender, Setup, token, uvicorn
from loadtests.bench.cores import measured
from loadtests.bench.target import Target
from workshop.demo import DEMOS, build_path
from workshop.processes import free_port, gateway
from workshop.progress.labs import LABS

NAIVE, DEFAULTS, LAST = "first version", "demo 5", "demo 5 in production"
IN_PRODUCTION = {"ENV": "production", "UVICORN_WORKERS": "1"}
WITH_TOKENS = 2  # the first demo that knows callers


def naive(upstream: str, folder: Path) -> Contender:
    environment = {"OPENAI_BASE_URL": upstream, "OPENAI_API_KEY": "none"}
    process, url = uvicorn("the first version", "loadtests.naive:app", environment, folder / "naive.log")
    return Contender(f"FastAPI {version('fastapi')}", process, Target(NAIVE, f"{url}/generate"))


@dataclass(slots=True, frozen=True)
class Demo:
    name: str
    number: int
    fallback: str = ""  # a model's base URL; with one, the settings are those of production

    def __call__(self, upstream: str, folder: Path) -> Contender:
        port, apart = free_port(), folder / self.name.replace(" ", "_")
        apart.mkdir()
        environment = {
            "OPENAI_BASE_URL": upstream,
            "LOG_FILE": str(apart / "logs.json"),
            "DATABASE_URL": f"sqlite:///{apart / 'workshop.db'}",
            **(IN_PRODUCTION | {"FALLBACKS": f"@{self.fallback}"} if self.fallback else {}),
            **NO_LIMITS,
        }
        build = build_path(DEMOS[self.number], "reference")
        process = gateway(build, port=port, environment=environment, output=apart / "gateway.log")
        headers = {"Authorization": f"Bearer {token(environment)}"} if self.number >= WITH_TOKENS else {}
        target = Target(self.name, f"http://127.0.0.1:{port}/generate", headers)
        return Contender(LABS[self.number].title(), measured(process), target)


def setups(fallback: str) -> Mapping[str, Setup]:
    """All of them, by name; `fallback` is the base URL of the second model."""
    demos = [Demo(f"demo {number}", number) for number in (1, 3, 4, 5)]
    return {NAIVE: naive} | {demo.name: demo for demo in (*demos, Demo(LAST, 5, fallback))}
