"""The contenders: a first version of the service, and demos 1, 3, 4 and 5 as `make demo-N` starts them.

In: the model's base URL and a folder. Out: a process on the measured core, and its `POST /generate`. The demos have
their default settings, but for limits on callers that are too high to matter. From demo 3 on, the caller has a token.
Demo 5 also takes part with a second model to fall back on, which a default cannot name.
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

NAIVE, LAST, WITH_FALLBACK = "first version", "demo 5", "demo 5 with a fallback"
WITH_TOKENS = 2  # the first demo that knows callers


def naive(upstream: str, folder: Path) -> Contender:
    environment = {"OPENAI_BASE_URL": upstream, "OPENAI_API_KEY": "none"}
    process, url = uvicorn("the first version", "loadtests.naive:app", environment, folder / "naive.log")
    return Contender(f"FastAPI {version('fastapi')}", process, Target(NAIVE, f"{url}/generate"))


@dataclass(slots=True, frozen=True)
class Demo:
    name: str
    number: int
    fallback: str = ""  # a model's base URL

    def __call__(self, upstream: str, folder: Path) -> Contender:
        port, apart = free_port(), folder / self.name.replace(" ", "_")
        apart.mkdir()
        environment = {
            "OPENAI_BASE_URL": upstream,
            "LOG_FILE": str(apart / "logs.json"),
            "DATABASE_URL": f"sqlite:///{apart / 'workshop.db'}",
            "FALLBACKS": self.fallback and f"@{self.fallback}",
            **NO_LIMITS,
        }
        demo = DEMOS[self.number]
        process = gateway(
            build_path(demo, "reference"), port=port, environment=environment, output=apart / "gateway.log"
        )
        headers = {"Authorization": f"Bearer {token(environment)}"} if self.number >= WITH_TOKENS else {}
        return Contender(demo.title, measured(process), Target(self.name, f"http://127.0.0.1:{port}/generate", headers))


def setups(fallback: str) -> Mapping[str, Setup]:
    """All of them, by name; `fallback` is the base URL of the second model."""
    demos = [Demo(f"demo {number}", number) for number in (1, 3, 4, 5)]
    return {NAIVE: naive} | {demo.name: demo for demo in (*demos, Demo(WITH_FALLBACK, 5, fallback))}
