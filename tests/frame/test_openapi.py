"""The OpenAPI document is true: its references lead somewhere, and replies have the types and statuses it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from workshop.grader.launch import ModelServer, started
from workshop.grader.subject import Subject


@pytest.fixture(scope="module")
def subject(server: ModelServer) -> Iterator[Subject]:
    with started("demos.demo_5_observability.app:build", server, {"RATE_LIMIT_ANONYMOUS_RPM": "1000"}) as subject:
        yield subject


@pytest.fixture(scope="module")
def document(subject: Subject) -> Any:
    return httpx2.get(f"{subject.service.url}/openapi.json").json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_leads_somewhere(document: Any) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            assert step in place, f"{reference} leads nowhere"
            place = place[step]


def test_every_route_documents_its_errors(document: Any) -> None:
    without = [f"{method} {path}" for method, path, it in operations(document) if "default" not in it["responses"]]
    assert not without


def test_every_route_answers_with_a_documented_type(document: Any, subject: Subject) -> None:
    """An empty request to each: the answers of GET, and the errors of the rest."""
    seen = 0
    with httpx2.Client(base_url=subject.service.url) as client:
        for method, path, operation in operations(document):
            reply = client.request(method, path.replace("{name}", "none"), json={} if method != "get" else None)
            status = str(reply.status_code)
            documented = operation["responses"].get(status, operation["responses"]["default"])
            kind = reply.headers["content-type"].partition(";")[0]
            assert kind in documented["content"], f"{method} {path}: {status} {kind}"
            seen += 1
    assert seen > 20


@pytest.mark.parametrize("path", ["/generate/stream", "/v1/infer/stream", "/v1/chat/completions"])
def test_a_stream_has_the_documented_type(path: str, document: Any, subject: Subject) -> None:
    chat = {"messages": [{"role": "user", "content": "Hola"}], "stream": True}
    asked = chat if "chat" in path else {"prompt": "Hola"}
    reply = httpx2.post(f"{subject.service.url}{path}", json=asked)
    kind = reply.headers["content-type"].partition(";")[0]
    assert (reply.status_code, kind) == (200, "text/event-stream")
    assert kind in document["paths"][path]["post"]["responses"]["200"]["content"]


def test_a_refused_method_names_all_that_are_allowed(document: Any, subject: Subject) -> None:
    for path, methods in document["paths"].items():
        reply = httpx2.request("TRACE", f"{subject.service.url}{path.replace('{name}', 'none')}")
        assert reply.status_code == 405
        assert reply.headers["allow"].lower().split(", ") == sorted(methods), path
