"""The path in another language: its phrases, its hints, and how a person asks for it."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attendee import GUARDS, Project
from workshop.drills.catalogue import DRILLS
from workshop.drills.questions import Alert, Choice, Number, Word
from workshop.processes import ROOT
from workshop.progress import pages, record
from workshop.progress.labs import LABS, Lab
from workshop.progress.record import FAILED, Record
from workshop.progress.standing import standings
from workshop.progress.tasks import tasks_of
from workshop.translation import ENGLISH, LANGUAGES, in_language
from workshop.translation.phrases import phrases, spoken

# Files that speak.
SPEAKERS = (
    *("workshop/progress/*.py", "workshop/drills/*.py", "workshop/grader/*.py", "workshop/demo.py"),
    *("workshop/sidecars.py", "workshop/doctor.py", "loadtests/__main__.py", "loadtests/screen.py"),
    *("loadtests/report.py", "loadtests/timeline_plot.py", "slides/*.py"),
)
OTHER_LANGUAGES = [language for language in LANGUAGES if language != ENGLISH]
SAYS = {"say": 0, "in_words": 0, "_command": 1}  # by the function's name: which argument is a phrase
WIDEST = 120  # columns
TRANSLATED = [lab for lab in LABS.values() if in_language(ROOT / lab.exercise / "HINTS.md", "es").exists()]


def modules() -> Iterator[ast.Module]:
    for files in SPEAKERS:
        for file in sorted(ROOT.glob(files)):
            yield ast.parse(file.read_text())


def constants(node: ast.AST) -> set[str]:
    found = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in found if isinstance(value, str)}


def said() -> set[str]:
    """The phrases in the calls that say something."""
    calls = [node for module in modules() for node in ast.walk(module) if isinstance(node, ast.Call)]
    named = [(call, getattr(call.func, "id", getattr(call.func, "attr", ""))) for call in calls]
    arguments = [call.args[SAYS[name]] for call, name in named if name in SAYS]
    # In `a if b == "c" else d`, the condition is not said.
    parts = [[part.body, part.orelse] if isinstance(part, ast.IfExp) else [part] for part in arguments]
    return {phrase for some in parts for part in some for phrase in constants(part)}


def asked() -> set[str]:
    """All that drills say of themselves: what their users complain of, and the questions."""
    questions = [question for drill in DRILLS.values() for question in drill.questions]
    choices = [question for question in questions if isinstance(question, Choice)]
    return {
        *(drill.complaint for drill in DRILLS.values()),
        *(question.asks for question in questions if isinstance(question, Choice | Number | Word)),
        *(question.why for question in questions if isinstance(question, Choice | Word | Alert)),
        *(option for choice in choices for option in choice.options),
    }


def fields(phrase: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(phrase) if name)


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_every_phrase_is_translated_with_its_fields_and_none_is_left_over(language: str) -> None:
    translated = phrases(language)
    assert len(said()) > 60
    assert len(asked()) > 60
    assert (said() | asked()) - set(translated) == set()
    assert set(translated) - set().union(*map(constants, modules())) == set()
    assert [phrase for phrase, other in translated.items() if fields(phrase) != fields(other)] == []


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, ""),
        ({"LANG": "es_MX.UTF-8"}, "es"),
        ({"LANG": "en_US.UTF-8", "WORKSHOP_LANG": "es"}, "es"),
        ({"LANG": "es_ES.UTF-8", "WORKSHOP_LANG": "en"}, ""),
        ({"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, ""),
        ({"LANG": "es_ES.UTF-8", "WORKSHOP_LANG": ""}, "es"),
        ({"LANG": "C.UTF-8"}, ""),
        ({"LANG": "tlh"}, ""),
    ],
)
def test_the_language_is_that_of_the_first_variable_that_is_set(environment: dict[str, str], language: str) -> None:
    assert spoken(environment) == language


@pytest.mark.parametrize("lab", TRANSLATED, ids=lambda lab: f"demo {lab.number}")
def test_translated_tasks_have_the_same_checks_and_other_hints(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    english = tasks_of(lab)
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    spanish = tasks_of(lab)
    assert [task.graded for task in spanish] == [task.graded for task in english]
    for one, other in zip(english, spanish, strict=True):
        assert len(one.hints) == len(other.hints)
        assert not set(one.hints) & set(other.hints)
        assert one.why != other.why
        assert one.solution.split("`")[1] == other.solution.split("`")[1]


def test_a_translated_page_that_somebody_has_edited_gives_way_to_the_english_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = ROOT / LABS[1].exercise / "HINTS.md"
    folder = tmp_path / LABS[1].exercise
    folder.mkdir(parents=True)
    (folder / "HINTS.md").write_text(english.read_text())
    edited = in_language(english, "es").read_text().replace("`input_limit`", "`no_limit`")
    (folder / "HINTS.es.md").write_text(edited)
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    tasks = tasks_of(LABS[1], tmp_path)
    assert tasks[0].checks == ("input_limit",)
    assert tasks[0].hints[0].startswith("What does a layer do")


def test_the_pages_fit_on_a_screen_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    demos = list(standings(Record()).values())
    page = pages.start(demos, {})
    assert "Ahora: demo 1 · Un endpoint protegido" in page
    assert "demos/demo_1_guarded/README.es.md" in page
    for lab in LABS.values():
        kept = Record()
        checks = [check for task in tasks_of(lab) for check in task.checks]
        record.grade(kept.of(lab.number), dict.fromkeys(checks, 1), dict.fromkeys(checks, FAILED))
        demos = list(standings(kept).values())
        for page in (pages.start(demos, {}), pages.progress(demos, {})):
            # A command stays on its line, however many checks it names.
            lines = [line for line in page.splitlines() if "ONLY=" not in line]
            assert max(map(len, lines)) <= WIDEST, page


def test_make_speaks_the_language_it_is_given_in_a_variable_or_as_an_argument(project: Project) -> None:
    assert "Next: demo 1 · One guarded endpoint" in project.make("start").stdout
    assert "Ahora: demo 1 · Un endpoint protegido" in project.make("start", "WORKSHOP_LANG=es").stdout
    hint = project.make("hint-1", "WORKSHOP_LANG=es").stdout
    assert hint.startswith("Tarea 1 · InputLimit, pista 1 de 3")
    assert "¿Qué hace una capa para dejar pasar una llamada?" in hint
    assert "✗ InputLimit (1 pista)" in project.make("progress", "WORKSHOP_LANG=es").stdout
    assert "o con SPOIL=1: tarea 2 · Deadline." in project.make("diff-1", "TASK=2", "WORKSHOP_LANG=es").stdout
    assert (project.root / GUARDS).parent.name in project.make("reset-1", "WORKSHOP_LANG=es").stdout
