"""The page in a real browser: a hundred people, a board that is killed in the middle, and names that bite."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.board.conftest import CATALOGUE, Attendee, Board, StartBoard, results
from tests.browser import chromium
from tests.waiting import LIMIT, wait_for
from workshop.report.payload import LONGEST_NAME

PROJECTOR = {"width": 1280, "height": 720}
PATIENCE = 60_000.0  # milliseconds
# What is sent, and what stands on the page.
BITING = {
    "<script>window.bitten = 1</script>": "<script>window.bitten = 1</script>",
    '<img src=x onerror="window.bitten = 1">': '<img src=x onerror="window.bitten = 1">',
    "Eve\u202etpircs\u2066": "Evetpircs",
    "Ana " + "x" * 10_000: ("Ana " + "x" * 10_000)[:LONGEST_NAME],
    "👩‍💻 🦊 Emoji": "👩‍💻 🦊 Emoji",
    "Two\nlines\r\n": "Two lines",
    "{name} $& ${bitten}": "{name} $& ${bitten}",
    "محمد علي": "محمد علي",
}
PEOPLE = 100
DEMOS = (1, 2, 3)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A page on the projector, whose errors are noted, but for those of a board that is gone."""
    with browser.new_context(viewport=PROJECTOR, locale="es-MX") as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        yield page


def until_taken(attendee: Attendee, number: int, checks: dict[str, str]) -> None:
    """As people do: they grade again until the board has it."""
    wait_for(lambda: attendee.send(number, checks).status == 200, "the board took the result")


def shown(page: Page) -> dict[str, list[str]]:
    """By name: the points that the page shows of each person."""
    rows = page.evaluate(
        """() => [...document.querySelectorAll("#people li")].map((row) => [
          row.querySelector(".who").textContent,
          [...row.querySelectorAll(".cell span")].map((cell) => cell.textContent)])"""
    )
    return dict(rows)


def test_a_hundred_people_are_all_there_after_the_board_was_killed_in_the_middle(
    start_board: StartBoard, page: Page, complaints: list[str]
) -> None:
    names = [*BITING, *(f"Person {number:03}" for number in range(PEOPLE - len(BITING)))]
    first = {number: next(iter(demo.checks)) for number, demo in CATALOGUE.demos.items()}
    with start_board("--name", "Cien") as board:
        page.goto(board.url)
        expect(page.locator("#nobody")).to_be_visible()
        page.evaluate("window.opened = true")
        taken: list[str] = []
        half, back = threading.Event(), threading.Event()

        def work(name: str) -> None:
            attendee = board.attendee(name)
            for number in DEMOS:
                until_taken(attendee, number, results(number, first[number]))
                taken.append(name)
                if len(taken) >= PEOPLE:
                    half.set()
                if number == DEMOS[-2]:
                    assert back.wait(LIMIT)  # so that everybody has something left to send

        with ThreadPoolExecutor(PEOPLE) as room:
            sending = [room.submit(work, name) for name in names]
            assert half.wait(LIMIT)
            os.kill(board.process.pid, signal.SIGKILL)
            expect(page.locator("#state")).to_have_attribute("data-state", "lost")
            board.process.stop()
            with board.process:
                back.set()
                for sent in sending:
                    sent.result()
                _everybody_is_on(page, board, names, first)
    assert not [said for said in complaints if "ERR_" not in said]


