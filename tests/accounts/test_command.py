"""`make token`, `make tokens`, `make revoke` as people type them, and their error messages.

Tests run make only for arguments that a shell or make could spoil. All other tests call the command in this process.
"""

import logging
import os
import re
import subprocess
from pathlib import Path

import pytest

from shared.accounts.__main__ import main
from workshop.processes import ROOT, free_port

TOKEN = re.compile(r"wk_[A-Za-z0-9_-]{43}")


Done = subprocess.CompletedProcess[str]


def make(*arguments: str, database_url: str) -> Done:
    # Every environment has a USER and may have a ROLE; a new token must take neither of them.
    environment = {**os.environ, "DATABASE_URL": database_url, "USER": "somebody", "ROLE": "admin"}
    command = ["make", "-s", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


class Command:
    """`python -m shared.accounts`, called in this process."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys = capsys
        monkeypatch.setenv("DATABASE_URL", url)

    def __call__(self, *arguments: str) -> Done:
        self.capsys.readouterr()
        try:
            status = main(list(arguments))
        except SystemExit as ended:
            status = int(ended.code or 0)
        finally:
            logging.disable(logging.NOTSET)
        return Done(arguments, status, *self.capsys.readouterr())


def made(done: Done) -> str:
    """The new token, which is alone on the last line."""
    assert done.returncode == 0, done.stderr
    token = done.stdout.splitlines()[-1]
    assert TOKEN.fullmatch(token), done.stdout
    return token


def complaint(done: Done) -> str:
    """The only line on stderr that is not make's own."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def url(sqlite_file: Path) -> str:
    return f"sqlite:///{sqlite_file}"


@pytest.fixture
def command(url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(url, capsys, monkeypatch)


def must_be_listed(listed: str) -> str:
    """Ana and bob have one token each. Returns the id of bob's."""
    assert re.search(r"^tok_\w{12} +ana +user +20", listed, re.M), listed
    bobs = re.search(r"^(tok_\w{12}) +bob +admin +2.5 +20", listed, re.M)
    assert bobs, listed
    return bobs[1]


def must_both_be_revoked(listed: str) -> None:
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d  \d{4}-\d\d-\d\d \d\d:\d\d$", listed, re.M)) == 2


def test_a_token_is_made_listed_and_revoked_by_make(url: str) -> None:
    first = made(make("token", "USER=ana", database_url=url))
    second = made(make("token", "USER=bob", "ROLE=admin", "BUDGET=2.5", database_url=url))
    listed = make("tokens", database_url=url).stdout
    bobs = must_be_listed(listed)
    assert first not in listed
    assert second not in listed
    assert make("revoke", "USER=ana", database_url=url).stdout == "revoked 1 token of ana\n"
    assert make("revoke", f"USER={bobs}", database_url=url).stdout == f"revoked 1 token of {bobs}\n"
    must_both_be_revoked(make("tokens", database_url=url).stdout)


def test_a_token_is_made_listed_and_revoked(
    database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(database_url, capsys, monkeypatch)
    first = made(command("create", "ana"))
    second = made(command("create", "bob", "--role", "admin", "--budget", "2.5"))
    assert first != second
    listed = command("list").stdout
    bobs = must_be_listed(listed)
    assert first not in listed
    assert second not in listed
    assert command("revoke", "ana").stdout == "revoked 1 token of ana\n"
    assert command("revoke", bobs).stdout == f"revoked 1 token of {bobs}\n"
    must_both_be_revoked(command("list").stdout)


@pytest.mark.parametrize("target", ["token", "revoke"])
def test_the_user_of_the_environment_is_ignored(target: str, url: str) -> None:
    done = make(target, database_url=url)
    assert f"make {target} USER=ana" in complaint(done)
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["a b", "x';id", "`id`", "--help", '"'])
def test_a_hostile_name_is_refused_and_never_run(name: str, url: str) -> None:
    assert "is not a user name" in complaint(make("token", f"USER={name}", database_url=url))


@pytest.mark.parametrize("name", ["tok_1", "ñandú", "a" * 65])
def test_an_invalid_user_name_is_refused(name: str, command: Command) -> None:
    assert "is not a user name" in complaint(command("create", name))


def test_a_wrong_argument_is_one_clear_line_of_make(url: str) -> None:
    assert "choose from 'user', 'admin'" in complaint(make("token", "USER=ana", "ROLE=king", database_url=url))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "ana", "--budget", "lots"], "'lots' is not an amount of US dollars"),
        (["create", "ana", "--budget=-1"], "'-1' is not an amount of US dollars"),
        (["create", "ana", "--budget", "nan"], "'nan' is not an amount of US dollars"),
        (["create", "ana", "--role", "king"], "choose from 'user', 'admin'"),
        (["revoke", "nobody"], "there is no user and no token 'nobody'"),
    ],
)
def test_a_wrong_argument_is_one_clear_line(arguments: list[str], says: str, command: Command) -> None:
    assert says in complaint(command(*arguments))


@pytest.mark.parametrize("arguments", [["create", "ana"], ["list"], ["revoke", "ana"]], ids=lambda given: given[0])
def test_a_database_that_does_not_answer_is_one_clear_line(
    arguments: list[str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("DATABASE_URL", f"postgresql://ana:secret@127.0.0.1:{port}/x")
    said = complaint(command(*arguments))
    assert f"postgresql://ana:***@127.0.0.1:{port}/x does not answer" in said


def test_a_directory_that_is_not_there_is_one_clear_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/x.db")
    assert "there is no directory" in complaint(command("list"))
