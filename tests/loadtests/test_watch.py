"""Watching a deployment through Ray's REST API and metrics. A server of the test plays Ray."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtests.watch import Watch
from workshop import serving_cluster
from workshop.processes import CannotStart
from workshop.serving_cluster import DASHBOARD_OFFSET, METRICS_OFFSET, free_ports, token_file

TOKEN = "a-token"
SHORT = 50
AUTOSCALING = {
    "min_replicas": 1,
    "max_replicas": 2,
    "target_ongoing_requests": 5.0,
    "look_back_period_s": 4.0,
    "upscale_delay_s": 3.0,
    "downscale_delay_s": 15.0,
}


@dataclass
class Ray:
    """`replicas`: the states, by id. `finished`: for each engine, the number of all requests and of the short ones."""

    port: int
    wanted: int = 1
    replicas: dict[str, str] = field(default_factory=lambda: {"first": "RUNNING"})
    finished: dict[str, tuple[int, int]] = field(default_factory=dict)
    scales: bool = True

    def status(self) -> str:
        engines = {
            "target_num_replicas": self.wanted,
            "replicas": [{"replica_id": name, "state": state} for name, state in self.replicas.items()],
            "deployment_config": {"autoscaling_config": AUTOSCALING if self.scales else None},
        }
        return json.dumps({"applications": {"llm": {"deployments": {"VLLM": engines}}}})

    def metrics(self) -> str:
        lines = ["# TYPE ray_vllm_request_generation_tokens histogram"]
        for engine, (everything, short) in self.finished.items():
            labels = f'ReplicaId="{engine}",engine="0",model_name="workshop-tiny"'
            for le, count in (("10.0", 0), ("50.0", short), ("+Inf", everything)):
                lines.append(f'ray_vllm_request_generation_tokens_bucket{{{labels},le="{le}"}} {count}.0')
            lines.append(f"ray_vllm_request_generation_tokens_count{{{labels}}} {everything}.0")
        return "\n".join(lines)


@pytest.fixture
def ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ray]:
    monkeypatch.setattr(serving_cluster, "RUN", tmp_path)
    ray = Ray(free_ports())
    token_file(ray.port).write_text(TOKEN)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/metrics" or self.headers["Authorization"] == f"Bearer {TOKEN}"
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write((ray.metrics() if self.path == "/metrics" else ray.status()).encode())

        def log_message(self, *_: object) -> None:
            pass

    servers = [ThreadingHTTPServer(("127.0.0.1", ray.port + at), Handler) for at in (METRICS_OFFSET, DASHBOARD_OFFSET)]
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield ray
    for server in servers:
        server.shutdown()
        server.server_close()


def watch_of(ray: Ray) -> Watch:
    watch = Watch.of(ray.port, SHORT)
    assert watch
    watch.begin(sent=0)
    return watch


def test_the_watch_sees_a_deployment_grow_and_shrink(ray: Ray) -> None:
    watch = watch_of(ray)
    watch.look()
    assert watch.is_small()
    ray.wanted, ray.replicas = 2, {"first": "RUNNING", "second": "STARTING"}
    watch.look()
    assert watch.wants_more()
    assert not watch.is_small()
    ray.replicas["second"] = "RUNNING"
    watch.look()
    watch.look()
    assert watch.grown_for() > 0
    ray.wanted, ray.replicas = 1, {"first": "RUNNING", "second": "STOPPING"}
    watch.look()
    watch.look()
    assert watch.grown_for() == 0
    assert watch.small_for() > 0
    assert not watch.is_small()
    assert [look.running for look in watch.looks] == [1, 1, 2, 2, 1, 1]
    assert watch.looks[-1].stopping == 1


def test_it_waits_until_the_deployment_has_settled(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watch_of(ray)
    monkeypatch.setattr("loadtests.watch.LOOK_SECONDS", 0.01)
    ray.replicas = {"first": "RUNNING", "second": "STARTING"}  # one replica is being replaced
    threading.Timer(0.2, lambda: ray.replicas.update(second="STOPPING")).start()
    threading.Timer(0.4, lambda: ray.replicas.pop("second")).start()
    watch.settle()
    assert "second" not in ray.replicas, "a replica that stops while it starts keeps using a core"
    ray.replicas["second"] = "RUNNING"
    monkeypatch.setattr("loadtests.watch.LEAST_WITHIN", 0.0)
    with pytest.raises(CannotStart, match="does not come down to its 1 replicas"):
        watch.settle()


def test_engines_are_counted_from_the_runs_start_and_without_short_answers(ray: Ray) -> None:
    ray.finished = {"first": (116, 16)}
    watch = watch_of(ray)
    ray.replicas["second"] = "RUNNING"
    ray.finished = {"first": (126, 17), "second": (21, 16)}
    watch.look()
    watch.count()
    assert watch.finished() == {"first": 9, "second": 5}


def test_the_run_begins_when_the_engines_have_counted_all_earlier_requests(
    ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtests.watch.LOOK_SECONDS", 0.01)
    ray.finished = {"first": (20, 16)}
    watch = Watch.of(ray.port, SHORT)
    assert watch
    began = threading.Thread(target=watch.begin, args=(3,))
    began.start()
    began.join(0.3)
    assert began.is_alive(), "it must wait for the count"
    ray.finished = {"first": (23, 16)}
    began.join(10)
    ray.finished = {"first": (24, 16)}
    watch.look()
    watch.count()
    assert watch.finished() == {"first": 1}


def test_an_engine_that_has_ended_keeps_its_last_count(ray: Ray) -> None:
    watch = watch_of(ray)
    ray.replicas["second"] = "RUNNING"
    ray.finished = {"first": (8, 0), "second": (5, 0)}
    watch.look()
    watch.count()
    ray.replicas, ray.finished = {"first": "RUNNING"}, {"first": (9, 0)}
    watch.look()
    watch.count()
    assert watch.finished() == {"first": 9, "second": 5}


def test_an_engine_without_requests_counts_zero(ray: Ray) -> None:
    watch = watch_of(ray)
    watch.look()
    assert watch.finished() == {"first": 0}


def test_a_fixed_or_silent_deployment_is_not_watched(ray: Ray) -> None:
    ray.scales = False
    assert Watch.of(ray.port, SHORT) is None
    assert Watch.of(free_ports(), SHORT) is None
