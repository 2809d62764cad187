"""What answers behind the gateway: a deployment of a model, its engine's numbers, and the cluster that runs it.

In: the URL of its API, where its numbers are read, a cluster's port if it is of this machine. Out: answers, counts,
processes to end. What cannot be reached from here raises NotGraded. Knows nothing of what a check wants to see.
"""

import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workshop import serving_cluster
from workshop.grader.exposition import Scrape
from workshop.grader.service import Service
from workshop.grader.verdict import NotGraded
from workshop.serving_cluster import METRICS_OFFSET, Replica

PREFIXES = ("ray_vllm_", "vllm:")  # vLLM's metrics through Ray, and by itself


class Deployment:
    """`service` is its OpenAI-compatible API, `numbers` where its metrics are.

    `arguments`: what its config file says of it, as far as is known.
    """

    counted_within = 30.0  # seconds until what its engine has done is in its numbers; Ray's default is every ten
    ill_within = 60.0  # seconds until Serve has asked how it is, and believed it

    def __init__(self, service: Service, numbers: Service, arguments: Mapping[str, Any]) -> None:
        self.service = service
        self.arguments = arguments
        self._numbers = numbers

    def close(self) -> None:
        self.service.close()
        self._numbers.close()

    @property
    def model(self) -> str | None:
        name = self.arguments.get("model")
        return name if isinstance(name, str) else None

    def scrape(self) -> Scrape:
        answer = self._numbers.get("/metrics")
        if answer.status != 200:
            raise NotGraded(f"the engine's numbers cannot be read from here: {answer.summary}")
        return Scrape(answer)

    def number(self, name: str) -> float:
        """Of vLLM's metrics, by its name without a prefix and with labels if need be; the sum over all replicas."""
        scrape = self.scrape()
        return max(scrape.sum(f"{prefix}{name}") for prefix in PREFIXES)

    def shown(self, name: str) -> str:
        """The command that shows this metric."""
        return f"{self._numbers.get('/metrics').curl.replace('curl -i ', 'curl -s ')} | grep {name.partition('{')[0]}"

    def lose_engine(self) -> None:
        """The process that computes ends, and those that answer HTTP go on."""
        raise NotGraded("it ends processes of the deployment, which must run on the machine that the grader runs on")

    def is_ill(self) -> bool:
        """Has Serve been told that its engine is gone?"""
        raise NotImplementedError

    def is_replaced(self) -> bool:
        """Who answers now may have an engine again."""
        return False

    @property
    def cluster(self) -> "Cluster":
        raise NotGraded("it looks into the cluster, which must run on the machine that the grader runs on")

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """The config file that it was deployed from."""
        raise NotGraded("its config file cannot be seen from here: the cluster must run on this machine")
        yield


class Cluster(Deployment):
    """Ray Serve at this port of this machine. `fresh`: started for this, and nobody has asked it anything yet."""

    def __init__(self, port: int, *, file: Path | None = None, shown_port: int = 0, fresh: bool = False) -> None:
        def at(offset: int) -> Service:
            shown = f"http://localhost:{shown_port + offset}" if shown_port else ""
            return Service(f"http://127.0.0.1:{port + offset}", shown_url=shown, patience=60)

        self.port = port
        self.fresh = fresh
        self.config = _deployed(port)
        self._file = file
        self._lost: set[str] = set()
        super().__init__(at(0), at(METRICS_OFFSET), self.config.get("args") or {})

    @property
    def cluster(self) -> "Cluster":
        return self

    def replicas(self) -> list[Replica]:
        """Those that run, by what Serve knows: one that has just died is still among them."""
        with contextlib.suppress(OSError):  # it has other things to do for a moment
            return [replica for replica in serving_cluster.replicas(self.port) if replica.state == "RUNNING"]
        return []

    def kill_replicas(self) -> None:
        """All of them, at once and without a word, their engines too."""
        for replica in self.replicas():
            _kill([*([replica.pid] if replica.pid else []), *replica.engine_pids])

    def lose_engine(self) -> None:
        running = self.replicas()
        if not any(replica.engine_pids for replica in running):
            raise NotGraded("its engine is no process of its own")
        self._lost = {replica.id for replica in running}
        for replica in running:
            _kill(replica.engine_pids)

    def is_ill(self) -> bool:
        """Those without an engine are out of service."""
        return not self._lost & {replica.id for replica in self.replicas()}

    def is_replaced(self) -> bool:
        return self.is_ill()

    def redeploy(self, **arguments: Any) -> None:
        """The same, with these changes to the arguments."""
        changed = {**self.config, "args": {**self.arguments, **arguments}}
        with tempfile.TemporaryDirectory() as folder:
            serving_cluster.redeploy(self.port, _written(changed, Path(folder)))

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        if self._file:
            yield self._file
            return
        with tempfile.TemporaryDirectory() as folder:
            yield _written(self.config, Path(folder))


def _deployed(port: int) -> Mapping[str, Any]:
    """The application's part of the config file, as Serve remembers it. Raises OSError if there is none."""
    for application in serving_cluster.status(port)["applications"].values():
        if config := application.get("deployed_app_config"):
            return dict(config)
    raise OSError(f"no application is deployed at port {port}")


def _written(application: Mapping[str, Any], folder: Path) -> Path:
    file = folder / "serve.yaml"
    file.write_text(json.dumps({"applications": [application]}))  # JSON is YAML, too
    return file


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
