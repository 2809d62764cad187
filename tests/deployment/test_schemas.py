"""Every YAML file and Dockerfile of serving/, and the workflows, pass their schema or linter, which finds typos."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.deployment import judge, yaml_files
from tests.deployment.judge import (
    faults_of_compose,
    faults_of_devcontainer,
    faults_of_dockerfile,
    faults_of_manifests,
    faults_of_patches,
    faults_of_provisioning,
    faults_of_workflow,
)
from workshop.processes import ROOT
from workshop.prometheus import CONFIGURATION

Judge = Callable[[str], list[str]]

JUDGES: dict[str, Judge] = {
    ".devcontainer/devcontainer.json": faults_of_devcontainer,
    ".devcontainer/Dockerfile": faults_of_dockerfile,
    ".github/workflows/*.yml": faults_of_workflow,
    "serving/docker/*.Dockerfile": faults_of_dockerfile,
    "serving/docker/compose.yml": faults_of_compose,
    "serving/docker/grafana/*.yml": faults_of_provisioning,
    "serving/kubernetes/*.yaml": faults_of_manifests,
    "serving/kubernetes/*/kustomization.yaml": faults_of_manifests,
    "serving/kubernetes/base/*.yaml": faults_of_manifests,
    "serving/kubernetes/smoke/smoke.yaml": faults_of_manifests,
    "serving/kubernetes/cpu/[!k]*.yaml": faults_of_patches,
}
# The tests that check the other files.
ELSEWHERE = {
    "serving/monitoring/prometheus/**/*.yml": "tests/monitoring/test_rules.py",
    "serving/docker/prometheus/targets/*.yml": "tests/deployment/test_schemas.py",
    "serving/ray_serve/*.yaml": "tests/demo_6/test_configs.py",
}


def judged() -> Iterator[tuple[Path, Judge]]:
    for pattern, judge_of in JUDGES.items():
        for file in sorted(ROOT.glob(pattern)):
            yield file, judge_of


FILES = list(judged())


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize(("file", "faults"), FILES, ids=[name(file) for file, _ in FILES])
def test_a_file_matches_its_schema(file: Path, faults: Judge) -> None:
    assert faults(file.read_text()) == []


def test_every_file_of_the_deployment_is_checked() -> None:
    known = {file for file, _ in FILES} | {file for pattern in ELSEWHERE for file in ROOT.glob(pattern)}
    there = {file for kind in ("*.yml", "*.yaml", "*Dockerfile") for file in (ROOT / "serving").rglob(kind)}
    assert {name(file) for file in there - known} == set()
    assert all((ROOT / test).is_file() for test in ELSEWHERE.values())
    assert len(FILES) > 20


# A file, a text in it, and a likely typo: an unknown key, a value of another type, a word that is not allowed.
TYPOS = [
    (".devcontainer/devcontainer.json", "onCreateCommand", "onCreate"),
    (".devcontainer/devcontainer.json", '"memory": "8gb"', '"memory": "8 GB"'),
    (".devcontainer/devcontainer.json", '"onAutoForward": "silent"', '"onAutoForward": "quiet"'),
    (".devcontainer/Dockerfile", "USER 1000:1000", "USR 1000:1000"),
    (".github/workflows/ci.yml", "runs-on:", "run-on:"),
    (".github/workflows/ci.yml", "timeout-minutes: ", "timeout: "),
    (".github/workflows/release.yml", "runs-on: ubuntu-24.04\n", ""),
    (".github/workflows/release.yml", "id-token: write", "id-token: yes"),
    (".github/workflows/deploy.yml", "workflow_dispatch:", "workflow-dispatch:"),
    (".github/workflows/deploy.yml", "cancel-in-progress: false", "cancel_in_progress: false"),
    ("serving/docker/gateway.Dockerfile", "ENTRYPOINT", "ENTRYPIONT"),
    ("serving/docker/gateway.Dockerfile", "FROM python:3.11-slim-bookworm AS", "FROM python AS"),
    ("serving/docker/serving.Dockerfile", "--no-install-recommends libnuma1=2.*", "--no-install-recommends libnuma1"),
    ("serving/docker/serving.Dockerfile", "USER 10001:10001", "USR 10001:10001"),
    ("serving/docker/compose.yml", "depends_on:", "depend_on:"),
    ("serving/docker/compose.yml", "condition: service_healthy", "condition: healthy"),
    ("serving/docker/compose.yml", "restart: unless-stopped", "restarts: unless-stopped"),
    ("serving/docker/compose.yml", "start_period: 300s", "start_periods: 300s"),
    ("serving/docker/grafana/datasources.yml", "isDefault:", "default:"),
    ("serving/docker/grafana/dashboards.yml", "options:", "option:"),
    ("serving/kubernetes/base/gateway.yaml", "readinessProbe:", "readynessProbe:"),
    ("serving/kubernetes/base/gateway.yaml", "apiVersion: apps/v1", "apiVersion: apps/v2"),
    ("serving/kubernetes/base/gateway.yaml", "containerPort: 8000", "containerPort: http"),
    ("serving/kubernetes/base/gateway.yaml", "      containers:", "      container:"),
    ("serving/kubernetes/base/priority.yaml", "value: 100000", "value: high"),
    ("serving/kubernetes/smoke/smoke.yaml", "backoffLimit: 4", "backOffLimit: 4"),
    ("serving/kubernetes/base/weights.yaml", "accessModes", "accessMode"),
    ("serving/kubernetes/base/fallback-disruption.yaml", "maxUnavailable", "maxUnavailabel"),
    ("serving/kubernetes/base/gateway.yaml", "terminationGracePeriodSeconds: 330", "terminationGracePeriod: 330"),
    ("serving/kubernetes/base/gateway-service.yaml", "targetPort:", "target-port:"),
    ("serving/kubernetes/base/gateway-autoscaler.yaml", "averageUtilization: 70", "averageUtilisation: 70"),
    ("serving/kubernetes/base/gateway-autoscaler.yaml", "maxReplicas: 12", "maxReplicas: many"),
    ("serving/kubernetes/base/gateway-disruption.yaml", "unhealthyPodEvictionPolicy", "unhealthyPodsEvictionPolicy"),
    ("serving/kubernetes/base/network.yaml", "podSelector: {}", "podSelectors: {}"),
    ("serving/kubernetes/base/network.yaml", "        - namespaceSelector:", "        - nameSpaceSelector:"),
    ("serving/kubernetes/base/redis.yaml", "volumeClaimTemplates:", "volumeClaimTemplate:"),
    ("serving/kubernetes/base/redis.yaml", "serviceName: redis", "serviceName: redis\n  serviceName: redis"),
    ("serving/kubernetes/base/ray-service.yaml", "gcsFaultToleranceOptions:", "gcsFaultTolerance:"),
    ("serving/kubernetes/base/ray-service.yaml", 'num-cpus: "0"', "num-cpus: 0"),
    ("serving/kubernetes/base/ray-service.yaml", "maxReplicas: 16", 'maxReplicas: "16"'),
    ("serving/kubernetes/base/ray-service.yaml", "preStop:", "prestop:"),
    ("serving/kubernetes/base/ray-service.yaml", "serveConfigV2:", "serveConfigV1:"),
    (
        "serving/kubernetes/base/ray-service.yaml",
        "upgradeStrategy: {type: NewCluster}",
        "upgradeStrategy: {type: Rolling}",
    ),
    ("serving/kubernetes/base/monitors.yaml", "podMetricsEndpoints:", "endpoints:"),
    ("serving/kubernetes/base/monitors.yaml", "metricRelabelings:", "metricRelabelling:"),
    ("serving/kubernetes/base/monitors.yaml", "interval: 15s", "interval: 15 s"),
    ("serving/kubernetes/base/rules.yaml", "- alert:", "- alarm:"),
    ("serving/kubernetes/base/kustomization.yaml", "resources:", "resource:"),
    ("serving/kubernetes/queue-depth/kustomization.yaml", "kind: Component", "kind: Komponent"),
    ("serving/kubernetes/cpu/ray-service.yaml", "- op: replace", "- op: replase"),
    ("serving/kubernetes/cpu/gateway.yaml", "  value: 500m", "  values: 500m"),
    ("serving/kubernetes/secrets.example.yaml", "stringData:", "stringdata:"),
]


@pytest.mark.parametrize(("file", "right", "wrong"), TYPOS, ids=[f"{file}: {wrong}" for file, _, wrong in TYPOS])
def test_a_typo_is_found(file: str, right: str, wrong: str) -> None:
    text, judge_of = (ROOT / file).read_text(), dict(FILES)[ROOT / file]
    assert right in text
    assert judge_of(text.replace(right, wrong, 1))


def test_every_file_is_tried_with_a_typo() -> None:
    # The two disruption budgets are alike.
    tried = {file for file, _, _ in TYPOS} | {"serving/kubernetes/base/ray-disruption.yaml"}
    untried = {name(file) for file, _ in FILES} - tried
    assert {
        file for file in untried if not file.endswith(("namespace.yaml", "fallback.yaml", "kustomization.yaml"))
    } == set()


def test_our_own_schemas_are_valid() -> None:
    for file in judge.SCHEMAS.glob("*.yml"):
        Draft202012Validator.check_schema(yaml_files.only(file))


def test_prometheus_takes_the_targets_of_the_compose_file(tmp_path: Path) -> None:
    shutil.copytree(CONFIGURATION, tmp_path / "prometheus")
    shutil.rmtree(tmp_path / "prometheus" / "targets")
    shutil.copytree(ROOT / "serving" / "docker" / "prometheus" / "targets", tmp_path / "prometheus" / "targets")
    file = tmp_path / "prometheus" / "prometheus.yml"
    wanted = {line.split("[")[1].strip("]") for line in file.read_text().splitlines() if "files: [" in line}
    assert {f"targets/{found.name}" for found in (file.parent / "targets").iterdir()} == wanted
    done = subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
