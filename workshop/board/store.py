"""What the board knows, in one SQLite file of a class. It survives a restart, also one without a warning.

In: results that were checked before, with the id and secret of the attendee. Out: the attendees with their demos. The
secret itself is not kept, only its hash. Calls take about a millisecond, so they run on the event loop.
"""

import contextlib
import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from shared.pipeline.errors import Forbidden, NotFound, Overloaded

MOST_ATTENDEES = 500
FILES = "class-*.db"
BUSY_SECONDS = 1.0  # another board may hold the file

TABLES = """
CREATE TABLE IF NOT EXISTS class (name TEXT NOT NULL, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attendees (
    seat INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, secret BLOB NOT NULL, name TEXT NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS demos (
    seat INTEGER NOT NULL REFERENCES attendees ON DELETE CASCADE, number INTEGER NOT NULL, earned INTEGER NOT NULL,
    checks TEXT NOT NULL, "commit" TEXT NOT NULL, graded TEXT NOT NULL, seen REAL NOT NULL,
    verified INTEGER, verifiable INTEGER, PRIMARY KEY (seat, number)
);
"""


class CannotKeep(Exception):
    """One line: which file cannot be used, and why."""


@dataclass(slots=True, frozen=True)
class Result:
    """A demo of an attendee. `graded` is their clock's time, `seen` is ours, in seconds of the epoch.

    `verified`: the points that the board's own grading found, of `verifiable` ones; None without one.
    """

    earned: int
    checks: Mapping[str, str]
    commit: str
    graded: str
    seen: float
    verified: int | None = None
    verifiable: int | None = None


@dataclass(slots=True, frozen=True)
class Attendee:
    """`seat`: their number on this board, which says nothing about the id."""

    seat: int
    name: str
    hidden: bool
    demos: dict[int, Result] = field(default_factory=dict)


