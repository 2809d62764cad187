"""A load test in a terminal: one table, drawn again each second while it runs, and once at the end.

In: requests, or the numbers of a whole run. Out: lines of text. Knows nothing of Locust or of gates.
"""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from loadtests.gate import percentile
from loadtests.timeline import Request, errors, goodput
from workshop.translation.phrases import say

LATELY = 5.0  # seconds over which the rates are taken while it runs
SHOWN = (50, 95, 99)
KINDS = 3  # of errors
BAR = 32  # letters
TITLE = 13  # columns, before the numbers of a row
HOME, REST = "\x1b[{}A\r", "\x1b[J"  # up so many lines; erase all below

Numbers = Mapping[str, Any]


def progress(requests: Sequence[Request], now: float, elapsed: float, share: float | None) -> dict[str, Any]:
    """The numbers of a run that is not over. `now` is a reading of the requests' clock; `share` is from 0 to 1."""
    since = min(LATELY, elapsed)
    late = [one for one in requests if one.answered and one.ended is not None and one.ended > now - since]
    rates = (len(late) / since, sum(one.output_tokens for one in late) / since) if since else (0.0, 0.0)
    return {"elapsed": elapsed, "share": share, **_counts(requests), "rates": rates}


def whole(requests: Sequence[Request], totals: Numbers) -> dict[str, Any]:
    """The same numbers of a run that is over."""
    rates = (totals["request_throughput"], totals["output_throughput"])
    return {"elapsed": totals["duration"], "share": None, **_counts(requests), "rates": rates}


def _counts(requests: Sequence[Request]) -> dict[str, Any]:
    done = [one for one in requests if one.answered]
    measured: dict[str, Sequence[float | None]] = {
        "ttft": [one.to_first_token for one in done],
        "tpot": [one.per_token for one in done],
        "e2el": [one.to_end for one in done],
    }
    return {
        "sent": len(requests),
        "answered": len(done),
        "refused": sum(one.refused for one in requests),
        "failed": sum(bool(one.failure) for one in requests),
        "open": sum(one.ended is None and not one.failure for one in requests),
        "goodput": goodput(requests),
        "ms": {name: _percentiles(values) for name, values in measured.items()},
        "errors": [(error["kind"], error["count"]) for error in errors(requests)],
    }


def _percentiles(measured: Sequence[float | None]) -> list[float] | None:
    values = sorted(one * 1000 for one in measured if one is not None)
    return [percentile(values, percent) for percent in SHOWN] if values else None


# --- lines -------------------------------------------------------------------------------------------------------


def table(numbers: Numbers) -> list[str]:
    """The numbers of `progress` or of `whole`, for people: one screen."""
    answers, tokens = numbers["rates"]
    share = numbers["goodput"]
    rates = say("{answers} answers · {tokens} output tokens", answers=f"{answers:,.1f}", tokens=f"{tokens:,.0f}")
    lines = [
        _row(say("requests"), " · ".join(f"{name} {numbers[key]:,}" for key, name in _counted(numbers).items())),
        _row(say("per second"), rates),
        _row("goodput", "–" if share is None else f"{share:.1%}"),
        _row("", "".join(f"{f'p{percent}':>12}" for percent in SHOWN)),
    ]
    for name, title in {"ttft": say("first token"), "tpot": say("each other"), "e2el": say("to the end")}.items():
        if values := numbers["ms"][name]:
            lines.append(_row(title, "".join(f"{f'{value:,.1f} ms':>12}" for value in values)))
    kinds = numbers["errors"]
    named = [f"{count:,} × {kind}" for kind, count in kinds[:KINDS]]
    more = [say("{number} more kinds", number=len(kinds) - KINDS)] if len(kinds) > KINDS else []
    return [*lines, _row(say("errors"), " · ".join([*named, *more]) or say("none"))]


def _row(title: str, text: str) -> str:
    return f"{title:<{TITLE}}{text}"


def _counted(numbers: Numbers) -> dict[str, str]:
    """The counts to show, with their names. What is rare is shown where there is some."""
    often = {"sent": say("sent"), "answered": say("answered")}
    rare = {"refused": say("refused"), "failed": say("failed"), "open": say("open")}
    return often | {key: name for key, name in rare.items() if numbers[key]}


def headline(title: str, numbers: Numbers) -> str:
    """How far a run is: a bar if that is known."""
    elapsed, share = numbers["elapsed"], numbers["share"]
    if share is None:
        return f"{title} · {elapsed:.0f} s"
    full = round(min(max(share, 0.0), 1.0) * BAR)
    return f"{title} · {elapsed:.0f} s  {'█' * full}{'░' * (BAR - full)} {full / BAR:.0%}"


class Screen:
    """The table in a terminal, drawn over itself."""

    def __init__(self, terminal: TextIO, title: str) -> None:
        self.terminal, self.title = terminal, title
        self.drawn = 0  # lines

    def show(self, numbers: Numbers) -> None:
        columns = shutil.get_terminal_size().columns
        # A line that wraps would be two lines, and the next drawing would begin too low.
        lines = [line[: columns - 1] for line in (headline(self.title, numbers), *table(numbers))]
        self.clear()
        self.terminal.write("\n".join(lines) + "\n")
        self.terminal.flush()
        self.drawn = len(lines)

    def clear(self) -> None:
        if self.drawn:
            self.terminal.write(HOME.format(self.drawn) + REST)
            self.terminal.flush()
        self.drawn = 0
