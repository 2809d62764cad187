"""What a load test's requests add up to: totals that a person can check by hand, errors by kind, steps of time."""

import pytest

from loadtests.timeline import MOST_STEPS, Request, errors, goodput, kind_of, steps, totals


def stream(due: float, first: float, ended: float, tokens: int, *, good: bool = True) -> Request:
    return Request("/generate/stream", due, ended, first, input_tokens=4, output_tokens=tokens, good=good)


def piece(due: float, ended: float, tokens: int = 10, *, good: bool = True) -> Request:
    return Request("/generate", due, ended, input_tokens=4, output_tokens=tokens, good=good)


def failed(due: float, ended: float | None, failure: str) -> Request:
    return Request("/generate", due, ended, failure=failure)


# Ten seconds, from 100 to 110 on the clock; the failed one's times and tokens count nowhere.
RUN = [
    stream(100.0, 100.1, 100.5, tokens=5),
    stream(101.0, 101.3, 102.3, tokens=11, good=False),
    piece(104.0, 105.0, tokens=14),
    Request("/generate", 105.0, 110.0, 105.5, input_tokens=7, output_tokens=99, failure="503: overloaded"),
    Request("/generate", 106.0, 106.1, refused=True),
]


def test_the_totals_are_those_of_vllm_bench_serve() -> None:
    found = totals(RUN)
    assert found["duration"] == pytest.approx(10.0)
    assert (found["num_prompts"], found["completed"], found["failed"]) == (5, 3, 1)
    assert (found["total_input_tokens"], found["total_output_tokens"]) == (12, 30)
    assert found["request_throughput"] == pytest.approx(0.3)
    assert found["request_goodput"] == pytest.approx(0.2)
    assert found["output_throughput"] == pytest.approx(3.0)
    assert found["total_token_throughput"] == pytest.approx(4.2)


def test_times_are_in_milliseconds_and_a_first_token_is_a_streams() -> None:
    found = totals(RUN)
    assert found["mean_ttft_ms"] == found["median_ttft_ms"] == pytest.approx(200.0)
    assert found["std_ttft_ms"] == pytest.approx(100.0)
    assert found["p99_ttft_ms"] == pytest.approx(299.0 - 1.0)  # between 100 and 300, as NumPy interpolates
    assert found["mean_tpot_ms"] == pytest.approx(100.0)
    assert found["median_e2el_ms"] == pytest.approx(1000.0)
    assert found["p90_e2el_ms"] == pytest.approx(1240.0)


def test_a_run_without_streams_has_no_times_to_the_first_token_and_not_zero() -> None:
    found = totals([piece(0.0, 1.0)])
    assert found["mean_ttft_ms"] is found["p99_tpot_ms"] is None
    assert found["mean_e2el_ms"] == pytest.approx(1000.0)


def test_a_run_without_answers_has_no_times_and_divides_by_nothing() -> None:
    assert totals([])["duration"] == 0.0
    assert totals([failed(0.0, None, "never ended")])["request_throughput"] == 0.0
    assert goodput([]) is None
    assert steps([])[1] == []


def test_goodput_is_a_share_of_all_that_should_have_been_answered() -> None:
    assert goodput(RUN) == pytest.approx(2 / 4)  # the provoked refusal is not among them


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        ('503: {"error": …}', "503"),
        ("500 instead of 200: no", "500"),
        ("ConnectionRefusedError: [Errno 111]", "ConnectionRefusedError"),
        ("ended without [DONE]", "ended without [DONE]"),
        ("\x1b[2J\n", "[2J"),
        (": ", "unknown"),
        ("x" * 1000, "x" * 60),
    ],
)
def test_the_kind_of_an_error_is_its_status_or_its_name(failure: str, kind: str) -> None:
    assert kind_of(failure) == kind


def test_errors_are_counted_by_kind_the_most_frequent_first_with_the_first_example() -> None:
    found = errors([failed(0, 1, "broke: a"), failed(0, 1, "503: b\x07"), failed(0, 1, "503: c"), piece(0, 1)])
    assert found == [
        {"kind": "503", "count": 2, "example": "503: b "},
        {"kind": "broke", "count": 1, "example": "broke: a"},
    ]


def test_steps_count_each_request_once_when_it_was_due_and_once_when_it_ended() -> None:
    width, found = steps(RUN)
    assert width == 0.2
    assert [(step.at, step.asked) for step in found if step.asked] == [(0, 1), (5, 1), (20, 1), (25, 1), (30, 1)]
    assert [(step.at, step.answered, step.good) for step in found if step.answered] == [
        (2, 1, 1),
        (11, 1, 0),
        (25, 1, 1),
    ]
    assert sum(step.output_tokens for step in found) == 30
    assert sum(step.refused for step in found) == 1
    assert [dict(step.errors) for step in found if step.errors] == [{"503": 1}]


def test_percentiles_of_a_step_include_its_neighbours() -> None:
    _, found = steps(RUN)
    for step in found[4:7]:
        assert step.ttft == (0.3, 0.3, 0.3)
        assert step.e2el == (1.3, 1.3, 1.3)
    assert found[3].e2el is None
    assert found[20].ttft is None


@pytest.mark.parametrize("seconds", [0.5, 5, 59.9, 60, 600, 3000])
def test_steps_are_never_too_many_to_see(seconds: float) -> None:
    _, found = steps([piece(0.0, seconds)])
    assert 5 <= len(found) <= MOST_STEPS


def test_a_request_that_never_ended_is_in_the_step_in_which_it_was_due() -> None:
    _, found = steps([piece(0.0, 0.05), failed(3.0, None, "never ended")])
    assert found[-1].asked == 1
