"""A client that leaves in the middle: the upstream stops working for it, and the log says so."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests.conformance.asking import ask
from tests.conformance.clients import Client
from tests.conformance.stacks import CONFIGURED, FAULTS, Stack
from tests.waiting import wait_for

WITHIN = 20.0  # seconds until the upstream notices; all time-outs of the gateway and the client are longer


# The stream falls silent after these tokens, so that it cannot end before the client leaves.
@pytest.mark.needs(FAULTS)
def test_a_client_that_leaves_a_stream_stops_the_upstream(client: Client, stack: Stack) -> None:
    upstream = stack.upstream
    assert upstream is not None
    with upstream.fault({"stall_after_tokens": 8}):
        report = client("leave", stack, ask(), after=3)
        seen = wait_for(lambda: (register := upstream.register())["cancelled"] and register, seconds=WITHIN)
    assert len(report["pieces"]) >= 3
    assert (seen["received"], seen["in_flight"]) == (1, 0)


@pytest.mark.needs(FAULTS, CONFIGURED)
def test_the_log_says_that_the_client_left_and_what_it_had_used(client: Client, stack: Stack) -> None:
    upstream, log = stack.upstream, stack.log
    assert upstream is not None
    assert log is not None
    request_id = f"leaving-{secrets.token_hex(6)}"

    def line() -> Any:
        lines = [line for line in log.path.read_text().splitlines(keepends=True) if request_id in line]
        return json.loads(lines[0]) if lines and lines[0].endswith("\n") else None

    with upstream.fault({"stall_after_tokens": 8}):
        client("leave", stack, ask(extra_headers={"X-Request-ID": request_id}), after=3)
        logged = wait_for(line, seconds=WITHIN)
    assert (logged["outcome"], logged["status"]) == ("left", 499)
    assert logged["tokens_output"] >= 3, logged
