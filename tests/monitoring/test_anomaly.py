"""The anomaly rules over hours and days of traffic with a daily wave, weekends and noise, which promtool plays.

The traffic is drawn at random, always from the same seed. Short stories, one for each edge, are in
serving/monitoring/prometheus/tests/anomaly.yml.
"""

import json
import math
import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from workshop.prometheus import CONFIGURATION

RULES = CONFIGURATION / "rules" / "anomaly.yml"
HOUR, DAY = 60, 24 * 60  # minutes
EDGES = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)  # seconds
MOST_TIMED = 60  # requests a minute whose durations are drawn; each stands for a part of all


@dataclass(slots=True, frozen=True)
class Traffic:
    """One minute: requests a second, the median of their seconds, US dollars a request, the share that fails."""

    rate: float
    seconds: float = 0.6
    usd: float = 0.002
    failing: float = 0.01


Week = Callable[[int], Traffic]  # by minute, from midnight before Monday


def waves(rate: float) -> Week:
    """Nine times as many ask at noon as at midnight. At weekends there are a third as many, from Friday evening on."""

    def at(minute: int) -> Traffic:
        wave = 1 - 0.8 * math.cos(2 * math.pi * minute / DAY)
        return Traffic(rate * wave * weekend(minute / DAY % 7))

    return at


def weekend(day: float) -> float:
    into, out_of = (day - 4.75) / 0.33, (day - 6.67) / 0.33
    return 1 - 0.7 * min(1, max(0, into)) + 0.7 * min(1, max(0, out_of))


def office_hours(minute: int) -> Traffic:
    """Within an hour and a half, in the morning, 170 times as many ask as at night; at weekends hardly anybody does."""
    hour, weekday = minute / HOUR % 24, minute // DAY % 7 < 5
    present = 1 / (1 + math.exp(-(hour - 8.5) / 0.35)) / (1 + math.exp((hour - 17.5) / 0.35))
    return Traffic(0.03 + 5 * present * (1 if weekday else 0.05))


def drawn(week: Week, minutes: int) -> Mapping[str, Sequence[float]]:
    """The gateway's counters, minute by minute."""
    by_chance = random.Random(7)
    added: dict[str, list[float]] = {}

    def add(series: str, value: float) -> None:
        added.setdefault(series, []).append(value)

    for minute in range(minutes):
        traffic = week(minute)
        expected = traffic.rate * 60
        requests = max(0, round(by_chance.gauss(expected, math.sqrt(expected))))
        failed = sum(by_chance.random() < traffic.failing for _ in range(requests))
        timed = min(requests, MOST_TIMED)
        seconds = [by_chance.lognormvariate(math.log(traffic.seconds), 0.7) for _ in range(timed)]
        costs = sum(by_chance.lognormvariate(math.log(traffic.usd), 1) for _ in range(timed))
        weight = requests / timed if timed else 0
        add("inference_requests_total", requests)
        add("inference_errors_4xx_total", failed // 2)
        add("inference_errors_5xx_total", failed - failed // 2)
        add('gateway_cost_usd_total{model="a"}', costs * weight)
        for edge in EDGES:
            within = sum(duration <= edge for duration in seconds) * weight
            written = "+Inf" if edge == math.inf else edge
            add(f'gateway_request_duration_seconds_bucket{{endpoint="/generate", le="{written}"}}', within)
        add('gateway_request_duration_seconds_count{endpoint="/generate"}', requests)
    return {series: list(accumulate(values)) for series, values in added.items()}


def played(folder: Path, week: Week, minutes: int, must_be: Sequence[Mapping[str, Any]]) -> str:
    """What promtool finds wrong; empty if all is as it must be."""
    test = {
        "interval": "1m",
        "input_series": [
            {"series": series, "values": " ".join(map(repr, values))} for series, values in drawn(week, minutes).items()
        ],
        "promql_expr_test": list(must_be),
    }
    file = folder / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def silent(minutes: int, since: int = 0) -> dict[str, Any]:
    query = f'count_over_time(ALERTS{{alertstate="firing"}}[{minutes - since}m])'
    return {"expr": query, "eval_time": f"{minutes}m", "exp_samples": []}


def firing(at: int, names: Sequence[str]) -> dict[str, Any]:
    return {
        "expr": 'count by (anomaly_name) (ALERTS{alertname="AnomalyDetected", alertstate="firing"})',
        "eval_time": f"{at}m",
        "exp_samples": [{"labels": f'{{anomaly_name="{name}"}}', "value": 1} for name in names],
    }


@pytest.mark.parametrize("rate", [5.0, 0.3], ids=["busy", "quiet"])
def test_a_daily_wave_with_noise_is_usual_from_the_first_day_on(rate: float, tmp_path: Path) -> None:
    assert played(tmp_path, waves(rate), 30 * HOUR, [silent(30 * HOUR)]) == ""


CHANGES: dict[str, tuple[Callable[[Traffic], Traffic], Sequence[str]]] = {
    "two and a half times as many ask": (lambda usual: replace(usual, rate=2.5 * usual.rate), ["cost", "requests"]),
    "a fifth is left": (lambda usual: replace(usual, rate=usual.rate / 5), ["requests"]),
    "answers take three times as long": (lambda usual: replace(usual, seconds=3 * usual.seconds), ["latency"]),
    "they cost three times as much": (lambda usual: replace(usual, usd=3 * usual.usd), ["cost"]),
    "one in ten fails": (lambda usual: replace(usual, failing=0.1), ["errors"]),
}


def changing(usual: Week, change: Callable[[Traffic], Traffic], since: int) -> Week:
    return lambda minute: change(usual(minute)) if minute >= since else usual(minute)


@pytest.mark.parametrize(("change", "names"), CHANGES.values(), ids=CHANGES)
def test_a_change_amid_the_noise_is_told_within_a_quarter_of_an_hour(
    change: Callable[[Traffic], Traffic], names: Sequence[str], tmp_path: Path
) -> None:
    since = 9 * HOUR
    must_be = [silent(since - 1), firing(since + 15, names)]
    assert played(tmp_path, changing(waves(5.0), change, since), since + 20, must_be) == ""


@pytest.mark.prove
@pytest.mark.parametrize("rate", [2.0, 0.4], ids=["busy", "quiet"])
def test_a_week_with_its_weekend_is_usual(rate: float, tmp_path: Path) -> None:
    assert played(tmp_path, waves(rate), 9 * DAY, [silent(9 * DAY)]) == ""


@pytest.mark.prove
def test_office_hours_are_usual_from_the_second_day_on_weekends_and_mondays_too(tmp_path: Path) -> None:
    """The first morning is a change that nobody has seen before."""
    first = firing(9 * HOUR, ["cost", "requests"])
    assert played(tmp_path, office_hours, 9 * DAY, [first, silent(9 * DAY, since=DAY)]) == ""
