"""What a person reads of the workshop in other languages: every sentence has a translation, and comes out as it.

Results themselves stay English, see the last tests.
"""

import importlib
import json
import re
import string
from collections.abc import Iterator
from functools import cache

import pytest

from tests.translation.sentences import Module, literals, sentences
from workshop.demo import DEMOS
from workshop.grader import report
from workshop.grader.check import Check, Checklist
from workshop.grader.grading import Result, Status
from workshop.grader.subject import Subject
from workshop.grader.target import Target
from workshop.processes import ROOT
from workshop.translation import ENGLISH, LANGUAGES
from workshop.translation import sentences as table
from workshop.translation.sentences import in_language

OTHER_LANGUAGES = [language for language in LANGUAGES if language != ENGLISH]
GRADER = ROOT / "workshop" / "grader"
# Why a service does not start is told by others.
REASONS = (
    *("workshop/demo.py", "workshop/direct.py", "workshop/processes.py", "workshop/prometheus.py"),
    *("workshop/redis_server.py", "workshop/serving_cluster.py", "workshop/sidecars.py", "workshop/urls.py"),
    *("workshop/doctor.py", "workshop/classroom.py", "workshop/environment.py", "workshop/platforms.py"),
    *(f"loadtests/demo_{number}.py" for number in range(1, 7)),
    *(
        "loadtests/__main__.py",
        "loadtests/autoscaling.py",
        "workshop/programs.py",
        "shared/accounts/__main__.py",
        "shared/accounts/tokens.py",
    ),
    *("shared/process/listener.py", "shared/process/load_app.py", "serving/ray_serve/dry_run.py"),
)
# Values of a sentence, and commands: the same in every language.
VALUES = {
    *(
        "build",
        "{} ms",
        "traceparent: {}",
        "model",
        "default",
        "turquesa",
        "violeta",
        "naranja",
        "miss",
        "hit",
        "null",
        "data: {}",
    ),
    *("entries", "bytes", "expirations", "summaries", "responses", "misses", "hits"),
    *("X-Cache: miss, hit, hit, bypass", "apt-get install prometheus", "https://elsewhere.example"),
    # See COMPOSED.
    *(" seconds", "cannot load {}: {}{}{}", " and {} more", "pip's settings cannot be read: ", "make install"),
    *("cannot build {}: {}: {}", ", and at most {} answered by others", "< {} ms", "<= {} ms"),
}
# Sentences that no single literal has.
COMPOSED = {
    *("{} {}", "{}: {}", "{}… {}", "{} seconds", "Address already in use"),
    *("{} and {} more", "pip's settings cannot be read: {}", "cannot build {}: {}"),
    # The end of a command, or its beginning, is in another literal.
    *("{}   # tell it of an alert yourself, signed", "# in a browser: {}", "# and in a browser: {}"),
    *("revoked {} token of {}", "revoked {} tokens of {}", "{}, and at most {} answered by others", "{} are not: {}"),
    *("did you mean {} or {}?", "did you mean {} or {} or {}?"),
    *("ended with exit status {}: {}", "was killed by {}: {}"),
    # Put together at their beginning, or of more than one module.
    *("{} took the connection and did not answer within {} s", "{} does not answer at /health: {}"),
    "cannot load {}: {}",
}
STORY = re.compile(r"expr: .*# ([^']+)'")  # what a story for promtool says of an alert, in its expression


@cache
def modules() -> list[Module]:
    return [Module.read(file) for file in [*sorted(GRADER.rglob("*.py")), *(ROOT / name for name in REASONS)]]


def checklists() -> Iterator[Checklist]:
    for number in range(1, 7):
        yield importlib.import_module(f"workshop.grader.checks.demo_{number}").CHECKLIST


def titles() -> set[str]:
    return {title for one in checklists() for title in (one.title, *(check.title for check in one.checks))}


def told_by_make() -> set[str]:
    return set(re.findall(r'\$\(TELL\) "([^"]+)"', (ROOT / "Makefile").read_text()))


def stories() -> set[str]:
    return {said for file in (GRADER / "checks").glob("*.yml") for said in STORY.findall(file.read_text())}


