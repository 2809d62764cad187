"""A rollout's decisions: what it does, and what it says, when kubectl or the cluster answers this or that.

kubectl.py stands in for kubectl and its cluster. Where the real kubectl is, it renders what the rollout writes.
"""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from serving.kubernetes import kubectl as runner
from serving.kubernetes import rollout
from serving.kubernetes.images import Image, Wanted
from tests.deployment import kubectl as stand_in
from tests.deployment import kustomize, yaml_files
from workshop.processes import ROOT

REGISTRY = "ghcr.io/ana/llm"
DIGEST = "sha256:" + "0123456789abcdef" * 4
# As much of an overlay as a rollout looks at; another test renders the real ones.
SMALL = """
{apiVersion: apps/v1, kind: Deployment, metadata: {name: gateway},
 spec: {template: {spec: {containers: [{name: gateway, image: "llm-gateway:1.0.0"}]}}}}
---
{apiVersion: ray.io/v1, kind: RayService, metadata: {name: llm},
 spec: {rayClusterConfig: {headGroupSpec: {template: {spec: {containers: [
   {name: head, image: "llm-serving:1.0.0-cpu"}]}}}}}}
"""


@dataclass(slots=True, frozen=True)
class Cluster:
    """The state that the stand-in keeps in a file, and an overlay to roll out there."""

    file: Path
    overlay: Path

    def roll_out(self, tag: str, *more: str) -> int:
        return rollout.main(["--overlay", str(self.overlay), "--registry", REGISTRY, "--tag", tag, *more])

    def start_with(self, tag: str) -> None:
        """Give it a version to go back to."""
        file = self.file.with_name("earlier.yaml")
        file.write_text(SMALL.replace("llm-", f"{REGISTRY}/llm-").replace(":1.0.0", f":{tag}"))
        assert stand_in.main(self.file, ["apply", "-f", str(file)]) == 0

    def change(self, **changes: Any) -> None:
        self.file.write_text(json.dumps(self.state | changes))

    @property
    def state(self) -> dict[str, Any]:
        return dict(json.loads(self.file.read_text()))

    @property
    def calls(self) -> list[str]:
        return [call.removeprefix("--namespace llm ") for call in self.state["calls"]]

    @property
    def images(self) -> set[str]:
        """The images of ours that the cluster has now."""
        found = kustomize.containers([each for key, each in self.state["objects"].items() if key != "Job/smoke"])
        return {container["image"] for container in found if "llm-" in container["image"]}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    state = tmp_path / "cluster.json"
    state.write_text(
        json.dumps({"calls": [], "objects": {}, "namespaces": ["llm"], "unreachable": False, "no_ray": False})
    )
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.deployment.kubectl {state} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    work = tmp_path / "work"
    for name, value in {"WORK": work, "OVERLAY": work / "overlay", "SMOKE": work / "smoke"}.items():
        monkeypatch.setattr(rollout, name, value)
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "objects.yaml").write_text(SMALL)
    (overlay / "kustomization.yaml").write_text("resources: [objects.yaml]")
    return Cluster(state, overlay)


def images_of(tag: str) -> set[str]:
    return {f"{REGISTRY}/llm-gateway:{tag}", f"{REGISTRY}/llm-serving:{tag}-cpu"}


