"""The rooms of `shared/`: their order, which a test holds, and the picture of them that docs/architecture.md shows.

In: the list below, and the files as they are. Out: an SVG, and the page's table. `make reference` writes both.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from workshop.processes import ROOT

SHARED = ROOT / "shared"
PAGE, PICTURE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "architecture.svg"

# From the lowest room to the highest. A room imports only rooms that stand before it. Each line is one floor of the
# picture. A room is a folder, or a file at the top of shared/.
FLOORS: Sequence[tuple[str, Sequence[str]]] = (
    ("used by everything above", ("settings", "pipeline", "logs", "stores", "process", "http_client")),
    ("asks the model", ("upstream",)),
    ("the parts that layers use", ("limits", "cache", "resilience", "memory", "telemetry", "accounts", "webhooks")),
    ("one concern per file", ("layers",)),
    ("settles every call, whatever happens to it", ("service",)),
    ("data that some routes show", ("health", "dashboards")),
    ("HTTP, without the routes", ("http",)),
    ("JSON in, a Call through the service, JSON out", ("routes",)),
    ("puts it all together, and runs it", ("app", "server")),
)
ROOMS = tuple(room for _, rooms in FLOORS for room in rooms)
PAGES = "web"  # HTML, CSS and JavaScript, which import nothing of ours

WIDTH, MARGIN, WAY = 980, 14, 112  # the way is the strip on the left: a request goes down it, its reply comes up
GAP, HEAD, LINE, PAD = 8, 20, 15, 9
LETTER = 6.7  # the width of a letter in a file's name
ROWS = 6  # at most, of files in a room that shares its floor
TOP, BOTTOM = 76, 16
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600; fill: #24292f }
  .room { font: 600 12.5px ui-monospace, monospace; fill: #24292f }
  .files { font: 11px ui-monospace, monospace }
  .box { fill: #0969da; fill-opacity: .07; stroke: #0969da; stroke-opacity: .35 }
  .floor { font-size: 11px }
  .in, .out { fill: none; stroke-width: 2 }
  .in { stroke: #0969da } .out { stroke: #1a7f37 }
  .tip { fill: #0969da } .tip.back { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title, .room { fill: #e6edf3 }
    .box { fill: #4493f8 } .in { stroke: #4493f8 } .out { stroke: #3fb950 }
    .tip { fill: #4493f8 } .tip.back { fill: #3fb950 }
  }
"""
# Where a request passes, and what happens to it there.
PASSES = {
    "http": "1 read",
    "routes": "2 a Call",
    "service": "3 handed in",
    "layers": "4 one by one",
    "upstream": "5 asked",
}
TITLE = "shared/: a room imports what stands below it, and nothing else"


def main() -> None:
    PICTURE.write_text(picture())
    PAGE.write_text(with_table(PAGE.read_text()))


# --- the page's table ------------------------------------------------------------------------------------------------


def with_table(page: str) -> str:
    begin, end = "<!-- rooms: begin (make reference) -->\n", "<!-- rooms: end -->\n"
    before, _, rest = page.partition(begin)
    return before + begin + table() + end + rest.partition(end)[2]


def table() -> str:
    rows = ["| room | what it is |", "|---|---|"]
    rows += [f"| `shared/{_written(room)}` | {_says(room)} |" for room in (*reversed(ROOMS), PAGES)]
    return "\n".join(rows) + "\n"


def _written(room: str) -> str:
    return f"{room}/" if (SHARED / room).is_dir() else f"{room}.py"


def _says(room: str) -> str:
    """The first sentence or paragraph of the room's docstring."""
    if room == PAGES:
        return "The playground's pages: HTML, CSS and JavaScript without a build step."
    folder = SHARED / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split())


# --- the picture -----------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class _Box:
    room: str
    x: float
    y: float
    width: float
    files: Sequence[str]  # line by line

    @property
    def height(self) -> float:
        return _height(self.files)


def _height(files: Sequence[str]) -> float:
    return HEAD + LINE * len(files) + PAD


def picture() -> str:
    """The floors, the highest on top, with their rooms and the rooms' files; on the left, the way of a request."""
    y, drawn, ways = float(TOP), list[str](), list[tuple[str, float]]()
    for says, rooms in reversed(FLOORS):
        boxes = _floor(rooms, y)
        height = max(box.height for box in boxes)
        drawn.append(f'<text class="floor" x="{WAY + MARGIN}" y="{y - 4:g}">{escape(says)}</text>')
        drawn += [line for box in boxes for line in _drawn(box, height)]
        ways += [(box.room, y + height / 2) for box in boxes if box.room in PASSES]
        y += height + GAP + 18
    drawn += _way(ways)
    height = y - 18 + BOTTOM
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
            'aria-label="The rooms of shared/, the highest on top, and the way of a request through them">',
            f"<style>{STYLE}</style>",
            f'<text class="title" x="{MARGIN}" y="26">{TITLE}</text>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _floor(rooms: Sequence[str], y: float) -> list[_Box]:
    """The rooms side by side; on a floor with many rooms, each is as wide as its files need."""
    listed = {room: _files(room) for room in rooms}
    room_for = WIDTH - WAY - 2 * MARGIN - GAP * (len(rooms) - 1)
    shares = [
        max(len(_written(room)) + 1, *map(len, files), len(" ".join(files)) / ROWS) for room, files in listed.items()
    ]
    x, boxes = float(WAY + MARGIN), []
    for (room, files), share in zip(listed.items(), shares, strict=True):
        width = room_for * share / sum(shares)
        lines = wrap("  ".join(files), int((width - 2 * PAD) / LETTER), break_long_words=False) if files else []
        boxes.append(_Box(room, x, y, width, lines))
        x += width + GAP
    return boxes


def _files(room: str) -> list[str]:
    folder = SHARED / room
    return (
        sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("__")) if folder.is_dir() else []
    )


def _drawn(box: _Box, height: float) -> Iterator[str]:
    yield f'<rect class="box" x="{box.x:.1f}" y="{box.y:g}" width="{box.width:.1f}" height="{height:g}" rx="5"/>'
    yield f'<text class="room" x="{box.x + PAD:.1f}" y="{box.y + 15:g}">{_written(box.room)}</text>'
    for number, line in enumerate(box.files, start=1):
        yield f'<text class="files" x="{box.x + PAD:.1f}" y="{box.y + 15 + LINE * number:g}">{escape(line)}</text>'


def _way(passed: Sequence[tuple[str, float]]) -> Iterator[str]:
    """A line down to the upstream, and one up again."""
    down, up, last = MARGIN + 4, MARGIN + 16, passed[-1][1]
    yield f'<text x="{MARGIN}" y="46">↓ a request, and its reply ↑</text>'
    yield f'<path class="in" d="M{down} {TOP - 8} V{last:g}"/><path class="out" d="M{up} {TOP - 2} V{last:g}"/>'
    yield f'<path class="tip back" d="M{up - 4} {TOP} l4 -8 l4 8 z"/>'
    for room, y in passed:
        yield f'<path class="tip" d="M{down - 4} {y - 8:g} l4 8 l4 -8 z"/>'
        yield f'<text class="floor" x="{up + 8}" y="{y + 3:g}">{escape(PASSES[room])}</text>'


if __name__ == "__main__":
    main()
