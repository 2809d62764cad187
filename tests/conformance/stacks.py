"""The servers of OpenAI's API that the clients talk to, each with its abilities.

`gateway` is demo 4 in front of the embedded server. `embedded` is that server alone: a test that fails there, too, does
not show a fault of the gateway. `running` is any server at CONFORMANCE_URL (with its /v1), with CONFORMANCE_KEY,
CONFORMANCE_MODEL and CONFORMANCE_ABILITIES (below; separated by commas). CONFORMANCE_STACKS lists the stacks to test,
separated by commas.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from workshop.grader.callers import Desk
from workshop.grader.launch import SIMULATOR, ModelServer, embedded_server, started
from workshop.grader.log_file import LogFile
from workshop.grader.subject import Subject
from workshop.grader.upstream import Upstream

GATEWAY = "demos.demo_4_streaming.app:build"
WITH_A_SLASH = "google/medgemma-27b"  # the simulator under a name like those of vLLM's models

# The abilities of stacks beyond plain answers.
GATEWAYS = "gateway"  # request ids and limits in headers, as in all of our gateways
CONFIGURED = "settings"  # started with SETTINGS; its log and its people are accessible
SIMULATED = "simulated"  # known answers
PLAIN = "plain"  # OpenAI's fields and no others; vLLM has more, which a gateway passes on
TOOLS = "tools"
CHOICES = "choices"
LOGPROBS = "logprobs"
FAULTS = "faults"  # a register of calls, and fault switches

# Tokens arrive so slowly that the gateway sends a comment in almost every gap: no client may stumble over one.
MODEL_SERVER = {
    "LOCAL_SERVED_MODEL_NAME": f"{WITH_A_SLASH}={SIMULATOR}",
    "SIM_TPOT_MS": "5",
    "SIM_OUTPUT_TOKENS": "24",
}

# No limit gets in the way, the gateway retries nothing, and no breaker remembers the faults.
SETTINGS = {
    "RATE_LIMIT_RPM": "100000",
    "RATE_LIMIT_RPH": "1000000",
    "RATE_LIMIT_TPM": "100000000",
    "RATE_LIMIT_ANONYMOUS_RPM": "1",
    "RATE_LIMIT_WINDOW_SEC": "2",
    "TIMEOUT": "100",
    "STREAM_KEEPALIVE_SEC": "0.002",
    "MAX_RETRIES": "0",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "100000",
    "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
}


@dataclass(slots=True, frozen=True)
class Stack:
    """A server of OpenAI's API. `base_url` ends in /v1."""

    base_url: str
    key: str
    model: str
    abilities: frozenset[str] = frozenset()
    upstream: Upstream | None = None
    log: LogFile | None = None
    desk: Desk | None = None

    def of(self, model: str) -> Stack:
        return replace(self, model=model)

    def with_key(self, key: str) -> Stack:
        return replace(self, key=key)

    def without_money(self) -> Stack:
        """The same server for a caller whose budget is zero."""
        assert self.desk is not None
        return self.with_key(self.desk.create("poor", budget_usd=0).token)


def of(subject: Subject, *abilities: str) -> Stack:
    """The gateway for a caller with a token."""
    return Stack(
        f"{subject.service.url}/v1",
        subject.desk.create("ana").token,
        SIMULATOR,
        frozenset(abilities),
        upstream=subject.upstream,
        log=subject.log,
        desk=subject.desk,
    )


@contextmanager
def model_server() -> Iterator[ModelServer]:
    with embedded_server(settings=MODEL_SERVER) as server:
        yield server


@contextmanager
def gateway(settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    with model_server() as server, started(GATEWAY, server, {**SETTINGS, **(settings or {})}) as subject:
        yield of(subject, GATEWAYS, CONFIGURED, SIMULATED, PLAIN, TOOLS, CHOICES, LOGPROBS, FAULTS)


@contextmanager
def embedded() -> Iterator[Stack]:
    with model_server() as server:
        upstream = Upstream(server.url, key=server.key)
        yield Stack(
            f"{server.url}/v1",
            server.key,
            SIMULATOR,
            frozenset({SIMULATED, PLAIN, TOOLS, CHOICES, LOGPROBS, FAULTS}),
            upstream=upstream,
        )
        upstream.close()


@contextmanager
def running() -> Iterator[Stack]:
    environment = os.environ
    yield Stack(
        environment["CONFORMANCE_URL"].rstrip("/"),
        environment.get("CONFORMANCE_KEY", "anonymous"),
        environment["CONFORMANCE_MODEL"],
        frozenset(filter(None, environment.get("CONFORMANCE_ABILITIES", "").split(","))),
    )


STACKS: dict[str, Callable[[], AbstractContextManager[Stack]]] = {
    "gateway": gateway,
    "embedded": embedded,
    "running": running,
}


def chosen() -> list[str]:
    return os.environ.get("CONFORMANCE_STACKS", "gateway").split(",")
