"""The page of an attendee's progress: what the workshop's commands write appears on it, and only in development."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.attendee import Project, copied
from tests.frame.conftest import demo_port
from tests.playground.conftest import Start, Visits
from tests.playground.test_language import english_in
from tests.playground.test_routes import POLICY
from tests.playground.visit import PHONE, Visit, visiting
from workshop.processes import Process
from workshop.progress import snapshot
from workshop.progress.labs import LABS
from workshop.progress.record import FAILED, PASSED, Record, grade
from workshop.progress.tasks import tasks_of

PAGE, DATA = "/playground/progress", "/playground/api/progress"
NO_VLLM = {6: "there is no vLLM for Darwin on arm64"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone in which somebody has begun nothing yet."""
    return copied(tmp_path_factory.mktemp("clone"))


@contextmanager
def demo_4(clone: Project, folder: Path) -> Iterator[str]:
    """`make demo-4` in the clone. Yields its URL."""
    port = demo_port()
    with Process(
        name="demo 4",
        command=[sys.executable, "-m", "workshop.demo", "4"],
        ready_url=f"http://127.0.0.1:{port}/health",
        environment={"PORT": str(port), "LOG_FILE": "-", "DATABASE_URL": f"sqlite:///{folder}/demo.db"},
        output=folder / "demo.txt",
        directory=clone.root,
        grace=60,
    ):
        yield f"http://localhost:{port}"


def demo(page: Page, number: int) -> Locator:
    return page.locator(".demo").nth(number - 1)


