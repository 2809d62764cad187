"""`make board`: keep the class board on this machine until Ctrl-C.

Out: its addresses, a QR code, and the teacher's own link. What it cannot do is one line on stderr, and exit status 1.
"""

if __name__ == "__main__":
    from workshop import stopping

    stopping.end_quietly()  # the imports below take a second with a blank screen, which invites a Ctrl-C

import argparse
import socket
import sys
from pathlib import Path

import uvicorn

from shared.http.protocol import HttpProtocol
from shared.process.listener import CannotListen, bound
from workshop.board import address
from workshop.board.app import Board, build
from workshop.board.client import setting
from workshop.board.store import CannotKeep, Store, opened
from workshop.board.update import shown
from workshop.grader.__main__ import Parser
from workshop.sidecars import RUN
from workshop.urls import shown_at

PORT = 8800  # demos take 8000 to 8469 by default
EVERY_INTERFACE = "0.0.0.0"
MOST_CONNECTIONS = 1000
STOP_SECONDS = 2
NO = ("", "0", "false", "no", "off")


def main(arguments: list[str] | None = None) -> int:
    options = _read(arguments)
    try:
        # The port first: a second board on it must not touch the class.
        with (
            bound(options.host, options.port) as listener,
            opened(options.folder, options.name, new=options.new) as store,
        ):
            serve(store, listener, options.host, grades=setting("BOARD_GRADES").lower() not in NO)
    except (CannotListen, CannotKeep) as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass  # uvicorn raises the signal again once it has shut down
    return 0


def serve(store: Store, listener: socket.socket, host: str, *, grades: bool) -> None:
    port = listener.getsockname()[1]
    urls = address.urls(port) if host == EVERY_INTERFACE else [shown_at(host, port)]
    board = Board(store, urls[0], grades=grades)
    configuration = uvicorn.Config(
        build(board, urls[0]),
        http=HttpProtocol,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        proxy_headers=False,  # an attendee could name another's address
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    listener.listen(configuration.backlog)
    print(_told(store, urls, shown_at(host, port), grades=grades), flush=True)
    _Server(configuration, board).run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn's server; it ends the pages' streams when it stops, and browsers come again by themselves."""

    def __init__(self, config: uvicorn.Config, board: Board) -> None:
        super().__init__(config)
        self._board = board

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._board.live.end()
        await super().shutdown(sockets)


def _told(store: Store, urls: list[str], here: str, *, grades: bool) -> str:
    lines = [
        f"\nThe class board{f' of {store.name}' * bool(store.name)}, to project:\n",
        *(f"  {url}" for url in urls),
        f"\n{address.in_terminal(urls[0])}",
        "Attendees opt in, each with a name of their choice:\n",
        f'  BOARD_URL={urls[0]} make grade-1 SOLUTION=exercise NAME="Ana"\n',
        "Your own link, which can hide names (do not project it):\n",
        f"  {here}/#key={store.key}\n",
    ]
    if grades:
        lines.append("It grades the services of attendees who ask for it: make board-grade-1.\n")
    return "\n".join([*lines, "Ctrl-C stops it, and make board continues this class. NEW=1 begins another."])


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="make board", description=__doc__)
    parser.add_argument("--port", type=_port, default=PORT)
    parser.add_argument("--host", default=EVERY_INTERFACE)
    parser.add_argument("--name", type=_name, default="", help="of the class")
    parser.add_argument("--new", action="store_true", help="begin a new class; the earlier ones stay in their files")
    parser.add_argument("--folder", type=Path, default=RUN / "board", help="where the classes are kept")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"PORT={text}: must be a number from 1 to 65535")
    return int(text)


def _name(text: str) -> str:
    try:
        return shown(text) if text else ""
    except ValueError as reason:
        raise argparse.ArgumentTypeError(f"NAME={text}: {reason}") from None


if __name__ == "__main__":
    sys.exit(main())
