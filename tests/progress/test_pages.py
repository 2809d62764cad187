"""`make start` and `make progress`: what is done, what is next, and how long it takes, in one screen."""

from collections.abc import Mapping, Sequence

import pytest

from workshop.progress import pages, record
from workshop.progress.labs import LABS, duration
from workshop.progress.record import FAILED, NOT_GRADED, PASSED, Record
from workshop.progress.standing import Standing, go_on_with, standings
from workshop.progress.tasks import tasks_of

NO_VLLM = {6: "there is no vLLM for Darwin on arm64"}
SCREEN = (120, 24)


def after(*gradings: tuple[int, Mapping[str, str]], monkeypatch: pytest.MonkeyPatch) -> list[Standing]:
    """The standings after these gradings, a minute apart. Checks of no task make up the 20 points."""
    kept = Record()
    for minute, (number, results) in enumerate(gradings):
        monkeypatch.setattr(record, "now", lambda minute=minute: f"2026-11-30T12:{minute:02}:00+00:00")
        names = [check for task in tasks_of(LABS[number]) for check in task.checks]
        others = {f"given_{place}": 1 for place in range(20 - len(names))}
        record.grade(kept.of(number), dict.fromkeys(names, 1) | others, dict.fromkeys(others, PASSED) | dict(results))
    return list(standings(kept).values())


def checks(number: int, status: str, but: Sequence[str] = ()) -> dict[str, str]:
    names = [check for task in tasks_of(LABS[number]) for check in task.checks]
    return dict.fromkeys(names, status) | dict.fromkeys(but, FAILED)


def done(number: int) -> tuple[int, dict[str, str]]:
    return number, checks(number, PASSED)


def demo_after(demos: Sequence[Standing], without: Sequence[int] = ()) -> int:
    found = go_on_with(demos, without)
    return found.lab.number if found else 0


def test_a_newcomer_is_told_to_begin_with_demo_1_and_how_long_all_takes() -> None:
    page = pages.start(list(standings(Record()).values()), {})
    assert "Next: demo 1 · One guarded endpoint" in page
    assert f"  {LABS[1].read().start} " in page
    assert "demos/demo_1_guarded/README.md is the lab (about " in page
    assert "make grade-1 SOLUTION=exercise " in page
    total = sum(lab.read().all for lab in LABS.values())
    assert f"To the end of the path: {duration(total)}." in page


def test_any_demo_can_be_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    demos = after((4, {"breaker_opens": FAILED}), monkeypatch=monkeypatch)
    assert demo_after(demos) == 4
    assert pages.following(demos, {})[0].startswith("Next: demo 4, task 1 · relay (about ")


def test_after_a_demo_comes_the_next_one_and_from_the_end_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo_after(after(done(4), monkeypatch=monkeypatch)) == 5
    assert demo_after(after(done(4), done(5), done(6), monkeypatch=monkeypatch)) == 1
    assert demo_after(after(done(4), done(5), monkeypatch=monkeypatch), without=[6]) == 1
    assert demo_after(after(done(1), done(2), done(4), monkeypatch=monkeypatch)) == 5


