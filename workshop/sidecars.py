"""What `make demo-N` starts beside the gateway and the model: Ray Serve, traces, Prometheus, a forwarder of its alerts.

In: the Stage that a demo is built on. Out: processes, and on the stage what the gateway is told of them. If
OTLP_ENDPOINT or PROMETHEUS_URL names the user's own collector or Prometheus, none is started.
"""

import base64
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from shared.settings import Settings
from workshop import programs
from workshop.processes import ROOT, Process
from workshop.prometheus import RULES, prometheus, wrong_with
from workshop.serving_cluster import (
    DASHBOARD_OFFSET,
    HAPROXY_METRICS_OFFSET,
    LAPTOP,
    METRICS_OFFSET,
    PORTS,
    ray_serve,
    token_file,
)
from workshop.translation.phrases import say
from workshop.urls import reached_at

PROMETHEUS_PORT_OFFSET = 200
TRACES_PORT_OFFSET = 300
SERVING_PORT_OFFSET = 400
TRY_SECONDS = "10"  # that the cluster has before the gateway asks the embedded model
BREAKER_SECONDS = "5"  # until the next try after a fault: the cluster recovers within half a minute
FORWARD_SECONDS = 5  # between two looks at the alerts
SINGLE_PORTS = 6  # of the cluster's ports, those that must be free; for the others it takes any free one
EMBEDDED_MODEL = "workshop-tiny"
RUN = ROOT / ".run"


@dataclass(slots=True)
class Stage:
    """`environment`: what the gateway is started with, besides our own. `targets`: the metrics' addresses, by job name.

    `own_rules` are the attendee's. `config`: what Ray Serve deploys. `claim` says that a port will be used, and raises
    CannotListen if it is taken.
    `look`: what else the person should look at, one line each.
    """

    settings: Settings
    claim: Callable[[int, str], None]
    environment: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    own_rules: tuple[Path, ...] = ()
    config: Path = LAPTOP
    look: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.settings.port

    @property
    def gateway(self) -> str:
        """The gateway's URL, as seen from this machine."""
        return reached_at(self.settings.host, self.settings.port)

    def says(self, name: str) -> bool:
        """Does the user's own configuration set this?"""
        return name.lower() in self.settings.model_fields_set


Sidecar = Callable[[Stage], Process | None]


def serving_cluster(stage: Stage) -> Process | None:
    """vLLM under Ray Serve as the upstream; the earlier upstream is its fallback. The gateway starts after it."""
    if stage.settings.openai_base_url or stage.settings.upstreams:
        return None
    port = stage.port + SERVING_PORT_OFFSET
    for taken in range(port, port + SINGLE_PORTS):
        stage.claim(taken, f"PORT (Ray Serve takes {SERVING_PORT_OFFSET} to {SERVING_PORT_OFFSET + PORTS} above it)")
    stand_before(stage, port)
    starting = say("starting Ray Serve with {file}: half a minute or more", file=_shown(stage.config))
    print(starting, file=sys.stderr, flush=True)
    return ray_serve(port, stage.config, {"SERVING_OTLP_ENDPOINT": _takes_traces(stage)})