def shape(template: str) -> str:
    parts = string.Formatter().parse(template)
    return "".join(literal + ("{}" if name is not None else "") for literal, name, _, _ in parts)


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_every_sentence_of_the_grader_is_translated(language: str) -> None:
    translated = {shape(english) for english in table.sentences(language)}
    said = sentences(modules())
    assert len(said) > 400
    missing = {one: where for one, where in said.items() if one not in translated | VALUES}
    assert missing == {}


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_every_check_is_translated(language: str) -> None:
    assert len(titles()) > 100
    assert len(stories()) > 10
    assert {one for one in titles() | stories() if in_language(one, language) == one} == set()


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_what_make_says_and_where_a_demo_tells_people_to_look_is_translated(language: str) -> None:
    remarks = {line.format(url="http://a") for demo in DEMOS.values() for line in demo.try_this if "# " in line}
    assert len(told_by_make()) > 5
    assert len(remarks) > 1
    assert {one for one in told_by_make() | remarks if in_language(one, language) == one} == set()


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_no_translation_is_left_over(language: str) -> None:
    known = literals(modules()) | titles() | stories() | told_by_make() | COMPOSED
    assert {english for english in table.sentences(language) if shape(english) not in known} == set()


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_each_sentence_is_recognised_as_itself_with_its_values(language: str) -> None:
    for english, translation in table.sentences(language).items():
        assert fields(translation) == fields(english), english
        values = {name: str(number) for number, name in enumerate(sorted(fields(english)), start=7)}
        inner = dict.fromkeys(re.findall(r"{(\w+):s}", english), "no answer")
        plain = re.sub(r"({\w+):\w+}", r"\1}", english)
        translated = {name: in_language(value, language) for name, value in inner.items()}
        assert in_language(plain.format(**values | inner), language) == translation.format(**values | translated)


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_no_sentence_has_two_translations(language: str) -> None:
    parts = importlib.import_module(f"workshop.translation.sentences.{language}").PARTS
    pairs = {pair for part in parts for pair in part.SENTENCES.items()}
    assert len(pairs) == len(table.sentences(language))


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        ("502 when the upstream stays broken", "502 si el upstream sigue roto"),
        (
            "3; the first other one: no answer within 2 seconds",
            "3; la primera de las otras: ninguna respuesta en 2 segundos",
        ),
        (
            "no answer: Server disconnected.; the service ended with exit status 1: no memory",
            "ninguna respuesta: Server disconnected.; el servicio terminó con exit status 1: no memory",
        ),
        ('200 data: {"delta": "a"}… and then nothing more', '200 data: {"delta": "a"}… y después nada más'),
        ("pauses of 0.10, 0.20, 0.4 seconds", "pausas de 0.10, 0.20, 0.4 segundos"),
        (
            "cannot listen on 127.0.0.1:8100: Address already in use; choose another PORT (the embedded model listens "
            "100 above it)",
            "no se puede escuchar en 127.0.0.1:8100: la dirección ya está en uso; elige otro PORT (el modelo incluido "
            "escucha 100 por encima)",
        ),
        (
            "http://a:1: this is demo 1, not demo 3: it has no /usage; start the other with make demo-3",
            "http://a:1: esta es la demo 1, no la demo 3: no tiene /usage; arranca la otra con make demo-3",
        ),
        (
            "cannot load demos/a.py: SyntaxError: expected ':'\n  demos/a.py:3\n    def nothing()",
            "no se puede cargar demos/a.py: SyntaxError: expected ':'\n  demos/a.py:3\n    def nothing()",
        ),
    ],
)
def test_sentences_within_sentences_are_translated_too(english: str, spanish: str) -> None:
    assert in_language(english, "es") == spanish


@pytest.mark.parametrize(
    "answer",
    [
        '429 {"error":{"message":"the limit is 10 requests in 2 seconds, nothing more"}}',
        '200 {"output": "wait within reason; the service level is 3 tokens", "none": "no answer"}',
        "TypeError: unsupported operand: 'int' and 'str'",
        '{"miss": 1}',
    ],
)
def test_what_a_service_says_stays_as_it_is(answer: str) -> None:
    assert in_language(answer, "es") == answer


# --- what is recorded -----------------------------------------------------------------------------------------------


def looks(subject: Subject) -> None:
    return


LOST = Result(
    Check("timeout", 1, "Token counts are the upstream's own, not an estimate", looks),
    Status.FAILED,
    "1 upstream call",
    "no answer within 2 seconds",
    "curl -i http://localhost:8000",
)


def test_a_person_reads_spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    assert report.failure(LOST).splitlines() == [
        "",
        "✗ timeout: Los tokens son los que cuenta el upstream, no una estimación",
        "  esperado  1 llamada al upstream",
        "  recibido  ninguna respuesta en 2 segundos",
        "  para verlo",
        "    curl -i http://localhost:8000",
    ]


def test_a_machine_reads_the_same_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(1, "exercise", has_more="There is no POST /generate at http://a: is it the right service?")
    english = report.document(target, [LOST])
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    assert report.document(target, [LOST]) == english
    assert json.loads(english)["checks"][0]["got"] == "no answer within 2 seconds"


def test_no_other_place_translates_sentences() -> None:
    """What records, compares or sends a result must have the English one."""
    recording = [file for folder in ("report", "progress") for file in (ROOT / "workshop" / folder).glob("*.py")]
    assert {file.name for file in recording if "import told" in file.read_text()} == set()
    users = {file.name for file in GRADER.rglob("*.py") if "import told" in file.read_text()}
    assert users == {"__main__.py", "all_demos.py", "report.py"}
