"""The cheat sheets: one A4 page for each demo, with its commands, routes and settings.

In: the lab's page, in each language that it is written in, the page of settings, the routes of shared/, and the list of
layers. Out: Markdown for Marp that is
one page, laid out by theme.css like a slide of A4's size.
Knows where these sources keep what a sheet shows; runs nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from slides.regions import RegionError, read_region
from workshop.progress.labs import LABS, SECTION, WRITING, Lab
from workshop.stack import STACK
from workshop.translation import ENGLISH, in_language
from workshop.translation.phrases import explained, in_words

SETTINGS = "docs/settings.md"
ROUTES = "shared/routes"
FURTHER = (WRITING, "Read the code", "What to keep", "What comes next", "Take it home", "Graded")  # no steps to repeat
MOST_LINES = 12  # of one step's commands
# An estimate of what a page has room for, in pixels of theme.css; what really fits, only the browser knows.
ROOM = 780
ROW, LINE, GAP = 20, 14, 5  # a row of a table, a line of code, what separates two steps
COLUMNS, TITLE_COLUMNS, HALF_COLUMNS = 84, 20, 30  # of code, of a step's title, of text on half of the page

_BLOCK = re.compile(r"^```(?:bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SETTING = re.compile(r"^\| `([A-Z_0-9]+)` \| (?:`([^`]*)`)? ?\| (\d) \| (.+?) \|$", re.MULTILINE)
_NEW_LAYER = re.compile(r"^([A-Z]\w+)\(.*# +new: (.+)$", re.MULTILINE)
_ROUTE = re.compile(r'@router\.(get|post)\(\s*"(/[^"]+)",[^@]*?summary="([^"]+)"', re.DOTALL)
_VARIABLE = re.compile(r"^([A-Z]+)=(?:'[^']*'|\"[^\"]*\")$", re.MULTILINE)
_ASKED = re.compile(r"localhost:8000(/[\w/.-]*)")
_NAMED = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\bTIMEOUT\b|\bMODEL\b")
_KEPT = re.compile(r"^> (.+)$", re.MULTILINE)


@dataclass(slots=True, frozen=True)
class Step:
    number: str
    title: str
    commands: str


@dataclass(slots=True, frozen=True)
class Sheet:
    """`page`: the lab that it comes from. A route: method, path, what it does. A setting: name, default, what it is."""

    language: str
    number: int
    title: str
    page: str
    start: str
    variables: tuple[str, ...]  # lines: what the steps' commands take from earlier ones
    steps: tuple[Step, ...]
    routes: tuple[tuple[str, str, str], ...]
    settings: tuple[tuple[str, str, str], ...]
    layers: tuple[tuple[str, str], ...]
    keep: str

    @property
    def name(self) -> str:
        return f"cheat_sheet_{self.number}" + (f".{self.language}" if self.language else "")


def read_sheets(root: Path, language: str = ENGLISH) -> list[Sheet]:
    """One for each lab whose page is there in the language."""
    return [_sheet(lab, root, language) for lab in LABS.values() if in_language(root / lab.page, language).is_file()]


def sheet_markdown(sheet: Sheet) -> str:
    """For Marp. The page is one block of HTML, so it has no blank line."""
    head = [
        "---",
        "marp: true",
        "theme: workshop",
        "size: A4",
        f"lang: {sheet.language or 'en'}",
        f'title: "Demo {sheet.number} · {sheet.title}"',
    ]
    return "\n".join([*head, "class: sheet", "---", "", *_html(sheet), ""])


def _sheet(lab: Lab, root: Path, language: str) -> Sheet:
    """Commands come from the English page, whose translations have the same ones; titles from the page shown."""
    text = (root / lab.page).read_text(encoding="utf-8")
    page = in_language(root / lab.page, language)
    shown = page.read_text(encoding="utf-8")
    start = lab.read(root).start
    asked, named = set(_ASKED.findall(text)), set(_NAMED.findall(text))
    routes = tuple((method, path, explained(what, language)) for method, path, what in _routes(root) if path in asked)
    settings = tuple(
        (name, default, explained(what, language)) for name, default, what in _settings(root, lab.number, named)
    )
    layers = tuple((name, explained(says, language)) for name, says in _layers(root, lab))
    variables = _variables(text)
    halves = [sum(_lines(row[-1], HALF_COLUMNS) for row in rows) for rows in (layers, routes)]
    room = ROOM - ROW * (max(halves) + len(settings)) - LINE * len(variables)
    return Sheet(
        language=language,
        number=lab.number,
        title=shown.partition("\n")[0].partition(" · ")[2],
        page=page.relative_to(root).as_posix(),
        start=start,
        variables=variables,
        steps=_steps_that_fit(text, dict(SECTION.findall(shown)), start, variables, room),
        routes=routes,
        settings=settings,
        layers=layers,
        keep=_KEPT.findall(shown)[-1],
    )


def _steps_that_fit(
    text: str, titles: Mapping[str, str], start: str, variables: tuple[str, ...], room: int
) -> tuple[Step, ...]:
    """With commands as long as the page has room for. `titles`: by the number of the step, in the sheet's language."""
    choices = (
        tuple(replace(step, title=titles[step.number]) for step in _steps(text, start, variables, most))
        for most in range(MOST_LINES, 0, -1)
    )
    return next(steps for steps in choices if sum(map(_height, steps)) <= room)