def stand_before(stage: Stage, port: int) -> None:
    """Make the cluster at `port` the upstream; the earlier upstream becomes its fallback."""
    fallback = stage.environment["OPENAI_BASE_URL"]
    stage.environment["OPENAI_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
    if not stage.says("FALLBACKS"):
        stage.environment["FALLBACKS"] = f"{EMBEDDED_MODEL}@{fallback}"
    for name, value in {"TRY_TIMEOUT": TRY_SECONDS, "CIRCUIT_BREAKER_TIMEOUT_SEC": BREAKER_SECONDS}.items():
        if not stage.says(name):
            stage.environment[name] = value
    stage.targets |= {
        "ray": f"127.0.0.1:{port + METRICS_OFFSET}",
        "haproxy": f"127.0.0.1:{port + HAPROXY_METRICS_OFFSET}",
    }
    # Past the gateway, where strangers may ask only twenty times a minute.
    crowd = (
        """hey -z 20s -c 20 -m POST -T application/json -d '{{"messages":[{{"role":"user","content":"Hello"}}]}}' """
    )
    stage.look += [
        f"{crowd}http://localhost:{port}/v1/chat/completions   # and watch a second replica come",
        f"# Ray's own dashboard: http://127.0.0.1:{port + DASHBOARD_OFFSET}   its token: {token_file(port)}",
    ]


def _takes_traces(stage: Stage) -> str:
    """Where the gateway will send its spans: the user's own collector, or the receiver beside it."""
    if not stage.settings.enable_tracing:
        return ""
    return stage.settings.otlp_endpoint or f"http://127.0.0.1:{stage.port + TRACES_PORT_OFFSET}"


def trace_receiver(stage: Stage) -> Process | None:
    """Keeps the latest traces, all of them, for the playground to show."""
    if stage.says("OTLP_ENDPOINT"):
        return None
    port = stage.port + TRACES_PORT_OFFSET
    stage.claim(port, f"PORT (the trace receiver listens {TRACES_PORT_OFFSET} above it)")
    url = f"http://127.0.0.1:{port}"
    stage.environment |= {"OTLP_ENDPOINT": url}
    if not stage.says("TRACES_URL"):
        stage.environment |= {"TRACES_URL": url}
    if not stage.says("TRACE_SAMPLE_RATIO"):
        stage.environment |= {"TRACE_SAMPLE_RATIO": "1"}
    return Process(
        name="the trace receiver",
        command=[sys.executable, "-m", "serving.traces", "--port", str(port)],
        ready_url=f"{url}/health",
        output=emptied(RUN / f"traces-{port}.log"),
    )


def prometheus_server(stage: Stage) -> Process | None:
    """Our rules over the demo's metrics; a file of the attendee's replaces ours of the same name.

    Without the program the demo runs without Prometheus, and says so.
    """
    if stage.says("PROMETHEUS_URL"):
        return None
    programs.main(["prometheus"])
    if programs.PROGRAMS["prometheus"].path() is None:
        return None
    port = stage.port + PROMETHEUS_PORT_OFFSET
    stage.claim(port, f"PORT (Prometheus listens {PROMETHEUS_PORT_OFFSET} above it)")
    url = f"http://127.0.0.1:{port}"
    token = stage.settings.metrics_token.get_secret_value() or secrets.token_hex(32)
    stage.environment |= {"PROMETHEUS_URL": url, "METRICS_TOKEN": token}
    stage.look.append(f"# Prometheus itself: {url}/graph   and what it would wake you for: {url}/alerts")
    own = _sound(stage.own_rules)
    ours = [rule for rule in RULES if rule.name not in {file.name for file in own}]
    return prometheus(
        port=port,
        folder=RUN / f"prometheus-{port}",
        targets={"gateway": urlsplit(stage.gateway).netloc, **stage.targets},
        token=token,
        rules=[*ours, *own],
        output=emptied(RUN / f"prometheus-{port}.log"),
    )


def alert_forwarder(stage: Stage) -> Process | None:
    """Sends Prometheus' alerts to the gateway's webhook, signed. Without Prometheus, people can sign their own."""
    given = ""
    if not stage.says("WEBHOOK_HMAC_SECRET"):
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        stage.environment |= {"WEBHOOK_HMAC_SECRET": secret}
        given = f"WEBHOOK_HMAC_SECRET={secret} "  # it is worth nothing once this demo has ended
    stage.look.append(f"{given}make webhook URL={{url}}   # tell it of an alert yourself, signed")
    source = stage.environment.get("PROMETHEUS_URL") or stage.settings.prometheus_url
    if not source:
        return None
    work = ("--prometheus", source, "--to", stage.gateway, "--every", str(FORWARD_SECONDS))
    return Process(
        name="the alert forwarder",
        command=[sys.executable, "-m", "workshop.alert_forwarder", *work],
        ready_url=f"{stage.gateway}/health",  # it listens nowhere itself
        environment=stage.environment,
        output=emptied(RUN / f"alerts-{stage.port}.log"),
    )


def _shown(file: Path) -> str:
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)


def emptied(file: Path) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"")
    return file


def _sound(rules: tuple[Path, ...]) -> list[Path]:
    """The rule files that Prometheus accepts. Any other would keep it from starting, so it is named and left out."""
    sound = []
    for rule in rules:
        if reason := wrong_with(rule):
            print(say("left out, as Prometheus cannot read it: {reason}", reason=reason), file=sys.stderr)
        else:
            sound.append(rule)
    return sound
