"""What the page is given: where most people are stuck, who is where, totals; and never an id."""

import json
from collections.abc import Mapping

from tests.board.conftest import CATALOGUE, NOON, results
from workshop.board.room import MOST_STUCK, RECENT, room
from workshop.board.store import Attendee, Result

NOW = 1_000_000.0


def result(number: int = 1, *failed: str, seen: float = NOW, checks: Mapping[str, str] | None = None) -> Result:
    ended = results(number, *failed) if checks is None else checks
    return Result(CATALOGUE.demos[number].earned(ended), ended, "c" * 40, NOON, seen)


def people(*demos: dict[int, Result]) -> list[Attendee]:
    return [Attendee(seat, f"person {seat}", False, dict(of)) for seat, of in enumerate(demos, 1)]


def test_the_check_that_fails_for_most_people_comes_first() -> None:
    shown = room(
        people({1: result(1, "health", "cost")}, {1: result(1, "cost")}, {1: result(1)}, {2: result(2)}), CATALOGUE, NOW
    )
    first, second = shown["stuck"]
    assert (first["check"], first["attendees"], first["of"]) == ("cost", 2, 3)
    assert (second["check"], second["attendees"]) == ("health", 1)
    assert first["title"] == CATALOGUE.demos[1].checks["cost"].title
    assert first["hints"]["en"] == "demos/demo_1_guarded/exercise/HINTS.md"


def test_people_are_stuck_in_the_demo_where_they_are_and_not_in_one_they_left() -> None:
    shown = room(people({1: result(1, "cost", seen=NOW - 60), 2: result(2)}), CATALOGUE, NOW)
    assert shown["stuck"] == []
    assert shown["attendees"][0]["demo"] == 2


def test_people_who_went_away_are_not_stuck() -> None:
    assert room(people({1: result(1, "cost", seen=NOW - RECENT - 1)}), CATALOGUE, NOW)["stuck"] == []


def test_only_the_hardest_checks_are_shown_and_equals_in_the_graders_order() -> None:
    names = list(CATALOGUE.demos[1].checks)
    shown = room(people({1: result(1, *names)}), CATALOGUE, NOW)
    assert [check["check"] for check in shown["stuck"]] == names[:MOST_STUCK]


def test_a_check_that_an_earlier_version_had_is_left_out() -> None:
    gone = Result(0, {"gone": "failed"}, "", NOON, NOW)
    assert room(people({1: gone}), CATALOGUE, NOW)["stuck"] == []


def test_totals_count_who_began_and_who_is_done() -> None:
    shown = room(people({1: result(1)}, {1: result(1, "cost")}, {}), CATALOGUE, NOW)
    first = shown["demos"][0]
    cost = CATALOGUE.demos[1].checks["cost"].points
    assert (first["begun"], first["done"], first["total"]) == (2, 1, 20)
    assert first["average"] == (40 - cost) / 2
    assert (shown["demos"][1]["begun"], shown["demos"][1]["average"]) == (0, 0)


def test_hidden_people_count_nowhere_but_in_their_number() -> None:
    everybody = people({1: result(1, "cost")}, {1: result(1)})
    hidden = [Attendee(one.seat, one.name, one.seat == 1, one.demos) for one in everybody]
    shown = room(hidden, CATALOGUE, NOW)
    assert [one["name"] for one in shown["attendees"]] == ["person 2"]
    assert (shown["stuck"], shown["hidden"], shown["demos"][0]["begun"]) == ([], 1, 1)


def test_a_person_without_a_result_is_there() -> None:
    (one,) = room(people({}), CATALOGUE, NOW)["attendees"]
    assert (one["demo"], one["seen"], one["demos"]) == (0, 0, {})


def test_no_commit_is_shown() -> None:
    assert "c" * 40 not in json.dumps(room(people({1: result(1)}), CATALOGUE, NOW))
