"""CORS as a real browser enforces it: a page of another origin that may call us, and one that may not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.webhooks.conftest import BUILD
from workshop.grader.launch import ModelServer, started
from workshop.grader.subject import Subject

CALL = """async ([url, headers, body]) => {
  const reply = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const read = Object.fromEntries(reply.headers);
  return { status: reply.status, headers: read, body: await reply.json() };
}"""
STREAM = """async ([url, headers, body, enough]) => {
  const reply = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let step; !text.includes(enough) && !(step = await reader.read()).done; ) text += step.value;
  await reader.cancel();
  return text;
}"""
REFUSED = """async ([url, headers, body]) => {
  try {
    await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    return "read";
  } catch (error) {
    return error.name;
  }
}"""
JSON = {"Content-Type": "application/json"}


@contextmanager
def page_server() -> Iterator[str]:
    """An origin with an empty page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>A page of somebody else</title>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with page_server() as origin:
        yield origin


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    with page_server() as origin:
        yield origin


@pytest.fixture(scope="module")
def pages(server: ModelServer, origin: str) -> Iterator[Subject]:
    with started(BUILD, server, {"CORS_ORIGINS": origin, "API_KEYS_REQUIRED": "true", "TIMEOUT": "100"}) as subject:
        yield subject


@pytest.fixture(scope="module")
def token(pages: Subject) -> str:
    return pages.desk.create("ana").token


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def run(browser: Browser, origin: str, script: str, *arguments: object) -> Any:
    """The result of `script` on a page of `origin`."""
    with browser.new_context() as visit:
        page = visit.new_page()
        page.goto(origin)
        return page.evaluate(script, arguments)


def with_token(token: str) -> dict[str, str]:
    return {**JSON, "Authorization": f"Bearer {token}"}


def test_a_page_of_another_origin_calls_with_its_token_and_reads_body_and_headers(
    browser: Browser, origin: str, pages: Subject, token: str
) -> None:
    url = f"{pages.service.url}/generate"
    reply = run(browser, origin, CALL, url, with_token(token), {"prompt": "Hola", "max_tokens": 5})
    assert reply["status"] == 200
    assert reply["body"]["output"]
    assert reply["headers"]["x-request-id"] == reply["body"]["request_id"]
    assert reply["headers"].keys() >= {"x-cache", "x-ratelimit-remaining-requests", "ratelimit"}


def test_a_page_of_another_origin_reads_a_stream_as_it_arrives(
    browser: Browser, origin: str, pages: Subject, token: str
) -> None:
    arguments = f"{pages.service.url}/generate/stream", with_token(token), {"prompt": "Hola", "max_tokens": 20}
    with pages.upstream.fault({"stall_after_tokens": 3}):  # no more tokens come, and no end either
        assert "data: [DONE]" not in run(browser, origin, STREAM, *arguments, "data: ")
    assert run(browser, origin, STREAM, *arguments, "data: [DONE]").count("data: ") > 3


def test_a_page_of_another_origin_reads_errors(browser: Browser, origin: str, pages: Subject) -> None:
    url = f"{pages.service.url}/generate"
    refused = run(browser, origin, CALL, url, JSON, {"prompt": "Hola"})
    assert (refused["status"], refused["body"]["error"]["code"]) == (401, "invalid_api_key")
    assert refused["headers"]["x-request-id"] == refused["body"]["error"]["request_id"]


def test_a_page_of_an_unlisted_origin_cannot_call(browser: Browser, foreign: str, pages: Subject, token: str) -> None:
    pages.upstream.forget_calls()
    url = f"{pages.service.url}/generate"
    assert run(browser, foreign, REFUSED, url, with_token(token), {"prompt": "Stolen", "max_tokens": 5}) == "TypeError"
    assert pages.upstream.calls() == [], "the browser did not even send it"
    assert run(browser, foreign, REFUSED, f"{pages.service.url}/health", {}, {}) == "TypeError", "sent, but hidden"
