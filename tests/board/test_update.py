"""What a stranger on the network may send: names that can be shown, values in bounds, points that add up."""

import json

import pytest

from shared.pipeline.errors import InvalidRequest, NotFound
from tests.board.conftest import CATALOGUE, NOON, results
from workshop.board import update
from workshop.report.payload import LONGEST_NAME

SENT = {"name": "Ana", "graded": NOON, "commit": "c" * 40, "points": 1, "checks": {"cost": "passed"}}


def sent(**other: object) -> update.Update:
    return update.update(json.dumps({**SENT, **other}).encode())


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Ana", "Ana"),
        ("  Ana\n\tMaría\u2028José ", "Ana María José"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("Ana\u202egnp.exe", "Anagnp.exe"),
        ("\u2066Ana\u2069\u200f", "Ana"),
        ("A\x00n\x1b[31ma", "An[31ma"),
        ("👩‍💻 Ana", "👩‍💻 Ana"),
        ("محمد", "محمد"),
        ("n\u0303", "ñ"),
        ("Z" + "\u0300" * 50, "Z" + "\u0300" * update.MOST_MARKS),
        ("x" * 10_000, "x" * LONGEST_NAME),
    ],
)
def test_a_name_is_short_and_has_only_what_can_be_shown(given: str, shown: str) -> None:
    assert sent(name=given).name == shown


@pytest.mark.parametrize("given", ["", " \n", "\u202e", "\u200d\u200d", "\u3164", "\u0300", "\x00"])
def test_a_name_of_which_nothing_can_be_shown_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^name: a name needs a letter, a digit or a sign$"):
        sent(name=given)


@pytest.mark.parametrize(
    "other",
    [
        {"name": 1},
        {"graded": "yesterday"},
        {"commit": "../../etc"},
        {"points": -1},
        {"points": 10**9},
        {"checks": {"cost": "won"}},
        {"checks": {"<b>": "passed"}},
        {"checks": {f"check_{number}": "passed" for number in range(101)}},
        {"email": "ana@example.org"},
    ],
)
def test_a_value_out_of_bounds_is_refused_in_one_line(other: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        sent(**other)
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"null"])
def test_what_is_no_update_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        update.update(body)


@pytest.mark.parametrize("port", [0, 22, 1023, 65536, -1])
def test_a_wish_names_a_port_of_an_ordinary_program(port: int) -> None:
    with pytest.raises(InvalidRequest, match="port"):
        update.wish(json.dumps({"name": "Ana", "port": port}).encode())


@pytest.mark.parametrize("number", CATALOGUE.demos)
def test_points_are_those_of_the_graders_own_checks(number: int) -> None:
    demo = CATALOGUE.demo(number)
    assert demo.earned(results(number)) == demo.total == 20
    first = next(iter(demo.checks))
    assert demo.earned(results(number, first)) == 20 - demo.checks[first].points
    assert demo.must_earn(20, results(number)) == 20
    with pytest.raises(InvalidRequest, match=f"these checks earn {20 - demo.checks[first].points} points, not 20"):
        demo.must_earn(20, results(number, first))


def test_a_check_or_a_demo_that_the_grader_does_not_have_is_named() -> None:
    with pytest.raises(
        InvalidRequest, match="demo 1 has no check all_of_it here: is your clone of the class's version"
    ):
        CATALOGUE.demo(1).must_earn(20, {"all_of_it": "passed"})
    with pytest.raises(NotFound, match="there is no demo 7; there are 1, 2, 3, 4, 5, 6"):
        CATALOGUE.demo(7)


def test_each_check_that_belongs_to_a_task_leads_to_its_hints() -> None:
    demo = CATALOGUE.demo(1)
    assert demo.checks["input_limit"].task == 1
    assert demo.hints["es"].endswith("exercise/HINTS.es.md")
    assert demo.titles["es"] != demo.titles["en"]
