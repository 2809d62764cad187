"""The comparison of ways to choose an upstream runs, and every call is answered."""

import re

import pytest

from loadtests import balancing

pytestmark = pytest.mark.prove


def test_both_ways_answer_every_call_and_the_less_busy_one_gets_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert balancing.main(["--rounds", "1", "--seconds", "2"]) == 0
    said = capsys.readouterr().out
    rounds = re.findall(r"(\w+): p50 .* answered (\d+), (\d+) of (\d+)$", said, re.MULTILINE)
    assert {way for way, *_ in rounds} == set(balancing.WAYS)
    for way, large, small, calls in rounds:
        assert int(large) + int(small) == int(calls) > 0
        assert abs(int(large) - int(small)) <= 1 if way == "round_robin" else int(large) > int(small)