def _everybody_is_on(page: Page, board: Board, names: list[str], first: dict[int, str]) -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", "live")
    expect(page.locator("#people li")).to_have_count(PEOPLE)
    earned = [str(20 - CATALOGUE.demos[number].checks[first[number]].points) for number in DEMOS]
    expected = {BITING.get(name, name): [*earned, *[""] * 3] for name in names}
    wait_for(lambda: shown(page) == expected, lambda: f"the page shows everybody: {shown(page)}")
    assert page.evaluate("window.opened"), "the page was loaded again, and did not reconnect"
    assert page.evaluate("window.bitten") is None
    assert page.locator("#people :is(script, img)").count() == 0
    # Everything is on the screen, and no name pushes another away.
    for part in ("html", "#room"):
        assert page.locator(part).evaluate("(it) => it.scrollWidth <= it.clientWidth"), part
        assert page.locator(part).evaluate("(it) => it.scrollHeight <= it.clientHeight"), part
    heights = page.evaluate("[...document.querySelectorAll('#people li')].map((row) => row.offsetHeight)")
    assert len(set(heights)) == 1
    tallest = page.evaluate("Math.max(...[...document.querySelectorAll('#people .now')].map((it) => it.offsetHeight))")
    assert 0 < tallest <= heights[0]
    # Everybody is stuck at the same check of the demo where they are now.
    stuck = page.locator("#stuck li").first
    expect(stuck.locator("b")).to_have_text(f"{PEOPLE}de {PEOPLE}")
    expect(stuck).to_contain_text(CATALOGUE.demos[DEMOS[-1]].checks[first[DEMOS[-1]]].title)
    expect(page.locator("#demos li")).to_have_count(6)
    expect(page.locator("#demos li").last).to_be_in_viewport()
    expect(page.locator("#address")).to_have_text(str(board.room()["url"]).removeprefix("http://"))


def test_the_page_speaks_the_browsers_language_and_another_if_asked(
    board: Board, page: Page, complaints: list[str]
) -> None:
    board.attendee().send(1, results(1, "input_limit"))
    page.goto(board.url)
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_role("heading", name="Dónde se atasca la sala")).to_be_visible()
    expect(page.locator("#stuck")).to_contain_text("demos/demo_1_guarded/exercise/HINTS.es.md")
    page.get_by_label("Idioma").select_option("English")
    expect(page.get_by_role("heading", name="Where the room is stuck")).to_be_visible()
    expect(page.locator("#stuck")).to_contain_text("make hint-1 TASK=1")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert complaints == []


def test_every_text_is_there_in_every_language(board: Board, page: Page) -> None:
    page.goto(board.url)
    missing = page.evaluate(
        """async () => {
          const { LANGUAGES, STRINGS } = await import("/strings.js");
          const named = (text) => [...(text ?? "").matchAll(/\\{\\w+\\}/g)].map(String).sort().join();
          return Object.entries(STRINGS).filter(([, texts]) => Object.keys(LANGUAGES).some(
            (code) => !texts[code] || named(texts[code]) !== named(texts.en))).map(([name]) => name);
        }"""
    )
    assert missing == []


def test_the_qr_code_fills_the_screen_and_goes_away_again(board: Board, page: Page) -> None:
    page.goto(board.url)
    expect(page.locator("#address")).to_contain_text(":")
    page.locator("#code").click()
    expect(page.locator("#large img")).to_be_in_viewport(ratio=1)
    assert page.locator("#large img").evaluate("(it) => it.complete && it.naturalWidth > 0")
    page.keyboard.press("Escape")
    expect(page.locator("#large")).to_be_hidden()


def test_the_teacher_hides_a_name_and_the_key_leaves_the_address_at_once(
    board: Board, page: Page, complaints: list[str]
) -> None:
    board.attendee("Rude words").send()
    page.goto(board.url)
    expect(page.get_by_role("button", name="Ocultar a Rude words")).to_be_hidden()
    page.goto("about:blank")
    page.goto(f"{board.url}/#key={board.key}")
    rude = page.locator("#people li", has_text="Rude words")
    expect(rude).to_be_visible()
    assert "key" not in page.url
    page.get_by_role("button", name="Ocultar a Rude words").click()
    expect(rude).to_have_count(0)
    page.locator("#show-all").click()
    expect(rude).to_be_visible()
    assert complaints == []
    page.goto("about:blank")
    page.goto(f"{board.url}/#key=guess")
    page.get_by_role("button", name="Ocultar a Rude words").click()
    expect(page.locator("#state")).to_have_text("La clave no es de este tablero.")
    expect(rude).to_be_visible()
