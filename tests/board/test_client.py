"""An attendee's side: nothing is sent without BOARD_URL, and no board can cost anybody the score."""

import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.closed_port import dead_server
from workshop.board import attend, client, identity
from workshop.progress import record
from workshop.progress.record import FAILED, PASSED


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOARD_URL", "BOARD_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """A clone in which demo 1 was graded."""
    with record.changed(tmp_path) as kept:
        record.grade(kept.of(1), {"cost": 1, "load": 2, "health": 1}, {"cost": PASSED, "load": FAILED})
    return tmp_path


@contextmanager
def recording(status: int = 200, answer: bytes = b'{"points": 1, "of": 20}') -> Iterator[tuple[str, list[str]]]:
    """Something at a URL that answers all requests alike, and what it was sent."""
    sent: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            sent.append(f"{self.command} {self.path}\n{self.headers}\n{body}")
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = do_PUT

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()


@contextmanager
def silent() -> Iterator[str]:
    """Accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


def test_without_a_board_nothing_is_sent_and_nobody_gets_an_id(
    graded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARD_NAME", "Ana")
    monkeypatch.setattr("workshop.direct.urlopen", None)
    client.tell([1], graded)
    assert capsys.readouterr() == ("", "")
    assert not identity.place(graded).exists()


def test_what_is_sent_is_what_the_page_promises_and_no_more(
    graded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording() as (url, sent):
        monkeypatch.setenv("BOARD_URL", f"{url}/")
        monkeypatch.setenv("BOARD_NAME", "Ana")
        client.tell([1], graded)
        assert told(capsys) == f"on the board at {url}: Ana, demo 1: 1/20"
    me = identity.identity(root=graded)
    (request,) = sent
    head, _, body = request.partition("\n\n")
    assert head.startswith(f"PUT /api/attendees/{me.id}/demos/1\n")
    assert f"Authorization: Bearer {me.secret}" in head
    document = json.loads(body)
    assert document.keys() == {"name", "graded", "commit", "points", "checks"}
    assert document["checks"] == {"cost": "passed", "load": "failed"}
    assert (document["name"], document["points"]) == ("Ana", 1)


def test_the_name_and_the_id_are_remembered_and_only_ones_own(
    graded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording() as (url, sent):
        (graded / ".env").write_text(f"BOARD_URL={url}\nBOARD_NAME=Ana\n")
        client.tell([1], graded)
        (graded / ".env").write_text(f"BOARD_URL={url}\n")
        client.tell([1], graded)
        monkeypatch.setenv("BOARD_NAME", "Ana María")
        client.tell([1], graded)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(",")[0] for line in lines] == ["Ana", "Ana", "Ana María"]
    assert len({request.partition("\n")[0] for request in sent}) == 1
    assert stat.S_IMODE(identity.place(graded).stat().st_mode) == 0o600


def test_two_clones_are_two_people(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = identity.identity("Ana", tmp_path / "a"), identity.identity("Ana", tmp_path / "b")
    assert one.id != other.id
    assert one.secret != other.secret


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("ftp://board", "not on the board: BOARD_URL=ftp://board: must start with http:// or https://"),
        ("http://", "not on the board: BOARD_URL=http://: is not the URL of a service"),
        ("http://board.invalid", "not on the board: "),
    ],
)
def test_an_address_that_is_wrong_is_one_line(
    url: str, line: str, graded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARD_URL", url)
    monkeypatch.setenv("BOARD_NAME", "Ana")
    client.tell([1], graded)
    assert told(capsys).startswith(line)


def test_a_board_that_is_not_there_or_is_something_else_is_one_line(
    graded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARD_NAME", "Ana")

    def said(url: str) -> str:
        monkeypatch.setenv("BOARD_URL", url)
        client.tell([1], graded)
        return told(capsys).removeprefix(f"not on the board: {url}: ")

    with dead_server() as url:
        assert said(url) == "nobody listens there"
    with recording(200, b"<html>") as (url, _):
        assert said(url) == "this is no board"
    with recording(200, b"[]") as (url, _):
        assert "not on the board: " in said(url)
    with recording(500, b"oops") as (url, _):
        assert said(url) == "it answers 500"
    with recording(302, b"") as (url, sent):
        assert said(url) == "it answers 302"
        assert len(sent) == 1
    with recording(422, json.dumps({"error": {"message": "no\nsuch check"}}).encode()) as (url, _):
        assert said(url) == "no such check"


def test_a_board_that_is_silent_is_left_after_a_moment(
    graded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SECONDS", 0.2)
    monkeypatch.setenv("BOARD_NAME", "Ana")
    with silent() as url:
        monkeypatch.setenv("BOARD_URL", url)
        client.tell([1], graded)
    assert "did not answer within 0.2 s" in told(capsys)


@pytest.mark.parametrize(
    ("kept", "name", "line"),
    [
        (None, "", 'not on the board: say who: NAME="Ana"'),
        (None, "Ana\x1b[31m", "not on the board: NAME has a control character"),
        (None, "x" * 61, "not on the board: NAME has 61 characters; 60 are the most"),
        ("{", "Ana", "not on the board: .progress/board.json is damaged; delete it"),
        ('{"id": 1}', "Ana", "not on the board: .progress/board.json is damaged; delete it"),
    ],
)
def test_somebody_who_cannot_be_named_is_not_sent(
    kept: str | None,
    name: str,
    line: str,
    graded: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kept is not None:
        identity.place(graded).write_text(kept)
    with recording() as (url, sent):
        monkeypatch.setenv("BOARD_URL", url)
        monkeypatch.setenv("BOARD_NAME", name)
        client.tell([1], graded)
    assert told(capsys).startswith(line)
    assert sent == []


def test_a_folder_that_cannot_be_written_sends_nothing(
    graded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (graded / "other").mkdir()
    (graded / "other" / ".progress").touch()
    with recording() as (url, sent):
        monkeypatch.setenv("BOARD_URL", url)
        monkeypatch.setenv("BOARD_NAME", "Ana")
        client.tell([1], graded / "other")
    assert told(capsys) == "not on the board: .progress/board.json: Not a directory"
    assert sent == []


@pytest.mark.parametrize("url", ["http://10.0.0.1:8000", "https://localhost:8000", "ftp://localhost"])
def test_the_board_is_asked_only_for_a_service_of_this_machine(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARD_URL", "http://127.0.0.1:9")
    assert attend.main(["grade", "1", "--url", url]) == 1
    assert told(capsys).startswith(f"URL={url}: ")


def test_nobody_leaves_a_board_they_are_not_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity.known, "__defaults__", (tmp_path,))
    assert attend.main(["leave"]) == 1
    assert told(capsys) == "you are on no board"


def test_an_unreadable_env_file_costs_nobody_the_score(graded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (graded / ".env").write_bytes(b"BOARD_URL=\xff\xfe")
    client.tell([1], graded)
    assert capsys.readouterr() == ("", "")
