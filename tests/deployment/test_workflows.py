"""The workflows: what they may do, what they run, and that nothing is released that was not tested.

Their schema is checked in test_schemas.py. No test here runs the actions: they need GitHub.
"""

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.kubernetes.images import Image
from shared import __version__
from tests.deployment import yaml_files
from tests.deployment.kustomize import containers
from tests.deployment.test_settings import OVERLAYS
from workshop import platforms
from workshop.processes import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, Any] = {file.stem: yaml_files.only(file) for file in FILES}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]
# What a job may change. All others only read.
MAY_WRITE = {
    ("release", "build"): {"packages"},
    ("release", "publish"): {"packages", "id-token"},  # cosign signs as this workflow
}
DOCKER_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
RELEASE = WORKFLOWS["release"]["jobs"]


def steps(workflow: str, job: str) -> list[dict[str, Any]]:
    return list(WORKFLOWS[workflow]["jobs"][job].get("steps", ()))


def commands() -> Iterator[str]:
    return (step["run"] for name, job in JOBS for step in steps(name, job) if "run" in step)


def matrix(job: str) -> list[dict[str, str]]:
    return list(RELEASE[job]["strategy"]["matrix"]["include"])


# --- what they may do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_action_is_pinned_to_a_commit_whose_version_stands_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (.+)$", file.read_text(), re.MULTILINE)
    assert used
    for action in used:
        if action.startswith("./"):
            assert (ROOT / action).is_file()
            assert "workflow_call" in WORKFLOWS[Path(action).stem]["on"]
        else:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action


def test_an_action_has_the_same_version_everywhere() -> None:
    text = "".join(file.read_text() for file in FILES)
    used = dict.fromkeys(re.findall(r"uses: ([\w./-]+)@(\S+  # \S+)$", text, re.MULTILINE))
    assert len(used) == len({action for action, _ in used})


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_a_job_may_do_no_more_than_it_needs(workflow: str, job: str) -> None:
    whole = WORKFLOWS[workflow]["permissions"]
    given = WORKFLOWS[workflow]["jobs"][job].get("permissions", whole)
    assert isinstance(given, dict)
    assert {name for name, right in given.items() if right == "write"} == MAY_WRITE.get((workflow, job), set())
    assert set(whole.values()) <= {"read"}


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_a_job_ends_and_leaves_no_credentials_in_its_checkout(workflow: str, job: str) -> None:
    found = WORKFLOWS[workflow]["jobs"][job]
    assert ("timeout-minutes" in found) != ("uses" in found)
    for step in steps(workflow, job):
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_no_text_from_outside_becomes_part_of_a_command() -> None:
    # It reaches a command as a variable, which the shell does not read as code.
    assert not [command for command in commands() if "${{" in command]


def test_a_token_of_github_goes_to_no_other_registry() -> None:
    logins = [step for name, job in JOBS for step in steps(name, job) if "docker/login-action" in step.get("uses", "")]
    assert len(logins) == 3
    for login in logins:
        assert re.search(r"== 'ghcr\.io' && github\.token", login["with"]["password"])


def test_a_deployment_passes_the_reviewers_of_its_environment() -> None:
    assert set(WORKFLOWS["deploy"]["on"]) == {"workflow_dispatch"}
    assert all(job["environment"] for job in WORKFLOWS["deploy"]["jobs"].values())


# --- what they run --------------------------------------------------------------------------------------------------


def test_every_command_of_ours_is_there() -> None:
    text = "\n".join(commands())
    modules, targets = set(re.findall(r"python3 -m ([\w.]+)", text)), set(re.findall(r"\bmake ([a-z-]+)", text))
    assert modules == {"workshop.version", "serving.kubernetes.rollout"}
    assert all(importlib.util.find_spec(module) for module in modules)
    assert targets >= {"lint", "check", "test", "prove"}
    makefile = (ROOT / "Makefile").read_text()
    assert not [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)]


def needed(job: str) -> set[str]:
    """All jobs that must have succeeded before this one starts."""
    given = RELEASE[job].get("needs", [])
    before = {given} if isinstance(given, str) else set(given)
    return before.union(*map(needed, before))


def test_nothing_is_built_or_published_before_all_tests_have_passed() -> None:
    assert RELEASE["tests"]["uses"] == "./.github/workflows/ci.yml"
    assert "if" not in RELEASE["tests"]
    for job in RELEASE.keys() - {"version", "tests"}:
        assert {"version", "tests"} <= needed(job)
        assert "if" not in RELEASE[job]
    assert "build" in needed("publish")


def test_a_tag_starts_its_tests_once() -> None:
    # Two runs with one concurrency group would cancel each other.
    assert WORKFLOWS["release"]["on"] == {"push": {"tags": ["v*"]}}
    assert "tags" not in WORKFLOWS["ci"]["on"]["push"]
    assert WORKFLOWS["ci"]["on"]["push"]["branches"]


def test_an_image_is_scanned_before_it_has_a_name() -> None:
    build, publish = steps("release", "build"), steps("release", "publish")
    used = [step.get("uses", "").partition("@")[0] for step in build]
    assert used.index("docker/build-push-action") < used.index("anchore/scan-action")
    made = build[used.index("docker/build-push-action")]["with"]
    assert "push-by-digest=true" in made["outputs"]
    assert "tags" not in made
    assert (made["sbom"], made["provenance"]) == (True, "mode=max")
    (named,) = [step["run"] for step in publish if "run" in step]
    assert re.search(r"imagetools create.*\n.*\n *cosign sign --yes .*@\$digest", named)


# --- which images ---------------------------------------------------------------------------------------------------


def test_the_images_are_those_of_the_manifests_on_each_machine_that_can_run_them() -> None:
    linux = {DOCKER_NAMES[machine] for system, machine in platforms.MACHINES if system == "Linux"}
    wanted = {("llm-gateway", "any"): linux}
    for hardware, machines in platforms.SERVING_MACHINES.items():
        wanted["llm-serving", hardware] = {DOCKER_NAMES[machine] for _, machine in machines}
    built: dict[tuple[str, str], set[str]] = {}
    for each in matrix("build"):
        built.setdefault((each["name"], each.get("hardware", "any")), set()).add(each["arch"])
        assert each["machine"].endswith("-arm") == (each["arch"] == "arm64")
    assert built == wanted
    assert {(each["name"], each["hardware"]) for each in matrix("publish")} == set(wanted)
    published = {f"{each['name']}:{__version__}{each.get('suffix', '')}" for each in matrix("publish")}
    named = {each["image"] for objects in OVERLAYS.values() for each in containers(objects)}
    assert published == {image for image in named if Image.parsed(image).short.startswith("llm-")}


def test_pytorch_comes_from_where_make_images_takes_it() -> None:
    (named,) = [step for step in steps("release", "build") if step.get("id") == "torch"]
    said = subprocess.run(
        ["bash", "-ec", named["run"]], cwd=ROOT, env={**os.environ, "GITHUB_OUTPUT": "/dev/stdout"}, capture_output=True
    )
    (index,) = re.findall(r"^TORCH_CPU_INDEX \?= (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert said.stdout.decode() == f"index={index}\n"
    (build,) = [step for step in steps("release", "build") if "build-push-action" in step.get("uses", "")]
    assert "format('PIP_EXTRA_INDEX_URL={0}', steps.torch.outputs.index)" in build["with"]["build-args"]
