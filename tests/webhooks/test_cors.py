"""CORS: pages of the listed origins may call and read everything, errors included; pages of other origins may not."""

import threading
from collections.abc import Iterator

import pytest

from shared.http.cors import EXPOSED, cors
from shared.settings import BadSetting
from tests.webhooks.conftest import BUILD
from workshop.grader.callers import Caller
from workshop.grader.launch import ModelServer, started
from workshop.grader.service import Answer
from workshop.grader.subject import Subject

OURS, ALSO_OURS, FOREIGN = "https://app.example", "http://localhost:5173", "https://evil.example"
CALL = {"prompt": "Hola", "max_tokens": 5}
ALLOWED = "access-control-allow-origin"
# The headers that a page may always read. https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
SAFE = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
# Headers that are useless for a page.
USELESS = {"date", "vary", "connection", "transfer-encoding", "x-accel-buffering", "www-authenticate", "allow"}


@pytest.fixture(scope="module")
def pages(server: ModelServer) -> Iterator[Subject]:
    """Accepts two calls per window from an address, and one at a time: preflights must count for neither limit."""
    settings = {
        "CORS_ORIGINS": f"{OURS}, {ALSO_OURS}",
        "RATE_LIMIT_ANONYMOUS_RPM": "2",
        "UVICORN_LIMIT_CONCURRENCY": "1",
        "TIMEOUT": "100",
    }
    with started(BUILD, server, settings) as subject:
        yield subject


@pytest.fixture(scope="module")
def ana(pages: Subject) -> Caller:
    return pages.desk.create("ana")


def preflight(subject: Subject, origin: str, path: str = "/generate", method: str = "POST", **more: str) -> Answer:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return subject.service.request("OPTIONS", path, headers=asked | more)


