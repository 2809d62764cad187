"""The decks as built by an instructor whose machine has other fonts than the author's. One build for all tests."""

import os
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from slides import marp
from slides.build import ROOT
from slides.deck import deck_files, read_deck
from slides.fonts import FACES
from slides.presenter import commands_of
from slides.sheets import read_sheets
from tests.slides import odd_fonts
from workshop.node import NodeError
from workshop.translation import LANGUAGES, in_language

DECKS = [path.stem for language in LANGUAGES for path in deck_files(ROOT, language)]
SHEETS = [sheet.name for language in LANGUAGES for sheet in read_sheets(ROOT, language)]
A4 = (595.3, 841.9)  # points
BUILT = ROOT / "build" / "slides"
LAUNCH = 180_000  # milliseconds: the machine may be busy

# Each element's place on its slide. In print media, all slides are laid out at once.
BOXES = """async () => {
  await Promise.all([...document.fonts].map((font) => font.load()))
  return [...document.querySelectorAll('svg[data-marpit-svg] section')].map((section) => {
    const slide = section.getBoundingClientRect()
    return [...section.querySelectorAll('*')].map((element) => {
      const box = element.getBoundingClientRect()
      const words = element.textContent.trim().slice(0, 30)
      return [`${element.localName} ${words}`, box.left - slide.left, box.top - slide.top, box.width, box.height]
    })
  })
}"""

pytestmark = [
    pytest.mark.skipif(marp.find_chromium() is None, reason="Chromium is not installed here"),
    pytest.mark.timeout(1800),  # building all decks takes half a minute on an idle machine
]


@dataclass(slots=True, frozen=True)
class Made:
    """The output of `make slides`, and its environment with one odd font."""

    done: subprocess.CompletedProcess[str]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    try:
        modules = marp.install_marp(marp.find_node(ROOT / "build"), ROOT / "build")
    except NodeError as error:
        pytest.skip(str(error))
    environment = odd_fonts.environment(tmp_path_factory.mktemp("odd"), modules)
    for deck in [*DECKS, *SHEETS]:
        for file in BUILT.glob(f"{deck}.*"):
            file.unlink()
    done = subprocess.run(
        ["make", "--no-print-directory", "slides"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    return Made(done, environment)


@contextmanager
def _page(environment: dict[str, str] | None = None) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=marp.find_chromium(),
            args=["--no-sandbox"],
            env={**(environment or os.environ)},
            timeout=LAUNCH,
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(LAUNCH)
        page.emulate_media(media="print")
        yield page
        browser.close()


def _boxes(environment: dict[str, str] | None) -> dict[str, list[list[list[Any]]]]:
    found = {}
    with _page(environment) as page:
        for deck in DECKS:
            page.goto((BUILT / f"{deck}.html").as_uri())
            found[deck] = page.evaluate(BOXES)
    return found


def test_make_slides_succeeds_and_lists_its_files(made: Made) -> None:
    assert made.done.returncode == 0, made.done.stderr
    for deck in DECKS:
        assert f"build/slides/{deck}.html  build/slides/{deck}.pdf\n" in made.done.stdout
        assert (BUILT / f"{deck}.notes.txt").is_file()


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_cheat_sheet_is_one_page_of_a4(made: Made, sheet: str) -> None:
    """That nothing overflows the page, the build itself has measured."""
    assert f"build/slides/{sheet}.html  build/slides/{sheet}.pdf\n" in made.done.stdout
    objects = _objects((BUILT / f"{sheet}.pdf").read_bytes())
    assert len(re.findall(rb"/Type\s*/Page\b", objects)) == 1
    boxes = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]", objects)
    assert boxes
    assert all(abs(float(side) - asked) <= 1 for box in boxes for side, asked in zip(box, A4, strict=True))


def test_the_odd_machine_really_has_no_other_font(made: Made) -> None:
    with _page(made.environment) as page:
        page.set_content('<p style="font-family: sans-serif">any font</p>')
        session = page.context.new_cdp_session(page)
        session.send("DOM.enable")
        session.send("CSS.enable")
        root = session.send("DOM.getDocument")["root"]["nodeId"]
        node = session.send("DOM.querySelector", {"nodeId": root, "selector": "p"})
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node["nodeId"]})["fonts"]
    assert [font["familyName"] for font in fonts] == [odd_fonts.FAMILY]


def test_every_box_of_every_slide_is_where_it_is_on_this_machine(made: Made) -> None:
    odd, here = _boxes(made.environment), _boxes(None)
    moved = [
        f"{deck}, slide {number}: {one[0]}: {one[1:]}, {other[1:]}"
        for deck in DECKS
        for number, (some, others) in enumerate(zip(odd[deck], here[deck], strict=True), start=1)
        for one, other in zip(some, others, strict=True)
        if one[0] != other[0] or any(abs(a - b) > 1 for a, b in zip(one[1:], other[1:], strict=True))
    ]
    assert moved == []
    assert all(len(slides) > 8 and all(slides) for slides in odd.values()), "slides without boxes were compared"


