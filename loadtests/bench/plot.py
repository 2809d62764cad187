"""The picture of the results: requests per second at 16 connections, one bar each on a logarithmic scale, as SVG.

Gateways that govern have a dark bar, and those that only relay a pale one. Written as text, without a drawing library:
small enough to be read in a diff. Its colours work on light and dark pages.
"""

import math
from collections.abc import Iterator
from html import escape
from typing import Any

WIDTH, LABELS, ROW, TOP, RIGHT = 760, 210, 34, 40, 150
BAR = 20
TICKS = (10, 100, 1_000, 10_000)  # a bar begins at the first
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .quiet { fill: #57606a; font-size: 12px }
  .grid { stroke: #8c959f; stroke-opacity: .35 }
  rect { fill: #8c959f }
  .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .ours { fill: #4493f8 } rect { fill: #6e7681 }
  }
"""


PALE = "  .pale { fill-opacity: .4 }\n"
LEGEND_HEIGHT, BESIDE = 22, 195  # above the bars; beside the longest of them
LEGEND = (
    ("ours", "this gateway", 0),
    ("governed", "governed: keys, limits, log, metrics", 120),
    ("pale", "less of it", 370),
)


def plot(report: dict[str, Any]) -> str:
    """The SVG of the report in bench.json."""
    rows = report["contenders"]
    most = max(TICKS[-1], *(_rps(row) for row in rows))
    top = TOP + LEGEND_HEIGHT
    bottom = top + ROW * len(rows)
    title = "Requests per second through one core, 16 connections"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 28}" width="{WIDTH}" role="img">',
        f"<title>{title}</title><style>{STYLE}{PALE}</style>",
        f'<text x="0" y="18">{title} <tspan class="quiet">(logarithmic scale, {report["date"]})</tspan></text>',
        *_legend(),
    ]
    for tick in TICKS:
        x = _x(tick, most)
        parts.append(f'<line class="grid" x1="{x:.0f}" x2="{x:.0f}" y1="{top - 6}" y2="{bottom}"/>')
        parts.append(f'<text class="quiet" x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{tick:,}</text>')
    for number, row in enumerate(rows):
        parts += _bar(row, top + ROW * number, most, ours=number == 0)
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> Iterator[str]:
    for style, words, right in LEGEND:
        x = LABELS + right
        yield f'<rect class="{style}" x="{x}" y="30" width="14" height="14" rx="2"/>'
        yield f'<text class="quiet" x="{x + 20}" y="42">{words}</text>'


def _bar(row: dict[str, Any], y: float, most: float, *, ours: bool) -> list[str]:
    rps = _rps(row)
    end = _x(rps, most)
    middle = y + BAR / 2 + 5
    beside = f"{rps:,.0f}" if ours else f"{rps:,.0f} <tspan class='quiet'>ours: {_times(row)}</tspan>"
    style = "ours" if ours else "governed" if row["governed"] else "pale"
    return [
        f'<text x="{LABELS - 10}" y="{middle:.0f}" text-anchor="end">{escape(row["name"])}</text>',
        f'<rect class="{style}" x="{LABELS}" y="{y}" width="{end - LABELS:.0f}" height="{BAR}" rx="2"/>',
        f'<text x="{end + 8:.0f}" y="{middle:.0f}">{beside}</text>',
    ]


def _rps(row: dict[str, Any]) -> float:
    rps: float = row["connections"]["16"]["rps"]
    return rps


def _times(row: dict[str, Any]) -> str:
    times = row["ours_over_it"]["16"]
    digits = 0 if times >= 10 else 1 if times >= 1 else 2
    return f"{times:.{digits}f} times that"


def _x(rps: float, most: float) -> float:
    first = TICKS[0]
    share = math.log(max(rps, first) / first) / math.log(most / first)
    return LABELS + share * (WIDTH - LABELS - BESIDE)
