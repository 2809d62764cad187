"""An attendee's commands: `make board-leave`, and `make board-grade-N`.

Exit status 0, or 1 with one line on stderr.
"""

import argparse
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from shared.process.this_machine import is_ours
from workshop.board import identity
from workshop.board.client import Board, CannotSend, setting
from workshop.board.identity import NoIdentity
from workshop.grader.__main__ import INTERRUPTED, Parser
from workshop.grader.launch import DEFAULT_URL
from workshop.progress.labs import LABS
from workshop.urls import BadUrl, service_url

LOOK_SECONDS = 2.0
NO_BOARD = "BOARD_URL is not set: write the board's address, as in BOARD_URL=http://192.0.2.7:8800"


def main(arguments: list[str] | None = None) -> int:
    options = _read(arguments)
    try:
        return COMMANDS[options.what](options)
    except (CannotSend, NoIdentity, BadUrl) as reason:
        print(reason, file=sys.stderr)
    except OSError as fault:
        print(f"{fault.filename}: {fault.strerror}", file=sys.stderr)
    return 1


def _leave(options: argparse.Namespace) -> int:
    me = identity.known()
    if me is None:
        raise NoIdentity("you are on no board")
    board = _board(me)
    board.ask("DELETE", "")
    identity.forget()
    print(f"{board.url} has forgotten you, and so has .progress/board.json")
    return 0


def _grade(options: argparse.Namespace) -> int:
    """Have the board grade the service that runs here, and wait for what it says."""
    port = _port_here(options.url or DEFAULT_URL)
    board = _board(identity.identity(setting("BOARD_NAME")))
    path = f"{board.demo(options.number)}/grading"
    found = board.ask("POST", path, {"name": board.me.name, "port": port})
    ahead = None
    while found["state"] in ("waiting", "running"):
        if found["ahead"] != ahead:
            ahead = found["ahead"]
            print(
                f"{board.url} grades port {port} of this machine" + f", after {ahead} others" * bool(ahead), flush=True
            )
        time.sleep(LOOK_SECONDS)
        found = board.ask("GET", path)
    if found["state"] != "done":
        raise CannotSend(f"not verified: {found['said']}")
    print(found["said"])
    return 0


def _port_here(url: str) -> int:
    """Raises BadUrl for another machine: a board grades only what runs on the machine that asks."""
    parts = urlsplit(service_url(url))
    if parts.scheme != "http" or not is_ours(parts.hostname or ""):
        raise BadUrl(f"URL={url}: the board grades only a service on this machine, over http")
    return parts.port or 80


def _board(me: identity.Identity) -> Board:
    url = setting("BOARD_URL")
    if not url:
        raise CannotSend(NO_BOARD)
    return Board.at(url, me)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"leave": _leave, "grade": _grade}


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m workshop.board.attend", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("leave")
    grade = what.add_parser("grade")
    grade.add_argument("number", type=int, choices=LABS)
    grade.add_argument("--url", default="", help="the running service, on this machine")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
