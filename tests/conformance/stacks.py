"""What the clients talk to: servers of OpenAI's API, each with what can be asked of it.

`gateway` is demo 4 before the embedded server. `embedded` is that server alone: what fails there too is no fault of the
gateway's. `running` is whatever runs at CONFORMANCE_URL (with its /v1), with CONFORMANCE_KEY, CONFORMANCE_MODEL and
CONFORMANCE_ABILITIES (below; parted by commas). CONFORMANCE_STACKS says which are tested, parted by commas.
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
WITH_A_SLASH = "google/medgemma-27b"  # the simulator under a name as vLLM's models have

# What a stack may be asked for beyond plain answers.
GATEWAYS = "gateway"  # request ids, limits in headers: what any gateway of ours has
CONFIGURED = "settings"  # started with SETTINGS, and with its log and its people in reach
SIMULATED = "simulated"  # answers that are known before
PLAIN = "plain"  # fields of OpenAI's and no others; vLLM has its own, which a gateway passes on
TOOLS = "tools"
CHOICES = "choices"
LOGPROBS = "logprobs"
FAULTS = "faults"  # a register of calls, and fault switches

# Tokens come so slowly that the gateway has a comment for almost every gap: no client may stumble over one.
MODEL_SERVER = {
    "LOCAL_SERVED_MODEL_NAME": f"{WITH_A_SLASH}={SIMULATOR}",
    "SIM_TPOT_MS": "5",
    "SIM_OUTPUT_TOKENS": "24",
}

# No limit stands in the way, nothing is tried twice behind the client's back, and no breaker remembers the faults.
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
        """As somebody sees it who may spend nothing."""
        assert self.desk is not None
        return self.with_key(self.desk.create("poor", budget_usd=0).token)


def of(subject: Subject, *abilities: str) -> Stack:
    """The gateway as somebody with a token sees it."""
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
