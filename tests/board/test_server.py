"""A real board, and what strangers, neighbours and forgers send to it."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.board.conftest import UNSET, Board, StartBoard, results
from tests.waiting import wait_for
from workshop.board.app import NEWCOMERS
from workshop.board.store import FILES, MOST_ATTENDEES
from workshop.board.update import LARGEST_BODY
from workshop.processes import ROOT, free_port

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
KEY = "sk-the-teachers-own"


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A board that is expected to end at once."""
    command = [sys.executable, "-m", "workshop.board", "--folder", str(folder), *arguments]
    environment = {**os.environ, **UNSET}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


# --- results --------------------------------------------------------------------------------------------------------


def test_a_result_is_shown_with_points_and_where_it_hurts(board: Board) -> None:
    ana = board.attendee("Ana of the board")
    answer = ana.send(1, results(1, "cost"))
    assert answer.json == {"name": "Ana of the board", "points": 19, "of": 20}
    room = board.room()
    (shown,) = [one for one in room["attendees"] if one["name"] == ana.name]
    assert (shown["demo"], shown["demos"]["1"]["earned"]) == (1, 19)
    assert "cost" in [check["check"] for check in room["stuck"]]
    assert ana.id not in json.dumps(room)
    assert ana.secret not in json.dumps(room)
    assert ana.ask("DELETE").status == 204
    assert ana.name not in board.names()
    ana.ask("DELETE").must_be_error(404)


def test_a_forged_score_is_refused_and_changes_nothing(board: Board) -> None:
    eve = board.attendee("Eve the forger")
    eve.send(1, results(1, "cost", "health"))
    for forged in ({"points": 20}, {"checks": {"all_of_it": "passed"}}, {"checks": {**results(2)}}):
        error = eve.ask("PUT", "/demos/1", {**eve.update(1, results(1, "cost")), **forged}).must_be_error(422)
        assert "\n" not in error["message"]
    assert (
        eve.send(1, results(1, "cost"), points=20).at(str, "error", "message") == "these checks earn 19 points, not 20"
    )
    (shown,) = [one for one in board.room()["attendees"] if one["name"] == eve.name]
    assert shown["demos"]["1"]["earned"] == 18
    eve.ask("PUT", "/demos/7", {}).must_be_error(404)


def test_a_neighbour_cannot_write_or_leave_in_anothers_name(board: Board) -> None:
    ana = board.attendee("Ana the careful")
    ana.send()
    eve = board.attendee("Eve the neighbour")
    eve.id = ana.id
    eve.send(1, {}).must_be_error(403)
    eve.ask("DELETE").must_be_error(403)
    eve.ask("GET", "/demos/1/grading").must_be_error(403)
    assert ana.name in board.names()
    assert eve.name not in board.names()


@pytest.mark.parametrize("part", ["id", "secret"])
@pytest.mark.parametrize("text", ["0", "x" * 32, "A" * 64, "../../etc/passwd"])
def test_a_malformed_id_or_secret_is_refused(board: Board, part: str, text: str) -> None:
    eve = board.attendee("Eve without an id")
    setattr(eve, part, text)
    assert eve.send().status in (404, 405, 422)
    assert eve.name not in board.names()


