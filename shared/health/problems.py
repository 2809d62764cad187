"""The problems of a service that is alive: GET /health's checks in, sentences out; no sentences when all is well.

A busy part (a queue, a pool of connections) is not a problem. Nor is a part that nobody has checked yet.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Check = Mapping[str, Any]

WRONG_MEMORY = ("shedding", "refusing")


def what_is_wrong(checks: Mapping[str, Check]) -> Mapping[str, list[str]]:
    """The sentences, by the name of the check; only for those with any."""
    found = {name: [*judge(checks[name])] for name, judge in JUDGES.items() if name in checks}
    return {name: sentences for name, sentences in found.items() if sentences}


def _providers(check: Check) -> Iterator[str]:
    for name, provider in check["upstreams"].items():
        if provider["reachable"] is False:
            yield f"the upstream {name} does not answer"


def _circuit_breakers(check: Check) -> Iterator[str]:
    for name, breaker in check["breakers"].items():
        if breaker["state"] != "closed":
            yield f"the circuit breaker {name} is {breaker['state']}"


def _memory(check: Check) -> Iterator[str]:
    if check["state"] in WRONG_MEMORY:
        yield f"memory is {check['state']}"
    if check["leak_suspected"]:
        yield "memory seems to leak"


def _redis(check: Check) -> Iterator[str]:
    if not check["up"]:
        yield "redis does not answer"


JUDGES: Mapping[str, Callable[[Check], Iterator[str]]] = {
    "providers": _providers,
    "circuit_breakers": _circuit_breakers,
    "memory": _memory,
    "redis": _redis,
}
