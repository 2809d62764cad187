"""`make diff-N` compares what a task asks for, in the same shape, and leaves out what nobody wrote."""

import pytest

from tests.attendee import Project
from workshop.progress.compare import comparison
from workshop.progress.labs import LABS
from workshop.progress.tasks import find, tasks_of

LAB = LABS[1]
TASKS = tasks_of(LAB)


def compared(project: Project, task: str, **given: bool) -> list[str]:
    return comparison(LAB, find(TASKS, task), project.root, **given).splitlines()


def test_equal_solutions_are_shown_once(project: Project) -> None:
    project.solve()
    lines = compared(project, "Tariff")
    assert lines[-1] == "(yours and ours are the same)"
    assert "  class Tariff:" in lines


def test_a_solution_that_is_nearly_ours_is_a_diff_without_docstrings(project: Project) -> None:
    project.solve()
    project.write("class Deadline:\n", 'class Deadline:\n    """One deadline for the whole call."""\n\n')
    project.write("call.started + self.seconds", "time.perf_counter() + self.seconds")
    lines = compared(project, "Deadline")
    assert lines[:3] == ["- yours", "+ ours", ""]
    assert [line for line in lines[3:] if line.startswith(("-", "+"))] == [
        "-        call.deadline = time.perf_counter() + self.seconds",
        "+        call.deadline = call.started + self.seconds",
    ]
    assert not [line for line in lines if "One deadline" in line]


def test_a_solution_with_little_in_common_is_shown_whole_before_ours(project: Project) -> None:
    project.write(
        '        return 0.0, "default"\n',
        "        known = model in NAMES\n        a, b = usage.input * 15, usage.output * 60\n        cents = a + b\n"
        '        return cents / 1e8, ("default", "model")[known]\n',
    )
    lines = compared(project, "Tariff")
    ours = lines.index("+ ours")
    assert all(line.startswith("-") or not line for line in lines[:ours])
    assert all(line.startswith("+") or not line for line in lines[ours:])
    assert "-         cents = a + b" in lines


def test_members_that_are_as_given_are_left_out_and_changed_ones_are_not(project: Project) -> None:
    project.solve()
    assert not [line for line in compared(project, "RetryTransient") if "__init__" in line]
    project.write("        self.delay = delay", "        self.delay = delay * 2")
    assert [line for line in compared(project, "RetryTransient") if "delay * 2" in line]


def test_code_that_does_not_parse_is_shown_as_it_is(project: Project) -> None:
    project.write("class InputLimit:", "class InputLimit")
    assert "- class InputLimit" in compared(project, "InputLimit")


def test_colours_are_only_there_when_asked_for(project: Project) -> None:
    assert not [line for line in compared(project, "Tariff") if "\033" in line]
    assert [line for line in compared(project, "Tariff", colour=True) if line.startswith("\033[32m+")]


@pytest.mark.parametrize(("number", "task", "known"), [(2, "3", "RateLimited"), (5, "2", "rate("), (6, "1", "target_")])
def test_the_other_demos_have_something_to_compare_with(number: int, task: str, known: str) -> None:
    lab = LABS[number]
    shown = comparison(lab, find(tasks_of(lab), task))
    assert [line for line in shown.splitlines() if line.startswith("+") and known in line], shown
