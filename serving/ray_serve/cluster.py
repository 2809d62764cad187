"""Ray Serve on this machine only: start it, deploy a config file, wait until it answers, shut everything down.

In: a Serve config file and a port. Out: an HTTP server at that port. If it cannot serve, CannotServe says why in one
line. A cluster's processes start processes that start processes, and some outlive their parents (HAProxy, engines):
this module adopts and ends them all.
"""

import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import yaml

from serving.ray_serve import environment
from serving.ray_serve.subreaper import adopt_orphans, end

LOGICAL_CPUS = 8  # what Ray believes this machine has: it counts shares, it does not pin or measure
OBJECT_STORE_BYTES = 100 * 1024 * 1024  # the minimum; requests do not go through it
START_SECONDS = 600.0  # a busy laptop takes ten times as long as an idle one
LOOK_SECONDS = 0.2

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine


class CannotServe(Exception):
    """One line that says why the cluster cannot serve."""


class Cluster:
    """Started on entry, gone on exit, whatever happens in between. Raises CannotServe.

    `reachable`: other machines can send it requests and read its metrics, not only this one.
    """

    def __init__(self, config: Path, port: int, reachable: bool = False) -> None:
        self.config = config
        self.address = socket.gethostbyname(socket.gethostname()) if reachable else "127.0.0.1"
        self.listens = "0.0.0.0" if reachable else "127.0.0.1"
        self.ports = environment.ports(port)
        # Not in the project's folder: socket paths have a maximum length, which a user's folder may exceed.
        self.folder = Path(tempfile.gettempdir()) / f"ray-serve-{port}"
        self.began = time.monotonic()

    def __enter__(self) -> Self:
        for port in self.ports.single:
            _must_be_free(port)  # before we touch anything of a cluster that may run there
        os.environ.update(environment.of(self.ports.http, self.folder))
        self.wanted = _read(self.config)
        adopt_orphans()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        _write_token(Path(os.environ["RAY_AUTH_TOKEN_PATH"]))
        try:
            self._start()
        except BaseException as error:
            self._stop()
            if isinstance(error, Exception):  # Ray's own errors are long, and their end is the reason
                raise CannotServe(f"the cluster does not start: {_one_line(error)}") from None
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop(keep_logs=kind is CannotServe)

    def say(self, what: str) -> None:
        """One line of progress, with the seconds since the start."""
        print(f"  {time.monotonic() - self.began:5.1f} s  {what}", file=sys.stderr, flush=True)

    def deploy(self) -> None:
        """Deploy the config file, and wait until it answers. Raises CannotServe."""
        self.say(f"deploying {self.config.name}")
        self.client.deploy_apps(self.wanted)
        self._wait([application.name for application in self.wanted.applications])

    def _start(self) -> None:
        # Imported only here: these modules read the variables when they are imported.
        import ray
        from ray.serve._private.api import serve_start

        self.say("starting Ray")
        ray.init(
            num_cpus=LOGICAL_CPUS,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=True,
            dashboard_host="127.0.0.1",
            dashboard_port=self.ports.dashboard,
            log_to_driver=False,
            logging_level="ERROR",
            namespace="serve",
            _node_ip_address=self.address,  # its metrics are there too
            _metrics_export_port=self.ports.metrics,
            _temp_dir=str(self.folder),
        )
        self.say("starting Serve")
        self.client: Any = serve_start(http_options={"host": self.listens, "port": self.ports.http})

    def _wait(self, applications: list[str]) -> None:
        from ray import serve

        patience_ends, said = time.monotonic() + START_SECONDS, ""
        while True:
            status = serve.status().applications
            mine = [status[name] for name in applications if name in status]
            for application in mine:
                if application.status == "DEPLOY_FAILED":
                    reasons = [application.message, *(part.message for part in application.deployments.values())]
                    reason = max(reasons, key=len)  # the application names the part, and that part says why
                    raise CannotServe(f"it does not deploy: {_one_line(reason)}; logs: {self.folder}")
            if len(mine) == len(applications) and all(application.status == "RUNNING" for application in mine):
                break
            now = "; ".join(_shown(application) for application in mine)
            if now and now != said:
                self.say(now)
                said = now
            if time.monotonic() > patience_ends:
                raise CannotServe(f"not ready within {START_SECONDS:g} seconds; logs: {self.folder}")
            time.sleep(LOOK_SECONDS)
        while not _answers(f"http://127.0.0.1:{self.ports.http}/v1/models"):
            if time.monotonic() > patience_ends:
                raise CannotServe(f"nothing answers at port {self.ports.http}; logs: {self.folder}")
            time.sleep(LOOK_SECONDS)
        self.say("ready")

    def _stop(self, keep_logs: bool = False) -> None:
        import ray

        mine = psutil.Process().children(recursive=True)
        ray.shutdown()
        end(mine)
        Path(os.environ["RAY_AUTH_TOKEN_PATH"]).unlink(missing_ok=True)  # it is no longer valid
        if not keep_logs:
            shutil.rmtree(self.folder, ignore_errors=True)


def _read(config: Path) -> Any:
    """The file as Serve reads it, checked before anything starts: a typo should not cost half a minute."""
    from ray.serve.schema import ServeDeploySchema

    from serving.ray_serve.check import faults_of_names

    if faults := list(faults_of_names(config)):
        raise CannotServe(f"{config}: {'; '.join(faults)}")
    return ServeDeploySchema.model_validate(yaml.safe_load(config.read_text()))


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CannotServe(f"cannot listen on 127.0.0.1:{port}: {reason}; choose another --port") from None


def _write_token(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(secrets.token_hex(32))


def _shown(application: Any) -> str:
    parts = []
    for name, deployment in application.deployments.items():
        counts = ", ".join(f"{count} {state.lower()}" for state, count in deployment.replica_states.items())
        parts.append(f"{name}: {counts or deployment.status.lower()}")
    return " · ".join(parts) or "building the application"


def _answers(url: str) -> bool:
    try:
        with _direct.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _one_line(error: Exception | str) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
