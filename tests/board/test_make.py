"""The commands as an attendee types them, through make, with a real board."""

import pytest

from tests.attendee import Project, copied
from tests.board.conftest import Board, StartBoard
from workshop.grader.launch import embedded_server, started

GRADE = ("grade-1", "SOLUTION=exercise", "ONLY=input_limit,cost")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One clone for all tests of this file, in this order."""
    return copied(tmp_path_factory.mktemp("project"))


def unknown(project: Project) -> bool:
    """Nobody has an id in this clone."""
    return not (project.root / ".progress" / "board.json").exists()


def test_without_a_board_and_for_the_reference_nothing_is_sent(board: Board, project: Project) -> None:
    reference = project.make("grade-1", "ONLY=health", "NAME=Nobody", BOARD_URL=board.url)
    own = project.make(*GRADE, "NAME=Nobody", BOARD_URL="")
    for graded in (reference, own):
        assert graded.returncode == 0, graded.stdout + graded.stderr
        assert graded.stderr == ""
    assert "Nobody" not in board.names()
    assert unknown(project)


def test_a_board_that_is_gone_costs_a_line_and_not_the_score(project: Project) -> None:
    graded = project.make(*GRADE, "NAME=Ana", BOARD_URL="http://127.0.0.1:9")
    assert graded.returncode == 0, graded.stdout + graded.stderr
    assert graded.stdout.splitlines()[-1].startswith("Score: ")
    assert graded.stderr.splitlines() == ["not on the board: http://127.0.0.1:9: nobody listens there"]


def test_a_grading_of_ones_own_exercise_is_on_the_board_until_one_leaves(board: Board, project: Project) -> None:
    graded = project.make(*GRADE, "NAME=Ana of make", BOARD_URL=board.url)
    assert graded.returncode == 0, graded.stdout + graded.stderr
    assert graded.stdout.splitlines()[-1].startswith("Score: ")
    assert graded.stderr.splitlines() == [f"on the board at {board.url}: Ana of make, demo 1: 0/20"]
    assert "Ana of make" in board.names()

    left = project.make("board-leave", BOARD_URL=board.url)
    assert left.returncode == 0, left.stderr
    assert "Ana of make" not in board.names()
    assert unknown(project)
    assert (project.root / ".progress" / "progress.json").exists()


def test_a_mistake_is_one_line(board: Board, project: Project) -> None:
    port = board.url.rpartition(":")[2]
    taken = project.make("board", f"PORT={port}", "NAME=Another class", PORT="1")
    assert taken.stderr.startswith(f"cannot listen on 0.0.0.0:{port}: Address already in use; choose another PORT\n")
    assert "board-grade-9: there are demos 1 to 6" in project.make("board-grade-9").stderr
    unnamed = project.make("board-grade-1", "NAME=Ana", BOARD_URL="")
    assert unnamed.stderr.startswith("BOARD_URL is not set: write the board's address")


@pytest.mark.prove
def test_a_running_service_is_graded_by_the_board_and_marked_as_verified(
    start_board: StartBoard, project: Project
) -> None:
    with (
        start_board(BOARD_GRADES="1") as board,
        embedded_server() as server,
        started("demos.demo_1_guarded.app:build", server, {}) as subject,
    ):
        asked = project.make("board-grade-1", "NAME=Ana", f"URL={subject.service.url}", BOARD_URL=board.url)
        assert asked.returncode == 0, asked.stdout + asked.stderr
        (shown,) = board.room()["attendees"]
    found = shown["demos"]["1"]
    assert 0 < found["verified"] == found["verifiable"] <= 20
    assert f"can see {found['verifiable']} of 20 points, and has verified {found['verified']}\n" in asked.stdout