def _steps(text: str, start: str, variables: tuple[str, ...], most: int) -> Iterator[Step]:
    """The steps of a lab that one may want to repeat, with their first commands: later ones depend on these."""
    parts = SECTION.split(text)[1:]
    for number, title, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        blocks = [_without(variables, block) for block in map(_plain, _BLOCK.findall(body)) if start not in block]
        if blocks and _lines(blocks[0], COLUMNS) <= most and title not in FURTHER and "(optional)" not in title:
            yield Step(number, title, blocks[0])


def _height(step: Step) -> int:
    return LINE * max(_lines(step.commands, COLUMNS), _lines(step.title, TITLE_COLUMNS)) + GAP


def _variables(text: str) -> tuple[str, ...]:
    """The lines in which a lab gives a text a name, such as a header, for all its later steps."""
    lines = (line for block in _BLOCK.findall(text) for line in _plain(block).splitlines())
    return tuple(dict.fromkeys(line for line in lines if _VARIABLE.match(line)))


def _without(variables: tuple[str, ...], block: str) -> str:
    return "\n".join(line for line in block.splitlines() if line not in variables)


def _plain(block: str) -> str:
    """Without the prompts of a console, and without blank lines."""
    return "\n".join(line.removeprefix("$ ") for line in block.splitlines() if line.strip())


def _lines(text: str, columns: int) -> int:
    return sum(-(-len(line) // columns) for line in text.splitlines())


def _routes(root: Path) -> Iterator[tuple[str, str, str]]:
    for file in sorted((root / ROUTES).glob("*.py")):
        for method, path, summary in _ROUTE.findall(file.read_text(encoding="utf-8")):
            yield method.upper(), path, summary


def _settings(root: Path, demo: int, named: set[str]) -> Iterator[tuple[str, str, str]]:
    """Those that the lab names. It ends with the next demo's command, whose settings are not this demo's."""
    for name, default, since, what in _SETTING.findall((root / SETTINGS).read_text(encoding="utf-8")):
        if name in named and int(since) <= demo:
            yield name, default, what


def _layers(root: Path, lab: Lab) -> Iterator[tuple[str, str]]:
    """What this demo adds to the stack, also if a later demo replaces it."""
    known = {row.layer for row in STACK}
    yield from ((row.layer, row.says) for row in STACK if row.demo == lab.number)
    with suppress(RegionError):
        added = _NEW_LAYER.findall(read_region(root / lab.folder / "app.py", "layers"))
        yield from ((name, says) for name, says in added if name not in known)


def _html(sheet: Sheet) -> Iterator[str]:
    language = sheet.language
    yield f"<header><h1>Demo {sheet.number} · {escape(sheet.title)}</h1></header>"
    yield f'<p class="start"><code>{escape(sheet.start)}</code></p>'
    yield '<div class="columns"><div>'
    if sheet.layers:
        layers = [(f"<b>{name}</b>", escape(says)) for name, says in sheet.layers]
        yield from _table(in_words("New layers", language), layers)
        yield "</div><div>"
    routes = [(f"<code>{method} {path}</code>", escape(what)) for method, path, what in sheet.routes]
    yield from _table(in_words("Routes", language), routes)
    yield "</div></div>"
    settings = [(_setting(name, default), escape(what)) for name, default, what in sheet.settings]
    yield from _table(in_words("Settings", language), settings)
    if sheet.variables:
        yield f"<h2>{in_words('Set once', language)}</h2>"
        yield from _lines_of_code(sheet.variables)
    steps = [(f"{step.number} · {escape(step.title)}", f"<pre>{escape(step.commands)}</pre>") for step in sheet.steps]
    yield from _table(in_words("Steps of the lab", language), steps, "steps")
    yield f"<h2>{in_words('Your turn', language)}</h2>"
    yield from _lines_of_code(_your_turn(sheet.number, language))
    yield f"<blockquote>{escape(sheet.keep)}</blockquote>"


def _setting(name: str, default: str) -> str:
    return f"<code>{name}={escape(default)}</code>"


def _lines_of_code(lines: Sequence[str]) -> Iterator[str]:
    code = "\n".join(lines)
    yield f"<pre>{escape(code)}</pre>"


def _your_turn(number: int, language: str) -> list[str]:
    commands = {
        f"make demo-{number} SOLUTION=exercise": in_words("runs your version", language),
        f"make grade-{number} SOLUTION=exercise": in_words(
            "grades it; ONLY=failed for the checks that failed", language
        ),
        f"make hint-{number}": in_words("the next hint", language),
        f"make diff-{number}": in_words("after a pass: your solution beside ours", language),
        f"make reset-{number}": in_words("begins again; your work is set aside", language),
    }
    return [f"{command:<34}# {what}" for command, what in commands.items()]


def _table(title: str, rows: list[tuple[str, str]], style: str = "facts") -> Iterator[str]:
    yield f"<h2>{title}</h2>"
    yield f'<table class="{style}">'
    yield from (f"<tr><td>{first}</td><td>{second}</td></tr>" for first, second in rows)
    yield "</table>"
