"""The plans of a day add up, and the pages that show them show what the decks and labs say."""

import re
import shutil
from pathlib import Path

import pytest

from slides.deck import deck_files
from slides.plans import HALF_DAY, PLANS, TEACHING, WHOLE_DAY, Minutes, Plan, clock, entries, outline, table, with_plans
from workshop.processes import ROOT
from workshop.progress.labs import LABS
from workshop.translation import LANGUAGES, in_language

HOUR = 60
LONGEST = 110  # minutes that people sit without a break
MINUTES = Minutes()
SPOKEN = [language for language in LANGUAGES if in_language(ROOT / "slides/opening.md", language).is_file()]

every_plan = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with our decks and labs, to change."""
    (tmp_path / "slides").mkdir()
    for deck in deck_files(ROOT):
        shutil.copy(deck, tmp_path / "slides")
    for lab in LABS.values():
        (tmp_path / lab.folder).mkdir(parents=True)
        shutil.copy(ROOT / lab.page, tmp_path / lab.page)
    return tmp_path


@pytest.mark.parametrize("language", SPOKEN)
def test_the_page_for_teachers_has_the_plans_as_they_are_now(language: str) -> None:
    page = in_language(ROOT / TEACHING, language).read_text(encoding="utf-8")
    assert with_plans(page, language=language) == page, "run make reference"


def test_the_page_is_in_english_on_a_spanish_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    page = (ROOT / TEACHING).read_text(encoding="utf-8")
    assert with_plans(page) == page


def test_a_page_without_a_place_for_a_plan_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for the table minutes"):
        with_plans("# A page\n")


@pytest.mark.parametrize("language", SPOKEN)
def test_the_opening_shows_the_plans(language: str) -> None:
    opening = in_language(ROOT / "slides/opening.md", language).read_text(encoding="utf-8")
    minutes = Minutes(language=language)
    columns = opening.partition('<div class="columns')[2].split("</div>")
    for shown, plan in zip(columns, (WHOLE_DAY, HALF_DAY), strict=False):
        assert re.findall(r"^- (.+)$", shown, re.MULTILINE) == outline(plan, minutes)


def test_a_note_that_takes_longer_moves_the_rest_of_the_day(copy: Path) -> None:
    before = {entry.part: entry.start for entry in entries(WHOLE_DAY, MINUTES)}
    deck = copy / "slides" / "demo_2_who_and_how_often.md"
    deck.write_text(deck.read_text().replace("\n1.5 min. Say:", "\n8.5 min. Say:", 1))
    after = {entry.part: entry.start for entry in entries(WHOLE_DAY, Minutes(copy))}
    assert after["slides 2"] == before["slides 2"]
    assert after["lab 2"] == before["lab 2"] + 7
    assert after["closing"] == before["closing"] + 7


def test_a_step_of_a_lab_that_takes_longer_moves_the_rest_of_the_day(copy: Path) -> None:
    lab = copy / LABS[4].page
    lab.write_text(
        re.sub(r"^\| minutes \| (\d+)", lambda found: f"| minutes | 1{found[1]}", lab.read_text(), flags=re.MULTILINE)
    )
    assert Minutes(copy).of("lab 4") == MINUTES.of("lab 4") + 10
    assert Minutes(copy).of("exercise 4") == MINUTES.of("exercise 4")
    assert table(HALF_DAY, Minutes(copy)) != table(HALF_DAY, MINUTES)


@every_plan
def test_nobody_sits_for_longer_than_people_can(plan: Plan) -> None:
    since = 0.0
    for entry in entries(plan, MINUTES):
        since = 0 if entry.is_pause else since + entry.minutes
        assert since <= LONGEST, f"{since:g} minutes without a break at {clock(entry.end)}"


@every_plan
def test_an_hour_can_be_cut_and_only_of_what_is_in_the_plan(plan: Plan) -> None:
    assert {cut.part for cut in plan.cuts} <= set(plan.parts)
    assert sum(MINUTES.of(cut.part) for cut in plan.cuts) >= HOUR


@every_plan
def test_no_part_comes_twice_and_a_lab_comes_after_its_slides(plan: Plan) -> None:
    taught = [entry.part for entry in entries(plan, MINUTES) if not entry.is_pause]
    assert len(taught) == len(set(taught))
    for part in taught:
        kind, _, number = part.partition(" ")
        if kind in ("lab", "exercise"):
            assert taught.index(part) > taught.index(f"slides {number}")


def test_half_a_day_has_three_demos_and_a_whole_one_has_six() -> None:
    for plan, demos in ((HALF_DAY, 3), (WHOLE_DAY, 6)):
        assert len([part for part in plan.parts if part.startswith("slides")]) == demos
        assert (plan.parts[0], plan.parts[-1]) == ("opening", "closing")


def test_two_days_have_everything() -> None:
    both = {part for plan in PLANS[2:] for part in plan.parts}
    assert {f"{kind} {number}" for kind in ("slides", "lab", "exercise") for number in LABS} <= both
