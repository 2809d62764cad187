"""A deployment that should grow under load and shrink again, second by second, and the gates that it has to pass.

In: the answers as their readers experienced them, and what Ray said about the replicas each second. Out: a Run. It can
be kept as JSON, drawn (autoscaling_plot.py), judged again, or replayed to another autoscaler. Knows nothing of Locust,
and sends no requests.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from loadtests.gate import Gate, percentile
from loadtests.streams import Heard

NEAR = 2  # seconds on either side whose answers count for a second's percentiles
BUILDS_UP_WITHIN = 10.0  # seconds: requests in flight need time to build up, and Serve looks only now and then
STARTS_WITHIN = 120.0  # seconds for a new replica, on a machine that it shares with the load
ROUTER = "LLMRouter"  # of Ray's own applications: it picks an engine, and has none itself
FALLBACKS = 0.05  # of the answers while no replica starts; with more, the run did not show this deployment


# --- what was seen -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Answer(Heard):
    """`fallback` is the model that answered in the deployment's place."""

    fallback: str = ""


@dataclass(slots=True, frozen=True)
class Scaling:
    """What the deployment's config file says, and so what can be expected."""

    min: int
    max: int
    target: float  # requests in flight in each replica
    look_back_s: float
    upscale_delay_s: float
    downscale_delay_s: float

    @property
    def up_s(self) -> float:
        """From the beginning of the overload to the decision, at most."""
        return self.look_back_s + self.upscale_delay_s + BUILDS_UP_WITHIN

    @property
    def down_s(self) -> float:
        return self.look_back_s + self.downscale_delay_s + BUILDS_UP_WITHIN


class Look(NamedTuple):
    """The replicas at one moment. `wanted` is the autoscaler's decision."""

    at: float
    wanted: int
    starting: int
    running: int
    stopping: int


@dataclass(slots=True, frozen=True)
class Phase:
    """A part of the run, in seconds from its beginning; `rate` is the mean number of requests sent per second."""

    name: str
    begins: float
    ends: float
    rate: float


@dataclass(slots=True, frozen=True)
class Second:
    """`asked` were due in this second; `answered`, `failed` and `fallbacks` ended in it.

    `under_way` is a mean. Latencies, in seconds, are of requests due in this second or near it; None if there were
    none, or none was answered. Replicas are None if Ray did not say.
    """

    at: int
    asked: int
    answered: int
    failed: int
    fallbacks: int
    under_way: float
    first_p50: float | None = None
    first_p95: float | None = None
    whole_p50: float | None = None
    whole_p95: float | None = None
    wanted: int | None = None
    starting: int | None = None
    running: int | None = None
    stopping: int | None = None


@dataclass(slots=True, frozen=True)
class Run:
    """A whole run. `failures` in words; `finished`: how many of this run's requests each engine counted as finished."""

    date: str
    machine: str
    phases: tuple[Phase, ...]
    seconds: tuple[Second, ...]
    failures: tuple[str, ...]
    scaling: Scaling | None = None
    finished: Mapping[str, int] | None = None

    @property
    def asked(self) -> int:
        return sum(second.asked for second in self.seconds)

    @property
    def fallbacks(self) -> int:
        return sum(second.fallbacks for second in self.seconds)

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)

    def document(self) -> str:
        """As JSON, one line per second."""
        document = asdict(self)
        rows = [json.dumps(row) for row in document.pop("seconds")]
        head = json.dumps(document, indent=1, ensure_ascii=False).removesuffix("\n}")
        return head + ',\n "seconds": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n"

    @classmethod
    def read(cls, text: str) -> Self:
        """The run in such a document."""
        document = json.loads(text)
        return cls(
            **document
            | {
                "phases": tuple(Phase(**phase) for phase in document["phases"]),
                "seconds": tuple(Second(**second) for second in document["seconds"]),
                "failures": tuple(document["failures"]),
                "scaling": Scaling(**document["scaling"]) if document["scaling"] else None,
            }
        )


