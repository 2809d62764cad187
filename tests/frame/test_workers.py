"""One port, several workers: they share the work, drain on SIGTERM, are replaced, and end with their parent."""

import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.supervisors import multiprocess

from shared import server
from shared.settings import load_settings
from tests.processes import workers_of
from tests.waiting import LIMIT, wait_for
from workshop.processes import Process, free_port, gateway, model_server

BUILD = "demos.demo_1_guarded.app:build"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, output = free_port(), tmp_path_factory.mktemp("model") / "model.txt"
    models = {"LOCAL_MODELS": "workshop-sim", "SIM_TTFT_MS": "0", "SIM_TPOT_MS": "0", "SIM_SLOTS": "64"}
    with model_server(port=port, environment=models, output=output):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def service(upstream: str, folder: Path, **settings: str) -> Iterator[tuple[Process, str]]:
    port = free_port()
    environment = {
        "OPENAI_BASE_URL": f"{upstream}/v1",
        "MODEL": "workshop-sim",
        "LOG_FILE": str(folder / "logs.json"),
        "TIMEOUT": "100",
        **settings,
    }
    with gateway(BUILD, port=port, environment=environment, output=folder / "gateway.txt") as process:
        yield process, f"http://127.0.0.1:{port}"


def ask(url: str) -> int:
    """The status of one generation; 0 if there is no answer."""
    body = json.dumps({"prompt": "Hola", "max_tokens": 5}).encode()
    request = urllib.request.Request(f"{url}/generate", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def fault(upstream: str, plan: dict[str, Any] | None) -> None:
    method, body = ("DELETE", None) if plan is None else ("PUT", json.dumps(plan).encode())
    urllib.request.urlopen(urllib.request.Request(f"{upstream}/admin/faults", body, method=method), timeout=60).close()


def held(upstream: str) -> int:
    with urllib.request.urlopen(f"{upstream}/admin/faults", timeout=60) as response:
        return int(json.load(response)["held"])


def children(pid: int) -> list[int]:
    return [worker.pid for worker in workers_of(pid)]


def refused(url: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


@pytest.mark.parametrize("workers", [1, 3])
def test_sigterm_lets_requests_in_flight_finish_and_refuses_new_ones(
    workers: int, upstream: str, tmp_path: Path
) -> None:
    with service(upstream, tmp_path, UVICORN_WORKERS=str(workers)) as (process, url):
        fault(upstream, {"hold": True})
        statuses: list[int] = []
        crowd = [threading.Thread(target=lambda: statuses.append(ask(url))) for _ in range(8)]
        for client in crowd:
            client.start()
        wait_for(lambda: held(upstream) == 8)
        os.kill(process.pid, signal.SIGTERM)
        wait_for(lambda: refused(url))
        assert held(upstream) == 8
        fault(upstream, None)
        for client in crowd:
            client.join()
        assert statuses == [200] * 8
        wait_for(lambda: process.exit_status() is not None)
    lines = [json.loads(line) for line in (tmp_path / "logs.json").read_text().splitlines()]
    assert [line["status"] for line in lines] == [200] * 8


def test_a_killed_worker_is_replaced(upstream: str, tmp_path: Path) -> None:
    with service(upstream, tmp_path, UVICORN_WORKERS="2") as (process, url):
        wait_for(lambda: len(children(process.pid)) == 2)
        victim = children(process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(children(process.pid)) == 2 and victim not in children(process.pid))
        wait_for(lambda: ask(url) == 200)


def test_a_worker_that_gets_no_core_for_a_while_is_not_replaced(upstream: str, tmp_path: Path) -> None:
    with service(upstream, tmp_path, UVICORN_WORKERS="2") as (process, url):
        wait_for(lambda: len(children(process.pid)) == 2)
        workers = children(process.pid)
        os.kill(workers[0], signal.SIGSTOP)
        goes_on = time.monotonic() + 8  # seconds; uvicorn's own limit is five
        wait_for(lambda: time.monotonic() >= goes_on)
        os.kill(workers[0], signal.SIGCONT)
        wait_for(lambda: ask(url) == 200)
        assert children(process.pid) == workers


def test_workers_end_with_a_parent_that_is_killed_outright(upstream: str, tmp_path: Path) -> None:
    with service(upstream, tmp_path, UVICORN_WORKERS="2") as (process, url):
        wait_for(lambda: len(children(process.pid)) == 2)
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: refused(url))


def test_production_means_four_workers(upstream: str, tmp_path: Path) -> None:
    with service(upstream, tmp_path, ENV="production") as (process, _):
        wait_for(lambda: len(children(process.pid)) == 4)


def test_over_the_concurrency_limit_is_503_at_once_while_health_still_answers(upstream: str, tmp_path: Path) -> None:
    with service(upstream, tmp_path, UVICORN_LIMIT_CONCURRENCY="2") as (process, url):
        fault(upstream, {"hold": True})
        crowd = [threading.Thread(target=ask, args=(url,), daemon=True) for _ in range(2)]
        for client in crowd:
            client.start()
        wait_for(lambda: held(upstream) == 2)
        assert ask(url) == 503
        with urllib.request.urlopen(f"{url}/health", timeout=60) as response:
            assert response.status == 200
        os.kill(process.pid, signal.SIGKILL)  # on SIGTERM it would wait for those two
        fault(upstream, None)


@pytest.mark.parametrize(
    ("demo", "given", "grace"),
    [("1_guarded", None, 31), ("4_streaming", None, 61), ("4_streaming", 10, 10), ("4_streaming", 100, 61)],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_calls_in_flight_have_the_time_that_a_call_may_take_to_end(
    demo: str, given: int | None, grace: int, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = []
    kind = server._Server if workers == 1 else server._Workers
    monkeypatch.setattr(kind, "run", lambda self, **_: served.append(self.config.timeout_graceful_shutdown))
    monkeypatch.setattr(server, "_spare_the_collector", lambda: None)  # of these tests
    monkeypatch.setenv(server.BUILD, "")
    settings = load_settings(
        _env_file=None,
        port=0,
        timeout=30,
        timeout_max=60,
        uvicorn_workers=workers,
        log_file=str(tmp_path / "logs.json"),
        database_url=f"sqlite:///{tmp_path / 'workshop.db'}",
    )
    server.serve(f"demos.demo_{demo}.app:build", settings, given)
    assert served == [grace]


def never_answer(connection: Connection) -> None:
    while True:
        connection.recv()


def test_the_supervisor_hears_of_a_worker_that_dies_while_it_waits_for_its_answer() -> None:
    worker = multiprocess.Process(uvicorn.Config("shared.server:worker"), [])
    assert isinstance(worker, server._Worker)
    worker.process = get_context("spawn").Process(target=never_answer, args=(worker.child_conn,))
    worker.start()
    worker.parent_conn.send(b"ping")
    worker.process.kill()
    assert worker.parent_conn.poll(LIMIT), "the supervisor does not learn that the worker is gone"
    worker.join()