def test_people_go_on_with_what_they_worked_on_last(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = [(number, checks(number, FAILED)) for number in (2, 1, 3)]
    assert demo_after(after(*begun, monkeypatch=monkeypatch)) == 3
    assert demo_after(after(*begun, done(3), monkeypatch=monkeypatch)) == 1


def test_a_demo_that_was_graded_with_all_the_others_and_has_nothing_in_it_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    demos = after((2, checks(2, FAILED)), monkeypatch=monkeypatch)
    for number in (1, 3, 4, 5):
        names = dict.fromkeys((check for task in demos[number - 1].tasks for check in task.checks), 1)
        record.grade(demos[number - 1].record, names, dict.fromkeys(names, FAILED), alone=False)
    assert demo_after(demos) == 2
    assert [demo.lab.number for demo in demos if demo.begun] == [2]


def test_the_next_task_names_its_file_and_the_checks_that_it_still_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    demos = after((1, checks(1, PASSED, but=["backoff", "cost"])), monkeypatch=monkeypatch)
    first, again, stuck = pages.following(demos, {})
    assert first == "Next: demo 1, task 3 · RetryTransient (about 10 min): demos/demo_1_guarded/exercise/guards.py"
    assert again.split() == ["make", "grade-1", "SOLUTION=exercise", "ONLY=backoff", "grades", "it"]
    assert stuck.split()[:2] == ["make", "hint-1"]


def test_checks_of_no_task_that_are_lost_are_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    demos = after((1, checks(1, PASSED) | {"given_0": FAILED}), monkeypatch=monkeypatch)
    assert pages.following(demos, {})[0] == "Next: checks are lost that belong to no task"


def test_the_path_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    demos = after(*map(done, range(1, 7)), monkeypatch=monkeypatch)
    page = pages.start(demos, {})
    assert "You have come to the end of the path." in page
    assert "To the end of the path" not in page
    assert "Score: 120/120" in pages.progress(demos, {})


def test_a_demo_that_cannot_run_here_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    demos = after(*map(done, range(1, 6)), monkeypatch=monkeypatch)
    assert "not on this machine" in pages.start(demos, NO_VLLM)
    assert "You have come to the end of the path." in pages.start(demos, NO_VLLM)
    assert "Score: 100/100" in pages.progress(demos, NO_VLLM)


def test_a_task_whose_only_check_cannot_be_graded_here_is_neither_passed_nor_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    demos = after((5, checks(5, PASSED) | {"cost_alert": NOT_GRADED}), monkeypatch=monkeypatch)
    demo = demos[4]
    assert demo.record.done
    assert (demo.passed(demo.tasks[1]), demo.open(demo.tasks[1]), demo.next_task) == (False, False, None)
    assert "– Cost alert" in pages.progress(demos, {})


def test_each_page_fits_on_one_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = [(number, checks(number, FAILED)) for number in LABS]
    for demos in (after(*everything, monkeypatch=monkeypatch), after(monkeypatch=monkeypatch)):
        for demo in demos:
            for task in demo.tasks:
                demo.record.hints[task.number] = ["2026-11-30T12:00:00+00:00"] * 3
        for page in (pages.start(demos, {}), pages.progress(demos, {})):
            lines = page.splitlines()
            assert len(lines) <= SCREEN[1], page
            assert max(map(len, lines)) <= SCREEN[0], page


def test_hints_come_closer_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = standings(Record())[1]
    task = demo.tasks[1]
    shown = [pages.hint(demo, task, level) for level in (1, 2, 3, 4)]
    assert [page.splitlines()[0] for page in shown[:3]] == [f"Task 2 · Deadline, hint {n} of 3" for n in (1, 2, 3)]
    assert "What in Python stops a coroutine" in shown[0]
    assert "`call.deadline = call.started + self.seconds`" in shown[2]
    assert "the next hint" in shown[1]
    assert "make diff-1 TASK=2 SPOIL=1" in shown[2]
    assert "you have all of its 3 hints" in shown[3]
    assert "make diff-1 TASK=2 SPOIL=1" in shown[3]


@pytest.mark.parametrize(("number", "place", "with_task"), [(2, 1, 3), (3, 0, 2)])
def test_a_task_that_shows_nothing_alone_says_with_which_one_it_does(number: int, place: int, with_task: int) -> None:
    demo = standings(Record())[number]
    told = f"  You see it work only together with task {with_task}: write both."
    passed = [name for task in demo.tasks[:place] for name in task.checks]
    record.grade(demo.record, dict.fromkeys(passed, 1), dict.fromkeys(passed, PASSED))
    assert [told in pages.hint(demo, task, 1).splitlines() for task in demo.tasks].index(True) == place
    assert told in pages.next_in(demo)


def test_a_command_that_is_too_long_for_one_line_has_its_purpose_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = pages.start(after(done(3), monkeypatch=monkeypatch), {}).splitlines()
    command = lines.index(f"  {LABS[4].read().start}")
    assert lines[command + 1].startswith("      runs it; demos/demo_4_streaming/README.md is the lab")
    assert lines[command + 2].startswith("  make grade-4 SOLUTION=exercise                     grades what you write")


def test_the_reasons_are_those_of_the_page() -> None:
    lines = pages.passed(standings(Record())[1], tasks_of(LABS[1])[:1])
    assert "A prompt that is refused here costs nothing" in " ".join(lines)
    assert "make diff-1 TASK=1" in lines[-1]
