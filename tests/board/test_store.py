"""What the board keeps: it survives a restart, is bounded, and nobody writes in another's name."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from shared.pipeline.errors import Forbidden, NotFound, Overloaded
from tests.board.conftest import NOON
from workshop.board import store as stores
from workshop.board.store import CannotKeep, Result, Store, opened

ANA, BOB = "a" * 32, "b" * 32
SECRET, OTHER = "1" * 64, "2" * 64
RESULT = Result(2, {"cost": "passed", "load": "failed"}, "c" * 40, NOON, seen=100.0)


def test_what_was_recorded_is_there_after_the_next_start(tmp_path: Path) -> None:
    with opened(tmp_path, "Monday") as store:
        store.record(store.put(ANA, SECRET, "Ana"), 1, RESULT)
        key = store.key
    with opened(tmp_path) as store:
        (ana,) = store.attendees()
        assert (ana.name, ana.hidden, ana.demos) == ("Ana", False, {1: RESULT})
        assert (store.name, store.key) == ("Monday", key)
    with opened(tmp_path, "Tuesday") as store:
        assert store.name == "Tuesday"


def test_a_new_class_is_empty_and_the_earlier_one_stays_in_its_file(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(ANA, SECRET, "Ana")
        key = store.key
    with opened(tmp_path, new=True) as store:
        assert store.attendees() == []
        assert store.key != key
    with opened(tmp_path) as store:
        assert store.attendees() == []
    assert len(list(tmp_path.glob(stores.FILES))) == 2


def test_a_later_result_takes_the_place_of_the_earlier_one(store: Store) -> None:
    seat = store.put(ANA, SECRET, "Ana")
    store.record(seat, 1, RESULT)
    assert store.put(ANA, SECRET, "Ana María") == seat
    better = replace(RESULT, earned=3, checks={"cost": "passed", "load": "passed"}, seen=200.0)
    store.record(seat, 1, better)
    (ana,) = store.attendees()
    assert (ana.name, ana.demos) == ("Ana María", {1: better})


def test_two_people_of_one_name_differ(store: Store) -> None:
    assert store.put(ANA, SECRET, "Ana") != store.put(BOB, SECRET, "Ana")


def test_nobody_writes_or_leaves_in_anothers_name(store: Store) -> None:
    store.put(ANA, SECRET, "Ana")
    for act in (store.put(BOB, OTHER, "Bob"), store.put(ANA, SECRET, "Ana")):
        assert act
    with pytest.raises(Forbidden, match="another secret"):
        store.put(ANA, OTHER, "Eve")
    with pytest.raises(Forbidden, match="another secret"):
        store.leave(ANA, OTHER)
    assert [attendee.name for attendee in store.attendees()] == ["Ana", "Bob"]


def test_an_attendee_who_leaves_is_forgotten(store: Store, tmp_path: Path) -> None:
    store.record(store.put(ANA, SECRET, "Ana"), 1, RESULT)
    store.leave(ANA, SECRET)
    assert store.attendees() == []
    with pytest.raises(NotFound, match="the board does not know you"):
        store.leave(ANA, SECRET)
    store.put(ANA, SECRET, "Ana")
    assert store.attendees()[0].demos == {}


def test_a_hidden_attendee_stays_hidden_whatever_they_send(store: Store) -> None:
    seat = store.put(ANA, SECRET, "rude")
    store.hide(seat)
    store.record(store.put(ANA, SECRET, "ruder"), 1, RESULT)
    assert [attendee.hidden for attendee in store.attendees()] == [True]
    store.show_all()
    assert [attendee.hidden for attendee in store.attendees()] == [False]
    with pytest.raises(NotFound):
        store.hide(99)


def test_what_the_board_verified_stands_beside_what_is_said_and_survives_it(store: Store) -> None:
    seat = store.put(ANA, SECRET, "Ana")
    store.record(seat, 1, RESULT)
    store.verify(seat, 1, replace(RESULT, earned=9, verified=1, verifiable=3, seen=150.0))
    store.record(seat, 1, replace(RESULT, seen=200.0))
    (ana,) = store.attendees()
    assert ana.demos[1] == replace(RESULT, verified=1, verifiable=3, seen=200.0)
    store.verify(seat, 2, replace(RESULT, verified=2, verifiable=2))
    assert store.attendees()[0].demos[2].verified == 2
    store.leave(ANA, SECRET)
    store.verify(seat, 1, RESULT)
    assert store.attendees() == []


def test_a_million_ids_do_not_fill_the_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MOST_ATTENDEES", 3)
    for number in range(3):
        store.put(f"{number:032x}", SECRET, "Ana")
    with pytest.raises(Overloaded, match="the board is full: it has 3 attendees"):
        store.put(ANA, SECRET, "Eve")
    store.put(f"{1:032x}", SECRET, "Ana María")


def test_secrets_are_not_kept_and_others_cannot_read_the_file(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(ANA, SECRET, "Ana")
    (file,) = tmp_path.glob(stores.FILES)
    assert SECRET.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_two_boards_do_not_keep_one_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "BUSY_SECONDS", 0.0)
    with opened(tmp_path), pytest.raises(CannotKeep, match=r"class-.*\.db: another board has it open"):
        Store.open(tmp_path)


def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "class-1.db").write_bytes(b"no database" * 100)
    with pytest.raises(CannotKeep, match=r"class-1\.db: file is not a database; NEW=1 begins a new class"):
        Store.open(tmp_path)
    with pytest.raises(CannotKeep, match=r"class-1\.db.*: (?:File exists|Not a directory)"):
        Store.open(tmp_path / "class-1.db" / "deeper")
    Store.open(tmp_path, new=True).close()


def test_a_database_of_another_program_is_one_line(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "class-1.db")
    other.execute("CREATE TABLE class (x)")
    other.close()
    with pytest.raises(CannotKeep, match=r"class-1\.db: "):
        Store.open(tmp_path)
