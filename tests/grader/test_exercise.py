"""The attendee's exercise with typical mistakes, in a separate copy of the project."""

from collections.abc import Sequence

import pytest

from tests.attendee import GUARDS, Project
from workshop.grader.checks.demo_1 import CHECKLIST
from workshop.grader.launch import UNPRICED

# --- code that does not load ----------------------------------------------------------------------------------------

GUARD = "async def __call__(self, call: Call, next: Handler) -> Reply:"


@pytest.mark.parametrize(
    ("given", "written", "reason", "place", "shown"),
    [
        (GUARD, GUARD.removesuffix(":"), "SyntaxError: expected ':'", "", [GUARD.removesuffix(":"), " " * 60 + "^"]),
        ("call: Call", "call: Cal", "NameError: name 'Cal' is not defined", ", in InputLimit", ["call: Cal,", "^^^"]),
        (
            "self.max_chars = max_chars",
            'self.max_chars = max_chars + "1"',
            "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
            ", in InputLimit.__init__",
            ['self.max_chars = max_chars + "1"'],
        ),
    ],
    ids=["a syntax error", "a name at import", "an exception in build"],
)
def test_code_that_does_not_load_is_reported_with_its_line(
    given: str, written: str, reason: str, place: str, shown: Sequence[str], project: Project
) -> None:
    line = project.write(given, written)
    done = project.serve()
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == f"cannot load demos/demo_1_guarded/exercise/app.py: {reason}"
    assert lines[1] == f"  {GUARDS}:{line}{place}"
    assert len(lines) <= 4
    for part in shown:
        assert part in "\n".join(lines[2:])


def test_a_missing_name_is_reported_with_the_import(project: Project) -> None:
    project.write("class Tariff", "class Tarif")
    done = project.serve()
    assert done.returncode == 1
    first, place, *shown = done.stderr.splitlines()
    assert "ImportError: cannot import name 'Tariff'" in first
    assert str(project.root) not in done.stderr
    assert place.startswith("  demos/demo_1_guarded/exercise/app.py:")
    assert "import Deadline, InputLimit" in shown[0]


def test_a_build_without_a_return_is_reported(project: Project) -> None:
    app = project.root / "demos/demo_1_guarded/exercise/app.py"
    app.write_text(app.read_text().replace("return build_service", "build_service"))
    done = project.serve()
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "cannot load demos/demo_1_guarded/exercise/app.py: build(settings) returned nothing, not an application",
        ],
    )


def test_the_grader_reports_a_syntax_error_before_it_starts_anything(project: Project) -> None:
    line = project.write(GUARD, GUARD.removesuffix(":"))
    done = project.grade()
    assert done.returncode == 2
    assert done.stdout.splitlines()[0] == "Grading demos/demo_1_guarded/exercise (your version)"
    assert done.stderr.splitlines()[:2] == [f"cannot load {GUARDS}: SyntaxError: expected ':'", f"  {GUARDS}:{line}"]


def test_the_grader_reports_code_that_does_not_load_as_the_service_does(project: Project) -> None:
    line = project.write("call: Call", "call: Cal")
    done = project.grade()
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "cannot load demos/demo_1_guarded/exercise/app.py: NameError: name 'Cal' is not defined",
        f"  {GUARDS}:{line}, in InputLimit",
        "    async def __call__(self, call: Cal, next: Handler) -> Reply:",
        "                                   ^^^",
    ]


# --- code that raises -----------------------------------------------------------------------------------------------


SOURCE = f'"default" if model == "{UNPRICED}" else "model"'


def test_a_wrong_return_type_is_reported_once_with_the_checks_that_it_explains(project: Project) -> None:
    line = project.write('return 0.0, "default"', "return 0.0")
    done = project.grade("health, tokens cost,load latency")
    assert done.returncode == 3, done.stdout + done.stderr
    told = f"! {GUARDS}:{line}, in Tariff.cost: TypeError: cannot unpack non-iterable float object"
    assert done.stdout.count(told) == done.stdout.count("TypeError") == 1
    assert "It explains 4 of 4 lost checks: tokens, cost, latency, load." in done.stdout
    assert "✗ cost, latency, load: 500 as well, by the exception above." in done.stdout
    assert done.stdout.index(told) < done.stdout.index("✗ tokens: ")
    # After the correction, ONLY=failed grades the failed checks again.
    project.write("return 0.0", f"return round((usage.input * 0.15 + usage.output * 0.6) / 1e6, 6), {SOURCE}")
    again = project.grade("failed")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"4 checks of {len(CHECKLIST.checks)}, 4 points" in again.stdout.splitlines()[1]
    assert again.stdout.splitlines()[-1].startswith("Score: 4/4 of the 4 checks run")


@pytest.mark.parametrize(
    ("given", "written", "check", "told"),
    [
        (
            "return await next(call)",
            "return next(call)",
            "tokens",
            "in InputLimit.__call__: TypeError: InputLimit returned a coroutine instead of a reply: is an `await` "
            "missing?",
        ),
        (
            'return {"request_id"',
            'return {"id": call.id, "request_id"',
            "log_line",
            "in log_record: AttributeError: 'Call' object has no attribute 'id'",
        ),
    ],
    ids=["a forgotten await", "an exception in the log record"],
)
def test_an_exception_is_shown_with_its_line(given: str, written: str, check: str, told: str, project: Project) -> None:
    line = project.write(given, written)
    done = project.grade(check)
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"! {GUARDS}:{line}, {told}\n    {written}" in done.stdout


# --- the reference in place of the exercise -------------------------------------------------------------------------


def test_grading_the_reference_with_a_changed_exercise_shows_a_note_before_and_after(project: Project) -> None:
    project.write('return 0.0, "default"', 'return 0.0, "model"')
    done = project.grade("health", solution="reference")
    lines = done.stdout.splitlines()
    assert lines[0] == "Grading the reference, demos/demo_1_guarded (not your exercise: SOLUTION=exercise)"
    assert lines[-1] == "Score: 1/1 of the 1 check run · the reference, not your exercise"
    note = "You have changed demos/demo_1_guarded/exercise, but this grades the reference. For yours: "
    assert lines[1] == lines[-2] == f"{note}make grade-1 SOLUTION=exercise"
