"""The rules for decks: each broken rule gives one message with the deck, the line and the fault."""

from pathlib import Path

import pytest

from slides.build import main
from slides.deck import read_deck
from slides.render import marp_markdown
from workshop.translation import files

INCLUDE = "```python include=shared/retry.py#retry-loop\n```"


def _complaints(repository: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    status = main(["--check"], repository)
    lines = capsys.readouterr().err.splitlines()
    assert status == (1 if lines else 0)
    return lines


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new, 1))


def test_a_deck_that_obeys_passes_and_its_minutes_are_printed(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"], repository) == 0
    assert capsys.readouterr().out == "slides/demo_1.md: 3 slides, 3.5 min\n"


@pytest.mark.parametrize(
    ("source_edit", "complaint"),
    [
        (("region: retry-loop", "region: loop"), "no such region (the file has: empty, long, loop)"),
        (("    # endregion: retry-loop", ""), "line 5 opens region retry-loop, which is never closed"),
        (("    # region: retry-loop\n", ""), "line 8 closes region retry-loop, which is not open"),
    ],
)
def test_a_deck_fails_if_its_source_has_changed(
    repository: Path, capsys: pytest.CaptureFixture[str], source_edit: tuple[str, str], complaint: str
) -> None:
    source = repository / "shared" / "retry.py"
    source.write_text(source.read_text().replace(*source_edit))
    assert _complaints(repository, capsys) == [f"slides/demo_1.md:16: include shared/retry.py#retry-loop: {complaint}"]


@pytest.mark.parametrize(
    ("include", "complaint"),
    [
        ("shared/gone.py#part", "include shared/gone.py#part: no such file"),
        ("shared/retry.py#empty", "include shared/retry.py#empty: the region is empty"),
        ("shared/retry.py#long", "include shared/retry.py#long: 23 lines; a slide holds 22"),
        ("shared/wide.txt", "include shared/wide.txt: 91 columns wide; a slide holds 90"),
        ("../elsewhere.py", "include ../elsewhere.py: the path leaves the repository"),
    ],
)
def test_an_include_that_cannot_be_shown_names_its_source(
    repository: Path, capsys: pytest.CaptureFixture[str], include: str, complaint: str
) -> None:
    (repository / "shared" / "wide.txt").write_text("x" * 91)
    _edit(repository / "slides" / "demo_1.md", "shared/retry.py#retry-loop", include)
    assert _complaints(repository, capsys) == [f"slides/demo_1.md:16: {complaint}"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            INCLUDE,
            INCLUDE.replace("\n", "\nmine = 1\n"),
            "16: include shared/retry.py#retry-loop: the block must be empty",
        ),
        ("include=shared", "include = shared", "16: cannot read 'python include = shared/retry.py#retry-loop'"),
        (INCLUDE, "```\n" + "x\n" * 23 + "```", "16: the code block: 23 lines; a slide holds 22"),
        ("title: A deck\n", "", "1: the front matter needs a title:"),
        ("minutes: 3.5", "minutes: 4", "1: the notes add up to 3.5 min, the front matter says minutes: 4"),
        ("<!-- _class: title -->", "", "8: the first slide must be the title slide"),
        ("<!-- _class: closing -->", "", "31: the last slide must close the deck"),
        ("## Next: home", "## Home", "29: the last slide must close the deck"),
        ("## Code", "Code", "14: the slide has no heading"),
        ("## Code", "# Code", "14: a # heading belongs to the title slide; use ##"),
        ("## Code", "<!-- _class: title -->\n\n## Code", "14: only the first slide is a title slide"),
        ("<!-- 0.5 min. Say: goodbye. -->", "", "29: the slide needs one speaker note"),
        ("2 min. Ask", "Ask", "21: the speaker note must begin with its minutes"),
        ("2 min. Ask: what does it show?\n\nDemo: run it.", "2 min. Nice slide.", "21: the speaker note says how long"),
        ("## Code", "## Code\n\n<!-- another remark -->", "14: the slide needs one speaker note"),
        ("![Two boxes]", "![]", "19: image box.svg needs alt text"),
        ("![Two boxes]", "![bg]", "19: image box.svg needs alt text"),
        ("](box.svg)", "](gone.svg)", "19: image gone.svg does not exist beside the deck"),
        ("## Code", 'A <img src="box.svg"> here\n\n## Code', '14: image <img src="box.svg"> needs alt text'),
        ("](box.svg)", "](https://example.org/a.png)", "19: https://example.org/a.png is loaded from outside"),
        ("## Code", "## Code\n\n<!-- _backgroundImage: url('//cdn.org/a.png') -->", "16: //cdn.org/a.png is loaded"),
        ("## Code", '## Code\n\n<script src="https://cdn.org/a.js"></script>', "14: https://cdn.org/a.js is loaded"),
        ("## Code", "## Code <!-- aside -->", "14: a comment must begin its own line"),
        ("## Code", "## Code\n---", "15: a slide break --- needs a blank line before it"),
        ("```\n\n!", "\n\n!", "16: the code block is never closed by ```"),
        ("goodbye. -->", "goodbye.", "33: the comment is never closed by -->"),
        ("---\ntitle", "title", "1: the deck must begin with front matter"),
    ],
)
def test_a_broken_rule_is_one_line_with_deck_and_line(
    repository: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, complaint: str
) -> None:
    _edit(repository / "slides" / "demo_1.md", old, new)
    assert any(line.startswith(f"slides/demo_1.md:{complaint}") for line in _complaints(repository, capsys))


