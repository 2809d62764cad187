"""What a load test leaves: a folder with result.json and report.html.

In: what the scenario printed, and what is known of the service. Out: the files. At the top level of result.json are the
names of `vllm bench serve --save-result`, with the same meaning and units; all of ours is under OURS. Times count from
the moment at which a request was due. Knows nothing of Locust.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import shared
from loadtests.bench.cores import machine
from loadtests.report import DATE, OURS, page
from loadtests.timeline import Request, errors, goodput, steps, totals
from workshop import direct
from workshop.processes import ROOT

FOLDER = ROOT / "build" / "load"
RESULT, REPORT = "result.json", "report.html"
FROM_ENVIRONMENT = ("LOAD_SECONDS", "LOAD_PATIENCE", "LONG", "PROMETHEUS_URL")
PROBE_SECONDS = 5.0

Result = dict[str, Any]


def result(number: int, printed: Mapping[str, Any], around: Mapping[str, Any], versions: Mapping[str, str]) -> Result:
    """The result of demo `number`'s scenario. `around` are the settings of the service and of what stands behind it."""
    requests = [Request(**row) for row in printed["requests"]]
    step_s, timeline = steps(requests)
    return {
        "date": time.strftime(DATE),
        "label": f"demo_{number}",
        **totals(requests),
        OURS: {
            "scenario": number,
            "gates": printed["gates"],
            "remarks": printed.get("remarks", []),
            "summary": printed["summary"],
            "goodput": goodput(requests),
            "objectives": printed["objectives"],
            "refused": sum(one.refused for one in requests),
            "errors": errors(requests),
            "seed": printed["seed"],
            "settings": printed["settings"],
            "service": dict(around),
            "versions": dict(versions),
            "machine": machine(),
            "step_s": step_s,
            "steps": [asdict(step) for step in timeline],
        },
    }


def write(made: Result, picture: str, folder: Path | None = None) -> Path:
    """Write both files, into a new folder if none is given. Returns the folder."""
    place = folder or _new(made)
    place.mkdir(parents=True, exist_ok=True)
    (place / RESULT).write_text(
        json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    (place / REPORT).write_text(page(made, picture), encoding="utf-8")
    return place


def _new(made: Result) -> Path:
    """A folder that nobody else has: two runs may end in the same second."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    name, number = f"{made['label']}-{made['date']}", 1
    while True:
        try:
            place = FOLDER / (name if number == 1 else f"{name}-{number}")
            place.mkdir()
            return place
        except FileExistsError:
            number += 1


def versions_of(url: str) -> dict[str, str]:
    """What took part: the service, as it says itself, and what measured it."""
    return {
        "service": _told(url),
        "workshop": f"{shared.__version__}{_commit()}",
        "Python": platform.python_version(),
        "Locust": version("locust"),
    }


def _told(url: str) -> str:
    try:
        with direct.urlopen(f"{url}/health", PROBE_SECONDS) as answer:
            health = json.load(answer)
    except (OSError, ValueError):
        health = None
    return str(health.get("version", "unknown")) if isinstance(health, dict) else "unknown"


def _commit() -> str:
    """The commit of this clone, with a + if files differ from it; nothing where git does not know."""
    command = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return f" ({said.stdout.strip()})" if said.returncode == 0 and said.stdout.strip() else ""


def from_environment() -> dict[str, str]:
    """The variables that change a scenario, where they are set."""
    return {name: os.environ[name] for name in FROM_ENVIRONMENT if os.environ.get(name)}