def test_what_is_graded_and_hinted_appears_without_a_reload(clone: Project, tmp_path: Path, browser: Browser) -> None:
    with demo_4(clone, tmp_path) as url, visiting(browser, url) as visit:
        page = visit.page
        visit.open()
        page.get_by_role("link", name="Progress").click()
        expect(page.locator("#score")).to_have_text("0 of 120 points")
        expect(page.locator("#next h2")).to_have_text("Next: demo 4 · " + LABS[4].title())
        expect(demo(page, 4)).to_have_attribute("aria-current", "step")
        expect(page.get_by_role("link", name="Dashboards")).to_be_hidden()  # this is demo 4
        page.evaluate("window.opened = true")

        assert clone.make("hint-4").returncode == 0
        expect(demo(page, 4).locator(".tasks li").first).to_contain_text("1 hint")
        expect(page.locator("#next")).to_contain_text("if you are stuck (1 of 3 given)")

        clone.solve()
        assert clone.grade("input_limit").returncode == 0
        expect(page.locator("#score")).to_have_text("1 of 120 points")
        expect(demo(page, 1).locator(".points")).to_contain_text("1 of 20")
        passed = demo(page, 1).locator(".tasks li").filter(has_text="InputLimit")
        expect(passed.get_by_role("img", name="passes")).to_be_visible()
        expect(demo(page, 1)).to_have_attribute("aria-current", "step")

        assert clone.make("reset-1").returncode == 0
        expect(page.locator("#score")).to_have_text("0 of 120 points")
        assert page.evaluate("window.opened"), "the page was loaded again"
        assert visit.complaints == []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The progress of somebody who has finished demo 1, and half of demo 4."""
    kept = Record()
    for number in (1, 4):
        names = [check for task in tasks_of(LABS[number]) for check in task.checks]
        points = dict.fromkeys(names, 1) | {"given": 20 - len(names)}
        results = dict.fromkeys(points, PASSED)
        grade(kept.of(number), points, results | ({names[-1]: FAILED} if number == 4 else {}))
    kept.of(4).hints[3] = ["2026-11-30T12:00:00+00:00"]
    file = tmp_path / "page.json"
    file.write_text(json.dumps(snapshot.snapshot(kept, NO_VLLM)))
    return file


def opened(visit: Visit) -> Page:
    visit.page.goto(visit.origin + PAGE)
    expect(visit.page.locator(".demo")).to_have_count(6)
    return visit.page


def test_the_page_says_what_make_progress_says(visits: Visits, start: Start, file: Path) -> None:
    with start(PROGRESS_FILE=str(file)) as subject, visits(subject) as visit:
        page = opened(visit)
        expect(page.locator("#score")).to_have_text("39 of 100 points")
        expect(demo(page, 1)).to_contain_text(re.compile(r"20 of 20 ✓ \w+ \d+, \d{4}"))
        expect(demo(page, 6)).to_contain_text("not on this machine")
        expect(demo(page, 2)).to_contain_text(re.compile(r"– about 1 h"))
        expect(demo(page, 2).locator(".tasks li")).to_have_count(0)
        last = demo(page, 4).locator(".tasks li").last
        expect(last.get_by_role("img", name="does not pass yet")).to_be_visible()
        expect(last).to_contain_text("1 hint")
        expect(demo(page, 4).get_by_role("meter")).to_have_attribute("aria-valuenow", "19")
        command = page.locator("#next li").first
        command.get_by_role("button").click()
        expect(command.get_by_role("button")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == command.locator("code").inner_text()
        assert page.title() == "Progress"


def test_the_page_is_in_spanish_for_a_spanish_browser(visits: Visits, start: Start, file: Path) -> None:
    with start(PROGRESS_FILE=str(file)) as subject, visits(subject, locale="es-ES") as visit:
        page = opened(visit)
        expect(page.locator("#score")).to_have_text("39 de 100 puntos")
        expect(demo(page, 1)).to_contain_text("Un endpoint protegido")
        expect(demo(page, 1)).to_contain_text(re.compile(r"20 de 20 ✓ \d+ \w+ \d{4}"))
        expect(page.locator("#next h2")).to_have_text(re.compile("^Ahora: demo 4, tarea 3"))
        expect(page.get_by_role("button", name="Copiar").first).to_be_visible()
        expect(page.get_by_role("link", name="Progreso")).to_have_attribute("aria-current", "page")
        assert english_in(visit) == []


@pytest.mark.parametrize("locale", ["en-US", "es-ES"])
def test_on_a_phone_nothing_needs_scrolling_sideways(visits: Visits, start: Start, file: Path, locale: str) -> None:
    with start(PROGRESS_FILE=str(file)) as subject, visits(subject, size=PHONE, locale=locale) as visit:
        page = opened(visit)
        for part in ("html", "header", "#next", "#demos"):
            assert page.locator(part).evaluate("(it) => it.scrollWidth <= it.clientWidth"), part


def test_the_file_is_read_again_and_a_bad_one_is_pointed_out(visits: Visits, start: Start, file: Path) -> None:
    good = file.read_text()
    with start(PROGRESS_FILE=str(file)) as subject, visits(subject, refusals={404}) as visit:
        page = opened(visit)
        for spoil, said in (
            (lambda: file.write_text(good[:100]), "the file at PROGRESS_FILE is not JSON, or too large"),
            (lambda: file.write_text(f"[{'0,' * (1 << 20)}0]"), "the file at PROGRESS_FILE is not JSON, or too large"),
            (file.unlink, "the file at PROGRESS_FILE cannot be read: No such file or directory"),
        ):
            spoil()
            assert said in subject.service.get(DATA).must_be_error(404)["message"]
            expect(page.locator("#notice")).to_contain_text(said)
            expect(page.locator("#score")).to_be_visible()  # the old points stay
            file.write_text(good)
            expect(page.locator("#notice")).to_be_hidden()


def test_the_page_has_the_content_security_policy_and_its_data_needs_a_token_where_tokens_are_required(
    start: Start, file: Path
) -> None:
    with start(PROGRESS_FILE=str(file), API_KEYS_REQUIRED="true") as subject:
        page = subject.service.get(PAGE)
        assert page.status == 200
        assert page.headers["content-security-policy"] == POLICY
        subject.service.get(DATA).must_be_error(401)
        allowed = subject.service.request("GET", DATA, headers=subject.desk.create("ana").headers)
        assert allowed.json == json.loads(file.read_text())


@pytest.mark.parametrize(
    "settings", [{"ENV": "production", "PROGRESS_FILE": "FILE"}, {}], ids=["in production", "without a file"]
)
def test_otherwise_there_is_no_such_page(start: Start, file: Path, settings: dict[str, str]) -> None:
    with start(**{name: value.replace("FILE", str(file)) for name, value in settings.items()}) as subject:
        subject.service.get(PAGE).must_be_error(404)
        subject.service.get(DATA).must_be_error(404)
        assert f"GET {PAGE}" not in subject.service.get("/").json["routes"]
