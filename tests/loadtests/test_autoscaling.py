"""A run under a spike: what its seconds say, what its gates judge, what its picture shows. None of it is sent here.

The run that is kept with the results is one of the real cluster; each way to be wrong is made of it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from loadtests.autoscaling import (
    CALM,
    SPIKE,
    Answer,
    Look,
    Run,
    Second,
    engines_of,
    in_seconds,
    judge,
    look_of,
    scaling_of,
)
from loadtests.autoscaling_plot import plot
from workshop.processes import ROOT

RESULTS = ROOT / "loadtests" / "results"
SVG = "{http://www.w3.org/2000/svg}"

NOTHING_LOST = "nothing is lost: all that was asked was answered, to its end"
BY_IT = "it was this deployment that answered"
DECIDES = "a replica more is wanted within its delays"
GROWS = "and is there, warm, soon after"
RETURNS = "when it is calm again, back to 1"
AGREE = "the engines have finished as many as were answered, each of them some"


@pytest.fixture(scope="module")
def kept() -> Run:
    return Run.read((RESULTS / "autoscaling.json").read_text())


def changed(run: Run, change: Callable[[Second], Second]) -> Run:
    return replace(run, seconds=tuple(change(second) for second in run.seconds))


# --- the gates ---------------------------------------------------------------------------------------------------


def test_the_run_that_is_kept_passes_every_gate(kept: Run) -> None:
    gates = judge(kept)
    assert [gate.name for gate in gates] == [NOTHING_LOST, BY_IT, DECIDES, GROWS, RETURNS, AGREE]
    assert all(gate.passed for gate in gates), gates


def _loses_one(run: Run) -> Run:
    return replace(run, failures=("a stream: after 3.1 s, ended without [DONE]",))


def _lets_the_fallback_answer(run: Run) -> Run:
    return changed(run, lambda second: replace(second, fallbacks=second.answered))


def _never_wants_more(run: Run) -> Run:
    return changed(run, lambda second: replace(second, wanted=1, running=1, starting=0, stopping=0))


def _wants_more_late(run: Run) -> Run:
    late = run.phase(SPIKE).begins + 60
    return changed(run, lambda second: replace(second, wanted=second.wanted if second.at > late else 1))


def _never_gets_it(run: Run) -> Run:
    return changed(run, lambda second: replace(second, running=1))


def _counts_one_twice(run: Run) -> Run:
    assert run.finished
    return replace(run, finished={engine: count + 1 for engine, count in run.finished.items()})


def _counts_one_of_twenty_less(run: Run) -> Run:
    assert run.finished
    return replace(run, finished={engine: count * 19 // 20 for engine, count in run.finished.items()})


def _sends_the_new_one_nothing(run: Run) -> Run:
    assert run.finished
    return replace(run, finished={"a": sum(run.finished.values()), "b": 0})


WRONG: dict[Callable[[Run], Run], str] = {
    _loses_one: NOTHING_LOST,
    _lets_the_fallback_answer: BY_IT,
    _never_wants_more: DECIDES,
    _wants_more_late: DECIDES,
    _never_gets_it: GROWS,
    _counts_one_twice: AGREE,
    _counts_one_of_twenty_less: AGREE,
    _sends_the_new_one_nothing: AGREE,
}


@pytest.mark.parametrize("make_wrong", WRONG)
def test_a_run_that_was_wrong_fails_the_gate_that_is_there_for_it(make_wrong: Callable[[Run], Run], kept: Run) -> None:
    failed = [gate.name for gate in judge(make_wrong(kept)) if not gate.passed]
    assert WRONG[make_wrong] in failed


def test_while_a_replica_starts_a_fallback_may_help(kept: Run) -> None:
    helped = changed(kept, lambda second: replace(second, fallbacks=second.answered if second.starting else 0))
    assert helped.fallbacks > 0
    assert BY_IT not in [gate.name for gate in judge(helped) if not gate.passed]


def test_a_deployment_that_stays_large_has_not_returned(kept: Run) -> None:
    last = kept.seconds[-1]
    stays = replace(kept, seconds=(*kept.seconds[:-1], replace(last, running=2, wanted=2)))
    assert RETURNS in [gate.name for gate in judge(stays) if not gate.passed]


def test_nothing_is_said_of_replicas_that_nobody_could_see(kept: Run) -> None:
    blind = replace(kept, scaling=None, finished=None)
    assert [gate.name for gate in judge(blind)] == [NOTHING_LOST, BY_IT]


def test_a_run_in_which_nobody_asked_is_not_one_without_losses(kept: Run) -> None:
    empty = changed(kept, lambda second: replace(second, asked=0))
    assert NOTHING_LOST in [gate.name for gate in judge(empty) if not gate.passed]


def test_an_answer_of_the_fallback_may_have_been_asked_of_an_engine_before(kept: Run) -> None:
    assert kept.finished
    first, *others = kept.seconds
    one = replace(kept, seconds=(replace(first, fallbacks=kept.fallbacks + 1), *others))
    assert AGREE not in [gate.name for gate in judge(one) if not gate.passed]
    engine, count = next(iter(kept.finished.items()))
    without_it = replace(one, finished={**kept.finished, engine: count - 1})
    assert AGREE not in [gate.name for gate in judge(without_it) if not gate.passed]


# --- seconds -----------------------------------------------------------------------------------------------------


def answered(due: float, *, first: float | None = None, ended: float | None = None, fallback: str = "") -> Answer:
    answer = Answer("/v1/chat/completions", 100 + due, stream=first is not None, fallback=fallback)
    answer.first = None if first is None else 100 + first
    answer.ended = None if ended is None else 100 + ended
    answer.whole = ended is not None
    return answer


def seconds_of(answers: Sequence[Answer], looks: Sequence[Look] = ()) -> tuple[Second, ...]:
    return in_seconds(answers, looks, began=100)


def test_what_was_due_counts_where_it_was_due_and_what_ended_where_it_ended() -> None:
    seconds = seconds_of([answered(0.5, ended=2.5), answered(0.7, ended=2.8, fallback="tiny")])
    assert [second.asked for second in seconds] == [2, 0, 0]
    assert [second.answered for second in seconds] == [0, 0, 2]
    assert [second.fallbacks for second in seconds] == [0, 0, 1]


def test_under_way_is_an_average_over_the_second() -> None:
    seconds = seconds_of([answered(0.5, ended=2.25)])
    assert [second.under_way for second in seconds] == [0.5, 1.0, 0.25]


def test_what_never_ended_is_under_way_to_the_end() -> None:
    seconds = seconds_of([answered(0.0), answered(1.0, ended=1.9)])
    assert [second.under_way for second in seconds] == [1.0, 1.9]


def test_latencies_are_those_of_who_asked_then() -> None:
    seconds = seconds_of([answered(0.0, first=0.25, ended=9.0), answered(8.0, ended=9.0)])
    assert (seconds[0].first_p50, seconds[0].whole_p50) == (0.25, 9.0)
    assert (seconds[8].first_p50, seconds[8].whole_p50) == (None, 1.0)
    assert seconds[4].whole_p50 is None


def test_a_look_at_the_replicas_holds_until_the_next_one() -> None:
    looks = [Look(0.9, wanted=2, starting=1, running=1, stopping=0), Look(3.1, 2, 0, 2, 0)]
    seconds = seconds_of([answered(0.1, ended=3.9)], looks)
    assert [second.starting for second in seconds] == [1, 1, 1, 0]
    assert [second.running for second in seconds] == [1, 1, 1, 2]


def test_what_ray_says_is_read_of_the_deployment_that_has_engines() -> None:
    autoscaling = {
        "min_replicas": 2,
        "max_replicas": 16,
        "target_ongoing_requests": 5.0,
        "look_back_period_s": 30.0,
        "upscale_delay_s": 30.0,
        "downscale_delay_s": 600.0,
    }
    states = ["RUNNING", "RUNNING", "STARTING", "UPDATING", "STOPPING"]
    engines = {
        "target_num_replicas": 4,
        "replicas": [{"state": state} for state in states],
        "deployment_config": {"autoscaling_config": autoscaling},
    }
    router = {"target_num_replicas": 1, "replicas": [], "deployment_config": {}}
    found = engines_of({"applications": {"llm": {"deployments": {"LLMRouter": router, "VLLM": engines}}}})
    assert found
    assert look_of(found, at=7.0) == Look(7.0, wanted=4, starting=2, running=2, stopping=1)
    scaling = scaling_of(found)
    assert scaling
    assert (scaling.min, scaling.max, scaling.target, scaling.downscale_delay_s) == (2, 16, 5.0, 600.0)
    assert scaling_of(router) is None


# --- what is kept, and what is drawn -----------------------------------------------------------------------------


def test_a_run_is_read_as_it_was_written(kept: Run) -> None:
    assert Run.read(kept.document()) == kept
    assert (RESULTS / "autoscaling.json").read_text() == kept.document()


def test_the_picture_that_is_kept_is_one_of_the_numbers_that_are_kept(kept: Run) -> None:
    assert (RESULTS / "autoscaling.svg").read_text() == plot(kept)


def test_the_picture_shows_each_phase_and_stays_within_its_edges(kept: Run) -> None:
    picture = ElementTree.fromstring(plot(kept))
    width, height = map(float, picture.attrib["viewBox"].split()[2:])
    said = " ".join("".join(text.itertext()) for text in picture.iter(f"{SVG}text"))
    for phase in kept.phases:
        assert f"{phase.name}, {phase.rate:g} a second" in said
    for path in picture.iter(f"{SVG}path"):
        for x, y in re.findall(r"([\d.]+) ([\d.]+)", path.attrib["d"]):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height
        for x in re.findall(r"H([\d.]+)", path.attrib["d"]):
            assert float(x) <= width


def test_without_replicas_the_picture_says_nothing_of_them(kept: Run) -> None:
    blind = changed(kept, lambda second: replace(second, wanted=None, starting=None, running=None, stopping=None))
    drawn = plot(replace(blind, scaling=None, finished=None))
    assert "Replicas" in plot(kept)
    assert "Replicas" not in drawn
    assert "meant to hold" not in drawn


def test_what_was_lost_and_what_a_fallback_answered_is_seen(kept: Run) -> None:
    first, *others = kept.seconds
    bad = replace(kept, seconds=(replace(first, failed=1, fallbacks=2), *others), failures=("a stream: cut",))
    drawn = plot(bad)
    assert "1 lost" in drawn
    assert "2 answered by the fallback" in drawn
    assert 'class="failed"' in drawn
    assert 'class="failed"' not in plot(replace(kept, seconds=tuple(replace(s, failed=0) for s in kept.seconds)))


def test_a_run_of_a_moment_can_be_drawn(kept: Run) -> None:
    short = replace(kept, seconds=seconds_of([answered(0.1, ended=0.4)]), phases=(replace(kept.phase(CALM), ends=1),))
    ElementTree.fromstring(plot(short))
