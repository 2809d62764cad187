"""The requests of a load test as their clients saw them, and what they add up to: totals, errors, steps of time.

In: Requests. Out: numbers with the names of `vllm bench serve --save-result` where they mean the same, and Steps for a
plot. Knows nothing of Locust, of gates or of pages.
"""

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtests.gate import percentile

PERCENTILES = (90, 95, 99)
WIDTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)  # seconds of a step
MOST_STEPS = 60
NEAR = 1  # steps on either side whose requests count for a step's percentiles
KIND_LENGTH, EXAMPLE_LENGTH = 60, 200  # letters
NEVER_ENDED = "never ended"
STATUS = re.compile(r"\d{3}\b")


@dataclass(slots=True, frozen=True)
class Request:
    """One request. `due` is when it should have been sent; all times are seconds on one clock.

    `first` is when a stream's first token came. `refused`: the scenario provoked this refusal, so it is neither an
    answer nor an error. `good`: the answer is within the objectives of the gates.
    """

    route: str
    due: float
    ended: float | None = None
    first: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    failure: str = ""
    refused: bool = False
    good: bool = False

    @property
    def answered(self) -> bool:
        return self.ended is not None and not self.failure and not self.refused

    @property
    def to_end(self) -> float:
        """Seconds. Only for requests that ended."""
        assert self.ended is not None
        return self.ended - self.due

    @property
    def to_first_token(self) -> float | None:
        """Seconds; None for answers in one piece."""
        return None if self.first is None else self.first - self.due

    @property
    def per_token(self) -> float | None:
        """Seconds for each token after the first; None for answers in one piece, and for those of one token."""
        if self.first is None or self.ended is None or self.output_tokens < 2:
            return None
        return (self.ended - self.first) / (self.output_tokens - 1)


@dataclass(slots=True, frozen=True)
class Step:
    """`asked` were due in this step of time; all other counts are of requests that ended in it.

    Percentiles, in seconds, are of answers that were due in this step or a neighbouring one; None without one.
    """

    at: int
    asked: int
    answered: int
    refused: int
    good: int
    output_tokens: int
    errors: Mapping[str, int] = field(default_factory=dict)
    e2el: tuple[float, float, float] | None = None  # p50, p95, p99
    ttft: tuple[float, float, float] | None = None

    @property
    def failed(self) -> int:
        return sum(self.errors.values())


# --- what they add up to -----------------------------------------------------------------------------------------


def totals(requests: Sequence[Request]) -> dict[str, float | None]:
    """The whole run. Without a single answer, or stream, its times are None: vLLM writes 0 then."""
    done = [one for one in requests if one.answered]
    seconds = duration(requests)
    tokens_in, tokens_out = sum(one.input_tokens for one in done), sum(one.output_tokens for one in done)
    return {
        "duration": seconds,
        "num_prompts": len(requests),
        "completed": len(done),
        "failed": sum(bool(one.failure) for one in requests),
        "total_input_tokens": tokens_in,
        "total_output_tokens": tokens_out,
        "request_throughput": _per(seconds, len(done)),
        "request_goodput": _per(seconds, sum(one.good for one in done)),
        "output_throughput": _per(seconds, tokens_out),
        "total_token_throughput": _per(seconds, tokens_in + tokens_out),
        **_times("ttft", [one.to_first_token for one in done]),
        **_times("tpot", [one.per_token for one in done]),
        **_times("e2el", [one.to_end for one in done]),
    }


def duration(requests: Iterable[Request]) -> float:
    """Seconds from the first request's due time to the last end."""
    requests = list(requests)
    ends = [one.ended for one in requests if one.ended is not None]
    return max(ends) - min(one.due for one in requests) if ends else 0.0


def goodput(requests: Iterable[Request]) -> float | None:
    """The share within the objectives, of all that should have been answered and that ended."""
    wanted = [one for one in requests if one.answered or one.failure]
    return sum(one.good and one.answered for one in wanted) / len(wanted) if wanted else None


def _per(seconds: float, count: float) -> float:
    return count / seconds if seconds else 0.0


def _times(name: str, measured: Iterable[float | None]) -> dict[str, float | None]:
    values = sorted(one * 1000 for one in measured if one is not None)
    keys = [f"mean_{name}_ms", f"median_{name}_ms", f"std_{name}_ms", *(f"p{p}_{name}_ms" for p in PERCENTILES)]
    if not values:
        return dict.fromkeys(keys)
    found = [statistics.fmean(values), statistics.median(values), statistics.pstdev(values)]
    return dict(zip(keys, [*found, *(percentile(values, p) for p in PERCENTILES)], strict=True))


# --- errors ------------------------------------------------------------------------------------------------------


def errors(requests: Iterable[Request]) -> list[dict[str, Any]]:
    """Each kind with its count and its first example, the most frequent first."""
    failed = [one for one in requests if one.failure]
    counts = Counter(kind_of(one.failure) for one in failed)
    examples = {kind_of(one.failure): printable(one.failure)[:EXAMPLE_LENGTH] for one in reversed(failed)}
    return [{"kind": kind, "count": count, "example": examples[kind]} for kind, count in counts.most_common()]


def kind_of(failure: str) -> str:
    """A status, or what stands before the first colon: an exception's name, for instance."""
    if status := STATUS.match(failure):
        return status.group()
    return printable(failure).partition(":")[0].strip()[:KIND_LENGTH] or "unknown"


def printable(text: str) -> str:
    """Without control characters: a service's words are shown in a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


# --- over time ---------------------------------------------------------------------------------------------------


def steps(requests: Sequence[Request]) -> tuple[float, list[Step]]:
    """The seconds of each step, and the steps: as short as they can be while there are at most MOST_STEPS."""
    if not requests:
        return WIDTHS[0], []
    began = min(one.due for one in requests)
    length = max([duration(requests), *(one.due - began for one in requests)])
    width = next((width for width in WIDTHS if length < width * MOST_STEPS), WIDTHS[-1])
    due, ended = _in_steps(requests, began, width)
    return width, [_step(at, due, ended) for at in range(math.floor(length / width) + 1)]


Placed = Mapping[int, Sequence[Request]]


def _in_steps(requests: Iterable[Request], began: float, width: float) -> tuple[Placed, Placed]:
    """Requests by the step in which they were due, and by that in which they ended."""
    due: dict[int, list[Request]] = {}
    ended: dict[int, list[Request]] = {}
    for one in requests:
        due.setdefault(math.floor((one.due - began) / width), []).append(one)
        if one.ended is not None:
            ended.setdefault(math.floor((one.ended - began) / width), []).append(one)
    return due, ended


def _step(at: int, due: Placed, ended: Placed) -> Step:
    here = ended.get(at, ())
    answered = [one for one in here if one.answered]
    near = [one for step in range(at - NEAR, at + NEAR + 1) for one in due.get(step, ()) if one.answered]
    return Step(
        at,
        asked=len(due.get(at, ())),
        answered=len(answered),
        refused=sum(one.refused for one in here),
        good=sum(one.good for one in answered),
        output_tokens=sum(one.output_tokens for one in answered),
        errors=dict(Counter(kind_of(one.failure) for one in here if one.failure)),
        e2el=_shape([one.to_end for one in near]),
        ttft=_shape([one.to_first_token for one in near]),
    )


def _shape(measured: Iterable[float | None]) -> tuple[float, float, float] | None:
    values = sorted(one for one in measured if one is not None)
    if not values:
        return None
    p50, p95, p99 = (round(percentile(values, percent), 4) for percent in (50, 95, 99))
    return p50, p95, p99
