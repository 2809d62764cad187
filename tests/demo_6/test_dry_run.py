"""The dry run of a day: good numbers keep both promises, and each wrong number breaks its own. Starts no cluster."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from workshop.processes import ROOT
from workshop.serving_cluster import CONFIGS, LAPTOP, PYTHON

SOLVED = ROOT / "tests" / "demo_6" / "solved" / "serve.yaml"
RECORDED = ROOT / "loadtests" / "results" / "autoscaling.json"
STARTER = ROOT / "demos" / "demo_6_ray_serve_vllm" / "exercise" / "serve.yaml"

RIGHT = {
    "min": 1,
    "max": 2,
    "target_ongoing_requests": 5,
    "upscale_delay_s": 3,
    "downscale_delay_s": 15,
    "look_back_s": 4,
}

# Changes to the right numbers, and the promise that each breaks.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "never grows": ({"max": 1}, "slo"),
    "grows for a billion requests at once": ({"target_ongoing_requests": 1e9}, "slo"),
    "grows when a replica is full": ({"target_ongoing_requests": 60}, "slo"),
    "waits for a minute before it grows": ({"upscale_delay_s": 60}, "slo"),
    "looks back for two minutes": ({"look_back_s": 120}, "slo"),
    "never shrinks": ({"min": 2}, "cost"),
    "waits ten minutes before it shrinks": ({"downscale_delay_s": 600}, "cost"),
    "grows for each request": ({"target_ongoing_requests": 1, "max": 16}, "cost"),
}


def dry_run(*files: Path, recorded: Path | None = None) -> list[dict[str, Any]]:
    command = [str(PYTHON), "-m", "serving.ray_serve.dry_run", *map(str, files), "--json"]
    command += ["--recorded", str(recorded)] if recorded else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def broken(day: Mapping[str, Any]) -> set[str]:
    return {name for name, promise in day["promises"].items() if not promise["kept"]}


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """One process runs them all, because importing Ray takes most of the time."""
    folder = tmp_path_factory.mktemp("configs")
    files = {"laptop": LAPTOP, "by hand": CONFIGS / "by_hand.yaml", "solved": SOLVED, "starter": STARTER}
    for name, (changes, _) in WRONG.items():
        arguments = {
            "model": "workshop-tiny",
            "source": "serving/tiny_model/weights/hf",
            "hardware": "cpu",
            "max_model_len": 1024,
            "replicas": RIGHT | changes,
        }
        files[name] = folder / f"{name}.yaml"
        files[name].write_text(json.dumps({"applications": [{"args": arguments}]}))
    return dict(zip(files, dry_run(*files.values()), strict=True))


@pytest.mark.parametrize("name", ["laptop", "by hand", "solved"])
def test_good_numbers_keep_both_promises(name: str, days: dict[str, dict[str, Any]]) -> None:
    assert not broken(days[name]), days[name]["promises"]


def test_the_starters_numbers_break_a_promise(days: dict[str, dict[str, Any]]) -> None:
    assert broken(days["starter"])


@pytest.mark.parametrize("name", WRONG)
def test_wrong_numbers_break_their_promise(name: str, days: dict[str, dict[str, Any]]) -> None:
    assert broken(days[name]) == {WRONG[name][1]}, days[name]["promises"]


def test_replicas_come_with_the_rush_and_go_after_it(days: dict[str, dict[str, Any]]) -> None:
    replicas = [column["replicas"] for column in days["laptop"]["columns"]]
    assert (replicas[0], max(replicas), replicas[-1]) == (1, 2, 1)
    busiest = max(range(len(replicas)), key=lambda number: days["laptop"]["columns"][number]["requests"])
    assert replicas[busiest] == 2


def test_a_day_is_the_same_twice_and_its_traffic_the_same_for_all(days: dict[str, dict[str, Any]]) -> None:
    assert dry_run(LAPTOP) == [days["laptop"]]
    assert len({sum(column["requests"] for column in day["columns"]) for day in days.values()}) == 1


# Times are in seconds. In a real cluster, metrics and decisions arrive with a delay.
def test_the_traffic_of_a_real_run_adds_and_removes_a_replica_when_the_cluster_did() -> None:
    run = json.loads(RECORDED.read_text())
    wanted = {second["at"]: second["wanted"] for second in run["seconds"]}
    real = [at for at in wanted if at and wanted[at] != wanted[at - 1]]
    [day] = dry_run(LAPTOP, recorded=RECORDED)
    replicas = [column["replicas"] for column in day["columns"]]
    column_s = len(wanted) / len(replicas)
    changes = [n * column_s for n in range(1, len(replicas)) if replicas[n] != replicas[n - 1]]
    assert len(real) == 2
    assert changes == pytest.approx(real, abs=3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("applications: []", "no application with args"),
        ("applications: [{args: {replicas: {mim: 2}}}]", "mim"),
        ("applications: [", "no application with args"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text(text)
    command = [str(PYTHON), "-m", "serving.ray_serve.dry_run", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(str(file))
    assert said in line
