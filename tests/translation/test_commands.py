"""What make prints in Spanish: its list of commands, the words about a token, the doctor's lines."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attendee import Project, project
from workshop import doctor
from workshop.processes import ROOT
from workshop.translation import ENGLISH, LANGUAGES

__all__ = ["project"]
OTHER_LANGUAGES = [language for language in LANGUAGES if language != ENGLISH]
TARGET = re.compile(r"^([a-zA-Z0-9%_-]+):.*## ", re.MULTILINE)  # as make help finds them


def described(language: str) -> dict[str, str]:
    lines = (ROOT / "workshop" / "translation" / f"help.{language}.txt").read_text().splitlines()
    return {target: text for target, _, text in (line.partition("|") for line in lines)}


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_each_target_of_make_has_a_description(language: str) -> None:
    targets = TARGET.findall((ROOT / "Makefile").read_text())
    assert len(targets) > 30
    assert list(described(language)) == targets
    assert "" not in described(language).values()


def test_make_help_speaks_the_language_that_is_asked_for(project: Project) -> None:
    def listed(*arguments: str, **environment: str) -> list[str]:
        done = subprocess.run(
            ["make", "help", *arguments],
            cwd=project.root,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    english, spanish = listed(), listed("WORKSHOP_LANG=es")
    assert english[0] == "  make help          this list"
    assert spanish == [f"  make {target.replace('%', 'N'):<13} {text}" for target, text in described("es").items()]
    assert listed(LANG="es_AR.UTF-8") == spanish
    assert listed(LANG="es_AR.UTF-8", LC_ALL="C") == english
    assert listed(LANG="es_AR.UTF-8", WORKSHOP_LANG="en") == english
    assert listed(WORKSHOP_LANG="tlh") == english


def token(tmp_path: Path, *arguments: str, language: str = "es") -> subprocess.CompletedProcess[str]:
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path / 'workshop.db'}", "WORKSHOP_LANG": language}
    command = [sys.executable, "-m", "workshop.told", "shared.accounts", *arguments]
    environment = {**os.environ, **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_token_stands_alone_on_stdout_and_the_words_about_it_are_spanish(tmp_path: Path) -> None:
    made = token(tmp_path, "create", "ana")
    assert re.fullmatch(r"wk_\S+\n", made.stdout)
    assert re.fullmatch(r"tok_\S+ para ana; se muestra una sola vez:\n", made.stderr)
    assert token(tmp_path, "revoke", "ana").stdout == "1 token revocado de ana\n"


def test_a_wrong_argument_is_the_same_error_in_another_language(tmp_path: Path) -> None:
    english, spanish = (token(tmp_path, "revoke", "nobody", language=language) for language in ("en", "es"))
    assert (english.returncode, spanish.returncode) == (1, 1)
    assert english.stderr == "there is no user and no token 'nobody'; make tokens lists them\n"
    assert spanish.stderr == "no hay un usuario ni un token 'nobody'; make tokens da la lista\n"
    budget = token(tmp_path, "create", "ana", "--budget", "much")
    assert budget.stderr == "argument --budget: 'much' no es una cantidad de dólares, como 5 o 0.25\n"


def test_make_says_what_it_misses(project: Project) -> None:
    assert project.make("token", "WORKSHOP_LANG=es").stderr.startswith("di para quién: make token USER=ana\n")
    assert project.make("token").stderr.startswith("say who: make token USER=ana\n")


def test_the_doctor_speaks_spanish(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        doctor.Finding(True, "7 CPU cores"),
        doctor.Finding(False, ".venv with what the demos need is half built: make install"),
        doctor.Finding(False, "port 8000, for the gateway, is taken: choose another PORT", needed=False),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    doctor.main()
    assert capsys.readouterr().out.splitlines() == [
        "bien 7 núcleos de CPU",
        "MAL  .venv con lo que necesitan las demos está a medio construir: make install",
        "nota el puerto 8000, para el gateway, está ocupado: elige otro PORT",
    ]
