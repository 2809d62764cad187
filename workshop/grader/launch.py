"""What a service needs while it is graded: its upstream, its log, its secret; started here or found running.

In: a build function to start, or the URL of a running service. Out: a Subject. All that was started is stopped at the
end.
"""

import contextlib
import os
import secrets
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from workshop.grader.callers import Desk
from workshop.grader.deployment import Cluster, Deployment
from workshop.grader.log_file import LogFile
from workshop.grader.problems import Problems, problems_in
from workshop.grader.service import Service
from workshop.grader.subject import OTLP, TRACES, Configured, Subject
from workshop.grader.traces import Traces
from workshop.grader.upstream import Upstream
from workshop.grader.verdict import Failed
from workshop.processes import POLL_SECONDS, ROOT, CannotStart, Process, free_port, gateway, model_server
from workshop.serving_cluster import METRICS_OFFSET, free_ports, ray_serve, token_file

MODEL_PORT_OFFSET = 100  # `make demo-N` starts the embedded model server this far above the service
TRACES_PORT_OFFSET = 300  # the trace receiver listens this far above it
SERVING_PORT_OFFSET = 400  # and Ray Serve this far
SIMULATOR = "workshop-sim"
TINY = "workshop-tiny"
UNPRICED = "model-without-a-price"
# The embedded server also answers to these names, so that a price list needs more than one entry.
MORE_NAMES = {"LOCAL_SERVED_MODEL_NAME": f"gpt-4o-mini={SIMULATOR},{UNPRICED}={SIMULATOR}"}
DEFAULT_URL = "http://localhost:8000"
DEFAULT_UPSTREAM = "http://localhost:8100"
DEFAULT_TRACES = "http://localhost:8300"
DEFAULT_SERVING_PORT = 8400

# Short waits, so that grading takes seconds.
SHORT = {"TIMEOUT": "2", "MAX_RETRIES": "3", "RETRY_DELAY": "0.1", "MAX_CHARS": "4000", "MAX_BODY_BYTES": "1000000"}


@dataclass(slots=True, frozen=True)
class ModelServer:
    """An embedded model server that demands `key`, if there is one."""

    url: str
    key: str


