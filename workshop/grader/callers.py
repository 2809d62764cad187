"""The callers of the service under test: people with tokens, and strangers without.

In: the database in which the service keeps its tokens, or tokens that somebody made. Out: Callers who have rested, so
that no window still counts an earlier check. Makes tokens as people do, with the command behind `make token`.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workshop.grader.verdict import NotGraded
from workshop.processes import ROOT, CannotStart

TOKENS = "TOKENS"  # the environment variable with tokens for a service that already runs, separated by spaces
NAMES = ("ana", "berta", "carla", "dora", "elena", "fina")
AUTHORIZATION = "Authorization: Bearer "
NO_TOKEN = "Bearer anonymous"  # what SDKs send if they must send something; it counts as no token


@dataclass(slots=True, frozen=True)
class Caller:
    """`token` is empty for a stranger, `user` for a caller whose name we do not know. `budget` in US dollars."""

    token: str = ""
    user: str = ""
    budget: str = ""
    role: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


STRANGER = Caller()


def command(arguments: Sequence[str], database_url: str) -> subprocess.CompletedProcess[str]:
    """What `make token` and the other token commands run."""
    return subprocess.run(
        [sys.executable, "-m", "shared.accounts", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )


accounts = command  # how tokens are made; our own tests use a quicker way, see tests/conftest.py


class Desk:
    """Makes and revokes tokens in a database of its own, with which the service is started."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "workshop.db"
        self.url = f"sqlite:///{self.database}"
        self._people: list[Caller] = []
        self._made: list[Caller] = []

    def people(self) -> list[Caller]:
        """As many callers as there are names. They are made when the first one is needed."""
        if not self._people:
            with ThreadPoolExecutor(len(NAMES)) as pool:
                self._people = list(pool.map(self.create, NAMES))
        return self._people

    def create(self, user: str, budget_usd: float | None = None, role: str = "") -> Caller:
        budget = "" if budget_usd is None else f"{budget_usd:f}"
        given = (["--budget", budget] if budget else []) + (["--role", role] if role else [])
        caller = Caller(self._run("create", *given, "--", user).splitlines()[-1], user, budget, role)
        self._made.append(caller)
        return caller

    def revoke(self, user: str) -> None:
        self._run("revoke", "--", user)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside the block, the database cannot be opened. Its content is back afterwards."""
        aside = self.database.with_name("aside")
        aside.mkdir()
        names = [self.database.name + end for end in ("", "-wal", "-shm")]
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                (self.database.parent / name).rename(aside / name)
        self.database.mkdir()  # takes its place, or the service would make a new one
        try:
            yield
        finally:
            self.database.rmdir()
            for moved in aside.iterdir():
                moved.rename(self.database.parent / moved.name)
            aside.rmdir()

    def rows(self) -> list[tuple[object, ...]]:
        """Every row of every table, as it is stored on disk."""
        connection = sqlite3.connect(self.database)
        try:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]
        finally:
            connection.close()

    def shown(self, command: str) -> str:
        """`command` as other people can run it: to them, tokens of this desk are worthless."""
        for caller in self._made:
            if caller.token in command:
                name = caller.user.upper()
                command = command.replace(f"'{AUTHORIZATION}{caller.token}'", f'"{AUTHORIZATION}${name}"')
                wishes = (caller.role and f" ROLE={caller.role}") + (caller.budget and f" BUDGET={caller.budget}")
                command = f"{name}=$(make -s token USER={caller.user}{wishes} | tail -n 1)\n{command}"
        return command

    def _run(self, *arguments: str) -> str:
        done = accounts(arguments, self.url)
        if done.returncode:
            raise CannotStart(f"no token: {done.stderr.strip()}")
        return done.stdout


class Callers:
    """`last_seen` tells when a caller's last request ended (time.monotonic()), None if there was none."""

    def __init__(self, people: Callable[[], Sequence[Caller]], last_seen: Callable[[str], float | None]) -> None:
        self._people = people
        self._last_seen = last_seen

    def pick(self, count: int, window: float) -> list[Caller]:
        """The callers who have rested longest, once each has rested for `window` seconds. Raises NotGraded."""
        people = self._people()
        if len(people) < count:
            raise NotGraded(f"it takes {count} callers; make tokens (make token USER=ana), and set {TOKENS} to them")
        longest_ago = sorted(people, key=lambda caller: self._last_seen(caller.token) or 0.0)[:count]
        for caller in longest_ago:
            self.rest(caller, window)
        return longest_ago

    def rest(self, caller: Caller, window: float) -> None:
        seen = self._last_seen(caller.token)
        if seen is not None:
            time.sleep(max(0.0, seen + window - time.monotonic()))


def without_tokens(command: str) -> str:
    """`command` with shell variables for the tokens that we were given: they must not appear in a report."""
    for number, caller in enumerate(given(), start=1):
        command = command.replace(f"'{AUTHORIZATION}{caller.token}'", f'"{AUTHORIZATION}$TOKEN_{number}"')
    return command


def given(environment: Mapping[str, str] = os.environ) -> list[Caller]:
    """The callers whose tokens are in TOKENS."""
    return [Caller(token) for token in environment.get(TOKENS, "").split()]
