"""The page and the badge: whole, inert, and the same for the same report."""

import hashlib
import html.parser
import xml.etree.ElementTree as ET

import pytest

from tests.report.conftest import demo, report
from workshop.report.keys import Seal
from workshop.report.page import RENDERED, Render, badge, page
from workshop.report.payload import FORMAT, LONGEST_NAME, BadName, Ended, Report, name_of

SEAL = Seal(bytes(32), bytes(64))
# Of the page and the badge of `report()`, signed and unsigned.
RENDERED_AS = {
    "llm-in-production-report/1": "5e2b572af634fbaf87d01ae6d674fbf7b8cf19b75e6f53a57e0f68ece9744737",
}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></svg><script>1</script>",
    "' onload='alert(1)",
    "$payload ${seal} %s {name}",
    "]]> <!-- --> &amp; &#60;",
    '</pre><pre id="payload">{}</pre>',
)
ELEMENTS = {"script", "img", "iframe", "object", "embed", "link", "base", "form", "a", "foreignobject", "image", "use"}


class Elements(html.parser.HTMLParser):
    """All elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def shape(text: str) -> list[str]:
    return Elements(text).names


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("render", RENDERED.values(), ids=RENDERED)
@pytest.mark.parametrize("seal", [None, SEAL], ids=["unsigned", "signed"])
def test_a_hostile_name_is_shown_and_does_nothing(name: str, render: Render, seal: Seal | None) -> None:
    text = render(report(name), seal)
    assert shape(text) == shape(render(report("Ana"), seal))
    assert Report.read(report(name).canonical).name == name
    if render is badge:
        assert name in (part.text for part in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("text", [page(report(), SEAL), page(report(), None), badge(report(), SEAL)])
def test_nothing_runs_and_nothing_is_loaded(text: str) -> None:
    found = Elements(text)
    assert not ELEMENTS & set(found.names)
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "href", "style")]
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "").replace("http-equiv", "")


@pytest.mark.parametrize("text", [page(report(), SEAL), badge(report(), SEAL)], ids=["page", "badge"])
def test_it_can_be_read_on_a_light_and_on_a_dark_screen(text: str) -> None:
    assert "@media (prefers-color-scheme: dark)" in text


def test_only_what_passed_counts_and_the_page_says_so() -> None:
    graded = demo(2, *Ended)
    made = report("Ana", "attendee", demo(1, Ended.PASSED), graded)
    assert (graded.earned, graded.total, made.score) == (1, 15, "2/16")
    text = page(made, None)
    assert "2 of 16 points in the exercises of demos 1 and 2" in text
    assert "Some checks were graded before the files last changed." in text
    for mark in ("✓ passed", "✗ failed", "– not graded", "– not run", "– outdated"):
        assert mark in text


def test_a_changed_page_has_another_format() -> None:
    """Pages are rendered again to verify them: raise FORMAT when this fails, and note the new hash here."""
    rendered = [render(report(), seal) for render in RENDERED.values() for seal in (SEAL, None)]
    found = hashlib.sha256("".join(rendered).replace(FORMAT, "").encode()).hexdigest()
    assert RENDERED_AS.get(FORMAT) == found


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("  Ana   Núñez ", "Ana Núñez"),
        ("Ana\nNúñez\t", "Ana Núñez"),
        ("Nu\u0301n\u0303ez", "Núñez"),
        ("محمد", "محمد"),
        ("👩‍💻", "👩‍💻"),
        ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
    ],
)
def test_a_name_is_tidied(given: str, shown: str) -> None:
    assert name_of(given) == shown


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", 'say who: NAME="Ana"'),
        (" \n", 'say who: NAME="Ana"'),
        ("x" * (LONGEST_NAME + 1), "NAME has 61 characters; 60 are the most"),
        ("A\x00na", "NAME has a control character"),
        ("A\x1b[31mna", "NAME has a control character"),
        ("A\u202ena", "NAME has a control character"),
        ("A\udcffna", "NAME has a control character"),
    ],
)
def test_a_name_that_cannot_be_shown_is_refused(given: str, why: str) -> None:
    with pytest.raises(BadName) as refused:
        name_of(given)
    assert str(refused.value).startswith(why)


def test_the_same_report_is_the_same_bytes() -> None:
    made = report("Ana Núñez 👩‍💻")
    assert Report.read(made.canonical) == made
    assert Report.read(made.canonical).canonical == made.canonical
    assert "Núñez".encode() in made.canonical
