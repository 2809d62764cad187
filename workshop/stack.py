"""The picture of the stack: every layer of demo 5 in its order, what it does, and the demo that introduces it.

In: the list below. Out: docs/layers.svg, for light and dark pages. `make reference` writes it, and a test compares the
list with the layers that demo 5 really has.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from workshop.processes import ROOT

PICTURE = ROOT / "docs" / "layers.svg"


class Row(NamedTuple):
    layer: str
    says: str
    demo: int


STACK: Sequence[Row] = (
    Row("RequestLog", "one JSON line per request: id, tokens, cost, latency", 1),
    Row("Metrics", "counts and times everything below", 5),
    Row("Tracing", "one trace per request, one span per layer", 5),
    Row("MemoryGuard", "no new work when memory is short", 5),
    Row("InputGuard", "nothing too long, nothing malformed", 1),
    Row("Authenticate", "who is calling?", 2),
    Row("RateLimit", "how often may they call, and how many tokens may they use?", 2),
    Row("Budget", "is there money left this month?", 2),
    Row("AccountUsage", "adds up what each caller used", 2),
    Row("ResponseCache", "asked before? then it is free", 3),
    Row("AdaptiveTimeout", "one deadline for the whole call", 4),
    Row("AdmissionQueue", "a bounded number at once; the rest wait their turn", 4),
    Row("Fallback", "another model or upstream, when this one cannot answer", 4),
    Row("Retry", "again, if that is safe and likely to help", 1),
    Row("CircuitBreaker", "leaves a broken upstream alone", 4),
)

WIDTH, MARGIN, TOP, ROW = 980, 16, 86, 30
LEFT, NAME, SAYS = 92, 108, 268  # where boxes, names and sentences begin
STYLE = """
  text { font: 13.5px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600; fill: #24292f }
  .layer { font: 600 13.5px ui-monospace, monospace; fill: #24292f }
  .demo { font-size: 12px; text-anchor: end }
  .box { fill: #0969da; fill-opacity: .06; stroke: #0969da; stroke-opacity: .35 }
  .end { fill: #1a7f37; fill-opacity: .08; stroke: #1a7f37; stroke-opacity: .45 }
  .in, .out { fill: none; stroke-width: 2.5 }
  .in { stroke: #0969da } .out { stroke: #1a7f37 }
  .tip { fill: #0969da } .tip.back { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title, .layer { fill: #e6edf3 }
    .box { fill: #4493f8; stroke: #4493f8 } .end { fill: #3fb950; stroke: #3fb950 }
    .in { stroke: #4493f8 } .out { stroke: #3fb950 }
    .tip { fill: #4493f8 } .tip.back { fill: #3fb950 }
  }
"""


def main() -> None:
    PICTURE.write_text(picture())


def picture() -> str:
    bottom = TOP + ROW * len(STACK) + 12
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 62}" role="img" '
            'aria-label="A request travels down through the layers to the model, and the reply travels up again">',
            f"<style>{STYLE}</style>",
            *_end("the client", "curl, an SDK, a browser", 14),
            *(line for number, row in enumerate(STACK) for line in _row(row, TOP + ROW * number)),
            *_end("any OpenAI-compatible API", "the embedded model, vLLM on Ray Serve, OpenAI", bottom),
            *_ways(bottom),
            "</svg>",
            "",
        ]
    )


def _row(row: Row, y: int) -> Iterator[str]:
    yield f'<rect class="box" x="{LEFT}" y="{y}" width="{WIDTH - LEFT - MARGIN}" height="{ROW - 5}" rx="5"/>'
    yield f'<text class="layer" x="{NAME}" y="{y + 17}">{row.layer}</text>'
    yield f'<text x="{SAYS}" y="{y + 17}">{escape(row.says)}</text>'
    yield f'<text class="demo" x="{WIDTH - MARGIN - 14}" y="{y + 17}">demo {row.demo}</text>'


def _end(name: str, says: str, y: int) -> Iterator[str]:
    yield f'<rect class="end" x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}" height="48" rx="8"/>'
    yield f'<text class="title" x="{NAME}" y="{y + 29}">{escape(name)}</text>'
    yield f'<text x="{NAME + 250}" y="{y + 29}">{escape(says)}</text>'


def _ways(bottom: int) -> Iterator[str]:
    """The request's way down, and the reply's way up."""
    down, up, begin = 40, 66, TOP - 28
    yield f'<path class="in" d="M{down} {begin} V{bottom - 8}"/><path class="out" d="M{up} {begin + 8} V{bottom - 2}"/>'
    yield f'<path class="tip" d="M{down - 6} {bottom - 12} l6 11 l6 -11 z"/>'
    yield f'<path class="tip back" d="M{up - 6} {begin + 11} l6 -11 l6 11 z"/>'
    middle = (begin + bottom) // 2
    for x, words in ((down - 8, "request"), (up + 16, "reply")):
        yield f'<text transform="translate({x} {middle}) rotate(-90)" text-anchor="middle">{words}</text>'


if __name__ == "__main__":
    main()