def test_a_picture_that_loads_something_from_outside_is_refused(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _edit(repository / "slides" / "box.svg", "<rect", '<image href="https://cdn.org/a.png"/><rect')
    assert _complaints(repository, capsys) == ["slides/demo_1.md:19: image box.svg loads https://cdn.org/a.png"]


def test_a_link_is_not_an_asset(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _edit(repository / "slides" / "demo_1.md", "## Code", "## Code\n\n[Read on](https://example.org)")
    assert _complaints(repository, capsys) == []


def test_markup_inside_code_is_code(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _edit(repository / "slides" / "demo_1.md", INCLUDE, "````\n---\n<!-- x -->\n# no heading\n```\n````")
    assert _complaints(repository, capsys) == []


SPANISH = {
    "lang: en\n": "lang: es\n",
    "# A deck": "# Unas diapositivas",
    "## Code": "## Código",
    "## Next: home": "## Ahora: a casa",
    "Say: welcome": "Di: hola",
    "Say: goodbye": "Di: adiós",
    "Ask: what does it show?": "Pregunta: ¿qué muestra?",
    "Two boxes": "Dos cajas",
}


@pytest.fixture
def spanish(repository: Path) -> Path:
    """The deck `demo_1.es.md` beside `demo_1.md`, with a picture that has a word in it."""
    english = repository / "slides" / "demo_1.md"
    english.write_text(english.read_text().replace("title: A deck\n", "title: A deck\nlang: en\n"))
    picture = repository / "slides" / "box.svg"
    picture.write_text(picture.read_text().replace("<rect", "<text>a box</text><text>RequestLog</text><rect"))
    (repository / "slides" / "box.es.json").write_text('{"a box": "una caja"}')
    text = english.read_text()
    for ours, theirs in SPANISH.items():
        text = text.replace(ours, theirs)
    deck = repository / "slides" / "demo_1.es.md"
    deck.write_text(text)
    files.renew(deck)
    return deck


def test_a_deck_in_another_language_obeys_beside_its_english_one(
    spanish: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = spanish.parent.parent
    assert _complaints(repository, capsys) == []
    text = marp_markdown(read_deck(spanish, repository), repository)
    assert "lang: es" in text
    assert "return await self.inner()" in text
    assert "<text>una caja</text><text>RequestLog</text>" in text
    assert "english:" not in text, "Marp would take the marks for the speaker's notes"


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("demo_1.es.md", "lang: es", "lang: en", "1: the front matter says lang: en, and the deck's name says es"),
        ("demo_1.es.md", "## Ahora: a casa", "## Next: home", "a heading `## Ahora: ...`"),
        ("demo_1.es.md", "Di: hola", "Say: hello", "but not what to do: one of Di:, Pregunta:, Demo:"),
        ("demo_1.es.md", "#retry-loop", "", "shows other code than its English: make reference"),
        ("demo_1.md", "#retry-loop", "", "shows other code than its English: make reference"),
        ("demo_1.md", "2 min. Ask", "1 min. Ask", "“Código”: its English has 1"),
        ("demo_1.md", "(box.svg)", "(other.svg)", "“Código”: its English has other.svg"),
        ("demo_1.md", "## Code", "<!-- _class: big -->\n\n## Code", "its English has <!-- _class: big -->"),
        ("demo_1.es.md", "\n---\n\n<!-- _class: closing", "\n<!-- _class: closing", "“Next: home” is missing"),
        ("box.svg", "a box", "a large box", "image box.svg says 'a large box', which box.es.json does not translate"),
        ("box.svg", "a box", "a large box", "image box.svg does not say 'a box', which box.es.json translates"),
    ],
)
def test_a_deck_in_another_language_that_shows_something_else_fails(
    spanish: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, complaint: str
) -> None:
    _edit(spanish.with_name(file), old, new)
    assert any(complaint in line for line in _complaints(spanish.parent.parent, capsys))


def test_a_slide_whose_english_words_have_changed_is_stale_and_the_others_are_not(spanish: Path) -> None:
    _edit(spanish.with_name("demo_1.md"), "what does it show?", "what does it hide?")
    told = list(files.stale(spanish))
    assert len(told) == 1
    assert "“Código” is stale: its English, “Code”, has changed" in told[0]


def test_a_missing_deck_is_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "demo_9"], repository) == 1
    assert "demo_9: no such deck" in capsys.readouterr().err
