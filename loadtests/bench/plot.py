"""The picture of the results: requests per second at 16 connections, one bar each on a logarithmic scale, as SVG.

Written as text, without a drawing library: small enough to be read in a diff. Its colours work on light and dark pages.
"""

import math
from html import escape
from typing import Any

WIDTH, LABELS, ROW, TOP, RIGHT = 760, 210, 34, 40, 150
BAR = 20
DECADES = (10, 100, 1_000, 10_000)  # the scale's ticks; a bar begins at the first
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


def plot(report: dict[str, Any]) -> str:
    """The SVG of the report in bench.json."""
    rows = report["contenders"]
    bottom = TOP + ROW * len(rows)
    title = "Requests per second through one core, 16 connections"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 28}" width="{WIDTH}" role="img">',
        f"<title>{title}</title><style>{STYLE}</style>",
        f'<text x="0" y="18">{title} <tspan class="quiet">(logarithmic scale, {report["date"]})</tspan></text>',
    ]
    for tick in DECADES:
        parts.append(f'<line class="grid" x1="{_x(tick):.0f}" x2="{_x(tick):.0f}" y1="{TOP - 6}" y2="{bottom}"/>')
        parts.append(f'<text class="quiet" x="{_x(tick):.0f}" y="{bottom + 18}" text-anchor="middle">{tick:,}</text>')
    for number, row in enumerate(rows):
        parts += _bar(row, TOP + ROW * number, ours=number == 0)
    return "\n".join([*parts, "</svg>", ""])


def _bar(row: dict[str, Any], y: float, *, ours: bool) -> list[str]:
    rps = row["connections"]["16"]["rps"]
    end = _x(rps)
    middle = y + BAR / 2 + 5
    beside = f"{rps:,.0f}" if ours else f"{rps:,.0f} <tspan class='quiet'>ours: {_times(row)}</tspan>"
    style = ' class="ours"' if ours else ""
    return [
        f'<text x="{LABELS - 10}" y="{middle:.0f}" text-anchor="end">{escape(row["name"])}</text>',
        f'<rect{style} x="{LABELS}" y="{y}" width="{end - LABELS:.0f}" height="{BAR}" rx="2"/>',
        f'<text x="{end + 8:.0f}" y="{middle:.0f}">{beside}</text>',
    ]


def _times(row: dict[str, Any]) -> str:
    times = row["ours_over_it"]["16"]
    digits = 0 if times >= 10 else 1 if times >= 1 else 2
    return f"{times:.{digits}f} times that"


def _x(rps: float) -> float:
    first, last = DECADES[0], DECADES[-1]
    share = math.log(max(rps, first) / first) / math.log(last / first)
    return LABELS + share * (WIDTH - LABELS - RIGHT)
