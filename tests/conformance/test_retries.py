"""When clients retry: if it can help, after the time that they were told, and not if it cannot help."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.conformance import stacks
from tests.conformance.asking import ask, only_choice
from tests.conformance.clients import Client
from tests.conformance.stacks import CONFIGURED, FAULTS, Stack
from tests.waiting import wait_for
from workshop.grader.log_file import LogFile

WAYS = ("whole", "stream")


@contextmanager
def logged(stack: Stack) -> Iterator[list[dict[str, Any]]]:
    """The log's lines of the calls inside the block, available after it."""
    log = stack.log
    assert log is not None
    first, last = (f"mark-{secrets.token_hex(8)}" for _ in range(2))
    lines: list[dict[str, Any]] = []
    _mark(stack, log, first)
    yield lines
    _mark(stack, log, last)
    written = [json.loads(line) for line in log.path.read_text().splitlines()]
    places = [place for place, line in enumerate(written) if line["request_id"] in (first, last)]
    lines += written[places[0] + 1 : places[1]]


def _mark(stack: Stack, log: LogFile, request_id: str) -> None:
    """A call that is refused at once: when the log has its line, it has those of all earlier calls."""
    answer = httpx2.post(f"{stack.base_url}/chat/completions", json={}, headers={"X-Request-ID": request_id})
    assert answer.status_code == 400
    wait_for(lambda: log.path.exists() and f'"{request_id}"' in log.path.read_text(), "a line in the log")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.needs(FAULTS, CONFIGURED)
def test_a_client_waits_out_the_upstreams_rate_limit(client: Client, stack: Stack, way: str) -> None:
    upstream = stack.upstream
    assert upstream is not None
    with upstream.fault({"status": 429, "retry_after": 1, "times": 1}):
        assert only_choice(client(way, stack, ask(), retries=1))["text"]
        first, second = upstream.calls()
    assert second.started - first.ended >= 1


@pytest.mark.needs(CONFIGURED)
def test_a_client_waits_out_our_rate_limit(client: Client, stack: Stack) -> None:
    stranger = stack.with_key("anonymous")
    with logged(stack) as lines:
        for _ in range(2):
            assert only_choice(client("whole", stranger, ask(max_tokens=1), retries=5))["text"]
    statuses = [line["status"] for line in lines]
    assert statuses.count(200) == 2
    assert 1 <= statuses.count(429) <= 4, "it was told how long to wait, but came back too early"


@pytest.mark.needs(FAULTS, CONFIGURED)
def test_a_client_tries_again_when_the_upstream_was_overloaded(client: Client, stack: Stack) -> None:
    assert stack.upstream is not None
    with stack.upstream.fault({"status": 503, "times": 1}):
        assert only_choice(client("whole", stack, ask(), retries=1))["text"]


@pytest.mark.needs(CONFIGURED)
def test_a_client_does_not_retry_when_its_budget_is_spent(client: Client, stack: Stack) -> None:
    spent = stack.without_money()
    with logged(spent) as lines:
        error = client.fails("whole", spent, ask(), retries=3)
    assert "RateLimitError" in error["classes"]
    assert [line["status"] for line in lines] == [429]


# As long-lived as the clients: one client runs all its tests before the next one starts.
@pytest.fixture(scope="package")
def hopeless() -> Iterator[Stack]:
    """A gateway with a low token limit, whose own key the upstream refuses."""
    with stacks.gateway({"RATE_LIMIT_TPM": "500", "OPENAI_API_KEY": "sk-of-last-year"}) as stack:
        yield stack


def test_a_client_does_not_retry_a_request_over_the_whole_limit(client: Client, hopeless: Stack) -> None:
    with logged(hopeless) as lines:
        error = client.fails("whole", hopeless, ask(max_tokens=1000), retries=3)
    assert "RateLimitError" in error["classes"]
    assert [line["status"] for line in lines] == [429]


def test_a_client_does_not_retry_a_fault_of_the_gateway_itself(client: Client, hopeless: Stack) -> None:
    with logged(hopeless) as lines:
        error = client.fails("whole", hopeless, ask(max_tokens=1), retries=3)
    assert error["status"] == 502
    assert [line["status"] for line in lines] == [502]