@contextmanager
def embedded_server(key: str | None = None, settings: Mapping[str, str] | None = None) -> Iterator[ModelServer]:
    """Only the simulator, fast, and with a key that nobody can have hard-coded in a service."""
    key = f"sk-{secrets.token_hex(16)}" if key is None else key
    environment = {
        "LOCAL_MODELS": SIMULATOR,
        "LOCAL_API_KEY": key,
        "SIM_TTFT_MS": "10",
        "SIM_TPOT_MS": "1",
        "SIM_SLOTS": "32",
        **(settings or {}),
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        output = Path(folder) / "model-server.txt"
        port, _ = _start(running, lambda port: model_server(port=port, environment=environment, output=output))
        yield ModelServer(f"http://127.0.0.1:{port}", key)


@contextmanager
def trace_receiver() -> Iterator[str]:
    """The URL of an OTLP receiver that keeps the latest traces, and shows them."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        output = Path(folder) / "traces.txt"
        port, _ = _start(running, lambda port: _receiver(port, output))
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serving_cluster(config: Path) -> Iterator[Cluster]:
    """Ray Serve with this `config`, on ports of its own. Raises CannotStart."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_ports()
        with ray_serve(port, config, output=Path(folder) / "ray-serve.txt"):
            cluster = Cluster(port, file=config, shown_port=DEFAULT_SERVING_PORT, fresh=True)
            try:
                yield cluster
            finally:
                cluster.close()


def _receiver(port: int, output: Path) -> Process:
    return Process(
        name="the trace receiver",
        command=[sys.executable, "-m", "serving.traces", "--port", str(port)],
        ready_url=f"http://127.0.0.1:{port}/health",
        output=output,
    )


launch = gateway  # how services are started; our own tests use a quicker way, see tests/conftest.py


@contextmanager
def started(
    build: str,
    server: ModelServer,
    environment: Mapping[str, str],
    desk: Desk | None = None,
    receiver: str = "",
    deployment: Deployment | None = None,
    problems: Problems | None = None,
) -> Iterator[Subject]:
    """The service that `build` makes, on a free port, in front of `server`. Raises CannotStart.

    Its tokens are made at `desk`, or at a desk of its own. All of its traces go to `receiver`, if there is one. A
    `deployment` becomes its upstream, with `server` as the fallback.
    """
    problems = problems or Problems()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        log, printed = Path(folder) / "logs.json", Path(folder) / "printed.txt"
        running.enter_context(problems.of(printed))
        desk = desk or Desk(Path(folder))
        settings = {
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "OPENAI_API_KEY": server.key,
            "MODEL": SIMULATOR,
            "HOST": "127.0.0.1",
            "LOG_FILE": str(log),
            "DATABASE_URL": desk.url,
            "REDIS_URL": "",
            "UVICORN_WORKERS": "1",
            **SHORT,
            **({OTLP: receiver, "TRACE_SAMPLE_RATIO": "1"} if receiver else {}),
            **(_in_front_of(deployment, server) if deployment else {}),
            **environment,
        }
        configured = Configured.from_environment(settings)
        try:
            port, process = _start(running, lambda port: launch(build, port=port, environment=settings, output=printed))
        except CannotStart as reason:
            raise CannotStart(_said_at_its_end(printed) or str(reason)) from None
        # Our ports are gone when people read the report: its commands talk to what `make demo-N` starts.
        service = Service(f"http://127.0.0.1:{port}", shown_url=DEFAULT_URL, patience=configured.patience)
        upstream = Upstream(server.url, key=server.key, shown_url=DEFAULT_UPSTREAM)
        running.callback(service.close)
        running.callback(upstream.close)
        traces = Traces(receiver, shown_url=DEFAULT_TRACES) if receiver else None
        if traces is not None:
            running.callback(traces.close)
        yield Subject(
            service,
            configured,
            upstream=upstream,
            log=LogFile(log, printed),
            traces=traces,
            folder=_folder_of(build),
            secret=server.key,
            model=None if deployment else SIMULATOR,
            desk=desk,
            deployment=deployment,
            again=lambda other: started(build, server, {**environment, **other}, desk, receiver, deployment, problems),
            problems=problems,
            end=EndOf(process, printed),
        )


@dataclass(slots=True, frozen=True)
class EndOf:
    """The end of this process, which prints to a file."""

    process: Process
    printed: Path

    def how(self, within: float) -> str:
        patience_ends = time.monotonic() + within
        while (status := self.process.exit_status()) is None:
            if time.monotonic() >= patience_ends:
                return ""
            time.sleep(POLL_SECONDS)
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        said = [line for line in self.printed.read_text(errors="replace").splitlines() if not line.startswith("{")]
        return ": ".join([how, *(line.strip() for line in said[-1:])])

    def hurry(self) -> None:
        self.process.grace = 0.0


def _in_front_of(deployment: Deployment, fallback: ModelServer) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": f"{deployment.service.url}/v1",
        "OPENAI_API_KEY": "",
        "MODEL": TINY,
        "FALLBACKS": f"{TINY}@{fallback.url}/v1",
        "FALLBACK_API_KEYS": fallback.key,
    }


def _said_at_its_end(printed: Path) -> str:
    """Why a service ended before it answered: its last words for people, or the exception in its log."""
    text = printed.read_text(errors="replace") if printed.exists() else ""
    said = [line for line in text.splitlines() if not line.startswith("{")]
    raised = [f"{problem}\n{textwrap.indent(problem.source, '    ')}" for problem in problems_in(text)]
    return "\n".join(said or raised)


def _folder_of(build: str) -> Path:
    module, _, _ = build.partition(":")
    return ROOT.joinpath(*module.split(".")).parent