class Store:
    """`name` of the class; `key` of its teacher."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.name, self.key = database.execute("SELECT name, key FROM class").fetchone()

    @classmethod
    def open(cls, folder: Path, name: str = "", *, new: bool = False) -> Self:
        """The newest class in this folder, or a `new` one. A `name` replaces its name. Raises CannotKeep."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            kept = sorted(folder.glob(FILES))
            file = folder / f"class-{datetime.now():%Y-%m-%d-%H%M%S-%f}.db" if new or not kept else kept[-1]
            # Created by us first: others on this machine must not read the teacher's key.
            file.touch(mode=0o600)
        except OSError as fault:
            raise CannotKeep(f"{fault.filename}: {fault.strerror}") from None
        try:
            return cls(_opened(file, name))
        except sqlite3.Error as fault:
            locked = "another board has it open" if "locked" in str(fault) else str(fault)
            raise CannotKeep(f"{file}: {locked}; NEW=1 begins a new class") from None

    def close(self) -> None:
        self._database.close()

    def put(self, attendee: str, secret: str, name: str) -> int:
        """The seat of this attendee, who may be new and may have another name now.

        Raises Forbidden for a wrong secret, and Overloaded if there is no room.
        """
        with self._database:
            seat = self._seat(attendee, secret)
            if seat is not None:
                self._database.execute("UPDATE attendees SET name = ? WHERE seat = ?", (name, seat))
                return seat
            (there,) = self._database.execute("SELECT count(*) FROM attendees").fetchone()
            if there >= MOST_ATTENDEES:
                raise Overloaded(f"the board is full: it has {MOST_ATTENDEES} attendees", code="board_full")
            added = self._database.execute(
                "INSERT INTO attendees (id, secret, name) VALUES (?, ?, ?)", (attendee, _hash(secret), name)
            )
            assert added.lastrowid is not None
            return added.lastrowid

    def seat(self, attendee: str, secret: str) -> int:
        """Raises Forbidden for a wrong secret, NotFound for an unknown id."""
        seat = self._seat(attendee, secret)
        if seat is None:
            raise NotFound("the board does not know you")
        return seat

    def knows(self, attendee: str) -> bool:
        return self._database.execute("SELECT 1 FROM attendees WHERE id = ?", (attendee,)).fetchone() is not None

    def record(self, seat: int, number: int, result: Result) -> None:
        """In place of what was known of this demo, but for what the board verified."""
        values = (seat, number, result.earned, json.dumps(dict(result.checks)), result.commit, result.graded)
        with self._database:
            self._database.execute(
                'INSERT INTO demos (seat, number, earned, checks, "commit", graded, seen) VALUES (?, ?, ?, ?, ?, ?, ?) '
                "ON CONFLICT (seat, number) DO UPDATE SET earned = excluded.earned, checks = excluded.checks, "
                '"commit" = excluded."commit", graded = excluded.graded, seen = excluded.seen',
                (*values, result.seen),
            )

    def verify(self, seat: int, number: int, result: Result) -> None:
        """What the board's own grading found. It stands beside what the attendee's machine says, if that is known."""
        if not self._database.execute("SELECT 1 FROM attendees WHERE seat = ?", (seat,)).fetchone():
            return  # they have left meanwhile
        known = "SELECT 1 FROM demos WHERE seat = ? AND number = ?"
        if not self._database.execute(known, (seat, number)).fetchone():
            self.record(seat, number, result)
        with self._database:
            self._database.execute(
                "UPDATE demos SET verified = ?, verifiable = ?, seen = ? WHERE seat = ? AND number = ?",
                (result.verified, result.verifiable, result.seen, seat, number),
            )

    def leave(self, attendee: str, secret: str) -> None:
        """Forget this attendee. Raises Forbidden, NotFound."""
        seat = self.seat(attendee, secret)
        with self._database:
            self._database.execute("DELETE FROM attendees WHERE seat = ?", (seat,))

    def hide(self, seat: int) -> None:
        """Their updates are still taken, and no longer shown. Raises NotFound."""
        with self._database:
            changed = self._database.execute("UPDATE attendees SET hidden = 1 WHERE seat = ?", (seat,)).rowcount
        if not changed:
            raise NotFound(f"there is no seat {seat}")

    def show_all(self) -> None:
        with self._database:
            self._database.execute("UPDATE attendees SET hidden = 0")

    def attendees(self) -> list[Attendee]:
        rows = self._database.execute("SELECT seat, name, hidden FROM attendees ORDER BY seat")
        everybody = {seat: Attendee(seat, name, bool(hidden)) for seat, name, hidden in rows}
        columns = 'seat, number, earned, checks, "commit", graded, seen, verified, verifiable'
        for seat, number, earned, checks, *rest in self._database.execute(f"SELECT {columns} FROM demos"):
            everybody[seat].demos[number] = Result(earned, json.loads(checks), *rest)
        return list(everybody.values())

    def _seat(self, attendee: str, secret: str) -> int | None:
        """None for an id that is not known. Raises Forbidden for one that has another secret."""
        row = self._database.execute("SELECT seat, secret FROM attendees WHERE id = ?", (attendee,)).fetchone()
        if row is None:
            return None
        seat, kept = row
        if not hmac.compare_digest(kept, _hash(secret)):
            raise Forbidden("this id belongs to somebody with another secret")
        return int(seat)


def _opened(file: Path, name: str) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    database = sqlite3.connect(file, timeout=BUSY_SECONDS)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")  # two boards must not write to one class
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA foreign_keys = ON")
        database.executescript(TABLES)
        with database:
            if database.execute("SELECT 1 FROM class").fetchone() is None:
                database.execute("INSERT INTO class VALUES ('', ?)", (secrets.token_urlsafe(12),))
            if name:
                database.execute("UPDATE class SET name = ?", (name,))
            database.execute("UPDATE class SET key = key")  # takes the lock now, and not at the first update
    except BaseException:
        database.close()
        raise
    return database


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


@contextlib.contextmanager
def opened(folder: Path, name: str = "", *, new: bool = False) -> Iterator[Store]:
    """Store.open, and its end."""
    store = Store.open(folder, name, new=new)
    try:
        yield store
    finally:
        store.close()
