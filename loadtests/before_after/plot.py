"""The picture of the results: three groups of bars, and memory as lines, as SVG.

Drawn like the gateway's own benchmark, each group on a linear scale of its own. Colours work on light and dark pages.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from loadtests.before_after.contenders import LAST
from loadtests.bench.plot import BAR, LABELS, RIGHT, STYLE, WIDTH

ROW, HEAD, GAP, LINES = 26, 30, 22, 170
LINE_STYLE = """  .line { fill: none; stroke: #8c959f; stroke-width: 1.6; stroke-linejoin: round }
  .line.ours { stroke: #0969da; stroke-width: 2.2 }
  @media (prefers-color-scheme: dark) { .line { stroke: #6e7681 } .line.ours { stroke: #4493f8 } .line { fill: none } }
"""


@dataclass(slots=True, frozen=True)
class Bars:
    """A group: its title, the value of each contender, and how it is written."""

    title: str
    values: Sequence[float]
    text: str

    def drawn(self, names: Sequence[str], top: float) -> Iterator[str]:
        yield f'<text x="0" y="{top + 16}">{self.title}</text>'
        most = max(*self.values, 1e-9)
        for number, (name, value) in enumerate(zip(names, self.values, strict=True)):
            y = top + HEAD + ROW * number
            width, middle = value / most * (WIDTH - LABELS - RIGHT), y + BAR / 2 + 5
            style = ' class="ours"' if name == LAST else ""
            yield f'<text x="{LABELS - 10}" y="{middle:.0f}" text-anchor="end">{escape(name)}</text>'
            yield f'<rect{style} x="{LABELS}" y="{y}" width="{width:.0f}" height="{BAR}" rx="2"/>'
            yield f'<text x="{LABELS + width + 8:.0f}" y="{middle:.0f}">{self.text.format(value)}</text>'


def plot(report: dict[str, Any]) -> str:
    """The SVG of the report in before_after.json."""
    rows, people = report["contenders"], report["pace"]["many"]["people"]
    names = [row["name"] for row in rows]
    groups = [
        Bars(f"Requests per second, {people} people", [row["many"]["rps"] for row in rows], "{:,.0f}"),
        Bars(f"Mean latency, {people} people", [row["many"]["mean_ms"] for row in rows], "{:,.0f} ms"),
        Bars("Errors in the peak", [row["peak"]["failed"] * 100 for row in rows], "{:.1f} %"),
    ]
    height = HEAD + ROW * len(rows) + GAP
    bottom = height * len(groups) + HEAD + LINES + 2 * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" width="{WIDTH}" role="img">',
        f"<title>Before and after</title><style>{STYLE}{LINE_STYLE}</style>",
    ]
    for number, group in enumerate(groups):
        parts += group.drawn(names, height * number)
    return "\n".join([*parts, *_memory(rows, height * len(groups), report["date"]), "</svg>", ""])


def _memory(rows: Sequence[dict[str, Any]], top: float, date: str) -> Iterator[str]:
    last = max(int(row["memory"]["answered"][-1]) for row in rows)
    high: int = math.ceil(max(max(row["memory"]["mb"]) for row in rows) / 100) * 100
    floor, right = top + HEAD + LINES, WIDTH - RIGHT

    def x(answered: float) -> float:
        return 40 + answered / last * (right - 40)

    def y(mb: float) -> float:
        return floor - LINES * mb / high

    yield f'<text x="0" y="{top + 16}">Resident memory, MB, by answers <tspan class="quiet">({date})</tspan></text>'
    for tick in range(0, high + 1, 100):
        yield f'<line class="grid" x1="40" x2="{right}" y1="{y(tick):.0f}" y2="{y(tick):.0f}"/>'
        yield f'<text class="quiet" x="34" y="{y(tick) + 4:.0f}" text-anchor="end">{tick}</text>'
    for answered in (0, last):
        yield f'<text class="quiet" x="{x(answered):.0f}" y="{floor + 18}" text-anchor="middle">{answered:,}</text>'
    placed = zip(rows, _apart([y(row["memory"]["mb"][-1]) for row in rows], 14), strict=True)
    for row, at in sorted(placed, key=lambda each: each[0]["name"] == LAST):  # ours above the others
        memory = row["memory"]
        points = "L".join(f"{x(n):.1f} {y(mb):.1f}" for n, mb in zip(memory["answered"], memory["mb"], strict=True))
        style = "line ours" if row["name"] == LAST else "line"
        yield f'<path class="{style}" d="M{points}"/>'
        yield f'<text class="quiet" x="{right + 8}" y="{at + 4:.0f}">{escape(row["name"])}</text>'


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """The same heights, moved up so far that labels there do not cover each other."""
    placed: dict[int, float] = {}
    limit = float("inf")
    for number in sorted(range(len(heights)), key=lambda number: -heights[number]):
        limit = placed[number] = min(heights[number], limit - least)
    return [placed[number] for number in range(len(heights))]
