"""The problems of a service that is alive: GET /health's checks in, sentences out; no sentences when all is well.

A busy part (a queue, a pool of connections) is not a problem. Nor is a part that nobody has checked yet.
"""

from collections.abc import Iterator, Mapping
from typing import Any

WRONG_MEMORY = ("shedding", "refusing")


def what_is_wrong(checks: Mapping[str, Any]) -> Iterator[str]:
    for name, provider in checks.get("providers", {}).items():
        if provider["reachable"] is False:
            yield f"the upstream {name} does not answer"
    for name, breaker in checks.get("circuit_breakers", {}).items():
        if breaker["state"] != "closed":
            yield f"the circuit breaker {name} is {breaker['state']}"
    memory = checks.get("memory", {})
    if memory.get("state") in WRONG_MEMORY:
        yield f"memory is {memory['state']}"
    if memory.get("leak_suspected"):
        yield "memory seems to leak"
    if checks.get("redis", {}).get("up") is False:
        yield "redis does not answer"
