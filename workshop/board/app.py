"""The routes: a page with its events for everybody, results from attendees, and the teacher's buttons.

Who may do what: anybody looks; an attendee writes with the secret that came with their first result; the teacher hides
names with the key that `make board` prints. What costs work counts against its sender's address.
"""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from shared.http.disconnect import ClientLeft
from shared.http.envelope import as_response
from shared.http.event_stream import EventStream
from shared.http.json import json_response, read_body
from shared.http.same_route import SameRoute
from shared.pipeline.errors import Forbidden, InvalidRequest, NotFound, Overloaded, RateLimited, ServiceError
from shared.routes.playground import TYPES, Asset
from shared.routes.playground import WEB as SHARED_WEB
from workshop.board import address, update
from workshop.board.buckets import Buckets
from workshop.board.catalogue import Catalogue
from workshop.board.grading import Gradings, State
from workshop.board.live import Live
from workshop.board.room import room
from workshop.board.store import Result, Store

log = logging.getLogger(__name__)

WEB = Path(__file__).parent / "web"
SHARED = ("style.css", "element.js", "icon.svg")  # of the playground
BODY_SECONDS = 10.0
KEEP_ALIVE = 15.0  # seconds of silence on a stream
UNREAD = 30.0  # seconds that a browser may leave an event unread
WRITES, WRITES_PER_MINUTE = 300, 300.0  # of one address, which a whole room may share
READS, READS_PER_MINUTE = 600, 600.0  # the same, of the whole room
NEWCOMERS, NEWCOMERS_PER_MINUTE = 200, 5.0  # the same; fewer than fill the board
NOSNIFF = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

Route = Callable[[Request], Awaitable[Response]]