def last_line(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().err.strip().splitlines()[-1]


# --- what it does ---------------------------------------------------------------------------------------------------


def test_a_rollout_shows_applies_waits_and_asks_the_model(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    assert cluster.roll_out("1.1.0") == 0
    assert cluster.images == images_of("1.1.0")
    assert "Job/smoke" not in cluster.state["objects"]
    verbs = [call.split()[0] for call in cluster.calls]
    steps = "kustomize kustomize get diff get apply rollout wait wait delete apply wait get logs delete"
    assert " ".join(verbs) == steps
    assert "A token is a piece of a word." in capfd.readouterr().out


def test_the_smoke_job_runs_from_the_same_image(cluster: Cluster) -> None:
    assert cluster.roll_out("mute-1") == 1
    job = cluster.state["objects"]["Job/smoke"]
    assert [each["image"] for each in kustomize.containers(job)] == [f"{REGISTRY}/llm-gateway:mute-1"]


def test_the_same_version_again_differs_in_nothing(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    assert cluster.roll_out("1.1.0") == 0
    assert "nothing differs" not in capfd.readouterr().out
    assert cluster.roll_out("1.1.0") == 0
    assert "nothing differs" in capfd.readouterr().out


@pytest.mark.parametrize("flag", ["--diff", "--dry-run"])
def test_a_rollout_that_only_shows_changes_nothing(flag: str, cluster: Cluster) -> None:
    assert cluster.roll_out("1.1.0", flag) == 0
    assert cluster.state["objects"] == {}


def test_a_dry_run_prints_the_commands_of_a_real_run(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    assert cluster.roll_out("1.1.0", "--dry-run") == 0
    printed = [line for line in capfd.readouterr().out.splitlines() if line.startswith("$ ")]
    assert [call for call in cluster.calls if not call.startswith("kustomize")] == []
    assert cluster.roll_out("1.1.0") == 0
    assert printed == [line for line in capfd.readouterr().out.splitlines() if line.startswith("$ ")]


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_without_kubectl_it_says_so(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert cluster.roll_out("1.1.0") == 1
    assert last_line(capfd) == "rollout: kubectl is missing: https://kubernetes.io/docs/tasks/tools/"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"unreachable": True}, "the cluster cannot be reached: The connection to the server 127.0.0.1:9 was refused"),
        ({"namespaces": []}, "the namespace llm is missing: make it and its secrets first"),
        ({"no_ray": True}, "kubectl diff failed with exit status 2; nothing was changed"),
    ],
)
def test_a_cluster_that_is_not_ready_for_it_is_left_alone(
    state: dict[str, Any], said: str, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.change(**state)
    assert cluster.roll_out("1.1.0") == 1
    assert last_line(capfd).startswith(f"rollout: {said}")
    assert not [call for call in cluster.calls if call.startswith("apply")]


BROKEN = [
    ("broken-1", "the gateway does not become ready"),
    ("mute-1", "the smoke Job failed: BackoffLimitExceeded"),
    ("refused-1", "kubectl apply failed"),
]


@pytest.mark.parametrize(("tag", "why"), BROKEN)
def test_after_a_failure_it_names_the_command_that_goes_back(
    tag: str, why: str, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.start_with("1.1.0")
    assert cluster.roll_out(tag) == 1
    said, _, command = last_line(capfd).partition("; go back with: ")
    assert said == f"rollout: {why}"
    assert cluster.images != images_of("1.1.0")
    assert os.system(command) == 0
    assert cluster.images == images_of("1.1.0")


@pytest.mark.parametrize(("tag", "why"), BROKEN)
def test_undo_goes_back_and_is_a_failure_all_the_same(
    tag: str, why: str, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.start_with("1.1.0")
    assert cluster.roll_out(tag, "--undo") == 1
    assert last_line(capfd) == f"rollout: {why}; what was there before is back"
    assert cluster.images == images_of("1.1.0")
    assert cluster.calls[-1].startswith("rollout status")


def test_the_log_of_a_failed_smoke_job_is_shown(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    assert cluster.roll_out("mute-1") == 1
    printed = capfd.readouterr()
    assert "only the fallback answers" in printed.out
    assert printed.err.strip().endswith("nothing was there before")


def test_a_second_failure_does_not_take_the_first_one_for_what_was_there(
    cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.start_with("1.1.0")
    assert cluster.roll_out("broken-1") == 1
    first = last_line(capfd).partition("; go back with: ")[2]
    assert cluster.roll_out("broken-2") == 1
    assert os.system(first) == 0
    assert cluster.images == images_of("1.1.0")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--overlay", "nix"], "nix: neither base, cpu, nor a folder with a kustomization.yaml"),
        (["--overlay", "cpu", "--digest", "llm-gateway=123"], "llm-gateway=123: write it as llm-gateway=sha256:"),
    ],
)
def test_a_slip_in_an_argument_is_pointed_out(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        rollout.main(words)
    assert said in last_line(capfd)


def test_a_digest_of_an_image_that_the_overlay_does_not_use_is_pointed_out(
    cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cluster.roll_out("1.1.0", "--digest", f"llm-gatewy={DIGEST}") == 1
    assert "has no image llm-gatewy; it has llm-gateway, llm-serving" in last_line(capfd)


# --- images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "wanted", "new"),
    [
        ("llm-gateway:1.0.0", Wanted(), "llm-gateway:1.0.0"),
        ("llm-gateway:1.0.0", Wanted(REGISTRY), f"{REGISTRY}/llm-gateway:1.0.0"),
        ("host:5000/x/llm-gateway:1.0.0", Wanted(REGISTRY), f"{REGISTRY}/llm-gateway:1.0.0"),
        ("llm-serving:1.0.0-gpu", Wanted(REGISTRY, "2.0.0-rc.1"), f"{REGISTRY}/llm-serving:2.0.0-rc.1-gpu"),
        (f"host:5000/llm-gateway@{DIGEST}", Wanted(), f"host:5000/llm-gateway@{DIGEST}"),
        (f"llm-gateway:1.0.0@{DIGEST}", Wanted(tag="2.0.0"), "llm-gateway:2.0.0"),
        ("llm-gateway:1.0.0", Wanted(digests={"llm-gateway": DIGEST}), f"llm-gateway:1.0.0@{DIGEST}"),
        ("llm-serving:1.0.0-cpu", Wanted(digests={"llm-gateway": DIGEST}), "llm-serving:1.0.0-cpu"),
    ],
)
def test_an_image_becomes_what_was_asked_for(there: str, wanted: Wanted, new: str) -> None:
    assert str(wanted.instead_of(Image.parsed(there))) == new


def test_an_overlay_with_a_registry_of_its_own_is_understood(cluster: Cluster, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    images = [{"name": "llm-gateway", "newName": "registry:5000/us/llm-gateway"}]
    resources = [os.path.relpath(cluster.overlay, own)]
    (own / "kustomization.yaml").write_text(json.dumps({"resources": resources, "images": images}))
    assert rollout.main(["--overlay", str(own), "--tag", "mute-1"]) == 1
    assert cluster.images == {"registry:5000/us/llm-gateway:mute-1", "llm-serving:mute-1-cpu"}
    job = cluster.state["objects"]["Job/smoke"]
    assert [each["image"] for each in kustomize.containers(job)] == ["registry:5000/us/llm-gateway:mute-1"]


@pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is missing: https://kubernetes.io/docs/tasks/tools/"
)
@pytest.mark.parametrize("overlay", ["base", "cpu"])
def test_the_real_kubectl_renders_the_same_images(
    overlay: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "OVERLAY", tmp_path / "overlay")
    monkeypatch.setattr(rollout, "SMOKE", tmp_path / "smoke")
    real = runner.Kubectl("llm")
    wanted = Wanted(REGISTRY, "2.0.0", {"llm-gateway": DIGEST})
    rendered = yaml_files.documents(rollout.prepare(real, rollout.FOLDER / overlay, wanted))
    smoke = yaml_files.documents(real.rendered(rollout.SMOKE))
    for there, written in ((rendered, rollout.OVERLAY), (smoke, rollout.SMOKE)):
        images = {container["image"] for container in kustomize.containers(there)}
        assert f"{REGISTRY}/llm-gateway:2.0.0@{DIGEST}" in images
        assert images == {container["image"] for container in kustomize.containers(kustomize.build(written))}
    hardware = "gpu" if overlay == "base" else "cpu"
    assert f"{REGISTRY}/llm-serving:2.0.0-{hardware}" in {each["image"] for each in kustomize.containers(rendered)}
