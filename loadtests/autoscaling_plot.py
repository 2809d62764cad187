"""The picture of a Run: requests sent, requests in flight, replicas and latencies, one panel above the other, as SVG.

In: a Run. Out: text small enough to be read in a diff. All panels share the time axis, with the run's phases in the
background. Its colours work on light and on dark pages.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from loadtests.autoscaling import NEAR, SPIKE, Run, Scaling, Second

WIDTH, LEFT, RIGHT = 760, 40, 12
TOP, TITLE, GAP, BOTTOM = 68, 24, 18, 40  # above the first panel, each panel's head, between two, below the last one
LOAD, UNDER_WAY, REPLICAS, LATENCY = 84, 84, 84, 150  # heights
STEPS, MOST_TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300), 12  # of the time axis, in seconds
LETTER, BOLD_LETTER = 6.1, 7.4  # the width of a letter, in a legend and in a head
LATENCIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)  # seconds, on a logarithmic scale
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600; fill: #24292f }
  .head { font-size: 13px; font-weight: 600; fill: #24292f }
  .tick { font-size: 11px }
  .grid { stroke: #8c959f; stroke-opacity: .28 }
  .spike { fill: #bf8700; fill-opacity: .09 }
  .asked { fill: #0969da; fill-opacity: .3 }
  .running { fill: #1a7f37; fill-opacity: .75 } .starting { fill: #1a7f37; fill-opacity: .28 }
  .stopping { fill: #8c959f; fill-opacity: .4 }
  .fallback { fill: #bf8700 } .failed { fill: #cf222e }
  .first { fill: #0969da } .whole { fill: #8250df } .band { fill-opacity: .18 }
  .line { fill: none; stroke-width: 1.8; stroke-linejoin: round }
  .line.answered, .line.first { stroke: #0969da } .line.whole { stroke: #8250df }
  .line.held { stroke: #1a7f37; stroke-dasharray: 5 3 } .line.wanted { stroke: #24292f }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title, .head { fill: #e6edf3 }
    .asked, .first { fill: #4493f8 } .line.answered, .line.first { stroke: #4493f8 }
    .running, .starting { fill: #3fb950 } .line.held { stroke: #3fb950 }
    .whole { fill: #a371f7 } .line.whole { stroke: #a371f7 } .line.wanted { stroke: #e6edf3 }
    .line { fill: none }
  }
"""

Value = Callable[[Second], float | None]
Legend = Sequence[tuple[str, str]]  # pairs of a CSS class and a text


def plot(run: Run) -> str:
    """The SVG of a run with at least one second."""
    picture = _Picture(run)
    return "\n".join([*picture.frame(), *picture.panels(), *picture.axis(), "</svg>", ""])


