"""Checks the deployment's config files without a cluster or a GPU: ours are good, and each planted fault is named."""

import subprocess
from pathlib import Path

import pytest

from workshop.processes import ROOT
from workshop.serving_cluster import CONFIGS, PYTHON

GOOD = sorted(CONFIGS.glob("*.yaml"))
GPU = (CONFIGS / "gpu.yaml").read_text()
# Faults planted into gpu.yaml: the original text, its replacement, and what the message must say.
PLANTED = {
    "a key of Serve": ("route_prefix:", "route_prefx:", "applications[0].route_prefx: Serve has no such key"),
    "an argument of ours": ("tensor_parallel:", "tensor_paralel:", "args.tensor_paralel: Extra inputs"),
    "an argument of the engine": ("gpu_memory_utilization:", "gpu_memory_utilisation:", "vLLM has no such argument"),
    "a value of the engine": ("dtype: bfloat16", "dtype: bfloat15", "args.engine.dtype: Input should be"),
    "bounds in the wrong order": ("min: 2", "min: 20", "replicas.min=20 is more than replicas.max=16"),
    "a builder that is not there": ("builder:build", "bilder:build", "No module named"),
    "a word for a number": ("max: 16", "max: many", "args.replicas.max: Input should be a valid integer"),
    "nothing to serve": ("applications:", "application:", "applications"),
    "not YAML": ("args:", "args: [", "while parsing"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the check says of each file. One run checks them all: importing vLLM takes longer than the checks."""
    folder = tmp_path_factory.mktemp("configs")
    files = list(GOOD)
    for name, (there, instead, _) in PLANTED.items():
        assert there in GPU, there
        file = folder / f"{name.replace(' ', '-')}.yaml"
        file.write_text(GPU.replace(there, instead, 1))
        files.append(file)
    command = [str(PYTHON), "-m", "serving.ray_serve.check", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    return {file.name: [line for line in lines if line.startswith(f"{file}: ")] for file in files}


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_ray_and_vllm_accept_our_config_files(said: dict[str, list[str]], file: Path) -> None:
    assert said[file.name] == [f"{file}: good"]


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named(said: dict[str, list[str]], name: str) -> None:
    lines = said[f"{name.replace(' ', '-')}.yaml"]
    assert any(PLANTED[name][2] in line for line in lines), lines
    assert all(len(line.splitlines()) == 1 and "Traceback" not in line for line in lines)


def test_the_files_numbers_are_those_that_were_asked_for() -> None:
    for number in ("min: 2", "max: 16", "target_ongoing_requests: 5", "tensor_parallel: 4", "google/medgemma-27b"):
        assert number in GPU
