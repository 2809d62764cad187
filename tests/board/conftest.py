"""A real board in a process of its own, and attendees who send to it."""

import json
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from workshop.board.catalogue import Catalogue
from workshop.board.store import Store, opened
from workshop.grader.service import Answer, Service
from workshop.processes import Process, free_port

NOON = "2026-11-30T12:00:00+00:00"
CATALOGUE = Catalogue()
# What an attendee of this suite has not set themselves is not theirs.
UNSET = {"BOARD_URL": "", "BOARD_NAME": "", "BOARD_GRADES": ""}


def results(number: int = 1, *failed: str) -> dict[str, str]:
    """All checks of a demo; those that are named failed, the others passed."""
    assert set(failed) <= set(CATALOGUE.demos[number].checks)
    return {name: "failed" if name in failed else "passed" for name in CATALOGUE.demos[number].checks}


@dataclass(slots=True)
class Attendee:
    """Somebody with a board, who may send what no client of ours would."""

    service: Service
    name: str = "Ana"
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    secret: str = field(default_factory=lambda: secrets.token_hex(32))

    def ask(self, method: str, path: str = "", document: object = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.secret}"}
        body = None if document is None else json.dumps(document)
        return self.service.request(method, f"/api/attendees/{self.id}{path}", body=body, headers=headers)

    def update(self, number: int = 1, checks: Mapping[str, str] | None = None, **other: object) -> dict[str, Any]:
        """What an honest client sends; `other` replaces parts of it."""
        ended = results(number) if checks is None else dict(checks)
        known = CATALOGUE.demos[number].checks
        points = sum(known[name].points for name, status in ended.items() if status == "passed" and name in known)
        return {"name": self.name, "graded": NOON, "commit": "", "points": points, "checks": ended, **other}

    def send(self, number: int = 1, checks: Mapping[str, str] | None = None, **other: object) -> Answer:
        return self.ask("PUT", f"/demos/{number}", self.update(number, checks, **other))


@dataclass(slots=True)
class Board:
    """`process` answers at `url`; its class is in `folder`."""

    process: Process
    folder: Path
    service: Service

    @property
    def url(self) -> str:
        return self.service.url

    def attendee(self, name: str = "Ana") -> Attendee:
        return Attendee(self.service, name)

    def room(self) -> dict[str, Any]:
        room: dict[str, Any] = self.service.get("/api/room").json
        return room

    def names(self) -> list[str]:
        return [attendee["name"] for attendee in self.room()["attendees"]]

    def teacher(self, method: str, path: str, key: str = "") -> Answer:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return self.service.request(method, path, headers=headers)

    @property
    def key(self) -> str:
        """The teacher's key, as the board printed it."""
        assert self.process.output is not None
        return self.process.output.read_text().rpartition("#key=")[2].split()[0]


def board_process(port: int, folder: Path, *arguments: str, **environment: str) -> Process:
    return Process(
        name="the board",
        command=[sys.executable, "-m", "workshop.board", "--port", str(port), "--folder", str(folder), *arguments],
        ready_url=f"http://127.0.0.1:{port}/health",
        environment={**UNSET, **environment},
        output=folder.with_name(f"{folder.name}.txt"),
    )


StartBoard = Callable[..., AbstractContextManager[Board]]


@pytest.fixture(scope="module")
def start_board(tmp_path_factory: pytest.TempPathFactory) -> StartBoard:
    """Starts a board with these arguments and this environment."""

    @contextmanager
    def starting(*arguments: str, **environment: str) -> Iterator[Board]:
        folder, port = tmp_path_factory.mktemp("board") / "class", free_port()
        with board_process(port, folder, *arguments, **environment) as process:
            service = Service(f"http://127.0.0.1:{port}")
            yield Board(process, folder, service)
            service.close()

    return starting


@pytest.fixture(scope="module")
def board(start_board: StartBoard) -> Iterator[Board]:
    """One for all tests of a file: each brings attendees of its own."""
    with start_board("--name", "A class") as board:
        yield board


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "class") as store:
        yield store
