"""The picture of a Run: requests sent, requests in flight, replicas and latencies, one panel above the other, as SVG.

In: a Run. Out: text small enough to be read in a diff. All panels share the time axis, with the run's phases in the
background. Its colours work on light and on dark pages.
"""

from collections.abc import Iterator
from html import escape

from loadtests.autoscaling import NEAR, SPIKE, Run, Scaling, Second
from loadtests.chart import BOTTOM, LATENCIES, TOP, WIDTH, Chart, ticks

LOAD, UNDER_WAY, REPLICAS, LATENCY = 84, 84, 84, 150  # heights
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


def plot(run: Run) -> str:
    """The SVG of a run with at least one second."""
    picture = _Picture(run)
    return "\n".join([*picture.frame(), *picture.panels(), *picture.axis(), "</svg>", ""])


class _Picture(Chart[Second]):
    def __init__(self, run: Run) -> None:
        super().__init__(run.seconds, [LOAD, UNDER_WAY, *([REPLICAS] if run.scaling else []), LATENCY])
        self.run, self.seconds, self.scaling = run, run.seconds, run.scaling

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

    # --- the four of them --------------------------------------------------------------------------------------------

    def _load(self) -> Iterator[str]:
        run = self.run
        panel = self.panel(LOAD, 0, max(max(second.asked, second.answered) for second in self.seconds))
        rare = [("fallback", "by the fallback")] * bool(run.fallbacks) + [("failed", "lost")] * bool(run.failures)
        legend = [("asked", "asked"), ("line answered", f"answered, over {2 * NEAR + 1} seconds"), *rare]
        yield from self.head(panel, "Requests per second", legend)
        yield from self.grid(panel, ticks(panel.high))
        yield self.bars("asked", panel, lambda second: second.asked)
        yield self.line("answered", panel, self._answered_near)
        yield self.bars("fallback", panel, lambda second: second.fallbacks)
        yield self.bars("failed", panel, lambda second: second.failed)

    def _answered_near(self, second: Second) -> float:
        near = self.seconds[max(second.at - NEAR, 0) : second.at + NEAR + 1]
        return sum(one.answered for one in near) / len(near)

    def _under_way(self) -> Iterator[str]:
        panel = self.panel(UNDER_WAY, 0, max(second.under_way for second in self.seconds))
        legend = [("asked", "sent and not answered yet")]
        if self.scaling:
            legend.append(("line held", f"the running replicas' target: {self.scaling.target:g} each"))
        yield from self.head(panel, "In flight", legend)
        yield from self.grid(panel, ticks(panel.high))
        yield self.bars("asked", panel, lambda second: second.under_way)
        if self.scaling:
            target = self.scaling.target
            yield self.stairs("held", panel, lambda second: None if second.running is None else second.running * target)

    def _replicas(self, scaling: Scaling) -> Iterator[str]:
        there = [(second.running or 0) + (second.starting or 0) + (second.stopping or 0) for second in self.seconds]
        panel = self.panel(REPLICAS, 0, max(*there, scaling.max) * 1.35)
        legend = [("running", "running"), ("starting", "starting"), ("stopping", "finishing its requests")]
        yield from self.head(panel, "Replicas", [*legend, ("line wanted", "wanted")])
        yield from self.grid(panel, ticks(max(*there, scaling.max)))
        yield self.bars("running", panel, lambda second: second.running)
        yield self.bars("starting", panel, lambda second: second.starting, lambda second: second.running)
        yield self.bars("stopping", panel, lambda second: second.stopping, lambda second: second.running)
        yield self.stairs("wanted", panel, lambda second: second.wanted)
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
        panel = self.panel(LATENCY, low, high, logarithmic=True)
        legend = [
            ("first", "to the first token of a stream"),
            ("whole", "to the end"),
            ("", "line: median, band: up to the 95th percentile"),
        ]
        yield from self.head(panel, "Seconds", legend)
        yield from self.grid(panel, [edge for edge in LATENCIES if low <= edge <= high])
        yield self.band("whole", panel, lambda second: second.whole_p50, lambda second: second.whole_p95)
        yield self.band("first", panel, lambda second: second.first_p50, lambda second: second.first_p95)
        yield self.line("whole", panel, lambda second: second.whole_p50)
        yield self.line("first", panel, lambda second: second.first_p50)
