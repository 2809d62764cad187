"""The decks in the repository, against the sources in the repository."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from slides.assets import outside_assets
from slides.build import ROOT, main
from slides.deck import read_deck
from slides.fonts import FACES
from slides.regions import read_region

DECKS = sorted((ROOT / "slides").glob("demo_*.md"))


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


def test_there_is_a_deck_for_the_first_demo() -> None:
    assert "demo_1_guarded" in [deck.stem for deck in DECKS]


def test_the_picture_of_demo_1_shows_its_layers_in_order() -> None:
    stacked = re.findall(r"^(\w+)\(", read_region(ROOT / "demos/demo_1_guarded/app.py", "layers"), re.MULTILINE)
    picture = (ROOT / "slides/pictures/demo_1_layers.svg").read_text(encoding="utf-8")
    assert re.findall(r'font-weight="700">([A-Z]\w+)</tspan>', picture) == stacked


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