@pytest.mark.parametrize("origin", [OURS, ALSO_OURS])
@pytest.mark.parametrize("path", ["/generate", "/generate/stream", "/v1/chat/completions", "/usage", "/nowhere"])
def test_a_preflight_of_a_listed_origin_is_answered_on_every_path(path: str, origin: str, pages: Subject) -> None:
    wanted = "authorization, content-type, x-stainless-os, traceparent"
    answer = preflight(pages, origin, path, **{"Access-Control-Request-Headers": wanted})
    assert answer.status == 200, answer.summary
    assert answer.headers[ALLOWED] == origin
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == wanted
    assert "origin" in answer.headers["vary"].lower()
    assert answer.headers["x-request-id"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", [FOREIGN, "null", f"{OURS}.evil.example", OURS.upper(), "http://app.example", ""])
def test_a_preflight_of_another_origin_is_refused_in_the_envelope(origin: str, pages: Subject) -> None:
    answer = preflight(pages, origin)
    assert answer.must_be_error(403)["code"] == "cors_refused"
    assert ALLOWED not in answer.headers


def test_a_preflight_for_a_method_without_a_route_is_refused(pages: Subject) -> None:
    error = preflight(pages, OURS, method="DELETE").must_be_error(403)
    assert "method" in error["message"]


def test_preflights_need_no_token_and_count_for_no_limit(pages: Subject, ana: Caller) -> None:
    with pages.upstream.held() as gate:
        call = threading.Thread(target=pages.service.post, args=("/generate", CALL), kwargs={"headers": ana.headers})
        call.start()
        gate.wait_for(1)
        pages.service.post("/generate", CALL).must_be_error(503)  # the only place is taken
        assert [preflight(pages, OURS).status for _ in range(30)] == [200] * 30
        gate.release()
        call.join()
    assert pages.service.post("/generate", CALL).status == 200


ERRORS = [
    ("POST", "/generate", '{"prompt": ""}', {}, 422),
    ("POST", "/generate", "x" * 1_100_000, {}, 413),
    ("POST", "/generate", '{"prompt": "x"}', {"Content-Type": "text/plain"}, 415),
    ("POST", "/generate", '{"prompt": "x"}', {"Authorization": "Bearer wk_nobody"}, 401),
    ("POST", "/v1/chat/completions", "{}", {}, 400),
    ("POST", "/webhooks/ingest", "{}", {}, 404),
    ("GET", "/generate", None, {}, 405),
    ("GET", "/nowhere", None, {}, 404),
    ("GET", "/usage", None, {"Authorization": "Bearer wk_nobody"}, 401),
    ("GET", "/webhooks/alerts", None, {}, 401),
    ("GET", "/health", None, {}, 200),
]


@pytest.mark.parametrize(("method", "path", "body", "sent", "status"), ERRORS)
def test_a_page_can_read_errors_of_every_route(
    method: str, path: str, body: str | None, sent: dict[str, str], status: int, pages: Subject, ana: Caller
) -> None:
    answer = pages.service.request(method, path, body=body, headers=ana.headers | sent | {"Origin": OURS})
    if path == "/webhooks/alerts":  # needs a token, so send none to get the error
        answer = pages.service.request(method, path, headers={"Origin": OURS})
    assert answer.status == status, answer.summary
    assert answer.headers[ALLOWED] == OURS
    assert answer.headers["x-request-id"]


def test_a_foreign_page_cannot_read_the_answer_to_its_simple_request(pages: Subject) -> None:
    answer = pages.service.get("/health", headers={"Origin": FOREIGN})
    assert answer.status == 200
    assert ALLOWED not in answer.headers
    assert "origin" in answer.headers["vary"].lower(), "a cache in between must not serve it to other origins"


def test_every_useful_header_of_our_replies_is_exposed(pages: Subject, ana: Caller) -> None:
    origin = {"Origin": OURS}
    replies = [pages.service.post("/generate", CALL, headers=ana.headers | origin) for _ in range(2)]
    replies += [pages.service.post("/generate", CALL, headers=origin) for _ in range(3)]
    assert replies[-1].status == 429
    with pages.service.stream("/generate/stream", CALL, headers=ana.headers | origin) as stream:
        replies.append(stream.answer)
    for reply in replies:
        exposed = {name.strip().lower() for name in reply.headers["access-control-expose-headers"].split(",")}
        assert exposed == {name.lower() for name in EXPOSED}
        said = {name for name in reply.headers if not name.startswith("access-control-")}
        assert said <= exposed | SAFE | USELESS


def test_without_origins_there_is_no_cors(subject: Subject) -> None:
    assert cors("") is cors(" , ") is None
    answer = subject.service.get("/health", headers={"Origin": OURS})
    assert not [name for name in answer.headers if name.startswith("access-control-") or name == "vary"]
    assert preflight(subject, OURS).status in {401, 405}


def test_a_star_lets_pages_of_any_origin_in(server: ModelServer) -> None:
    with started(BUILD, server, {"CORS_ORIGINS": "*"}) as subject:
        assert preflight(subject, FOREIGN).headers[ALLOWED] == "*"
        assert subject.service.get("/health", headers={"Origin": FOREIGN}).headers[ALLOWED] == "*"


@pytest.mark.parametrize(
    "origin",
    [
        *("app.example", "https://", "https://app.example/", "https://app.example/path", "https://*.example", "null"),
        *("https://App.example", "https://app.example:port", "https://ana@app.example", "https://app.example?x", "**"),
        *("https://a.example https://b.example", "https://app.example:123456", "//app.example"),
    ],
)
def test_a_malformed_origin_is_one_line(origin: str) -> None:
    with pytest.raises(BadSetting) as bad:
        cors(f"{OURS},{origin}")
    assert str(bad.value).startswith(f"CORS_ORIGINS={origin}: ")
    assert "\n" not in str(bad.value)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:5173", "http://[::1]:8000", "chrome-extension://abcdef", "*"])
def test_every_origin_that_browsers_send_is_valid(origin: str) -> None:
    assert cors(origin) is not None
