"""The report of a benchmark: ratios within a round, honest bars, and pages with the measured numbers."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtests import http_clients
from loadtests.bench.__main__ import NEEDED, setups
from loadtests.bench.collector import Collector
from loadtests.bench.contenders import Governance
from loadtests.bench.load import Measurement
from loadtests.bench.plot import plot
from loadtests.bench.race import CONNECTIONS, Pace, Results, Shown
from loadtests.bench.report import (
    ENVOY_GOVERNED,
    LITELLM,
    OURS,
    PASSTHROUGH,
    PORTKEY,
    SMG_GOVERNED,
    UNWATCHED,
    Report,
    governed_table,
    report,
    sizes_table,
    table,
    verdict,
)
from loadtests.bench.sizes import STREAMS, Sizes
from workshop import reference
from workshop.processes import ROOT

RESULTS = ROOT / "loadtests" / "results"
NAMES = list(setups("", Collector("", "")))
GOVERNED = Governance("a key", "requests per minute", "JSON", "Prometheus", "")


def kept(name: str) -> Report:
    made: Report = json.loads((RESULTS / name).read_text())
    return made


def shown(rates: list[float], *, cpu_us: float = 100, p99_us: float = 1000, **others: Any) -> Shown:
    loads = {n: [Measurement(1000, rate, 500, p99_us, 0) for rate in rates] for n in CONNECTIONS}
    cpu = [cpu_us] * len(rates)
    measured: dict[str, Any] = {"memory_mb": {"answers": 100, "streams": 90}, "start_cpu_s": [0.9, 0.5]}
    return Shown("1.0", loads=loads, request_cpu_us=cpu, chunk_cpu_us=cpu, first_token_ms=cpu, **(measured | others))


def race(
    others: Mapping[str, Shown] = MappingProxyType({}), *, kb_of_a_stream: float | None = 15, ours: Shown | None = None
) -> Report:
    """A race of three rounds; in the second round, others used the machine."""
    results = Results(shown={OURS: ours or shown([3000, 300, 3000]), PASSTHROUGH: shown([5000, 500, 5000]), **others})
    results.direct = [Measurement(1000, 1000, 100, 200, 0)] * 3
    results.direct_first_token_ms = [0.0] * 3
    sizes = Sizes()
    if kb_of_a_stream is not None:
        sizes.rows["streams"] = [{"name": OURS, "size": STREAMS[-1], "kb_each": kb_of_a_stream, "memory_mb": 200}]
    return report(results, Pace(rounds=3), sizes)


def bar(made: Report, name: str) -> dict[str, object]:
    found: dict[str, object] = next(each for each in made["bars"] if name in each["name"])
    return found


# --- the bars ---------------------------------------------------------------------------------------------------------


def test_a_ratio_is_taken_within_each_round() -> None:
    made = race({UNWATCHED: shown([6000, 600, 3000])})
    assert bar(made, UNWATCHED)["got"] == pytest.approx(0.5)


def test_added_latency_is_the_difference_to_direct_calls_of_the_upstream() -> None:
    made = race()
    assert made["contenders"][0]["added_p50_us"] == pytest.approx(400)
    assert made["contenders"][0]["added_p99_us"] == pytest.approx(800)


def test_a_bar_is_met_or_not() -> None:
    made = race({PORTKEY: shown([500, 50, 500]), LITELLM: shown([60, 6, 60])})
    assert bar(made, PORTKEY)["met"]
    assert not bar(made, LITELLM)["met"]
    assert "✗ requests/s at 16 connections ÷ LiteLLM proxy: 50.00× (≥ 60×)" in verdict(made)


def test_a_peer_that_was_not_measured_is_not_beaten() -> None:
    made = race()
    for peer in (LITELLM, SMG_GOVERNED, ENVOY_GOVERNED):
        assert not bar(made, peer)["met"]
    assert "÷ LiteLLM proxy: not measured" in verdict(made)


def test_cpu_is_compared_with_the_pass_through_of_aiohttp() -> None:
    made = race(ours=shown([3000, 300, 3000], cpu_us=115))
    assert bar(made, "CPU per request")["met"]
    assert bar(made, "CPU per chunk")["got"] == pytest.approx(1.15)
    assert not bar(made, "CPU per chunk")["met"]


def test_the_slowest_hundredth_may_take_three_times_as_long_as_the_median() -> None:
    assert bar(race(), "p99 ÷ p50")["got"] == pytest.approx(2)
    assert not bar(race(ours=shown([3000, 300, 3000], p99_us=1600)), "p99 ÷ p50")["met"]


def test_the_memory_of_a_stream_is_that_of_most_streams_at_once() -> None:
    assert bar(race(kb_of_a_stream=15), "5,000 open streams")["met"]
    assert not bar(race(kb_of_a_stream=21), "5,000 open streams")["met"]
    assert not bar(race(kb_of_a_stream=None), "5,000 open streams")["met"], (
        "not measured, for instance for want of open files"
    )


def test_the_first_start_may_compile_and_does_not_count() -> None:
    assert bar(race(), "CPU time until it listens")["got"] == pytest.approx(0.5)


def test_there_are_as_many_bars_as_the_design_has() -> None:
    assert len(race()["bars"]) == 14


# --- the tables -------------------------------------------------------------------------------------------------------


def test_only_what_governs_completely_is_in_the_table_of_the_governed() -> None:
    half = Governance(callers="a key", log="JSON", metrics="Prometheus")
    made = race({ENVOY_GOVERNED: shown([1, 1, 1], governance=GOVERNED), PORTKEY: shown([1, 1, 1], governance=half)})
    rows = governed_table(made).splitlines()[2:]
    assert [row.split(" (")[0] for row in rows] == ["| Envoy"]
    assert rows[0].endswith("| a key | requests per minute | JSON | Prometheus | none |")


def test_sizes_that_were_not_measured_have_an_honest_cell() -> None:
    sizes = Sizes()
    sizes.rows["callers"] = [
        {"name": OURS, "size": 10, "cpu_us": 100.4, "first_cpu_us": None},
        {"name": OURS, "size": 100_000, "cpu_us": 120.0, "first_cpu_us": 1000.0},
        {"name": SMG_GOVERNED, "size": 10, "cpu_us": 200.0, "first_cpu_us": None},
    ]
    head, _, ours, theirs = sizes_table(sizes.rows).splitlines()
    assert head.endswith("| 10 | 100,000 |")
    assert ours == f"| {OURS} | 100 µs | 120 µs (1,000 µs) |"
    assert theirs == f"| {SMG_GOVERNED} | 200 µs | not measured |"


def test_each_kind_of_size_has_a_table_of_its_own() -> None:
    sizes = Sizes()
    for part in ("bodies", "workers"):
        sizes.rows[part] = [{"name": OURS, "size": size, "cpu_us": 1.0} for size in (1, 2)]
    sizes.rows["streams"] = [{"name": OURS, "size": 1000, "kb_each": 12.3}]
    tables = sizes_table(sizes.rows).split("\n\n")
    assert len(tables) == 3
    assert "| 1 KB | 2 KB |" in tables[0]
    assert tables[2].endswith(f"| {OURS} | 12 KB |")


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_the_kept_table_is_made_from_the_kept_numbers() -> None:
    made = kept("bench.json")
    assert table(made) == made["table"]
    assert governed_table(made) == made["governed_table"]
    assert sizes_table(made["sizes"]) == made["sizes_table"]
    clients = kept("http_clients.json")
    assert http_clients.table(clients) == clients["table"]


def test_the_kept_results_have_every_contender() -> None:
    made = kept("bench.json")
    assert [row["name"] for row in made["contenders"]] == NAMES
    assert not made["absent"]
    assert NAMES[0] == OURS
    assert set(NAMES) > NEEDED


def test_the_kept_results_say_who_governs() -> None:
    governed = {row["name"] for row in kept("bench.json")["contenders"] if row["governed"]}
    assert governed == {OURS, *(name for name in NAMES if name.endswith(", governed"))}


def test_the_readme_has_the_kept_table() -> None:
    assert kept("bench.json")["table"] in reference.README.read_text()


def test_the_page_of_results_has_the_kept_tables() -> None:
    made, page = kept("bench.json"), reference.MEASUREMENTS.read_text()
    assert made["governed_table"] in page
    assert made["sizes_table"] in page
    assert reference.with_measurements(page) == page, "run make reference"


def test_the_kept_picture_is_made_from_the_kept_numbers_and_shows_every_contender() -> None:
    made = kept("bench.json")
    picture = (RESULTS / "bench.svg").read_text()
    assert picture == plot(made)
    texts = [text.text for text in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert {row["name"] for row in made["contenders"]} <= set(texts)


def test_no_bar_of_the_picture_leaves_it() -> None:
    made = race({SMG_GOVERNED: shown([80_000, 80_000, 80_000], governance=GOVERNED)})
    picture = ElementTree.fromstring(plot(made))
    width = float(picture.attrib["width"])
    rects = list(picture.iter("{http://www.w3.org/2000/svg}rect"))
    assert max(float(rect.attrib["x"]) + float(rect.attrib["width"]) for rect in rects) < width - 100, "with its number"
    assert [rect.attrib["class"] for rect in rects[3:]] == ["ours", "pale", "governed"]
