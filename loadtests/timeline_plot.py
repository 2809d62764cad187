"""The picture of a load test over time: requests, tokens, latencies, goodput and errors, panel by panel, as SVG.

In: steps of time. Out: SVG for a page that defines the colours which STYLE uses. Its classes mean something else in
other pictures, so STYLE names them for this one alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from loadtests.chart import BOTTOM, LATENCIES, TOP, WIDTH, Chart, Panel, ticks
from loadtests.timeline import NEAR, Step
from workshop.translation.phrases import say

LOW, HIGH = 84, 130  # heights of a panel of counts, and of one of latencies
KINDS = 5  # of errors that have a colour of their own
OTHERS = "all others"
NAMED = 14  # letters of a kind, in the legend; a table has the whole name
STYLE = """
.timeline text { font: 12px system-ui, sans-serif; fill: var(--soft) }
.timeline .head { font-size: 13px; font-weight: 600; fill: var(--ink) }
.timeline .tick { font-size: 11px }
.timeline .grid { stroke: var(--edge); stroke-opacity: .3 }
.timeline .asked { fill: var(--blue); fill-opacity: .3 } .timeline .tokens { fill: var(--green); fill-opacity: .55 }
.timeline .good { fill: var(--green); fill-opacity: .75 } .timeline .late { fill: var(--amber); fill-opacity: .75 }
.timeline .refused { fill: var(--edge); fill-opacity: .45 } .timeline .band { fill: var(--blue); fill-opacity: .18 }
.timeline .kind-0 { fill: var(--red) } .timeline .kind-1 { fill: var(--amber) }
.timeline .kind-2 { fill: var(--violet) } .timeline .kind-3 { fill: var(--blue) }
.timeline .kind-4 { fill: var(--green) } .timeline .kind-5 { fill: var(--ink) }
.timeline .line { fill: none; stroke: var(--blue); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round }
.timeline .line.p95 { stroke: var(--violet) } .timeline .line.p99 { stroke: var(--red); stroke-dasharray: 4 3 }
"""

Shapes = Mapping[int, tuple[float, float, float] | None]


def plot(steps: Sequence[Step], step_s: float) -> str:
    """The SVG of a run with at least one step."""
    picture = _Picture(steps, step_s)
    return "\n".join([*picture.frame(), *picture.panels(), *picture.axis(), "</svg>", ""])


class _Picture(Chart[Step]):
    def __init__(self, steps: Sequence[Step], step_s: float) -> None:
        self.streams = any(step.ttft for step in steps)
        self.tokens = any(step.output_tokens for step in steps)
        counts: Counter[str] = Counter()
        for step in steps:
            counts.update(step.errors)
        self.kinds = [kind for kind, _ in counts.most_common(KINDS)] + [OTHERS] * (len(counts) > KINDS)
        self.refused = any(step.refused for step in steps)
        latencies = [HIGH] * (1 + self.streams)
        super().__init__(steps, [LOW, *([LOW] * self.tokens), *latencies, LOW, LOW], step_s)

    def frame(self) -> Iterator[str]:
        height = self.floor + BOTTOM - TOP
        yield f'<svg class="timeline" viewBox="0 {TOP} {WIDTH} {height}" role="img">'
        yield f"<title>{say('Requests, latencies, goodput and errors over time')}</title>"

    def panels(self) -> Iterator[str]:
        yield from self._load()
        if self.tokens:
            yield from self._tokens()
        yield from self._latency(say("Seconds to the end"), {step.at: step.e2el for step in self.steps})
        if self.streams:
            yield from self._latency(say("Seconds to the first token"), {step.at: step.ttft for step in self.steps})
        yield from self._goodput()
        yield from self._errors()

    def _load(self) -> Iterator[str]:
        panel = self.panel(LOW, 0, max(max(step.asked, step.answered) for step in self.steps) / self.step_s)
        legend = [("asked", say("sent")), ("line answered", say("answered"))]
        yield from self.head(panel, say("Requests per second"), legend)
        yield from self.grid(panel, ticks(panel.high))
        yield self.bars("asked", panel, lambda step: step.asked / self.step_s)
        yield self.line("answered", panel, self._answered_near)

    def _answered_near(self, step: Step) -> float:
        near = self.steps[max(step.at - NEAR, 0) : step.at + NEAR + 1]
        return sum(one.answered for one in near) / len(near) / self.step_s

    def _tokens(self) -> Iterator[str]:
        panel = self.panel(LOW, 0, max(step.output_tokens for step in self.steps) / self.step_s)
        legend = [("tokens", say("output, of the answers that ended then"))]
        yield from self.head(panel, say("Tokens per second"), legend)
        yield from self.grid(panel, ticks(panel.high))
        yield self.bars("tokens", panel, lambda step: step.output_tokens / self.step_s)

    def _latency(self, title: str, shapes: Shapes) -> Iterator[str]:
        values = [value for shape in shapes.values() if shape for value in shape if value > 0]
        low = max((edge for edge in LATENCIES if edge < min(values, default=1)), default=LATENCIES[0])
        high = min((edge for edge in LATENCIES if edge > max(values, default=1)), default=LATENCIES[-1])
        panel = self.panel(HIGH, low, high, logarithmic=True)
        yield from self.head(panel, title, [("line", "p50"), ("line p95", "p95"), ("line p99", "p99")])
        yield from self.grid(panel, [edge for edge in LATENCIES if low <= edge <= high])
        p50, p95, p99 = (_number(shapes, number) for number in range(3))
        yield self.band("", panel, p50, p95)
        yield self.line("p99", panel, p99)
        yield self.line("p95", panel, p95)
        yield self.line("p50", panel, p50)

    def _goodput(self) -> Iterator[str]:
        panel = self.panel(LOW, 0, max(max(step.answered for step in self.steps), 1) / self.step_s)
        legend = [("good", say("answers per second within the objectives")), ("late", say("all other answers"))]
        yield from self.head(panel, "Goodput", legend)
        yield from self.grid(panel, ticks(panel.high))
        yield self.bars("good", panel, lambda step: step.good / self.step_s)
        yield self.bars("late", panel, self._late, lambda step: step.good / self.step_s)

    def _late(self, step: Step) -> float:
        return (step.answered - step.good) / self.step_s

    def _errors(self) -> Iterator[str]:
        most = max(step.failed + step.refused for step in self.steps) / self.step_s
        panel = self.panel(LOW, 0, most)
        names = [say("all others") if kind == OTHERS else kind[:NAMED] for kind in self.kinds]
        legend = [(f"kind-{number}", name) for number, name in enumerate(names)]
        legend += [("refused", say("refused, as provoked"))] if self.refused else []
        yield from self.head(panel, say("Errors per second"), legend or [("", say("none"))])
        yield from self.grid(panel, ticks(panel.high))
        if self.refused:
            yield self.bars("refused", panel, lambda step: step.refused / self.step_s)
        for number in range(len(self.kinds)):
            yield self._kind(panel, number)

    def _kind(self, panel: Panel, number: int) -> str:
        def below(step: Step) -> float:
            return (step.refused + sum(self._count(step, kind) for kind in self.kinds[:number])) / self.step_s

        return self.bars(
            f"kind-{number}", panel, lambda step: self._count(step, self.kinds[number]) / self.step_s, below
        )

    def _count(self, step: Step, kind: str) -> int:
        if kind != OTHERS:
            return step.errors.get(kind, 0)
        return sum(count for other, count in step.errors.items() if other not in self.kinds)


def _number(shapes: Shapes, number: int) -> Callable[[Step], float | None]:
    """One of the three numbers of a step's shape."""

    def of(step: Step) -> float | None:
        shape = shapes[step.at]
        return shape and shape[number]

    return of