def test_a_copied_deck_needs_no_other_file(made: Made, tmp_path: Path) -> None:
    asked: list[str] = []
    alone = [Path(shutil.copy(BUILT / f"{deck}.html", tmp_path / f"{deck}.html")).as_uri() for deck in DECKS]
    with _page() as page:
        page.on("request", lambda request: asked.append(request.url))
        for deck in alone:
            page.goto(deck)
            page.evaluate("Promise.all([...document.fonts].map((font) => font.load()))")
            assert page.evaluate("[...document.fonts].map((font) => font.status)") == ["loaded"] * len(FACES)
    assert [url for url in asked if not url.startswith("data:")] == alone


@pytest.mark.parametrize(
    ("language", "now", "later", "copied"),
    [("", "Next", "Next, on slide", "Copied."), ("es", "Ahora", "Después, en la diapositiva", "Copiado.")],
)
def test_the_presenter_view_offers_the_next_command_and_copies_it(
    made: Made, language: str, now: str, later: str, copied: str
) -> None:
    deck = in_language(ROOT / "slides" / "opening.md", language)
    slides = read_deck(deck, ROOT).slides
    number, (first, second, *_) = next(
        (number, found) for number, slide in enumerate(slides, start=1) if len(found := commands_of(slide)) > 1
    )
    with _page() as page:
        page.emulate_media(media="screen")
        page.goto(f"{(BUILT / f'{deck.stem}.html').as_uri()}?view=presenter")
        bar = page.locator(".next-command")
        expect(bar.locator("pre")).to_have_text(first)
        expect(bar.locator("p")).to_have_text(f"{later} {number}")
        for _ in range(number - 1):
            page.keyboard.press("ArrowRight")
        expect(bar.locator("p")).to_have_text(now)
        bar.locator("button").click()
        expect(bar.locator("pre")).to_have_text(second)
        expect(bar.locator("p")).to_have_text(f"{copied} {now}")
        assert _pasted(page) == first
        page.keyboard.press("c")
        expect(bar.locator("pre")).not_to_have_text(second)
        assert _pasted(page) == second


def test_the_lists_lead_to_every_deck_of_their_language_and_to_the_other_languages(made: Made) -> None:
    with _page() as page:
        page.goto((BUILT / "index.html").as_uri())
        for suffix, name in LANGUAGES.items():
            if suffix:
                page.get_by_role("link", name=name, exact=True).click()
            links = page.locator("a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
            assert [link for link in links if not (BUILT / link).is_file()] == []
            decks = [f"{path.stem}.html" for path in deck_files(ROOT, suffix)]
            sheets = [f"{sheet.name}.html" for sheet in read_sheets(ROOT, suffix)]
            pages = [link for link in links if link.endswith(".html") and not link.startswith("index")]
            assert pages == decks + sheets
            assert page.locator("html").get_attribute("lang") == (suffix or "en")


def test_the_label_of_a_live_slide_is_in_the_language_of_the_deck(made: Made) -> None:
    label = "getComputedStyle(document.querySelector('section.demo h2'), '::before').content"
    with _page() as page:
        for deck, words in (("opening", '"LIVE"'), ("opening.es", '"EN VIVO"')):
            page.goto((BUILT / f"{deck}.html").as_uri())
            assert page.evaluate(label) == words


def test_the_audience_sees_no_command_bar(made: Made) -> None:
    with _page() as page:
        page.emulate_media(media="screen")
        page.goto((BUILT / "opening.html").as_uri())
        expect(page.locator("svg.bespoke-marp-active")).to_have_count(1)
        expect(page.locator(".next-command")).to_have_count(0)


def _pasted(page: Page) -> str:
    """What the clipboard holds, as a person would find out."""
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'paste'}))")
    page.focus("#paste")
    page.keyboard.press("Control+V")
    pasted = page.input_value("#paste")
    page.evaluate("document.querySelector('#paste').remove()")
    return pasted


@pytest.mark.parametrize("deck", DECKS)
def test_a_pdf_embeds_the_decks_fonts_and_no_others(made: Made, deck: str) -> None:
    objects = _objects((BUILT / f"{deck}.pdf").read_bytes())
    embedded = set(re.findall(rb"/FontName\s*/[A-Z]{6}\+(\w+)-\w+", objects))
    assert {b"Inter", b"JetBrainsMono"} <= embedded <= {b"Inter", b"JetBrainsMono", b"DejaVuSansMono"}
    descriptors = re.findall(rb"/Type\s*/FontDescriptor\b.*?>>", objects, re.DOTALL)
    assert descriptors
    assert all(b"/FontFile" in descriptor for descriptor in descriptors)
    assert b"/Type3" not in objects, "a variable font, or one that a PDF cannot embed, is drawn as shapes"


def _objects(pdf: bytes) -> bytes:
    """A PDF's objects as text. The PDF packs them in compressed streams."""
    packed = re.findall(rb"/ObjStm\b.*?stream\r?\n(.*?)\nendstream", pdf, re.DOTALL)
    # Not zlib.decompress: a \r before the end may be the last byte of the stream, or belong to the line end.
    return pdf + b"\n".join(zlib.decompressobj().decompress(stream) for stream in packed)
