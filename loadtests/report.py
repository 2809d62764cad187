"""One page about one load test: verdict, gates, numbers, plots over time, errors, settings. It needs no network, and
is in the language of the person who ran the test.

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
from workshop.translation.phrases import say, spoken
from workshop.translation.sentences import told

OURS = "workshop"
DATE = "%Y%m%d-%H%M%S"  # as vLLM writes it
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
    title = say("Load test of demo {number}", number=made[OURS]["scenario"])
    return "\n".join(
        [
            f'<!doctype html>\n<html lang="{spoken() or "en"}">\n<meta charset="utf-8">',
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
    count = say("{passed} of {all} gates", passed=passed, all=len(ours["gates"]))
    yield f'<h1>{escape(title)}: <span class="{verdict}">{count}</span></h1>'
    seed = say("the questions are always the same") if ours["seed"] is None else say("seed {seed}", seed=ours["seed"])
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.strptime(made["date"], DATE))
    yield f"<p>{when} · {escape(ours['machine'])} · {escape(seed)}</p>"
    for remark in ours["remarks"]:
        yield f"<p>{escape(told(remark))}</p>"


def _gates(gates: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f"<h2>{say('Gates')}</h2>"
    yield _table(("", say("gate"), say("expected"), say("got")), map(_gate, gates))


def _gate(gate: Mapping[str, Any]) -> str:
    passed, failed = (f"✓ {say('passed')}", f"✗ {say('not passed')}")
    mark = f'<td class="verdict passed">{passed}' if gate["passed"] else f'<td class="verdict failed">{failed}'
    name, expected, got = (escape(told(gate[part])) for part in ("name", "expected", "got"))
    return f"<tr>{mark}<th>{name}<td>{expected}<td>{got}"


def _numbers(made: Result) -> Iterator[str]:
    ours = made[OURS]
    share = say("no answers") if ours["goodput"] is None else f"{ours['goodput']:.1%}"
    counts = say(
        "{requests} requests in {seconds} s: {answered} answered, {refused} refused as provoked, {failed} failed",
        requests=f"{made['num_prompts']:,}",
        seconds=f"{made['duration']:,.1f}",
        answered=f"{made['completed']:,}",
        refused=f"{ours['refused']:,}",
        failed=f"{made['failed']:,}",
    )
    rates = say(
        "Per second: {answers} answers, {good} of them within the objectives, {tokens} output tokens",
        answers=f"{made['request_throughput']:,.1f}",
        good=f"{made['request_goodput']:,.1f}",
        tokens=f"{made['output_throughput']:,.0f}",
    )
    goodput = say("Goodput: {share}. Objectives: {objectives}", share=share, objectives=told(ours["objectives"]))
    yield f"<h2>{say('Numbers')}</h2>"
    yield from (f"<p>{escape(line)}</p>" for line in (counts, rates, goodput))
    yield _table((say("milliseconds"), *COLUMNS), _times(made))


def _times(made: Result) -> Iterator[str]:
    titles = {"ttft": say("to the first token"), "tpot": say("each other token"), "e2el": say("to the end")}
    for name, title in titles.items():
        values = [made[f"{column}_{name}_ms"] for column in COLUMNS]
        if values[0] is not None:
            yield f"<tr><th>{title}" + "".join(f'<td class="number">{value:,.1f}' for value in values)


def _plots(ours: Mapping[str, Any], picture: str) -> Iterator[str]:
    yield f"<h2>{say('Over time')}</h2>"
    steps = [Step(**row) for row in ours["steps"]]
    if not steps:
        yield f"<p>{say('Nothing was sent.')}</p>"
        return
    yield plot(steps, ours["step_s"])
    step, window = f"{ours['step_s']:g}", f"{(2 * NEAR + 1) * ours['step_s']:g}"
    yield f"<p>{say('Each step is {step} s; percentiles are over {window} s.', step=step, window=window)}</p>"
    if picture:
        # As an image, so that the styles of the two pictures do not meet.
        yield f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}">'


def _errors(ours: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2>{say('Errors by kind')}</h2>"
    kinds = ours["errors"]
    if not kinds:
        yield f"<p>{say('None.')}</p>"
        return
    rows = (
        f'<tr><th>{escape(kind["kind"])}<td class="number">{kind["count"]:,}<td>{escape(kind["example"])}'
        for kind in kinds[:MOST_KINDS]
    )
    yield _table((say("kind"), say("count"), say("the first one")), rows)
    if len(kinds) > MOST_KINDS:
        yield f"<p>{say('{number} more kinds are in result.json.', number=len(kinds) - MOST_KINDS)}</p>"


def _settings(ours: Mapping[str, Any]) -> Iterator[str]:
    scenario = {told(str(name)): told(str(value)) for name, value in ours["settings"].items()}
    parts = {say("Scenario"): scenario, say("Service and models"): ours["service"], say("Versions"): ours["versions"]}
    for title, settings in parts.items():
        yield f"<h2>{title}</h2>"
        rows = (f"<tr><th>{escape(str(name))}<td>{escape(str(value))}" for name, value in settings.items())
        yield "\n".join(["<table>", *rows, "</table>"])


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    """Heads over columns of numbers stand on the right too."""
    numbers = {*COLUMNS, say("count")}
    head = "".join(f'<th class="number">{text}' if text in numbers else f"<th>{text}" for text in heads)
    return "\n".join([f"<table><thead><tr>{head}<tbody>", *rows, "</table>"])