CALM, SPIKE, CALM_AGAIN = "calm", "spike", "calm again"


# --- from what was seen to seconds -------------------------------------------------------------------------------


def engines_of(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The deployment with the engines, in the answer of Ray's REST API; None while there is none."""
    for application in status["applications"].values():
        for name, deployment in application["deployments"].items():
            if name != ROUTER:
                return dict(deployment)
    return None


def scaling_of(deployment: Mapping[str, Any]) -> Scaling | None:
    """None if it does not scale automatically."""
    told = deployment["deployment_config"].get("autoscaling_config")
    return told and Scaling(
        min=told["min_replicas"],
        max=told["max_replicas"],
        target=told["target_ongoing_requests"],
        look_back_s=told["look_back_period_s"],
        upscale_delay_s=told["upscale_delay_s"],
        downscale_delay_s=told["downscale_delay_s"],
    )


def look_of(deployment: Mapping[str, Any], at: float) -> Look:
    states = [replica["state"] for replica in deployment["replicas"]]
    running, stopping = states.count("RUNNING"), states.count("STOPPING")
    return Look(at, deployment["target_num_replicas"], len(states) - running - stopping, running, stopping)


def in_seconds(answers: Sequence[Answer], looks: Sequence[Look], began: float) -> tuple[Second, ...]:
    """`began` is the start of the run, by the answers' clock; the looks' times already count from there."""
    ends = [answer.ended - began for answer in answers if answer.ended is not None]
    length = math.ceil(max([*ends, *(look.at for look in looks)], default=0))
    return tuple(_second(at, answers, looks, began) for at in range(length))


def _second(at: int, answers: Sequence[Answer], looks: Sequence[Look], began: float) -> Second:
    due = [answer for answer in answers if at <= answer.due - began < at + 1]
    ended = [answer for answer in answers if answer.ended is not None and at <= answer.ended - began < at + 1]
    near = [answer for answer in answers if answer.whole and at - NEAR <= answer.due - began < at + 1 + NEAR]
    firsts = sorted(answer.to_first_token for answer in near if answer.stream)
    wholes = sorted(answer.total for answer in near)
    seen = next((look for look in reversed(looks) if look.at < at + 1), None)
    return Second(
        at,
        asked=len(due),
        answered=sum(answer.whole for answer in ended),
        failed=sum(not answer.whole for answer in ended),
        fallbacks=sum(answer.whole and answer.fallback != "" for answer in ended),
        under_way=round(math.fsum(_overlap(answer, began + at) for answer in answers), 2),
        first_p50=_of(firsts, 50),
        first_p95=_of(firsts, 95),
        whole_p50=_of(wholes, 50),
        whole_p95=_of(wholes, 95),
        wanted=seen and seen.wanted,
        starting=seen and seen.starting,
        running=seen and seen.running,
        stopping=seen and seen.stopping,
    )


def _overlap(answer: Answer, second: float) -> float:
    """For how much of this second it was in flight."""
    ended = math.inf if answer.ended is None else answer.ended
    return max(0.0, min(ended, second + 1) - max(answer.due, second))


def _of(ordered: Sequence[float], percent: int) -> float | None:
    return round(percentile(ordered, percent), 4) if ordered else None


# --- the gates ---------------------------------------------------------------------------------------------------


def judge(run: Run) -> list[Gate]:
    gates = [_nothing_lost(run), _few_fallbacks(run)]
    if run.scaling:
        gates += [_decides(run, run.scaling), _grows(run, run.scaling), _returns(run, run.scaling)]
    if run.finished is not None:
        gates.append(_engines_agree(run, run.finished))
    return gates


def _nothing_lost(run: Run) -> Gate:
    lost = len(run.failures)
    return Gate(
        "nothing is lost: every request got a complete answer",
        run.asked > 0 and not lost,
        f"{run.asked} answers",
        f"{run.asked - lost}; {run.failures[0] if lost else 'no failure'}",
    )


def _few_fallbacks(run: Run) -> Gate:
    """Not counted while a replica starts: on one machine it takes a core from the other, so a fallback may help."""
    settled = [second for second in run.seconds if not second.starting]
    answered, fallbacks = sum(one.answered for one in settled), sum(one.fallbacks for one in settled)
    share = fallbacks / max(answered, 1)
    return Gate(
        "this deployment itself answered",
        share <= FALLBACKS,
        f"at most {FALLBACKS:.0%} from a fallback while no replica starts",
        f"{share:.1%}: {fallbacks} of {answered}; {run.fallbacks} of {run.asked} in all",
    )


def _decides(run: Run, scaling: Scaling) -> Gate:
    begins = run.phase(SPIKE).begins
    after = _first(run.seconds, begins, lambda second: (second.wanted or 0) > scaling.min)
    allowed = scaling.up_s
    return Gate(
        "one more replica is wanted within the delays",
        after is not None and after <= allowed,
        f"within {allowed:g} s of the spike: {scaling.look_back_s:g} s to look back over, "
        f"{scaling.upscale_delay_s:g} s of delay, {BUILDS_UP_WITHIN:g} s for the load to build up",
        "never" if after is None else f"after {after:g} s",
    )


def _grows(run: Run, scaling: Scaling) -> Gate:
    begins = run.phase(SPIKE).begins
    wanted = _first(run.seconds, begins, lambda second: (second.wanted or 0) > scaling.min)
    there = _first(run.seconds, begins, lambda second: (second.running or 0) > scaling.min)
    took = None if wanted is None or there is None else there - wanted
    return Gate(
        "the new replica is warm soon after",
        took is not None and took <= STARTS_WITHIN,
        f"{scaling.min + 1} running replicas, within {STARTS_WITHIN:g} s of the decision",
        "never" if took is None else f"after {took:g} s",
    )


def _returns(run: Run, scaling: Scaling) -> Gate:
    ends = run.phase(SPIKE).ends
    last = max((second.at for second in run.seconds if (second.running or 0) > scaling.min), default=None)
    back = run.seconds[-1].running == run.seconds[-1].wanted == scaling.min
    after = None if last is None or not back else last + 1 - ends
    allowed = scaling.down_s
    return Gate(
        f"back to {scaling.min} when it is calm again",
        after is not None and after <= allowed,
        f"within {allowed:g} s of the spike's end: {scaling.look_back_s:g} s to look back over, "
        f"{scaling.downscale_delay_s:g} s of delay, {BUILDS_UP_WITHIN:g} s for the requests in flight",
        "never" if after is None else f"after {after:g} s",
    )


def _first(seconds: Iterable[Second], begins: float, is_so: Callable[[Second], bool]) -> float | None:
    """Seconds from `begins` until it was so."""
    return next((max(0.0, second.at - begins) for second in seconds if second.at >= begins - 1 and is_so(second)), None)


UNSEEN = 0.02  # of all answers


def _engines_agree(run: Run, finished: Mapping[str, int]) -> Gate:
    """An engine may have seen, in vain, a request that a fallback answered; each other answer came from one engine.

    The last counts of a replica that goes away are never seen: Ray publishes counts every two seconds.
    """
    counted, ours = sum(finished.values()), run.asked - len(run.failures) - run.fallbacks
    idle = [engine for engine, count in finished.items() if not count]
    return Gate(
        "the engines finished as many requests as were answered, and each finished some",
        ours * (1 - UNSEEN) <= counted <= ours + run.fallbacks + len(run.failures) and not idle,
        f"{ours}" + (f", and at most {run.fallbacks + len(run.failures)} answered by others" * bool(run.fallbacks)),
        " + ".join(f"{count} by {engine}" for engine, count in finished.items()) or "none",
    )
