"""The cheat sheets say what the labs, the settings and the services say."""

import importlib
import shutil
from pathlib import Path

import pytest

from shared.settings import Settings, load_settings
from slides.plans import PLANS
from slides.sheets import ROUTES, SETTINGS, Sheet, read_sheets, sheet_markdown
from workshop.processes import ROOT
from workshop.progress.labs import LABS
from workshop.translation import ENGLISH, LANGUAGES
from workshop.translation.phrases import explanations

SHEETS = read_sheets(ROOT)
TRANSLATED = [sheet for language in LANGUAGES if language != ENGLISH for sheet in read_sheets(ROOT, language)]
FEWEST_STEPS = 5

every_sheet = pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the sheets are made of, to change."""
    for lab in LABS.values():
        (tmp_path / lab.folder).mkdir(parents=True)
        for name in ("README.md", "app.py"):
            shutil.copy(ROOT / lab.folder / name, tmp_path / lab.folder / name)
    shutil.copytree(ROOT / ROUTES, tmp_path / ROUTES, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / SETTINGS).parent.mkdir()
    shutil.copy(ROOT / SETTINGS, tmp_path / SETTINGS)
    return tmp_path


def test_there_is_a_sheet_for_each_demo() -> None:
    assert [sheet.number for sheet in SHEETS] == list(LABS)


@every_sheet
def test_each_command_stands_in_the_lab_as_it_is(sheet: Sheet) -> None:
    lab = [line.removeprefix("$ ") for line in (ROOT / sheet.page).read_text(encoding="utf-8").splitlines()]
    assert len(sheet.steps) >= FEWEST_STEPS
    commands = [line for step in sheet.steps for line in step.commands.splitlines()]
    assert {*commands, *sheet.variables, sheet.start} <= set(lab)


@every_sheet
def test_each_variable_is_set_on_the_sheet_or_in_a_step_before_its_use(sheet: Sheet) -> None:
    known = {line.partition("=")[0] for line in sheet.variables}
    for step in sheet.steps:
        for line in step.commands.splitlines():
            used = {
                name
                for name in ("JSON", "RAY", "RUNNING", "STATES", "LOAD", "ANA", "BERTA", "BOSS", "WAIT")
                if f"${name}" in line
            }
            assert used - {line.partition("=")[0]} <= known, step.title
            known.add(line.strip().partition("=")[0])


@every_sheet
def test_each_route_is_one_of_the_demos_service(sheet: Sheet) -> None:
    app = importlib.import_module(f"demos.{Path(LABS[sheet.number].folder).name}.app")
    paths = app.build(load_settings(webhook_hmac_secret="s")).openapi()["paths"]
    assert sheet.routes
    assert [path for method, path, _ in sheet.routes if method.lower() not in paths.get(path, {})] == []


@every_sheet
def test_each_setting_is_one_that_the_demo_has(sheet: Sheet) -> None:
    for name, _, _ in sheet.settings:
        extra = Settings.model_fields[name.lower()].json_schema_extra
        assert isinstance(extra, dict)
        assert isinstance(extra["demo"], int)
        assert extra["demo"] <= sheet.number


def test_the_sheet_of_demo_1_has_the_layers_of_its_list() -> None:
    assert {name for name, _ in SHEETS[0].layers} == {"RequestLog", "InputGuard", "Timeout", "Retry"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (LABS[1].page, "curl http://localhost:8000/health", "curl http://localhost:8000/ready"),
        (LABS[1].page, "$ TIMEOUT=10 make demo-1", "$ TIMEOUT=12 make demo-1"),
        (SETTINGS, "maximum length of a prompt, in characters", "the longest prompt"),
        (f"{ROUTES}/generate.py", "Answer a prompt", "Answer it"),
        (f"{LABS[1].folder}/app.py", "one deadline for the whole call", "one deadline"),
    ],
)
def test_what_changes_in_a_source_changes_on_the_sheet(copy: Path, file: str, old: str, new: str) -> None:
    before = sheet_markdown(read_sheets(copy)[0])
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    after = sheet_markdown(read_sheets(copy)[0])
    assert after != before
    assert new.removeprefix("$ ") in after


@pytest.mark.parametrize("sheet", TRANSLATED, ids=lambda sheet: sheet.name)
def test_a_sheet_in_another_language_has_the_commands_of_the_english_one_and_no_english_words(sheet: Sheet) -> None:
    english = SHEETS[sheet.number - 1]
    assert [step.commands for step in sheet.steps] == [step.commands for step in english.steps]
    assert [step.number for step in sheet.steps] == [step.number for step in english.steps]
    assert [names[:-1] for names in rows(sheet)] == [names[:-1] for names in rows(english)]
    said = {step.title for step in sheet.steps} | {sheet.title, sheet.keep} | {row[-1] for row in rows(sheet)}
    assert said & ({step.title for step in english.steps} | {english.title, english.keep}) == set()
    assert said & {row[-1] for row in rows(english)} == set()


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != ENGLISH])
def test_no_explanation_is_left_over(language: str) -> None:
    said = {row[-1] for sheet in SHEETS for row in rows(sheet)} | {cut.instead for plan in PLANS for cut in plan.cuts}
    assert said - set(explanations(language)) == set()
    assert set(explanations(language)) - said == set()


def rows(sheet: Sheet) -> list[tuple[str, ...]]:
    return [*sheet.layers, *sheet.routes, *sheet.settings]


def test_a_step_that_is_optional_is_not_on_the_sheet() -> None:
    assert "(optional)" in (ROOT / SHEETS[1].page).read_text(encoding="utf-8")
    assert "optional" not in sheet_markdown(SHEETS[1])


@every_sheet
def test_a_sheet_is_one_block_of_html_so_that_markdown_leaves_it_alone(sheet: Sheet) -> None:
    _, body = sheet_markdown(sheet).split("\n\n")
    assert body.startswith("<header>")
