"""The deployment of a model behind the gateway: its API, its engine's metrics, and the cluster that runs it.

In: the URL of its API, the URL of its metrics, and the cluster's port if it runs on this machine. Out: answers, counts,
processes to end. Whatever cannot be reached from here raises NotGraded. Knows nothing of the checks.
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

PREFIXES = ("ray_vllm_", "vllm:")  # vLLM's metrics through Ray, and without it


class Deployment:
    """`service` is its OpenAI-compatible API, `numbers` where its metrics are.

    `arguments`: what its config file says about it, as far as we know.
    """

    counted_within = 30.0  # seconds until its metrics show what its engine did; Ray's default interval is ten
    ill_within = 60.0  # seconds until Serve has checked its health, and acted on the result

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
        """The value of one of vLLM's metrics, named without its prefix, with labels if needed; summed over replicas."""
        scrape = self.scrape()
        return max(scrape.sum(f"{prefix}{name}") for prefix in PREFIXES)

    def shown(self, name: str) -> str:
        """The command that shows this metric."""
        return f"{self._numbers.get('/metrics').curl.replace('curl -i ', 'curl -s ')} | grep {name.partition('{')[0]}"

    def lose_engine(self) -> None:
        """End the process that computes; the processes that answer HTTP go on."""
        raise NotGraded("it ends processes of the deployment, which must run on the machine that the grader runs on")

    def is_ill(self) -> bool:
        """Has Serve noticed that the engine is gone?"""
        raise NotImplementedError

    def is_replaced(self) -> bool:
        """Can the current replica have an engine again?"""
        return False

    @property
    def cluster(self) -> "Cluster":
        raise NotGraded("it looks into the cluster, which must run on the machine that the grader runs on")

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """The config file from which it was deployed."""
        raise NotGraded("its config file cannot be seen from here: the cluster must run on this machine")
        yield


class Cluster(Deployment):
    """Ray Serve at this port of this machine. `fresh`: started for grading, and nobody has sent it a request yet."""

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
        """The running ones as Serve knows them: a replica that has just died is still among them."""
        with contextlib.suppress(OSError):  # it may be busy for a moment
            return [replica for replica in serving_cluster.replicas(self.port) if replica.state == "RUNNING"]
        return []

    def kill_replicas(self) -> None:
        """Kill all of them at once with SIGKILL, their engines too."""
        for replica in self.replicas():
            _kill([*([replica.pid] if replica.pid else []), *replica.engine_pids])

    def lose_engine(self) -> None:
        running = self.replicas()
        if not any(replica.engine_pids for replica in running):
            raise NotGraded("its engine does not run in a process of its own")
        self._lost = {replica.id for replica in running}
        for replica in running:
            _kill(replica.engine_pids)

    def is_ill(self) -> bool:
        """Replicas without an engine are out of service."""
        return not self._lost & {replica.id for replica in self.replicas()}

    def is_replaced(self) -> bool:
        return self.is_ill()

    def redeploy(self, **arguments: Any) -> None:
        """Deploy the same application, with these changes to its arguments."""
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
    """The application's part of the config file, as Serve stores it. Raises OSError if there is none."""
    for application in serving_cluster.status(port)["applications"].values():
        if config := application.get("deployed_app_config"):
            return dict(config)
    raise OSError(f"no application is deployed at port {port}")


def _written(application: Mapping[str, Any], folder: Path) -> Path:
    file = folder / "serve.yaml"
    file.write_text(json.dumps({"applications": [application]}))  # JSON is also YAML
    return file


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
