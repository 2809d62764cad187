"""`make doctor CLASS=1`: what a teacher learns about the wheelhouse and the decks before the day."""

import os
from pathlib import Path

import pytest

from workshop import classroom, doctor
from workshop.environment import PACKAGES
from workshop.processes import ROOT

LISTING = "requirements.txt"
WHEELS = (
    "light-1.0-py3-none-any.whl",
    "some_thing-2.1.0+cpu-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "old.fashioned-0.3-1-cp39-abi3-musllinux_1_2_x86_64.whl",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / LISTING).write_text(
        "light==1.0\nSome.Thing[extra]==2.1.0\nold-fashioned==0.3\nwinonly==1 ; sys_platform == 'win32'\n"
    )
    (tmp_path / "wheelhouse").mkdir()
    for name in WHEELS:
        (tmp_path / "wheelhouse" / name).touch()
    (tmp_path / "slides").mkdir()
    (tmp_path / "build" / "slides").mkdir(parents=True)
    (tmp_path / "slides" / "README.md").write_text("# Slides\n")
    for name in ("opening", "demo_1"):
        (tmp_path / "slides" / f"{name}.md").write_text("---\ntitle: A deck\n---\n")
        (tmp_path / "build" / "slides" / f"{name}.html").touch()
    return tmp_path


def test_a_whole_wheelhouse_says_for_which_machines_it_is(clone: Path) -> None:
    good, text = classroom.wheelhouse(clone, [LISTING])
    assert good
    assert text.startswith("wheelhouse has all 3 packages, 0 MB, for cp311 on linux x86_64 only")


@pytest.mark.parametrize("wheel", WHEELS)
def test_a_package_that_is_missing_is_named(clone: Path, wheel: str) -> None:
    (clone / "wheelhouse" / wheel).unlink()
    good, text = classroom.wheelhouse(clone, [LISTING])
    assert not good
    assert text.startswith("wheelhouse lacks 1 of 3 packages: ")


def test_a_package_of_another_version_is_missing(clone: Path) -> None:
    (clone / LISTING).write_text("light==1.1\n")
    assert classroom.wheelhouse(clone, [LISTING]) == (False, "wheelhouse lacks 1 of 1 packages: light: make wheelhouse")


def test_without_a_wheelhouse_the_line_says_how_to_make_one(clone: Path) -> None:
    for name in WHEELS:
        (clone / "wheelhouse" / name).unlink()
    good, text = classroom.wheelhouse(clone, [LISTING])
    assert not good
    assert "make wheelhouse" in text


def test_decks_are_built_and_not_older_than_their_text(clone: Path) -> None:
    good, text = classroom.decks(clone)
    assert good
    assert text.startswith("2 decks")
    deck, built = clone / "slides" / "opening.md", clone / "build" / "slides" / "opening.html"
    later = built.stat().st_mtime + 10
    os.utime(deck, (later, later))
    assert classroom.decks(clone) == (False, "decks that are older than their text: opening: make slides")
    built.unlink()
    assert classroom.decks(clone) == (False, "decks that are not built: opening: make slides")


def test_the_decks_of_the_repository_are_found(tmp_path: Path) -> None:
    (tmp_path / "slides").symlink_to(ROOT / "slides")
    _, text = classroom.decks(tmp_path)
    assert "opening" in text
    assert "closing" in text
    assert "teaching" not in text


def test_the_doctor_adds_these_lines_for_a_class_only(monkeypatch: pytest.MonkeyPatch, clone: Path) -> None:
    monkeypatch.setattr(doctor, "ROOT", clone)
    monkeypatch.setattr(doctor, "_network", lambda: iter(()))
    for packages in PACKAGES.values():  # whichever of them this machine has installed is compared with its list
        (clone / packages.listing).parent.mkdir(parents=True, exist_ok=True)
        (clone / packages.listing).touch()
    monkeypatch.delenv("CLASS", raising=False)
    alone = [finding.text for finding in doctor.examine()]
    monkeypatch.setenv("CLASS", "1")
    monkeypatch.delenv("DEMO", raising=False)
    added = [finding.text for finding in doctor.examine()][len(alone) :]
    assert [text.partition(" ")[0] for text in added[:2]] == ["wheelhouse", "2"]
    assert "GiB of memory" in added[2]
