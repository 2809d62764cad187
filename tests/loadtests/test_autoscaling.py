"""A run under a spike: its seconds, its gates and its picture. These tests send no load.

The recorded run among the results is one of the real cluster; all wrong runs are changed copies of it.
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

NOTHING_LOST = "nothing is lost: every request got a complete answer"
BY_IT = "this deployment itself answered"
DECIDES = "one more replica is wanted within the delays"
GROWS = "the new replica is warm soon after"
RETURNS = "back to 1 when it is calm again"
AGREE = "the engines finished as many requests as were answered, and each finished some"


@pytest.fixture(scope="module")
def kept() -> Run:
    return Run.read((RESULTS / "autoscaling.json").read_text())


def changed(run: Run, change: Callable[[Second], Second]) -> Run:
    return replace(run, seconds=tuple(change(second) for second in run.seconds))


# --- the gates ---------------------------------------------------------------------------------------------------


def test_the_recorded_run_passes_every_gate(kept: Run) -> None:
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
def test_a_wrong_run_fails_the_gate_for_its_fault(make_wrong: Callable[[Run], Run], kept: Run) -> None:
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


def test_without_data_on_replicas_there_are_no_gates_on_them(kept: Run) -> None:
    blind = replace(kept, scaling=None, finished=None)
    assert [gate.name for gate in judge(blind)] == [NOTHING_LOST, BY_IT]


def test_a_run_without_requests_does_not_pass(kept: Run) -> None:
    empty = changed(kept, lambda second: replace(second, asked=0))
    assert NOTHING_LOST in [gate.name for gate in judge(empty) if not gate.passed]


def test_a_request_that_the_fallback_answered_may_have_reached_an_engine_too(kept: Run) -> None:
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


def test_requests_count_when_they_are_due_and_answers_when_they_end() -> None:
    seconds = seconds_of([answered(0.5, ended=2.5), answered(0.7, ended=2.8, fallback="tiny")])
    assert [second.asked for second in seconds] == [2, 0, 0]
    assert [second.answered for second in seconds] == [0, 0, 2]
    assert [second.fallbacks for second in seconds] == [0, 0, 1]


def test_calls_in_flight_are_an_average_over_the_second() -> None:
    seconds = seconds_of([answered(0.5, ended=2.25)])
    assert [second.under_way for second in seconds] == [0.5, 1.0, 0.25]


def test_a_call_that_never_ended_is_in_flight_until_the_end() -> None:
    seconds = seconds_of([answered(0.0), answered(1.0, ended=1.9)])
    assert [second.under_way for second in seconds] == [1.0, 1.9]


def test_latencies_belong_to_the_second_of_the_request() -> None:
    seconds = seconds_of([answered(0.0, first=0.25, ended=9.0), answered(8.0, ended=9.0)])
    assert (seconds[0].first_p50, seconds[0].whole_p50) == (0.25, 9.0)
    assert (seconds[8].first_p50, seconds[8].whole_p50) == (None, 1.0)
    assert seconds[4].whole_p50 is None


def test_a_look_at_the_replicas_holds_until_the_next_one() -> None:
    looks = [Look(0.9, wanted=2, starting=1, running=1, stopping=0), Look(3.1, 2, 0, 2, 0)]
    seconds = seconds_of([answered(0.1, ended=3.9)], looks)
    assert [second.starting for second in seconds] == [1, 1, 1, 0]
    assert [second.running for second in seconds] == [1, 1, 1, 2]


def test_rays_status_is_read_for_the_deployment_that_has_engines() -> None:
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


# --- the results' files and pictures -----------------------------------------------------------------------------


def test_a_run_is_read_as_it_was_written(kept: Run) -> None:
    assert Run.read(kept.document()) == kept
    assert (RESULTS / "autoscaling.json").read_text() == kept.document()


def test_the_recorded_picture_is_drawn_from_the_recorded_numbers(kept: Run) -> None:
    assert (RESULTS / "autoscaling.svg").read_text() == plot(kept)


def test_the_picture_shows_each_phase_and_stays_within_its_edges(kept: Run) -> None:
    picture = ElementTree.fromstring(plot(kept))
    width, height = map(float, picture.attrib["viewBox"].split()[2:])
    said = " ".join("".join(text.itertext()) for text in picture.iter(f"{SVG}text"))
    for phase in kept.phases:
        assert f"{phase.name}, {phase.rate:g} per second" in said
    for path in picture.iter(f"{SVG}path"):
        for x, y in re.findall(r"([\d.]+) ([\d.]+)", path.attrib["d"]):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height
        for x in re.findall(r"H([\d.]+)", path.attrib["d"]):
            assert float(x) <= width


def test_without_data_on_replicas_the_picture_does_not_show_any(kept: Run) -> None:
    blind = changed(kept, lambda second: replace(second, wanted=None, starting=None, running=None, stopping=None))
    drawn = plot(replace(blind, scaling=None, finished=None))
    assert "Replicas" in plot(kept)
    assert "Replicas" not in drawn
    assert "target: " not in drawn


def test_the_picture_shows_lost_requests_and_answers_of_the_fallback(kept: Run) -> None:
    first, *others = kept.seconds
    bad = replace(kept, seconds=(replace(first, failed=1, fallbacks=2), *others), failures=("a stream: cut",))
    drawn = plot(bad)
    assert "1 lost" in drawn
    assert "2 answered by the fallback" in drawn
    assert 'class="failed"' in drawn
    assert 'class="failed"' not in plot(replace(kept, seconds=tuple(replace(s, failed=0) for s in kept.seconds)))


def test_a_very_short_run_can_be_drawn(kept: Run) -> None:
    short = replace(kept, seconds=seconds_of([answered(0.1, ended=0.4)]), phases=(replace(kept.phase(CALM), ends=1),))
    ElementTree.fromstring(plot(short))
