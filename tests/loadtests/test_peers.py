"""The peers' versions are pinned, and their configuration is that of the benchmark."""

import json
import re
import subprocess

import pytest

from loadtests.bench.contenders import PEERS
from loadtests.bench.static import ANSWER, MODEL
from workshop.processes import ROOT

PYTHON = ROOT / ".venv-peers" / "bin" / "python"


def test_every_package_of_python_is_pinned_to_one_version() -> None:
    lines = (PEERS / "requirements.txt").read_text().splitlines()
    packages = [line for line in lines if not line.lstrip().startswith("#")]
    assert len(packages) > 50
    assert all(re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+", package) for package in packages)
    assert {"litellm", "langchain-openai"} <= {re.split(r"[\[=]", package)[0] for package in packages}


def test_every_package_of_node_is_pinned_and_none_names_a_registry() -> None:
    wanted = json.loads((PEERS / "package.json").read_text())["dependencies"]
    lock = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert lock[f"node_modules/{name}"]["version"] == version
    installed = [package for path, package in lock.items() if path]
    assert all("integrity" in package and "resolved" not in package for package in installed)


@pytest.mark.skipif(not PYTHON.exists(), reason="make peers")
def test_litellm_serves_the_model_of_the_benchmark_without_extras() -> None:
    program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
    command = [str(PYTHON), "-c", program, str(PEERS / "litellm.yaml")]
    read = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    (model,) = read["model_list"]
    assert model["model_name"] == MODEL == json.loads(ANSWER)["model"]
    assert model["litellm_params"]["api_base"] == "os.environ/OPENAI_BASE_URL"
    settings = read["litellm_settings"]
    assert not settings["callbacks"]
    assert not settings["set_verbose"]
    assert not settings["num_retries"]