@dataclass(slots=True, frozen=True)
class _Panel:
    """A strip of the picture, from `top` to `bottom`, for values from `low` to `high`."""

    top: float
    bottom: float
    low: float
    high: float
    logarithmic: bool = False

    def y(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return self.bottom - self._share(math.log(value), math.log(self.low), math.log(self.high))
        return self.bottom - self._share(value, self.low, self.high)

    def _share(self, value: float, low: float, high: float) -> float:
        return (value - low) / (high - low) * (self.bottom - self.top)


class _Picture:
    def __init__(self, run: Run) -> None:
        self.run, self.seconds, self.scaling = run, run.seconds, run.scaling
        self.heights = [LOAD, UNDER_WAY, *([REPLICAS] if run.scaling else []), LATENCY]
        self.floor = TOP + sum(self.heights) + len(self.heights) * TITLE + (len(self.heights) - 1) * GAP
        self.next_top: float = TOP

    def frame(self) -> Iterator[str]:
        run, height = self.run, self.floor + BOTTOM
        title = "A spike, and a deployment that grows for it" if self.scaling else "A spike"
        lost = f"{len(run.failures)} lost" if run.failures else "none lost"
        fallbacks = f", {run.fallbacks} answered by the fallback" if run.fallbacks else ""
        about = f"{run.asked:,} requests, {lost}{fallbacks} · {run.machine} · {run.date}"
        yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
        yield f"<title>{title}</title><style>{STYLE}</style>"
        yield f'<text class="title" x="0" y="16">{title}</text><text x="0" y="34">{escape(about)}</text>'
        for phase in run.phases:
            x, end = self.x(phase.begins), self.x(min(phase.ends, len(self.seconds)))
            if phase.name == SPIKE:
                yield f'<rect class="spike" x="{x:.1f}" y="{TOP}" width="{end - x:.1f}" height="{self.floor - TOP}"/>'
            rate = f"{phase.name}, {phase.rate:g} per second"
            yield f'<text x="{(x + end) / 2:.0f}" y="{TOP - 6}" text-anchor="middle">{rate}</text>'

    def panels(self) -> Iterator[str]:
        yield from self._load()
        yield from self._under_way()
        if self.scaling:
            yield from self._replicas(self.scaling)
        yield from self._latency()

    def axis(self) -> Iterator[str]:
        step = next((step for step in STEPS if len(self.seconds) / step <= MOST_TICKS), STEPS[-1])
        for tick in range(0, len(self.seconds) + 1, step):
            x = self.x(tick)
            yield f'<text class="tick" x="{x:.1f}" y="{self.floor + 16}" text-anchor="middle">{tick}</text>'
        yield f'<text class="tick" x="{WIDTH - RIGHT}" y="{self.floor + 32}" text-anchor="end">seconds</text>'

    # --- the four of them --------------------------------------------------------------------------------------------

    def _load(self) -> Iterator[str]:
        run = self.run
        panel = self._panel(LOAD, 0, max(max(second.asked, second.answered) for second in self.seconds))
        rare = [("fallback", "by the fallback")] * bool(run.fallbacks) + [("failed", "lost")] * bool(run.failures)
        legend = [("asked", "asked"), ("line answered", f"answered, over {2 * NEAR + 1} seconds"), *rare]
        yield from self._head(panel, "Requests per second", legend)
        yield from self._grid(panel, _ticks(panel.high))
        yield self._bars("asked", panel, lambda second: second.asked)
        yield self._line("answered", panel, self._answered_near)
        yield self._bars("fallback", panel, lambda second: second.fallbacks)
        yield self._bars("failed", panel, lambda second: second.failed)

    def _answered_near(self, second: Second) -> float:
        near = self.seconds[max(second.at - NEAR, 0) : second.at + NEAR + 1]
        return sum(one.answered for one in near) / len(near)

    def _under_way(self) -> Iterator[str]:
        panel = self._panel(UNDER_WAY, 0, max(second.under_way for second in self.seconds))
        legend = [("asked", "sent and not answered yet")]
        if self.scaling:
            legend.append(("line held", f"the running replicas' target: {self.scaling.target:g} each"))
        yield from self._head(panel, "In flight", legend)
        yield from self._grid(panel, _ticks(panel.high))
        yield self._bars("asked", panel, lambda second: second.under_way)
        if self.scaling:
            target = self.scaling.target
            yield self._steps("held", panel, lambda second: None if second.running is None else second.running * target)

    def _replicas(self, scaling: Scaling) -> Iterator[str]:
        there = [(second.running or 0) + (second.starting or 0) + (second.stopping or 0) for second in self.seconds]
        panel = self._panel(REPLICAS, 0, max(*there, scaling.max) * 1.35)
        legend = [("running", "running"), ("starting", "starting"), ("stopping", "finishing its requests")]
        yield from self._head(panel, "Replicas", [*legend, ("line wanted", "wanted")])
        yield from self._grid(panel, _ticks(max(*there, scaling.max)))
        yield self._bars("running", panel, lambda second: second.running)
        yield self._bars("starting", panel, lambda second: second.starting, lambda second: second.running)
        yield self._bars("stopping", panel, lambda second: second.stopping, lambda second: second.running)
        yield self._steps("wanted", panel, lambda second: second.wanted)
        for words, begins, ends in self._story(scaling):
            x = (self.x(begins) + self.x(ends)) / 2
            yield f'<text class="tick" x="{x:.0f}" y="{panel.top + 12}" text-anchor="middle">{words}</text>'

    def _story(self, scaling: Scaling) -> Iterator[tuple[str, float, float]]:
        """The stages of the scaling: a label with its seconds, its beginning and its end."""
        spike = next((phase for phase in self.run.phases if phase.name == SPIKE), None)
        decided = [second.at for second in self.seconds if (second.wanted or 0) > scaling.min]
        grown = [second.at for second in self.seconds if (second.running or 0) > scaling.min]
        if spike and decided and grown:
            moments = [spike.begins, decided[0], grown[0], spike.ends, grown[-1] + 1]
            for words, begins, ends in zip(("decides", "starts", "helps", "waits"), moments, moments[1:], strict=False):
                yield f"{words}: {ends - begins:.0f} s", begins, ends

    def _latency(self) -> Iterator[str]:
        values = [value for second in self.seconds for value in (second.first_p50, second.whole_p95) if value]
        low = max((edge for edge in LATENCIES if edge < min(values, default=1)), default=LATENCIES[0])
        high = min((edge for edge in LATENCIES if edge > max(values, default=1)), default=LATENCIES[-1])
        panel = self._panel(LATENCY, low, high, logarithmic=True)
        legend = [
            ("first", "to the first token of a stream"),
            ("whole", "to the end"),
            ("", "line: median, band: up to the 95th percentile"),
        ]
        yield from self._head(panel, "Seconds", legend)
        yield from self._grid(panel, [edge for edge in LATENCIES if low <= edge <= high])
        yield self._band("whole", panel, lambda second: second.whole_p50, lambda second: second.whole_p95)
        yield self._band("first", panel, lambda second: second.first_p50, lambda second: second.first_p95)
        yield self._line("whole", panel, lambda second: second.whole_p50)
        yield self._line("first", panel, lambda second: second.first_p50)

    # --- strokes -----------------------------------------------------------------------------------------------------

    def x(self, second: float) -> float:
        return LEFT + second / len(self.seconds) * (WIDTH - LEFT - RIGHT)

    def _panel(self, height: float, low: float, high: float, logarithmic: bool = False) -> _Panel:
        top = self.next_top + TITLE
        self.next_top = top + height + GAP
        return _Panel(top, top + height, low, high or 1, logarithmic)

    def _head(self, panel: _Panel, title: str, legend: Legend) -> Iterator[str]:
        y, x = panel.top - 7, LEFT + BOLD_LETTER * len(title) + 16
        yield f'<text class="head" x="{LEFT}" y="{y}">{title}</text>'
        for name, words in legend:
            if name.startswith("line"):
                yield f'<path class="{name}" d="M{x:.0f} {y - 4}h18"/>'
            elif name:
                yield f'<rect class="{name}" x="{x:.0f}" y="{y - 9}" width="18" height="9" rx="1"/>'
            x += 23 * bool(name)
            yield f'<text x="{x:.0f}" y="{y}">{words}</text>'
            x += LETTER * len(words) + 16

    def _grid(self, panel: _Panel, ticks: Sequence[float]) -> Iterator[str]:
        for tick in ticks:
            y = panel.y(tick)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'

    def _bars(self, name: str, panel: _Panel, of: Value, above: Value = lambda _: 0) -> str:
        """All bars in one shape: a rectangle for each second, from `above` upwards."""
        drawn = []
        for second in self.seconds:
            if value := of(second):
                foot = above(second) or 0
                x, end, y, bottom = self.x(second.at), self.x(second.at + 1), panel.y(foot + value), panel.y(foot)
                drawn.append(f"M{x:.1f} {bottom:.1f}V{y:.1f}H{end:.1f}V{bottom:.1f}Z")
        return f'<path class="{name}" d="{"".join(drawn)}"/>' if drawn else ""

    def _steps(self, name: str, panel: _Panel, of: Value) -> str:
        drawn, last = "", None
        for second in self.seconds:
            if (value := of(second)) is not None and value != last:
                x, y = f"{self.x(second.at):.1f}", f"{panel.y(value):.1f}"
                drawn += f"M{x} {y}" if last is None else f"H{x}V{y}"
                last = value
        return f'<path class="line {name}" d="{drawn}H{self.x(len(self.seconds)):.1f}"/>' if drawn else ""

    def _line(self, name: str, panel: _Panel, of: Value) -> str:
        drawn, gap = "", True
        for second in self.seconds:
            if (value := of(second)) is not None:
                drawn += f"{'M' if gap else 'L'}{self.x(second.at + 0.5):.1f} {panel.y(value):.1f}"
            gap = value is None
        return f'<path class="line {name}" d="{drawn}"/>' if drawn else ""

    def _band(self, name: str, panel: _Panel, lower: Value, upper: Value) -> str:
        """The area between two values, for each stretch of seconds that has both."""
        drawn = ""
        for has, stretch in itertools.groupby(self.seconds, lambda second: lower(second) is not None):
            if has:
                drawn += "M" + "L".join(self._around(list(stretch), panel, lower, upper)) + "Z"
        return f'<path class="band {name}" d="{drawn}"/>' if drawn else ""

    def _around(self, stretch: Sequence[Second], panel: _Panel, lower: Value, upper: Value) -> Iterator[str]:
        for seconds, of in ((stretch, upper), (stretch[::-1], lower)):
            for second in seconds:
                yield f"{self.x(second.at + 0.5):.1f} {panel.y(of(second) or 0):.1f}"


def _ticks(high: float) -> list[float]:
    """Whole numbers, few enough to stay readable."""
    step = next(
        step for base in itertools.count() for step in (10**base, 2 * 10**base, 5 * 10**base) if high / step <= 4
    )
    return [float(tick) for tick in range(0, math.floor(high) + 1, step)]
