"""The decks in the repository, against the sources in the repository."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from slides.assets import outside_assets
from slides.build import ROOT, main
from slides.deck import Deck, deck_files, read_deck
from slides.fonts import FACES
from slides.presenter import commands_of
from slides.regions import read_region
from workshop.progress.labs import LABS
from workshop.stack import STACK
from workshop.translation import ENGLISH, LANGUAGES, in_language

DECKS_IN = {language: deck_files(ROOT, language) for language in LANGUAGES}
DECKS = [deck for decks in DECKS_IN.values() for deck in decks]
each_language = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language or "en")


def code_of(deck: Deck) -> list[list[tuple[str, str]]]:
    return [[(fence.info, fence.body) for fence in slide.fences] for slide in deck.slides]


@pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.stem)
def test_each_deck_obeys_the_rules_and_shows_code_that_exists(deck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--check", deck.stem])
    assert status == 0, capsys.readouterr().err


@pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.stem)
def test_each_command_on_a_slide_is_valid_shell(deck: Path) -> None:
    for slide in read_deck(deck, ROOT).slides:
        for fence in slide.fences:
            if fence.info == "bash":
                parsed = subprocess.run(["bash", "-n"], input=fence.body, capture_output=True, text=True, check=False)
                assert parsed.returncode == 0, f"{deck.name}:{fence.line}: {parsed.stderr}"


@each_language
def test_the_decks_are_an_opening_one_for_each_demo_and_a_closing(language: str) -> None:
    demos = [Path(lab.folder).name for lab in LABS.values()]
    names = [f"{name}.md" for name in ("opening", *demos, "closing")]
    assert [deck.name for deck in DECKS_IN[language]] == [in_language(Path(name), language).name for name in names]


@pytest.mark.parametrize("deck", [deck for deck in DECKS if deck not in DECKS_IN[ENGLISH]], ids=lambda deck: deck.stem)
def test_a_translated_deck_shows_the_code_and_the_commands_of_its_english_one(deck: Path) -> None:
    ours, theirs = (read_deck(file, ROOT) for file in (in_language(deck, ENGLISH), deck))
    assert code_of(theirs) == code_of(ours)
    assert ours.minutes == theirs.minutes
    english = [set(commands_of(slide)) for slide in ours.slides]
    assert [set(commands_of(slide)) for slide in theirs.slides] == english


def test_the_picture_of_demo_1_shows_its_layers_in_order() -> None:
    stacked = re.findall(r"^(\w+)\(", read_region(ROOT / "demos/demo_1_guarded/app.py", "layers"), re.MULTILINE)
    picture = (ROOT / "slides/pictures/demo_1_layers.svg").read_text(encoding="utf-8")
    assert re.findall(r'font-weight="700">([A-Z]\w+)</tspan>', picture) == stacked


def test_the_picture_of_the_opening_shows_the_whole_stack_in_order() -> None:
    picture = (ROOT / "slides/pictures/opening_path.svg").read_text(encoding="utf-8")
    boxes = re.findall(r'font-weight="700">([A-Z]\w+)</text>\n.*>demo (\d)</text>', picture)
    assert boxes == [(row.layer, str(row.demo)) for row in STACK]


@each_language
def test_the_closing_repeats_the_last_sentence_of_each_demo(language: str) -> None:
    _, *demos, closing = (deck.read_text(encoding="utf-8") for deck in DECKS_IN[language])
    said = [re.findall(r"^> (.+)$", demo, re.MULTILINE)[-1] for demo in demos]
    assert re.findall(r"^\d\. (.+)$", closing, re.MULTILINE) == said


def test_the_numbers_of_the_closing_are_those_of_the_benchmark() -> None:
    slide = (ROOT / "slides/closing.md").read_text(encoding="utf-8").partition("## What all of it costs")[2]
    shown = [row.strip("| ").split(" | ")[1:] for row in re.findall(r"^\| .*\d.*\|$", slide, re.MULTILINE)[:4]]
    ours, bare = ([column.strip("*") for column in columns] for columns in zip(*shown, strict=True))
    bench = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- bench: begin")[2]
    rows = [[cell.strip() for cell in row.split("|")] for row in bench.splitlines() if row.startswith("| ")]
    columns = [rows[0].index(name) for name in ("added p50", "at 16", "CPU per request", "memory")]
    for contender, numbers in (("this gateway (", ours), ("bare pass-through (", bare)):
        row = next(row for row in rows if row[1].startswith(contender))
        assert numbers == [row[column] for column in columns]


def test_the_theme_loads_nothing_from_outside() -> None:
    assert outside_assets((ROOT / "slides/theme.css").read_text(encoding="utf-8")) == []


def test_the_theme_and_the_pictures_use_only_the_decks_own_fonts() -> None:
    theme = (ROOT / "slides/theme.css").read_text(encoding="utf-8")
    stacks = re.findall(r"--(?:sans|mono): (.*);", theme)
    assert {name.strip('" ') for stack in stacks for name in stack.split(",")} == {face.family for face in FACES}
    assert set(re.findall(r"font-family: (.*?);", theme)) == {"var(--sans)", "var(--mono)"}
    for picture in (ROOT / "slides/pictures").glob("*.svg"):
        text = picture.read_text(encoding="utf-8")
        assert set(re.findall(r'font-family="(.*?),', text)) <= {"Inter", "JetBrains Mono"}, picture.name
        assert {int(weight) for weight in re.findall(r'font-weight="(\d+)"', text)} <= {
            face.weight for face in FACES if face.family == "Inter"
        }, picture.name


def test_the_lock_file_pins_every_package_and_names_no_registry() -> None:
    text = (ROOT / "slides/package-lock.json").read_text(encoding="utf-8")
    assert "https://registry" not in text
    assert '"resolved"' not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in package for path, package in packages.items() if path)
