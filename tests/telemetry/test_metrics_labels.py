"""Names that clients invent become the label "other": the page that Prometheus scrapes stays small."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.telemetry.exposition import MOST_BYTES
from shared.telemetry.labels import LONGEST, OTHER, Admitted
from shared.telemetry.multiprocess import FOLDER
from tests.telemetry.gateway import Gateway, running
from tests.waiting import wait_for
from workshop.grader.launch import SIMULATOR, ModelServer
from workshop.processes import ROOT

MADE_UP = 10_000
AT_ONCE = 20


def test_a_model_that_was_not_served_is_other() -> None:
    models = Admitted("models", 10)
    assert models.label("gpt-9", served=False) == OTHER
    assert models.label("gpt-9", served=True) == "gpt-9"
    assert models.label("gpt-9", served=False) == "gpt-9"


def test_beyond_the_bound_all_new_names_are_other() -> None:
    models = Admitted("models", 2)
    assert [models.label(name, served=True) for name in "abcab"] == ["a", "b", OTHER, "a", "b"]


@pytest.mark.parametrize("name", ["", "x" * (LONGEST + 1), "two\nlines", 'a "quoted" one', "back\\slash", "\ud800"])
def test_a_name_that_does_not_fit_into_a_line_is_other(name: str) -> None:
    assert Admitted("models", 10).label(name, served=True) == OTHER


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_several_workers_keep_to_one_bound_together() -> None:
    workers = [Admitted("models", 5) for _ in range(4)]
    told = {worker.label(f"{name}", served=True) for name in range(10) for worker in workers}
    assert told == {"0", "1", "2", "3", "4", OTHER}


@pytest.mark.usefixtures("folder")
def test_a_worker_knows_what_another_has_served() -> None:
    one, other = Admitted("tenants", 5), Admitted("tenants", 5)
    assert one.label("ana", served=True) == "ana"
    assert other.label("ana", served=False) == "ana"


# The largest possible page: every label has all of its values, with the longest names, in every status.
FULLEST = f"""
import itertools
from shared.pipeline.call import Call, Caller, ChatRequest
from shared.pipeline.outcome import Ending, Outcome, Usage
from shared.pipeline.errors import ServiceError
from shared.layers.metrics import Metrics
from shared.telemetry.exposition import Exposition
import demos.demo_5_observability.app

layer, endpoints = Metrics(), [f"/v1/endpoint/number/{{n}}" for n in range(30)]
names = ["n" * ({LONGEST} - 3) + f"{{n:03}}" for n in range(300)]
for name in names:
    for status in (200, *range(400, 420), *range(500, 510)):
        endpoint = endpoints[(len(name) + status) % 30]
        call = Call(ChatRequest(name, ()), endpoint, "id", caller=Caller(f"user:{{name}}", name))
        call.log_fields["time_to_first_token_ms"] = 1.0
        error = None
        if status != 200:
            error = ServiceError("")
            error.http_status = status
        layer._count(call, Outcome(Ending.FINISHED, Usage(10**9, 10**9), 1e-6, "model", name, error=error))
        refused = Call(ChatRequest(name, ()), endpoint, "id", caller=Caller(f"user:{{name}}", name))
        layer._count(refused, Outcome(Ending.FAILED, error=error))
print(max(len(Exposition()._write(in_openmetrics)) for in_openmetrics in (True, False)))
"""


def test_the_largest_page_there_can_be_is_within_its_bound() -> None:
    done = subprocess.run([sys.executable, "-c", FULLEST], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0.3 * MOST_BYTES < int(done.stdout) < MOST_BYTES


@pytest.fixture(scope="module")
def gateway(model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(model_server, tmp_path_factory.mktemp("attacked")) as gateway:
        yield gateway


def requests(numbers: Iterator[int]) -> Iterator[bytes]:
    """In turns, an unknown model, an unknown user and an unknown path."""
    for number in numbers:
        path, model, token = "/generate", SIMULATOR, "anonymous"
        match number % 3:
            case 0:
                model = f"model-{number}"
            case 1:
                token = f"token-{number}"
            case 2:
                path = f"/generate/{number}"
        body = f'{{"prompt":"Hola","model":"{model}","max_tokens":1}}'.encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        yield f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def attack(port: int) -> int:
    """The number of answers."""
    numbers = iter(range(MADE_UP))
    answered = 0

    async def one() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests(numbers):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            answered += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return answered


@pytest.mark.prove
def test_ten_thousand_made_up_models_users_and_paths_leave_no_trace(gateway: Gateway) -> None:
    gateway.service.post("/generate", {"prompt": "Hola", "max_tokens": 1})
    before = gateway.scrape()
    assert asyncio.run(attack(int(gateway.service.url.rpartition(":")[2]))) == MADE_UP
    wait_for(lambda: gateway.count("inference_requests_total") >= 2 * MADE_UP // 3)
    after = gateway.scrape()
    assert not [value for value in after.label_values if "-1" in value or "/generate/" in value]
    assert after.series - before.series < 50
    assert len(after.answer.text) < 30_000 < MOST_BYTES
    assert after.sum(f'gateway_requests_total{{model="{OTHER}",status="404"}}') == -(-MADE_UP // 3)
    assert after.sum('gateway_tenant_refusals_total{tenant="anonymous"}') == MADE_UP // 3
