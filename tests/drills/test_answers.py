"""Text that cannot be an answer gets one clear line, and not a word about the right answer."""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.drills.catalogue import DRILLS
from workshop.drills.evidence import Evidence
from workshop.drills.questions import Choice, Number
from workshop.drills.quiz import main
from workshop.drills.running import Running, noted

PORT = 1  # no server listens there: nothing can be judged
NOWHERE = Evidence("http://127.0.0.1:1", "http://127.0.0.1:1", Path("no.log"))
# A metric, a setting or a field with its labels, as in gateway_upstream_calls_total{status="429"}.
NAME = re.compile(r"[A-Za-z]+_\w+(?:\{[^}]*\})?")
MISFITS = {"slow": "z chat 4 SomeAlert a", "429": "a many SomeAlert a", "leak": "a 12 '' a"}


@pytest.fixture(params=MISFITS)
def drill(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a drill that seems to run."""
    monkeypatch.setenv("PORT", str(PORT))
    with noted(PORT, Running(request.param, NOWHERE)):
        yield request.param


def test_answers_that_cannot_be_answers_get_one_line_and_none_of_them_is_judged(
    drill: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--answers", MISFITS[drill]]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err in {
        "answer 1: 'z' is not one of a, b, c, d\n",
        "answer 2: 'many' is not a number\n",
        "answer 3: an empty answer is not a name\n",
    }


def test_a_typed_answer_that_is_not_among_the_choices_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("z\n\nab\nB)\n"))
    monkeypatch.setenv("PORT", str(PORT))
    with noted(PORT, Running("slow", NOWHERE)):
        assert main([]) == 1  # the input ends before the second question
    told = [line.removeprefix("   > ").strip() for line in capsys.readouterr().out.splitlines()]
    refused = [line for line in told if line.endswith("; try again")]
    assert refused == [f"'{text}' is not one of a, b, c, d; try again" for text in ("z", "", "ab")]
    assert [line for line in told if line.startswith("wrong. c:")]


def test_a_drill_asks_and_judges_in_spanish(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("z\nc\n"))
    monkeypatch.setenv("PORT", str(PORT))
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    with noted(PORT, Running("slow", NOWHERE)):
        assert main([]) == 1  # the input ends before the second question
        printed = capsys.readouterr()
        assert "1. ¿En qué se le va el tiempo a una petición lenta?\n   a) en nuestras propias capas\n" in printed.out
        assert "'z' no es una de estas: a, b, c, d; prueba otra vez\n" in printed.out
        assert "correcto. c: gateway_overhead_seconds y gateway_queue_seconds son" in printed.out
        assert printed.err == "\néchale otro vistazo, y vuelve\n"
        assert main(["--answers", "c chat 4 SomeAlert b"]) == 0
        assert "no se puede saber: http://127.0.0.1:1" in capsys.readouterr().out
    assert main([]) == 1
    assert capsys.readouterr().err.startswith(f"en el puerto {PORT} no hay ningún simulacro en marcha")


@pytest.mark.parametrize("name", DRILLS)
def test_the_names_in_an_explanation_survive_its_translation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    for question in DRILLS[name].questions:
        if isinstance(question, Choice):
            why = question.judge("a", NOWHERE).why
            assert sorted(set(NAME.findall(why))) == sorted(set(NAME.findall(question.why)))


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "ten", ""])
def test_a_number_must_be_finite(text: str) -> None:
    assert Number("How many?", "vector(1)", lambda given, truth: True).misfit(text) == f"{text!r} is not a number"


@pytest.mark.parametrize("text", ["4", "4,5", "12 %", "0.3s", "-1"])
def test_a_number_may_have_a_decimal_comma_or_a_unit(text: str) -> None:
    assert Number("How many?", "vector(1)", lambda given, truth: True).misfit(text) == ""


@pytest.mark.parametrize("name", DRILLS)
def test_every_choice_of_a_drill_can_be_chosen(name: str) -> None:
    choices = [question for question in DRILLS[name].questions if isinstance(question, Choice)]
    assert choices
    for choice in choices:
        assert [letter for letter in "abcdef" if not choice.misfit(letter)] == list("abcdef"[: len(choice.options)])
        assert not choice.misfit(f" {'abcdef'[choice.right].upper()}) ")