class Board:
    """`url`: what the page shows. With `grades`, attendees may have their running services graded."""

    def __init__(self, store: Store, url: str, *, grades: bool = False) -> None:
        self._store, self._url, self._grades = store, url, grades
        self._catalogue = Catalogue()
        self._room = b"{}"
        self.live = Live(self._look)
        self._gradings = Gradings(store, self._catalogue, self.live)
        self._writes = Buckets(WRITES, WRITES_PER_MINUTE)
        self._reads = Buckets(READS, READS_PER_MINUTE)
        self._newcomers = Buckets(NEWCOMERS, NEWCOMERS_PER_MINUTE)

    @contextlib.asynccontextmanager
    async def running(self, app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.live.run()), asyncio.create_task(self._gradings.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- for everybody ----------------------------------------------------------------------------------------------

    async def health(self, request: Request) -> Response:
        return json_response({"status": "healthy", "class": self._store.name})

    async def events(self, request: Request) -> Response:
        self._take(self._reads, request)
        sender = _sender(request)
        self.live.must_have_room(sender)
        return EventStream(self.live.events(sender), headers=NOSNIFF, keepalive=KEEP_ALIVE, patience=UNREAD)

    async def room(self, request: Request) -> Response:
        self._take(self._reads, request)
        return Response(self._look(), media_type="application/json", headers=NOSNIFF)

    # --- for attendees ----------------------------------------------------------------------------------------------

    async def record(self, request: Request) -> Response:
        """PUT: how one demo's checks ended."""
        self._take(self._writes, request)
        attendee, secret, number = _who(request)
        demo = self._catalogue.demo(number)
        sent = update.update(await self._body(request))
        earned = demo.must_earn(sent.points, sent.checks)
        seat = self._seat(request, attendee, secret, sent.name)
        result = Result(earned, sent.checks, sent.commit, sent.graded, seen=time.time())
        self._store.record(seat, number, result)
        self.live.changed()
        return json_response({"name": sent.name, "points": earned, "of": demo.total}, headers=NOSNIFF)

    async def leave(self, request: Request) -> Response:
        """DELETE: forget this attendee."""
        self._take(self._writes, request)
        self._store.leave(*update.identified(request.path_params["attendee"], _bearer(request)))
        self.live.changed()
        return Response(status_code=204)

    async def ask_for_grading(self, request: Request) -> Response:
        """POST: grade the service that listens on a port of the sender's machine."""
        self._take(self._writes, request)
        attendee, secret, number = _who(request)
        if not self._grades:
            raise NotFound("this board grades nothing; its teacher can start it with BOARD_GRADES=1")
        self._catalogue.demo(number)
        wish = update.wish(await self._body(request))
        place = self._seat(request, attendee, secret, wish.name), number
        # The address that the request came from, and no other: nobody has this machine call a third one.
        self._gradings.ask(place, _sender(request), wish.port)
        return self._state(place, status=202)

    async def state_of_grading(self, request: Request) -> Response:
        attendee, secret, number = _who(request)
        return self._state((self._store.seat(attendee, secret), number))

    # --- for the teacher --------------------------------------------------------------------------------------------

    async def hide(self, request: Request) -> Response:
        self._must_be_the_teacher(request)
        self._store.hide(_number(request.path_params["seat"]))
        self.live.changed()
        return Response(status_code=204)

    async def show_all(self, request: Request) -> Response:
        self._must_be_the_teacher(request)
        self._store.show_all()
        self.live.changed()
        return Response(status_code=204)

    # ----------------------------------------------------------------------------------------------------------------

    def _look(self) -> bytes:
        """The room as JSON. If the file cannot be read now, as it was."""
        try:
            shown = room(self._store.attendees(), self._catalogue, time.time())
        except sqlite3.Error as fault:
            log.error("the class cannot be read: %s", fault)
            return self._room
        self._room = orjson.dumps({"class": self._store.name, "url": self._url, **shown})
        return self._room

    def _seat(self, request: Request, attendee: str, secret: str, name: str) -> int:
        if not self._store.knows(attendee):
            self._take(self._newcomers, request)
        return self._store.put(attendee, secret, name)

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await read_body(request, update.LARGEST_BODY)
        except TimeoutError:
            late = InvalidRequest(f"the body did not come within {BODY_SECONDS:g} seconds")
            late.http_status = 408
            raise late from None

    def _take(self, buckets: Buckets, request: Request) -> None:
        if wait := buckets.take(_sender(request)):
            raise RateLimited("too many requests from your address", retry_after=wait)

    def _must_be_the_teacher(self, request: Request) -> None:
        self._take(self._writes, request)
        if not hmac.compare_digest(_bearer(request).encode(), self._store.key.encode()):
            raise Forbidden("this needs the teacher's key, which make board prints")

    def _state(self, place: tuple[int, int], status: int = 200) -> Response:
        state: State = self._gradings.of(place)
        content = {"state": state.state, "said": state.said, "ahead": self._gradings.ahead(place)}
        return json_response(content, status, headers=NOSNIFF)


def build(board: Board, url: str) -> FastAPI:
    app = FastAPI(lifespan=board.running, docs_url=None, redoc_url=None, openapi_url=None)
    routes: list[tuple[str, str, Route]] = [
        ("GET", "/health", board.health),
        ("GET", "/api/room", board.room),
        ("GET", "/api/events", board.events),
        ("PUT", "/api/attendees/{attendee}/demos/{number}", board.record),
        ("DELETE", "/api/attendees/{attendee}", board.leave),
        ("POST", "/api/attendees/{attendee}/demos/{number}/grading", board.ask_for_grading),
        ("GET", "/api/attendees/{attendee}/demos/{number}/grading", board.state_of_grading),
        ("PUT", "/api/seats/{seat}/hidden", board.hide),
        ("DELETE", "/api/hidden", board.show_all),
        *(("GET", path, _served(asset)) for path, asset in _assets(url).items()),
    ]
    for method, path, route in routes:
        app.add_api_route(path, route, methods=[method], response_class=Response)
    app.add_middleware(SameRoute)
    for kind in (ServiceError, sqlite3.Error, HTTPException, ClientLeft, Exception):
        app.add_exception_handler(kind, _answer)
    return app


async def _answer(request: Request, error: Exception) -> Response:
    if isinstance(error, sqlite3.Error):
        log.error("the class cannot be written: %s", error)
        error = Overloaded(f"the board cannot write: {error}")
    if isinstance(error, HTTPException) and error.status_code == NotFound.status:
        error = NotFound(f"there is no {request.url.path[:100]} here")
    return as_response(request, error)


def _assets(url: str) -> dict[str, Asset]:
    """Every path and its file: nothing else is served."""
    files = {f"/{file.name}": file for file in WEB.iterdir() if file.suffix in TYPES}
    files |= {f"/{name}": SHARED_WEB / name for name in SHARED}
    assets = {path: Asset.read(file) for path, file in files.items()}
    code = address.svg(url)
    assets["/qr.svg"] = Asset(code, TYPES[".svg"], f'"{hashlib.sha256(code).hexdigest()[:16]}"')
    assets["/"] = assets.pop("/board.html")
    return assets


def _served(asset: Asset) -> Route:
    async def serve(request: Request) -> Response:
        return asset.response(request)

    return serve


def _who(request: Request) -> tuple[str, str, int]:
    """An attendee's id and secret, and the number of a demo. The secret is compared later."""
    path = request.path_params
    return *update.identified(path["attendee"], _bearer(request)), _number(path["number"])


def _sender(request: Request) -> str:
    return request.client.host if request.client else ""


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _number(text: str) -> int:
    """Raises NotFound."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise NotFound("a number is missing in this path")
    return int(text)
