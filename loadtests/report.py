"""One page about one load test: verdict, gates, numbers, plots over time, errors, settings. It needs no network.

In: a result, see result.py. Out: HTML, readable in light and in dark, with its styles and pictures inside. Whatever a
service has said is escaped.
"""

import base64
import time
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from loadtests.timeline import NEAR, Step
from loadtests.timeline_plot import STYLE, plot

OURS = "workshop"
DATE = "%Y%m%d-%H%M%S"  # as vLLM writes it
TIMES = {"ttft": "to the first token", "tpot": "each other token", "e2el": "to the end"}
COLUMNS = ("mean", "median", "p90", "p95", "p99")
MOST_KINDS = 20  # rows of the table of errors
COLOURS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2328; --soft: #57606a; --edge: #8c959f; --rule: #d8dee4;
  --blue: #0969da; --green: #1a7f37; --amber: #bf8700; --red: #cf222e; --violet: #8250df }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1; --rule: #30363d;
  --blue: #4493f8; --green: #3fb950; --amber: #d29922; --red: #f85149; --violet: #a371f7 } }
"""
PAGE = """
body { margin: 2rem auto; padding: 0 1rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
p { margin: .3rem 0; color: var(--soft) } td, th, p { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top }
th { font-weight: 600 } thead th { color: var(--soft); font-weight: 400 }
.number { text-align: right } .number, .verdict { white-space: nowrap }
.passed { color: var(--green) } .failed { color: var(--red) }
svg { width: 100% } img { max-width: 100% }
"""

Result = Mapping[str, Any]


def page(made: Result, picture: str = "") -> str:
    """The page. `picture` is an SVG that the scenario drew itself."""
    title = f"Load test of demo {made[OURS]['scenario']}"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)} · {escape(made['date'])}</title>",
            f"<style>{COLOURS}{PAGE}{STYLE}</style>",
            *_head(title, made),
            *_gates(made[OURS]["gates"]),
            *_numbers(made),
            *_plots(made[OURS], picture),
            *_errors(made[OURS]),
            *_settings(made[OURS]),
            "</html>\n",
        ]
    )


def _head(title: str, made: Result) -> Iterator[str]:
    ours = made[OURS]
    passed = sum(gate["passed"] for gate in ours["gates"])
    verdict = "passed" if passed == len(ours["gates"]) else "failed"
    yield f'<h1>{escape(title)}: <span class="{verdict}">{passed} of {len(ours["gates"])} gates</span></h1>'
    seed = "the questions are always the same" if ours["seed"] is None else f"seed {ours['seed']}"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.strptime(made["date"], DATE))
    yield f"<p>{when} · {escape(ours['machine'])} · {escape(seed)}</p>"
    for remark in ours["remarks"]:
        yield f"<p>{escape(remark)}</p>"


def _gates(gates: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield "<h2>Gates</h2>"
    yield _table(("", "gate", "expected", "got"), map(_gate, gates))


def _gate(gate: Mapping[str, Any]) -> str:
    mark = '<td class="verdict passed">✓ passed' if gate["passed"] else '<td class="verdict failed">✗ failed'
    return f"<tr>{mark}<th>{escape(gate['name'])}<td>{escape(gate['expected'])}<td>{escape(gate['got'])}"


def _numbers(made: Result) -> Iterator[str]:
    ours = made[OURS]
    share = "no answers" if ours["goodput"] is None else f"{ours['goodput']:.1%}"
    yield "<h2>Numbers</h2>"
    yield (
        f"<p>{made['num_prompts']:,} requests in {made['duration']:,.1f} s: {made['completed']:,} answered, "
        f"{ours['refused']:,} refused as provoked, {made['failed']:,} failed</p>"
    )
    yield (
        f"<p>Per second: {made['request_throughput']:,.1f} answers, {made['request_goodput']:,.1f} of them within the "
        f"objectives, {made['output_throughput']:,.0f} output tokens</p>"
    )
    yield f"<p>Goodput: {share}. Objectives: {escape(ours['objectives'])}</p>"
    yield _table(("milliseconds", *COLUMNS), _times(made))


def _times(made: Result) -> Iterator[str]:
    for name, title in TIMES.items():
        values = [made[f"{column}_{name}_ms"] for column in COLUMNS]
        if values[0] is not None:
            yield f"<tr><th>{title}" + "".join(f'<td class="number">{value:,.1f}' for value in values)


def _plots(ours: Mapping[str, Any], picture: str) -> Iterator[str]:
    yield "<h2>Over time</h2>"
    steps = [Step(**row) for row in ours["steps"]]
    if not steps:
        yield "<p>Nothing was sent.</p>"
        return
    yield plot(steps, ours["step_s"])
    step_s = ours["step_s"]
    yield f"<p>Each step is {step_s:g} s; percentiles are over {(2 * NEAR + 1) * step_s:g} s.</p>"
    if picture:
        # As an image, so that the styles of the two pictures do not meet.
        yield f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}">'


def _errors(ours: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Errors by kind</h2>"
    kinds = ours["errors"]
    if not kinds:
        yield "<p>None.</p>"
        return
    rows = (
        f'<tr><th>{escape(kind["kind"])}<td class="number">{kind["count"]:,}<td>{escape(kind["example"])}'
        for kind in kinds[:MOST_KINDS]
    )
    yield _table(("kind", "count", "the first one"), rows)
    if len(kinds) > MOST_KINDS:
        yield f"<p>{len(kinds) - MOST_KINDS} more kinds are in result.json.</p>"


def _settings(ours: Mapping[str, Any]) -> Iterator[str]:
    parts = {"Scenario": "settings", "Service and models": "service", "Versions": "versions"}
    for title, name in parts.items():
        yield f"<h2>{title}</h2>"
        rows = (f"<tr><th>{escape(str(key))}<td>{escape(str(value))}" for key, value in ours[name].items())
        yield "\n".join(["<table>", *rows, "</table>"])


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    """Heads over columns of numbers stand on the right too."""
    head = "".join(f'<th class="number">{text}' if text in {*COLUMNS, "count"} else f"<th>{text}" for text in heads)
    return "\n".join([f"<table><thead><tr>{head}<tbody>", *rows, "</table>"])