def test_a_body_that_is_too_large_is_refused_before_it_is_read(board: Board) -> None:
    eve = board.attendee()
    eve.ask("PUT", "/demos/1", {"name": "x" * LARGEST_BODY}).must_be_error(413)
    with socket.create_connection(("127.0.0.1", int(board.url.rpartition(":")[2])), timeout=30) as endless:
        head = f"PUT /api/attendees/{eve.id}/demos/1 HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer {eve.secret}\r\n"
        endless.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        block = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
        for _ in range(LARGEST_BODY // 0x1000 + 1):
            endless.sendall(block)
        assert b" 413 " in endless.recv(1000)


@pytest.mark.parametrize("number", ["0", "-1", "9" * 5000, "1e1", "\u0661"])
def test_a_number_that_is_no_demo_is_not_found(board: Board, number: str) -> None:
    assert board.attendee().ask("PUT", f"/demos/{number}", {}).status == 404


def test_one_address_can_neither_flood_the_board_nor_fill_it(start_board: StartBoard) -> None:
    with start_board() as board:
        answers = [board.attendee().send(1, {})]
        while answers[-1].status != 429:
            answers.append(board.attendee().send(1, {}))
        assert {answer.status for answer in answers} == {200, 429}
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert NEWCOMERS <= len(board.names()) < MOST_ATTENDEES / 2

        def guess() -> bool:
            return board.teacher("DELETE", "/api/hidden", key="guess").status == 429

        wait_for(guess, "the teacher's key can no longer be guessed", poll=0)
        assert board.service.get("/").status == 200


# --- the page, and its teacher --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/board.js", "/board.css", "/strings.js", "/style.css", "/qr.svg"])
def test_the_page_comes_with_a_strict_policy_and_is_not_sent_twice(board: Board, path: str) -> None:
    answer = board.service.get(path)
    assert answer.status == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert board.service.request("GET", path, headers={"If-None-Match": answer.headers["etag"]}).status == 304


@pytest.mark.parametrize("path", ["/board.html", "/../store.py", "/%2e%2e/store.py", "/api", "/docs", "/openapi.json"])
def test_nothing_else_is_served(board: Board, path: str) -> None:
    board.service.get(path).must_be_error(404)


def test_only_the_teacher_hides_names_and_shows_them_again(board: Board) -> None:
    rude = board.attendee("rude words")
    rude.send()
    (seat,) = [one["seat"] for one in board.room()["attendees"] if one["name"] == rude.name]
    board.teacher("PUT", f"/api/seats/{seat}/hidden", key="guess").must_be_error(403)
    assert rude.name in board.names()
    assert board.teacher("PUT", f"/api/seats/{seat}/hidden").status == 204
    rude.send()
    assert rude.name not in board.names()
    assert board.room()["hidden"] == 1
    assert board.teacher("DELETE", "/api/hidden").status == 204
    assert rude.name in board.names()
    board.teacher("PUT", "/api/seats/999999/hidden").must_be_error(404)


# --- start and end --------------------------------------------------------------------------------------------------


def test_it_prints_an_address_a_qr_code_and_the_command_for_the_room(board: Board) -> None:
    assert board.process.output is not None
    printed = board.process.output.read_text()
    port = board.url.rpartition(":")[2]
    assert "The class board of A class, to project:" in printed
    assert re.search(rf"^  http://[\d.]+:{port}$", printed, re.MULTILINE)
    assert "▄▄▄▄▄" in printed
    assert re.search(rf'BOARD_URL=http://[\d.]+:{port} make grade-1 SOLUTION=exercise NAME="Ana"', printed)
    assert board.room()["url"] in printed


def test_a_taken_port_is_one_line_and_the_class_is_left_alone(board: Board, tmp_path: Path) -> None:
    done = run("--port", board.url.rpartition(":")[2], folder=tmp_path / "class")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"cannot listen on 0.0.0.0:{board.url.rpartition(':')[2]}: Address already in use; choose another PORT"
    ]
    assert not (tmp_path / "class").exists()


