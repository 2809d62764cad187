"""The upstream's gate, as checks use it: it keeps calls in flight until the check releases them."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx2
import pytest

from workshop.grader import upstream as grader_upstream
from workshop.grader.launch import SIMULATOR, ModelServer, embedded_server
from workshop.grader.upstream import Upstream
from workshop.grader.verdict import Failed

ASKED = {"model": SIMULATOR, "messages": [{"role": "user", "content": "Hola"}], "max_tokens": 2}


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture
def upstream(server: ModelServer) -> Iterator[Upstream]:
    upstream = Upstream(server.url, key=server.key)
    yield upstream
    upstream.close()


@pytest.fixture
def people() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(5) as people:
        yield people


def ask(people: ThreadPoolExecutor, server: ModelServer, count: int) -> list[Future[int]]:
    def one() -> int:
        headers = {"Authorization": f"Bearer {server.key}"}
        url = f"{server.url}/v1/chat/completions"
        return httpx2.post(url, json=ASKED, headers=headers, timeout=60, trust_env=False).status_code

    return [people.submit(one) for _ in range(count)]


def test_a_check_waits_until_all_calls_have_arrived_and_lets_them_go(
    server: ModelServer, upstream: Upstream, people: ThreadPoolExecutor
) -> None:
    with upstream.held() as gate:
        asked = ask(people, server, 5)
        gate.wait_for(5)
        assert not any(answer.done() for answer in asked)
        gate.release(2)
        gate.wait_for(3)
        gate.release()
        assert [answer.result() for answer in asked] == [200] * 5
        assert gate.held == 0


def test_a_gate_releases_its_calls_at_the_end_of_the_block(
    server: ModelServer, upstream: Upstream, people: ThreadPoolExecutor
) -> None:
    with upstream.held(status=503) as gate:
        [asked] = ask(people, server, 1)
        gate.wait_for(1)
    assert asked.result() == 503
    assert [answer.result() for answer in ask(people, server, 1)] == [200]


def test_calls_that_never_arrive_fail_the_check_with_the_actual_number(
    server: ModelServer, upstream: Upstream, people: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with upstream.held() as gate:
        ask(people, server, 1)
        gate.wait_for(1)
        with pytest.raises(Failed, match="expected 2 calls in flight at the upstream; got 1"):
            gate.wait_for(2, unless=lambda: True)
        monkeypatch.setattr(grader_upstream, "ARRIVES_WITHIN", 0.0)
        with pytest.raises(Failed, match="expected 3 calls in flight at the upstream; got 1"):
            gate.wait_for(3)
