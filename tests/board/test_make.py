"""The commands as an attendee types them, through make, with a real board."""

import pytest

from tests.attendee import Project, project
from tests.board.conftest import Board

__all__ = ["project"]

GRADE = ("grade-1", "SOLUTION=exercise", "ONLY=input_limit,cost")


def test_a_grading_of_ones_own_exercise_is_on_the_board_until_one_leaves(board: Board, project: Project) -> None:
    graded = project.make(*GRADE, "NAME=Ana of make", BOARD_URL=board.url)
    assert graded.returncode == 0, graded.stdout + graded.stderr
    assert graded.stdout.splitlines()[-1].startswith("Score: ")
    assert graded.stderr.splitlines() == [f"on the board at {board.url}: Ana of make, demo 1: 0/20"]
    assert "Ana of make" in board.names()

    left = project.make("board-leave", BOARD_URL=board.url)
    assert left.returncode == 0, left.stderr
    assert "Ana of make" not in board.names()
    assert not (project.root / ".progress" / "board.json").exists()
    assert (project.root / ".progress" / "progress.json").exists()


@pytest.mark.parametrize("arguments", [("grade-1", "ONLY=health"), GRADE])
def test_without_a_board_or_for_the_reference_nothing_is_sent(
    board: Board, project: Project, arguments: tuple[str, ...]
) -> None:
    reference = "SOLUTION=exercise" not in arguments
    graded = project.make(*arguments, "NAME=Nobody", BOARD_URL=board.url if reference else "")
    assert graded.returncode == 0, graded.stdout + graded.stderr
    assert graded.stderr == ""
    assert "Nobody" not in board.names()
    assert not (project.root / ".progress" / "board.json").exists()


def test_a_board_that_is_gone_costs_a_line_and_not_the_score(project: Project) -> None:
    graded = project.make(*GRADE, "NAME=Ana", BOARD_URL="http://127.0.0.1:9")
    assert graded.returncode == 0, graded.stdout + graded.stderr
    assert graded.stdout.splitlines()[-1].startswith("Score: ")
    assert graded.stderr.splitlines() == ["not on the board: http://127.0.0.1:9: nobody listens there"]


def test_a_demo_that_is_not_there_and_a_board_that_is_not_named_are_one_line(project: Project) -> None:
    assert "board-grade-9: there are demos 1 to 6" in project.make("board-grade-9").stderr
    unnamed = project.make("board-grade-1", "NAME=Ana", BOARD_URL="")
    assert unnamed.stderr.startswith("BOARD_URL is not set: write the board's address")
