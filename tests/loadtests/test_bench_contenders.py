"""Each contender of `make bench` relays answers and streams, and those that say that they govern do."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import uvloop

from loadtests.bench import race, sizes
from loadtests.bench.__main__ import NEEDED, setups, sized
from loadtests.bench.collector import EMPTY_MESSAGE, Collector, collector
from loadtests.bench.contenders import BY_OUR_CLIENT, Contender
from loadtests.bench.cores import MEASURED, REST
from loadtests.bench.load import load
from loadtests.bench.paced import paced_upstream
from loadtests.bench.race import QUICK
from loadtests.bench.report import OURS
from loadtests.bench.static import static_upstream
from loadtests.bench.streams import stream
from workshop.processes import CannotStart
from workshop.programs import PROGRAMS

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux pins processes to cores"),
    pytest.mark.skipif(not {MEASURED, REST} <= os.sched_getaffinity(0), reason="a benchmark needs two cores"),
    pytest.mark.skipif(
        any(PROGRAMS[name].path() is None for name in ("nginx", "wrk")), reason="make bench installs it"
    ),
]
BUILD = "demos.demo_5_observability.app:build"


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with collector(tmp_path_factory.mktemp("collector")) as running:
        yield running


def made(name: str, upstream: str, folder: Path, traces: Collector) -> Contender:
    try:
        return setups(BUILD, traces)[name](upstream, folder)
    except CannotStart as reason:
        if name in NEEDED or os.environ.get("REQUIRE_PEERS"):
            raise
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", list(setups("", Collector("", ""))))
def test_a_contender_answers_streams_and_governs_as_it_says(name: str, tmp_path: Path, traces: Collector) -> None:
    with static_upstream(tmp_path) as upstream:
        contender = made(name, upstream, folder(tmp_path, "answers"), traces)
        with contender.process:
            assert load(contender.target, 2, 1).requests > 0
            if contender.governance.complete:
                race.must_refuse_strangers(contender.target)
        assert contender.governance.complete == (name == OURS or name.endswith(", governed"))
        assert json_lines(tmp_path / "answers") > 0 or not contender.governance.complete
    with paced_upstream(tmp_path) as upstream:
        contender = made(name, upstream, folder(tmp_path, "streams"), traces)
        with contender.process:
            assert uvloop.run(stream(contender.target, streams=4, at_once=2, chunks=3, apart_ms=5)).chunks == 12


def folder(inside: Path, name: str) -> Path:
    made = inside / name
    made.mkdir()
    return made


def json_lines(folder: Path) -> int:
    """Lines of logs that are JSON objects."""
    lines = [line for log in folder.iterdir() if log.suffix in {".log", ".json"} for line in log.open(errors="replace")]
    return sum(line.startswith("{") and isinstance(json.loads(line), dict) for line in lines if line.endswith("}\n"))


def test_a_contender_that_answers_strangers_is_not_measured_as_governed(tmp_path: Path) -> None:
    with static_upstream(tmp_path) as upstream:
        contender = BY_OUR_CLIENT(upstream, tmp_path)
        with contender.process, pytest.raises(CannotStart, match="answers 200 to a caller that it does not know"):
            race.must_refuse_strangers(contender.target)


def test_what_sizes_cost_is_measured_for_each_that_can_be_of_that_size(
    tmp_path: Path, traces: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, few in {"BODIES": (1, 100), "CALLERS": (10, 2000), "STREAMS": (50, 10**9), "WORKERS": (1, 2)}.items():
        monkeypatch.setattr(sizes, name, few)
    contenders = {name: one for name, one in sized(BUILD, traces).items() if name in NEEDED}
    got = sizes.measure(contenders, tmp_path, QUICK)
    assert [(row["name"], row["size"]) for row in got.rows["bodies"]] == [
        (n, kb) for kb in (1, 100) for n in contenders
    ]
    assert [(row["name"], row["size"]) for row in got.rows["callers"]] == [(OURS, 10), (OURS, 2000)]
    assert [row["size"] for row in got.rows["workers"]] == [1, 1, 2, 2]
    assert all(row["cpu_us"] > 0 for part in ("bodies", "callers", "workers") for row in got.rows[part])
    assert [row["size"] for row in got.rows["streams"]] == [50, 50]
    assert got.absent == [f"1,000,000,000 open streams: not measured: ulimit -n has room for {sizes.most_streams():,}"]


def test_the_collector_takes_traces_over_both_protocols(traces: Collector) -> None:
    assert httpx2.post(f"{traces.http}/v1/traces", content=b"spans").status_code == 200
    with httpx2.Client(http1=False, http2=True) as client:
        service = "opentelemetry.proto.collector.trace.v1.TraceService/Export"
        said = client.post(f"http://{traces.grpc}/{service}", content=b"\0\0\0\0\1x")
    assert (said.status_code, said.headers["content-type"], said.content) == (200, "application/grpc", EMPTY_MESSAGE)
