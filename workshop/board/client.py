"""An attendee's side of the board: what was graded goes to BOARD_URL, and without BOARD_URL nothing is ever sent.

In: the demos that were graded just now. Out: one line on stderr, that the board has it or why not. Grading goes on as
before, whatever the board does: it has a few seconds for everything.
"""

import http.client
import ipaddress
import json
import os
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from workshop import direct
from workshop.board.identity import Identity, NoIdentity, identity
from workshop.processes import ROOT
from workshop.progress import record
from workshop.urls import BadUrl, service_url

SECONDS = 3.0  # for all that is sent, with the look-up of the board's name
LARGEST_ANSWER = 64 << 10  # bytes
LONGEST = 300  # characters of a board's message


class CannotSend(Exception):
    """One line that says why the board does not have it."""


def setting(name: str, root: Path = ROOT) -> str:
    """From the environment, or else from `.env`; empty if neither has it, or the file cannot be read."""
    try:
        return os.environ.get(name) or dotenv_values(root / ".env").get(name) or ""
    except (OSError, UnicodeDecodeError):
        return ""


def tell(numbers: Sequence[int], root: Path = ROOT) -> None:
    """Send what is recorded of these demos of one's own exercise, if there is a board. Never raises."""
    url = setting("BOARD_URL", root)
    if not url or not numbers:
        return
    try:
        board = Board.at(url, identity(setting("BOARD_NAME", root), root))
        line = within(SECONDS, lambda: _told(board, numbers, root))
    except (CannotSend, NoIdentity) as reason:
        line = f"not on the board: {reason}"
    print(line, file=sys.stderr)


def within(seconds: float, work: Callable[[], str]) -> str:
    """The line that `work` returns. Raises CannotSend, whatever goes wrong, and after `seconds`."""
    ended: list[str | Exception] = []

    def run() -> None:
        try:
            ended.append(work())
        except Exception as fault:  # a board must not cost anybody the score
            ended.append(fault)

    # No timeout of a socket bounds a name server, or an answer that drips.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise CannotSend(f"it did not answer within {seconds:g} s")
    match ended[0]:
        case str(line):
            return line
        case CannotSend() | NoIdentity() as reason:
            raise reason
        case fault:
            raise CannotSend(f"{type(fault).__name__}: {fault}")


@dataclass(slots=True, frozen=True)
class Board:
    """The board at `url`, as the attendee `me` sees it."""

    url: str
    me: Identity

    @classmethod
    def at(cls, url: str, me: Identity) -> "Board":
        """Raises CannotSend for a URL that cannot be one."""
        try:
            return cls(service_url(url), me)
        except BadUrl as reason:
            raise CannotSend(f"BOARD_{reason}") from None

    def demo(self, number: int) -> str:
        return f"/demos/{number}"

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """The JSON that it answers about me. Raises CannotSend."""
        request = urllib.request.Request(
            f"{self.url}/api/attendees/{self.me.id}{path}",
            data=None if document is None else json.dumps(document).encode(),
            headers={"Authorization": f"Bearer {self.me.secret}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            # A secret is not for whatever the board points to.
            with direct.urlopen(request, SECONDS, redirects=False, proxies=not self._is_near) as answer:
                return json.loads(answer.read(LARGEST_ANSWER) or b"null")
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise CannotSend(f"{self.url}: {_message(refusal)}") from None
        except (OSError, http.client.HTTPException) as fault:
            raise CannotSend(direct.why(self.url, fault, SECONDS)) from None
        except ValueError:
            raise CannotSend(f"{self.url}: this is no board") from None

    @property
    def _is_near(self) -> bool:
        """An address in this room, which no proxy outside knows."""
        try:
            return ipaddress.ip_address(urlsplit(self.url).hostname or "").is_private
        except ValueError:
            return False


def _told(board: Board, numbers: Sequence[int], root: Path) -> str:
    kept = record.load(root)
    said: list[str] = []
    for number in numbers:
        answer = board.ask("PUT", board.demo(number), _update(board.me, kept.of(number)))
        said.append(f"demo {number}: {answer['points']}/{answer['of']}")
    return f"on the board at {board.url}: {board.me.name}, {', '.join(said)}"


def _update(me: Identity, demo: record.DemoRecord) -> Mapping[str, Any]:
    """All that is sent besides the id and its secret."""
    return {
        "name": me.name,
        "graded": demo.graded,
        "commit": demo.source.commit,
        "points": demo.earned,
        "checks": {name: check.status for name, check in demo.checks.items()},
    }


def _message(refusal: urllib.error.HTTPError) -> str:
    """What the board says of it, in one line."""
    try:
        said = str(json.loads(refusal.read(LARGEST_ANSWER))["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        return f"it answers {refusal.code}"
    return " ".join(said.split())[:LONGEST]
