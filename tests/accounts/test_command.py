"""`make token`, `make tokens`, `make revoke` as a person types them, and what they say when something is wrong."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from workshop.processes import ROOT, free_port

TOKEN = re.compile(r"wk_[A-Za-z0-9_-]{43}")


def run(*command: str, database_url: str) -> subprocess.CompletedProcess[str]:
    # Everybody's environment has a USER: it is not the one that a token is for.
    environment = {**os.environ, "DATABASE_URL": database_url, "USER": "somebody", "ROLE": "admin"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def made(done: subprocess.CompletedProcess[str]) -> str:
    """The token that was made: alone on the last line."""
    assert done.returncode == 0, done.stderr
    token = done.stdout.splitlines()[-1]
    assert TOKEN.fullmatch(token), done.stdout
    return token


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr, besides make's own."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def url(sqlite_file: Path) -> str:
    return f"sqlite:///{sqlite_file}"


def test_a_token_is_made_listed_and_revoked(database_url: str) -> None:
    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run("make", "-s", *arguments, database_url=database_url)

    first, second = made(make("token", "USER=ana")), made(make("token", "USER=bob", "ROLE=admin", "BUDGET=2.5"))
    assert first != second
    listed = make("tokens").stdout
    assert re.search(r"^tok_\w{12} +ana +user +20", listed, re.M), listed
    assert re.search(r"^tok_\w{12} +bob +admin +2.5 +20", listed, re.M), listed
    assert first not in listed
    assert second not in listed
    assert make("revoke", "USER=ana").stdout == "revoked 1 token of ana\n"
    bobs = re.search(r"^(tok_\w{12}) +bob", listed, re.M)
    assert bobs
    assert make("revoke", f"USER={bobs[1]}").stdout == f"revoked 1 token of {bobs[1]}\n"
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d  \d{4}-\d\d-\d\d \d\d:\d\d$", make("tokens").stdout, re.M)) == 2


@pytest.mark.parametrize("command", ["token", "revoke"])
def test_the_user_of_the_environment_is_not_taken(command: str, url: str) -> None:
    done = run("make", "-s", command, database_url=url)
    assert f"make {command} USER=ana" in complaint(done)
    assert done.stdout == ""


def test_the_role_of_the_environment_is_not_taken(url: str) -> None:
    made(run("make", "-s", "token", "USER=ana", database_url=url))
    assert " admin " not in run("make", "-s", "tokens", database_url=url).stdout


@pytest.mark.parametrize("name", ["a b", "x';id", "`id`", "--help", "tok_1", "ñandú", "a" * 65, '"'])
def test_a_name_that_is_none_is_refused_and_never_run(name: str, url: str) -> None:
    assert "is not a user name" in complaint(run("make", "-s", "token", f"USER={name}", database_url=url))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["token", "USER=ana", "BUDGET=lots"], "'lots' is not an amount of US dollars"),
        (["token", "USER=ana", "BUDGET=-1"], "'-1' is not an amount of US dollars"),
        (["token", "USER=ana", "BUDGET=nan"], "'nan' is not an amount of US dollars"),
        (["token", "USER=ana", "ROLE=king"], "choose from 'user', 'admin'"),
        (["revoke", "USER=nobody"], "there is no user and no token 'nobody'"),
    ],
)
def test_what_is_wrong_is_one_clear_line(arguments: list[str], says: str, url: str) -> None:
    assert says in complaint(run("make", "-s", *arguments, database_url=url))


def test_a_database_that_cannot_be_had_is_one_clear_line(tmp_path: Path) -> None:
    port = free_port()
    nobody = f"postgresql://ana:secret@127.0.0.1:{port}/x"
    for command in (["token", "USER=ana"], ["tokens"], ["revoke", "USER=ana"]):
        said = complaint(run("make", "-s", *command, database_url=nobody))
        assert f"postgresql://ana:***@127.0.0.1:{port}/x does not answer" in said
    assert "there is no directory" in complaint(
        run("make", "-s", "tokens", database_url=f"sqlite:///{tmp_path}/nowhere/x.db")
    )
