"""The page over HTTP: its files, their headers, and the fault switches behind them."""

import re
from pathlib import Path

import pytest

from shared.routes.dashboards import PAGES
from shared.routes.playground import FILES, PROGRESS_PAGE, WEB
from tests.playground.conftest import Start
from tests.playground.scripted import Scripted
from workshop.grader.launch import ModelServer
from workshop.grader.subject import Subject

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FAULTS = "/playground/faults"


@pytest.mark.parametrize("path", FILES)
def test_every_file_has_its_type_and_the_content_security_policy(demo: Subject, path: str) -> None:
    answer = demo.service.get(path)
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    assert answer.status == 200, answer.summary
    assert answer.text == FILES[path].read_text()
    assert answer.headers["content-type"].split(";")[0] == types[FILES[path].suffix]
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"


def test_a_cached_file_is_not_sent_again(demo: Subject) -> None:
    first = demo.service.get("/playground/page.js")
    again = demo.service.request("GET", "/playground/page.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.text) == (304, "")
    assert again.headers["content-security-policy"] == POLICY
    older = demo.service.request("GET", "/playground/page.js", headers={"If-None-Match": '"0123456789abcdef"'})
    assert older.status == 200


@pytest.mark.parametrize("name", ["nothing.js", "../service.py", "%2e%2e/service.py", "%2e%2e%2fservice.py"])
def test_files_outside_of_the_table_are_not_served(demo: Subject, name: str) -> None:
    answer = demo.service.get(f"/playground/{name}")
    assert answer.status == 404, answer.summary
    assert "import" not in answer.text


def test_a_slash_behind_a_page_leads_to_the_page_whose_links_are_right(demo: Subject) -> None:
    answer = demo.service.get("/playground/")
    assert (answer.status, answer.headers["location"]) == (308, "../playground")


def test_the_tables_hold_every_file_of_the_pages() -> None:
    assert {*FILES.values(), *PAGES.values(), PROGRESS_PAGE} == {file for file in WEB.rglob("*") if file.is_file()}


def test_the_pages_are_small_and_never_turn_text_into_html() -> None:
    sources = {file: file.read_text() for file in WEB.rglob("*") if file.is_file()}
    # Translated phrases are no code.
    assert sum(len(source.splitlines()) for file, source in sources.items() if file.parent == WEB) < 2400
    for source in sources.values():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser", source)
        assert not re.search(r"""<style|\son\w+=|\sstyle=|https?://(?!www\.w3\.org|html\.spec)""", source)


def test_if_tokens_are_required_the_page_is_open_and_its_switches_are_not(start: Start) -> None:
    with start(API_KEYS_REQUIRED="true") as subject:
        assert {subject.service.get(path).status for path in FILES} == {200}
        subject.service.get(FAULTS).must_be_error(401)
        assert subject.service.request("GET", FAULTS, headers=subject.desk.create("ana").headers).status == 200


def test_faults_are_set_shown_and_removed(demo: Subject) -> None:
    service = demo.service
    assert service.get(FAULTS).json["sequence"] == []
    ordered = service.request("PUT", FAULTS, body='{"status": 503}', headers={"Content-Type": "application/json"})
    assert ordered.json == {"sequence": [{"status": 503}], "applied": 0, "held": 0}
    assert service.get(FAULTS).json == ordered.json
    assert service.request("DELETE", FAULTS).json["sequence"] == []


def test_an_unknown_fault_gets_the_model_servers_error(demo: Subject) -> None:
    answer = demo.service.request("PUT", FAULTS, body='{"fire": 1}', headers={"Content-Type": "application/json"})
    error = answer.must_be_error(422)
    assert error["code"] == "bad_fault"
    assert "fire" in error["message"]


def test_a_form_on_another_site_cannot_set_faults(demo: Subject) -> None:
    # Browsers let foreign pages send this POST without a preflight, but not PUT or DELETE.
    answer = demo.service.request("POST", FAULTS, body='{"hang": true}', headers={"Content-Type": "text/plain"})
    answer.must_be_error(405)
    answer = demo.service.request("PUT", FAULTS, body='{"hang": true}', headers={"Content-Type": "text/plain"})
    answer.must_be_error(415)


def test_in_production_there_are_no_switches(start: Start) -> None:
    with start(ENV="production") as subject:
        for method in ("GET", "PUT", "DELETE"):
            subject.service.request(method, FAULTS).must_be_error(404)


def test_an_upstream_without_switches_has_none_on_the_page(start: Start, upstream: Scripted) -> None:
    with start(ModelServer(f"{upstream.url}/elsewhere", "")) as subject:
        subject.service.request("DELETE", FAULTS).must_be_error(404)


def test_an_upstream_on_another_machine_is_never_asked_for_its_switches(start: Start) -> None:
    with start(ModelServer("http://192.0.2.1:8100", "")) as subject:
        assert "GET /playground/faults" not in subject.service.get("/").json["routes"]
        subject.service.get(FAULTS).must_be_error(404)


def test_the_page_is_found_wherever_the_service_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(file.is_absolute() and file.is_file() for file in FILES.values())
