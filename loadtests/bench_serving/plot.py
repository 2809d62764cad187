"""The picture of the results: throughput as a share of plain vLLM's, one bar each, as SVG.

Drawn like the gateway's own benchmark, but on a linear scale.
"""

from html import escape
from typing import Any

from loadtests.bench.plot import BAR, LABELS, RIGHT, ROW, STYLE, TOP, WIDTH
from loadtests.bench_serving.contenders import PLAIN, TUNED
from loadtests.bench_serving.report import AT_LEAST

TICKS = (0, 0.25, 0.5, 0.75, 1)
BAR_OF_DESIGN = "  .bar { stroke: #1a7f37; stroke-dasharray: 4 3 }\n"


def plot(report: dict[str, Any]) -> str:
    """The SVG of the report in serving.json."""
    rows = report["contenders"]
    bottom = TOP + ROW * len(rows)
    title = f"Requests per second, {report['connections']} at a time, as a share of vLLM alone"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 28}" width="{WIDTH}" role="img">',
        f"<title>{title}</title><style>{STYLE}{BAR_OF_DESIGN}</style>",
        f'<text x="0" y="18">{title} <tspan class="quiet">({report["date"]})</tspan></text>',
    ]
    for tick in TICKS:
        parts.append(f'<line class="grid" x1="{_x(tick):.0f}" x2="{_x(tick):.0f}" y1="{TOP - 6}" y2="{bottom}"/>')
        parts.append(f'<text class="quiet" x="{_x(tick):.0f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>')
    for number, row in enumerate(rows):
        parts += _bar(row, TOP + ROW * number)
    parts.append(f'<line class="bar" x1="{_x(AT_LEAST):.0f}" x2="{_x(AT_LEAST):.0f}" y1="{TOP - 6}" y2="{bottom}"/>')
    return "\n".join([*parts, "</svg>", ""])


def _bar(row: dict[str, Any], y: float) -> list[str]:
    end = _x(row["over_alone"])
    middle = y + BAR / 2 + 5
    added = "" if row["name"] == PLAIN else f" <tspan class='quiet'>{row['added_first_token_ms']:+.1f} ms</tspan>"
    style = ' class="ours"' if row["name"] == TUNED else ""
    return [
        f'<text x="{LABELS - 10}" y="{middle:.0f}" text-anchor="end">{escape(row["name"])}</text>',
        f'<rect{style} x="{LABELS}" y="{y}" width="{end - LABELS:.0f}" height="{BAR}" rx="2"/>',
        f'<text x="{end + 8:.0f}" y="{middle:.0f}">{row["over_alone"]:.2f}{added}</text>',
    ]


def _x(share: float) -> float:
    return LABELS + min(share, 1.1) * (WIDTH - LABELS - RIGHT)
