"""The sources of the pages' data: missing, dead, silent or wrong ones, the allowed callers, and the queries."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from shared.dashboards.panels import ENGINE, PANELS
from shared.routes.dashboards import PAGES
from tests.closed_port import dead_server
from tests.playground.conftest import ENVIRONMENT, Visits
from tests.playground.observed import BUILD, Observed
from tests.playground.test_routes import POLICY
from tests.traces.messages import message, span
from workshop.grader.launch import ModelServer, started

TRACES, SERIES = "/playground/api/traces", "/playground/api/series?minutes=5"
DATA = {"/playground/traces": TRACES, "/playground/dashboards": SERIES}


def both(url: str) -> dict[str, str]:
    return {"TRACES_URL": url, "PROMETHEUS_URL": url}


def tell(visits: Visits, server: ModelServer, environment: Mapping[str, str], status: int, *words: str) -> None:
    """Each page shows its words, and its data request gets this status."""
    with started(BUILD, server, {**ENVIRONMENT, **environment}) as subject:
        for (page, data), said in zip(DATA.items(), words, strict=True):
            subject.service.get(data).must_be_error(status)
            with visits(subject, refusals={status}) as visit:
                visit.page.goto(f"{visit.origin}{page}")
                expect(visit.page.locator("#notice")).to_contain_text(said)


def test_without_urls_the_pages_say_which_setting_is_missing(visits: Visits, model_server: ModelServer) -> None:
    tell(visits, model_server, {}, 404, "TRACES_URL is not set", "PROMETHEUS_URL is not set")


def test_a_dead_source_is_named(visits: Visits, model_server: ModelServer) -> None:
    with dead_server() as dead:
        words = "the trace receiver at TRACES_URL does not answer", "the Prometheus at PROMETHEUS_URL does not answer"
        tell(visits, model_server, both(dead), 503, *words)


def test_a_silent_source_is_not_waited_for(visits: Visits, model_server: ModelServer) -> None:
    with (
        frozen_server() as frozen,
        started(BUILD, model_server, {**ENVIRONMENT, **both(frozen)}) as subject,
        visits(subject, refusals={503}) as visit,
    ):
        visit.page.goto(f"{visit.origin}/playground/dashboards")
        expect(visit.page.locator("#notice")).to_contain_text("does not answer within 2 seconds")
        expect(visit.page.locator(".panel")).to_have_count(0)


def test_a_wrong_source_is_recognised(visits: Visits, model_server: ModelServer) -> None:
    words = "the server at TRACES_URL is not a trace receiver", "the server at PROMETHEUS_URL is not a Prometheus"
    tell(visits, model_server, both(model_server.url), 503, *words)


def test_only_known_queries_are_sent_once_for_many_pages_and_without_our_key(model_server: ModelServer) -> None:
    with (
        recording_server() as (url, requests),
        started(BUILD, model_server, {**ENVIRONMENT, **both(url)}) as subject,
    ):
        subject.service.get("/playground/api/series?minutes=7").must_be_error(422)
        subject.service.get(f"{TRACES}/..%2fhealth").must_be_error(404)
        subject.service.get(f"{TRACES}/{'g' * 32}").must_be_error(422)
        assert requests == []
        assert subject.service.get(f"{SERIES}&query=up").status == 200
        questions = len(requests)
        assert questions == 1 + sum(len(panel.lines) for panel in (*PANELS, *ENGINE))
        for _ in range(3):
            assert subject.service.get(SERIES).status == 200
        assert len(requests) == questions
        assert not [headers for _, headers in requests if "Authorization" in headers]
        assert not [path for path, _ in requests if "query=up" in path]


def test_if_tokens_are_required_pages_are_open_and_data_needs_a_token(visits: Visits, observed: Observed) -> None:
    settings = {"TRACES_URL": observed.receiver.url, "PROMETHEUS_URL": observed.prometheus}
    with observed.subject.started_with({**settings, "API_KEYS_REQUIRED": "true"}) as subject:
        subject.service.get(f"{TRACES}/{'0' * 32}").must_be_error(401)
        observed.receiver.send(message([span(1)]))
        kept = json.dumps({"token": subject.desk.create("ana").token})
        for page, data in DATA.items():
            subject.service.get(data).must_be_error(401)
            with visits(subject, refusals={401}) as visit:
                visit.page.goto(f"{visit.origin}{page}")
                notice = visit.page.locator("#notice")
                expect(notice).to_contain_text("Give a token on the playground")
                visit.page.evaluate("(kept) => localStorage.setItem('playground.session', kept)", kept)
                visit.page.reload()
                expect(notice).to_be_hidden()


@pytest.mark.parametrize("path", PAGES)
def test_each_page_has_the_content_security_policy_and_is_not_sent_twice(observed: Observed, path: str) -> None:
    service = observed.subject.service
    answer = service.get(path)
    assert answer.text == PAGES[path].read_text()
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == POLICY
    assert service.request("GET", path, headers={"If-None-Match": answer.headers["etag"]}).status == 304


@contextmanager
def frozen_server() -> Iterator[str]:
    """Accepts connections, but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def recording_server() -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """A Prometheus without data that records its requests."""
    requests: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append((self.path, dict(self.headers)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"status": "success", "data": {"result": [], "alerts": []}}).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # all queries come at once; with the default of 5, late ones wait a second

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
