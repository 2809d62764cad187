"""The report of a benchmark: ratios within a round, honest bars, and a README with the measured numbers."""

import json
from xml.etree import ElementTree

import pytest

from loadtests import http_clients
from loadtests.bench.load import Measurement
from loadtests.bench.plot import plot
from loadtests.bench.race import CONNECTIONS, Pace, Results, Shown
from loadtests.bench.report import LITELLM, PASSTHROUGH, PORTKEY, UNWATCHED, Report, report, table, verdict
from workshop import reference
from workshop.processes import ROOT

RESULTS = ROOT / "loadtests" / "results"
OURS = "this gateway"


def kept(name: str) -> Report:
    made: Report = json.loads((RESULTS / name).read_text())
    return made


def shown(rates: list[float], *, p50_us: float = 500, memory_mb: float = 100) -> Shown:
    loads = {n: [Measurement(1000, rate, p50_us, 2 * p50_us, 0) for rate in rates] for n in CONNECTIONS}
    nothing = [0.0] * len(rates)
    return Shown("1.0", loads, nothing, nothing, nothing, {"answers": memory_mb, "streams": memory_mb})


def race(**others: Shown) -> Report:
    """A race of three rounds; in the second round, others used the machine."""
    results = Results(shown={OURS: shown([3000, 300, 3000]), PASSTHROUGH: shown([5000, 500, 5000]), **others})
    results.direct = [Measurement(1000, 1000, 100, 200, 0)] * 3
    results.direct_first_token_ms = [0.0] * 3
    return report(results, OURS, Pace(rounds=3))


def bar(made: Report, name: str) -> dict[str, object]:
    found: dict[str, object] = next(each for each in made["bars"] if name in each["name"])
    return found


def test_a_ratio_is_taken_within_each_round() -> None:
    made = race()
    assert bar(made, PASSTHROUGH)["got"] == pytest.approx(0.6)


def test_added_latency_is_the_difference_to_direct_calls_of_the_upstream() -> None:
    made = race()
    assert made["contenders"][0]["added_p50_us"] == pytest.approx(400)
    assert made["contenders"][0]["added_p99_us"] == pytest.approx(800)


def test_a_bar_is_met_or_not() -> None:
    made = race(**{PORTKEY: shown([1000, 100, 1000]), LITELLM: shown([200, 20, 200])})
    assert bar(made, PORTKEY)["met"]
    assert not bar(made, LITELLM)["met"]
    assert "✗ requests/s at 16 connections ÷ LiteLLM proxy: 15.00× (≥ 20×)" in verdict(made)


def test_a_peer_that_was_not_measured_is_not_beaten() -> None:
    made = race()
    assert not bar(made, LITELLM)["met"]
    assert "÷ LiteLLM proxy: not measured" in verdict(made)


def test_the_kept_table_is_made_from_the_kept_numbers() -> None:
    made = kept("bench.json")
    assert table(made) == made["table"]
    clients = kept("http_clients.json")
    assert http_clients.table(clients) == clients["table"]


def test_the_kept_results_have_every_contender() -> None:
    made = kept("bench.json")
    assert [row["name"] for row in made["contenders"]] == [OURS, UNWATCHED, PASSTHROUGH, PORTKEY, LITELLM]
    assert not made["absent"]


def test_the_readme_has_the_kept_table() -> None:
    assert kept("bench.json")["table"] in reference.README.read_text()


def test_the_kept_picture_is_made_from_the_kept_numbers_and_shows_every_contender() -> None:
    made = kept("bench.json")
    picture = (RESULTS / "bench.svg").read_text()
    assert picture == plot(made)
    texts = [text.text for text in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert {row["name"] for row in made["contenders"]} <= set(texts)