def test_a_class_that_another_board_keeps_is_one_line(board: Board) -> None:
    done = run("--port", str(free_port()), folder=board.folder)
    assert done.returncode == 1
    assert re.fullmatch(r"\S+class-\S+\.db: another board has it open; NEW=1 begins a new class\n", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--port", "70000"], "PORT=70000: must be a number from 1 to 65535"),
        (["--port", "http"], "PORT=http: must be a number from 1 to 65535"),
        (["--name", "\u202e"], "NAME=\u202e: a name needs a letter, a digit or a sign"),
    ],
)
def test_a_wrong_setting_is_one_line(arguments: list[str], line: str, tmp_path: Path) -> None:
    done = run(*arguments, folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{line}\n")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("--port", str(free_port()), folder=tmp_path / "file" / "class")
    assert (done.returncode, done.stderr) == (1, f"{tmp_path / 'file' / 'class'}: Not a directory\n")


def test_a_new_class_begins_empty(start_board: StartBoard) -> None:
    with start_board("--new") as board:
        board.attendee().send()
        board.process.stop()
        with board.process:
            assert board.names() == []
        assert len(list(board.folder.glob(FILES))) == 2


# --- services that the board grades itself --------------------------------------------------------------------------


@contextmanager
def tempting(ports: int) -> Iterator[tuple[int, list[str], list[str]]]:
    """A service, and one where its model server would be, that lead every request to a third one.

    Out: the port, what the two were sent, and the paths that the third was asked for.
    """
    sent: list[str] = []
    asked: list[str] = []

    class Third(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            return

    class Leading(Third):
        def do_GET(self) -> None:
            sent.append(str(self.headers))
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{third.server_port}/inside{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT = do_DELETE = do_GET

    def served(handler: type[BaseHTTPRequestHandler], port: int) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def both() -> tuple[ThreadingHTTPServer, ThreadingHTTPServer] | None:
        first = served(Leading, 0)
        try:
            return first, served(Leading, first.server_port + ports)
        except (OSError, OverflowError):
            first.shutdown()
            first.server_close()
            return None

    third = served(Third, 0)
    servers = [third, *wait_for(both, "two free ports in this distance")]
    try:
        yield servers[1].server_port, sent, asked
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def grading_board(start_board: StartBoard) -> Iterator[Board]:
    with start_board(BOARD_GRADES="1", OPENAI_API_KEY=KEY) as board:
        yield board


def graded(board: Board, name: str, port: int) -> dict[str, str]:
    """The end of a grading of that port, for a new attendee."""
    attendee = board.attendee(name)
    assert attendee.ask("POST", "/demos/1/grading", {"name": name, "port": port}).status == 202

    def ended() -> dict[str, str] | None:
        state: dict[str, str] = attendee.ask("GET", "/demos/1/grading").json
        return state if state["state"] in ("done", "failed") else None

    return wait_for(ended, "the board has graded the service")


def test_a_board_grades_only_if_its_teacher_wants_it(board: Board) -> None:
    error = board.attendee().ask("POST", "/demos/1/grading", {"name": "Ana", "port": 8000}).must_be_error(404)
    assert "BOARD_GRADES=1" in error["message"]


def test_a_port_where_nobody_listens_is_said_in_one_line(grading_board: Board) -> None:
    end = graded(grading_board, "Ana without a service", free_port())
    assert end["state"] == "failed"
    assert "nobody listens there" in end["said"]
    assert "\n" not in end["said"]


def test_a_service_cannot_lead_the_board_elsewhere_nor_get_its_teachers_key(grading_board: Board) -> None:
    with tempting(100) as (port, sent, asked):
        end = graded(grading_board, "Eve who leads", port)
    assert end["state"] == "done", end
    assert sent
    assert asked == []
    assert KEY not in "".join(sent)
    (shown,) = [one for one in grading_board.room()["attendees"] if one["name"] == "Eve who leads"]
    assert shown["demos"]["1"]["verified"] < shown["demos"]["1"]["verifiable"]


def test_an_attendee_names_a_port_and_never_a_host(grading_board: Board) -> None:
    eve = grading_board.attendee("Eve elsewhere")
    for wish in ({"url": "http://10.0.0.1:8000"}, {"port": 8000, "host": "10.0.0.1"}, {"port": 22}):
        eve.ask("POST", "/demos/1/grading", {"name": "Eve", **wish}).must_be_error(422)
    assert eve.name not in grading_board.names()