def _start(running: ExitStack, at: Callable[[int], Process]) -> tuple[int, Process]:
    """Start a server on a free port, and return both. Raises CannotStart."""
    tries_left = 3
    while True:
        port = free_port()
        try:
            return port, running.enter_context(at(port))
        except CannotStart as reason:
            tries_left -= 1
            # Another process may have taken the port between our look and the start.
            if "cannot listen" not in str(reason) or not tries_left:
                raise


@contextmanager
def found(url: str, upstream_url: str | None, log_file: str | None, cluster: bool = False) -> Iterator[Subject]:
    """A service that already runs, with a `cluster` behind it if so."""
    receiver = os.environ.get(TRACES) or _beside(url, TRACES_PORT_OFFSET)
    # The receiver that make demo-N starts beside the service gets every trace.
    kept = {} if os.environ.get(TRACES) else {"TRACE_SAMPLE_RATIO": "1"}
    configured = Configured.from_environment({**kept, **os.environ})
    key = os.environ.get("OPENAI_API_KEY", "")
    with ExitStack() as running:
        service = Service(url, patience=configured.patience)
        running.callback(service.close)
        upstream, no_upstream = _upstream_of(service, upstream_url, key)
        if upstream is not None:
            running.callback(upstream.close)
        traces = Traces(receiver)
        running.callback(traces.close)
        deployment = _deployment_of(service) if cluster else None
        if deployment is not None:
            running.callback(deployment.close)
        yield Subject(
            service,
            configured,
            upstream=upstream,
            no_upstream=no_upstream,
            deployment=deployment,
            log=LogFile(Path(log_file)) if log_file else _log_here(service),
            traces=traces if traces.listen() else None,
            secret=key,
            model=SIMULATOR if upstream is not None and SIMULATOR in upstream.models() else None,
        )


def _log_here(service: Service) -> LogFile | None:
    """The log where `make demo-N` puts it, if this service writes there."""
    log = LogFile(Path(os.environ.get("LOG_FILE") or "logs.json"))
    if not log.path.exists():
        return None
    try:
        log.lines_of(service.post("/generate", {"prompt": ""}), within=1)
    except Failed:
        return None
    return log


def _upstream_of(service: Service, url: str | None, key: str) -> tuple[Upstream | None, str]:
    """The fault switches behind the service, or the reason why there are none."""
    url = url or _beside(service.url, MODEL_PORT_OFFSET)
    upstream = Upstream(url, key=key)
    if not upstream.obeys():
        upstream.close()
        return None, f"it needs the embedded server's fault switches, and none answer at {url}; name it with --upstream"
    upstream.clear()
    upstream.forget_calls()
    # A unique prompt, so that no cache answers it.
    service.post("/generate", {"prompt": f"Hola {secrets.token_hex(4)}", "max_tokens": 1})
    if not upstream.calls():
        upstream.close()
        return None, f"this service does not call the server at {url}; name its upstream with --upstream"
    return upstream, ""


def _deployment_of(service: Service) -> Deployment | None:
    """Ray Serve where `make demo-6` puts it; also its processes, if it was started on this machine."""
    url = _beside(service.url, SERVING_PORT_OFFSET)
    parts = urlsplit(url)
    port = parts.port or 0
    if parts.hostname in ("localhost", "127.0.0.1") and token_file(port).exists():
        with contextlib.suppress(OSError):
            return Cluster(port)
    deployment = Deployment(Service(url, patience=60), Service(_beside(url, METRICS_OFFSET)), {})
    models = deployment.service.get("/v1/models")
    if models.status == 200 and (listed := models.at(list, "data")):
        deployment.arguments = {"model": listed[0]["id"]}
        return deployment
    deployment.close()
    return None


def _beside(url: str, ports_above: int) -> str:
    parts = urlsplit(url)
    port = (parts.port or (443 if parts.scheme == "https" else 80)) + ports_above
    return f"http://{parts.hostname}:{port}"
