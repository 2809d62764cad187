"""A deployment behind the gateway, as far as it is visible: from another machine, only its API and its metrics."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from workshop.grader.deployment import Deployment
from workshop.grader.service import Service
from workshop.grader.subject import Configured, Subject
from workshop.grader.verdict import NotGraded

NUMBERS = """\
# TYPE ray_vllm_request_success_total counter
ray_vllm_request_success_total{ReplicaId="a",finished_reason="stop"} 2.0
ray_vllm_request_success_total{ReplicaId="b",finished_reason="stop"} 3.0
ray_vllm_request_success_total{ReplicaId="b",finished_reason="length"} 4.0
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0"} 7.0
"""


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(NUMBERS.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        deployment = Deployment(Service(url), Service(url), {"model": "workshop-tiny"})
        yield deployment
        deployment.close()
        server.shutdown()


def test_an_engines_metrics_are_found_with_and_without_ray(deployment: Deployment) -> None:
    assert deployment.number("request_success_total") == 9
    assert deployment.number('request_success_total{finished_reason="stop"}') == 5
    assert deployment.number("num_requests_running") == 7
    assert deployment.number("a_name_that_nobody_has") == 0


def test_checks_that_need_the_clusters_machine_are_not_graded_from_another(deployment: Deployment) -> None:
    with pytest.raises(NotGraded, match="the machine that the grader runs on"):
        deployment.cluster.replicas()
    with pytest.raises(NotGraded, match="the machine that the grader runs on"):
        deployment.lose_engine()
    with pytest.raises(NotGraded, match="its config file"), deployment.as_file():
        raise AssertionError("there is none")


def test_without_ray_serve_the_reason_says_where_it_was_expected() -> None:
    subject = Subject(Service("http://localhost:8000"), Configured())
    with pytest.raises(NotGraded, match="400 ports above"):
        assert subject.deployment


def test_unreadable_metrics_are_not_taken_for_zero() -> None:
    nowhere = Deployment(Service("http://127.0.0.1:9"), Service("http://127.0.0.1:9", patience=1), {})
    with pytest.raises(NotGraded, match="cannot be read from here"):
        nowhere.number("request_success_total")
    nowhere.close()
