"""The grader knows which demo answers before it runs checks, and also grades other people's services."""

import pytest

from workshop.grader.identity import Identity

ROUTES = ["GET /health", "POST /generate"]


def says(title: str, *routes: str) -> Identity:
    return Identity.read({"service": "llm-service", "title": title, "routes": [*ROUTES, *routes]})


def test_an_earlier_demo_is_not_accepted_as_a_later_one_and_the_line_says_why() -> None:
    one = says("Demo 1 · One guarded endpoint")
    assert one.lacks(1) == ""
    assert one.lacks(2) == "this is demo 1, not demo 2: it has no /usage; start the other with make demo-2"
    assert says("Demo 5 · See it", "GET /usage").lacks(6).startswith("this is demo 5, not demo 6")


def test_your_version_of_a_demo_is_that_demo() -> None:
    yours = says("Demo 2 · Who may call, your version", "GET /usage")
    assert (yours.lacks(2), yours.has_more(2)) == ("", "")


def test_a_later_demo_is_graded_with_a_note() -> None:
    later = says("Demo 5 · See it, and be told", "GET /usage")
    assert later.lacks(2) == ""
    assert later.has_more(2).startswith("This is demo 5, not demo 2: its limits and its caches may cost points here.")


def test_a_service_of_ours_with_another_title_is_known_by_its_routes() -> None:
    assert says("My gateway").lacks(2) == "this is not demo 2: it has no /usage; start it with make demo-2"
    assert says("My gateway", "GET /usage").lacks(2) == ""
    assert says("My gateway", "GET /usage").has_more(1) == ""


@pytest.mark.parametrize(
    "document",
    [None, [], "x", {"hello": "world"}, {"service": "nginx", "title": "Demo 1 · x"}, {"title": "Demo 1 · x"}],
)
def test_other_peoples_services_are_always_graded(document: object) -> None:
    identity = Identity.read(document)
    assert identity.lacks(6) == identity.has_more(1) == ""
    assert str(identity) == "it does not say which demo it is"


@pytest.mark.parametrize("document", [{"title": 7, "routes": 7}, {"title": None}, {}])
def test_a_malformed_description_is_not_an_error(document: dict[str, object]) -> None:
    assert Identity.read({"service": "llm-service", **document}).lacks(1) == ""
