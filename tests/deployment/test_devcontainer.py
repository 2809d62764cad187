"""The dev container for real: built as an editor builds it, and `make demo-1` in it, as the user that the editor is.

Skipped, with the reason, on a machine that runs no containers; see containers.py.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import containers, judge
from tests.waiting import wait_for
from workshop.doctor import ABOVE, USUAL_PORT
from workshop.processes import ROOT
from workshop.programs import FOR_TESTS, PROGRAMS

pytestmark = pytest.mark.timeout(1800)  # its programs and packages are fetched

IMAGE = "workshop-dev"
NAME = f"dev-{os.getpid()}"
FOLDER = "/workspaces/workshop"


def devcontainer() -> dict[str, Any]:
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    return dict(json.loads(judge.without_comments(text)))


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """The words that run a command in the container, which has a copy of this working tree."""
    containers.provide_base()
    built = devcontainer()["build"]
    file, context = (str(ROOT / ".devcontainer" / built[part]) for part in ("dockerfile", "context"))
    containers.build_image(IMAGE, Path(file), Path(context))
    folder = tmp_path_factory.mktemp("workshop")
    copy_working_tree(folder)
    containers.podman(
        "run",
        "--detach",
        "--name",
        NAME,
        "--init",
        f"--volume={folder}:{FOLDER}",
        f"--workdir={FOLDER}",
        *containers.packages_as_here(),
        IMAGE,
        "sleep",
        "infinity",
    )
    try:
        yield ("exec", "--user", devcontainer()["remoteUser"], NAME)
    finally:
        containers.podman("rm", "--force", "--time", "0", NAME)


def copy_working_tree(folder: Path) -> None:
    named = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(named, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 1000, 1000)


def test_every_program_of_the_tests_is_in_it(inside: tuple[str, ...]) -> None:
    packaged = {name for name in FOR_TESTS if PROGRAMS[name].packaged}
    for name in {*FOR_TESTS} - packaged:
        names = " || ".join(f"command -v {each}" for each in PROGRAMS[name].names)
        assert containers.podman(*inside, "sh", "-c", names)


def test_demo_1_starts_and_answers_in_it(inside: tuple[str, ...]) -> None:
    containers.podman(*inside[:1], "--detach", *inside[1:], "sh", "-c", "make demo-1 >/tmp/demo.log 2>&1")

    def log() -> str:
        return containers.podman(*inside, "cat", "/tmp/demo.log")

    question = '{"prompt":"Hola","max_tokens":5}'
    curl = f"curl -s localhost:8000/generate -H 'Content-Type: application/json' -d '{question}' || true"
    answer = wait_for(lambda: containers.podman(*inside, "sh", "-c", curl), log, 300, poll=1.0)
    assert json.loads(answer)["metadata"]["tokens"]["output"] > 0, answer


def test_each_port_that_a_demo_opens_has_a_name() -> None:
    assert {int(port) - USUAL_PORT for port in devcontainer()["portsAttributes"]} == set(ABOVE)
