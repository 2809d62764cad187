"""Bring a version to the cluster: `python -m serving.kubernetes.rollout --overlay cpu --registry ghcr.io/you/llm`.

Shows what would change, applies it, waits for the gateway and for Ray, and runs the smoke Job. If one of them fails, it
names the command that brings back what was there before, or runs it (--undo). It needs kubectl 1.31 or newer, and of
Python the standard library alone.

In: an overlay, and where its images are. Out: each command as it runs, and exit status 0 once the model has answered.
Otherwise exit status 1, and one line on stderr.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from serving.kubernetes.images import Wanted, ours
from serving.kubernetes.kubectl import ROOT, Failed, Kubectl, shown

FOLDER = Path(__file__).resolve().parent
WORK = ROOT / ".run" / "rollout"  # kept, so that every command that was printed can be repeated
OVERLAY, SMOKE = WORK / "overlay", WORK / "smoke"

GATEWAY_SECONDS = 900  # a dozen gateways, one after the other
RAY_SECONDS = 2700  # a new cluster downloads its image, and perhaps the weights
SMOKE_SECONDS = 960  # a minute more than the Job gives itself
REACH_SECONDS = 15
DIFFERENT = 1  # the exit status of `kubectl diff`: 0 is no difference, and above 1 are errors
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Broken(Failed):
    """The cluster has the new version, or a part of it, and that does not work. `before` has what was there."""

    def __init__(self, reason: str, before: Path) -> None:
        super().__init__(reason)
        self.before = before


def roll_out(kubectl: Kubectl, overlay: Path, wanted: Wanted, diff_only: bool = False) -> None:
    """Raises Failed if nothing was changed, and Broken afterwards."""
    manifests = prepare(kubectl, overlay, wanted)
    reach(kubectl)
    if not differs(kubectl) and not kubectl.dry_run:
        print("nothing differs from what is there")
    if diff_only:
        return
    before = remember(kubectl)
    try:
        kubectl.run("apply", "-k", OVERLAY)
        settle(kubectl, manifests)
        smoke(kubectl)
    except Failed as failure:
        raise Broken(str(failure), before) from failure


def prepare(kubectl: Kubectl, overlay: Path, wanted: Wanted) -> str:
    """Write kustomizations of the overlay and of the smoke Job with the images wanted. Out: the overlay's manifests."""
    there = ours(kubectl.rendered(overlay))
    known = {image.short for image in there.values()}
    if unknown := (wanted.digests or {}).keys() - known:
        raise Failed(f"{shown(overlay)} has no image {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
    new = {name: wanted.instead_of(image) for name, image in there.items()}
    _write(OVERLAY, resource=overlay, images=[image.replacing(name) for name, image in new.items()])
    gateway = [image.replacing(image.short) for image in new.values() if image.short == "llm-gateway"]
    _write(SMOKE, resource=FOLDER / "smoke", images=gateway, namespace=kubectl.namespace)
    for image in new.values():
        print(f"image: {image}")
    return kubectl.rendered(OVERLAY)


def reach(kubectl: Kubectl) -> None:
    """Raises Failed unless the cluster answers and has the namespace."""
    try:
        kubectl.answer("get", "namespace", kubectl.namespace, "-o", "name", f"--request-timeout={REACH_SECONDS}s")
    except Failed as failure:
        said = str(failure)
        if "(NotFound)" in said:
            raise Failed(
                f"the namespace {kubectl.namespace} is missing: make it and its secrets first, "
                "as serving/kubernetes/README.md says"
            ) from failure
        refused = said.startswith("Error from server")
        raise Failed(f"the cluster {'refuses' if refused else 'cannot be reached'}: {said}") from failure


def differs(kubectl: Kubectl) -> bool:
    """Show what would change."""
    status = kubectl.status("diff", "-k", OVERLAY)
    if status > DIFFERENT:
        raise Failed(f"kubectl diff failed with exit status {status}; nothing was changed")
    return status == DIFFERENT


def remember(kubectl: Kubectl) -> Path:
    """Keep the manifests that were applied last time, of all objects that are about to change. Out: the file."""
    text = kubectl.answer("get", "-k", OVERLAY, "--ignore-not-found", "-o", "json")
    found: Any = json.loads(text) if text.strip() else {"items": []}
    notes = (each["metadata"].get("annotations", {}).get(APPLIED) for each in found.get("items", [found]))
    # A file for each rollout: a second try must not take the first one's failure for what was there before.
    file = WORK / f"before-{datetime.now():%Y%m%dT%H%M%S.%f}.yaml"
    if not kubectl.dry_run:
        file.write_text("".join(f"---\n{note.strip()}\n" for note in notes if note))
    return file


def settle(kubectl: Kubectl, manifests: str) -> None:
    """Wait until the new version answers, and no longer the one before it."""
    gateway_settles(kubectl)
    if re.search(r"^kind: RayService$", manifests, re.MULTILINE):
        # A changed image means a second cluster. The smoke Job must not ask the one that is about to go.
        for condition in ("UpgradeInProgress=false", "Ready"):
            kubectl.run("wait", "rayservice", "--all", f"--for=condition={condition}", f"--timeout={RAY_SECONDS}s")


def gateway_settles(kubectl: Kubectl) -> None:
    if kubectl.status("rollout", "status", "deployment/gateway", f"--timeout={GATEWAY_SECONDS}s"):
        kubectl.status("get", "pods", "--selector=app.kubernetes.io/name=gateway")
        raise Failed("the gateway does not become ready")


def smoke(kubectl: Kubectl) -> None:
    """Run the Job, and print its log. It stays there if it fails."""
    kubectl.run("delete", "-k", SMOKE, "--ignore-not-found")  # a Job cannot be changed
    kubectl.run("apply", "-k", SMOKE)
    # Any condition is an end. Waiting for "complete" would not notice a failure before the time is up.
    ended = "--for=jsonpath={.status.conditions[0].type}"
    kubectl.status("wait", "job/smoke", ended, f"--timeout={SMOKE_SECONDS}s")
    conditions = kubectl.answer("get", "job/smoke", "-o", "jsonpath={.status.conditions}")
    kubectl.status("logs", "--selector=batch.kubernetes.io/job-name=smoke", "--prefix", "--tail=-1")
    ends: list[dict[str, str]] = json.loads(conditions or "[]")
    if not kubectl.dry_run and not {each["type"] for each in ends} & {"Complete", "SuccessCriteriaMet"}:
        raise Failed(f"the smoke Job failed: {ends[0].get('reason', 'no reason given') if ends else 'it did not end'}")
    kubectl.run("delete", "-k", SMOKE)


def aftermath(kubectl: Kubectl, failure: Broken, undo: bool) -> str:
    """What is to be said of a failure, after going back if that is wanted."""
    if not failure.before.read_text():
        return f"{failure}; nothing was there before"
    back = ("apply", "-f", failure.before)
    if not undo:
        return f"{failure}; go back with: {kubectl.line(*back)}"
    try:
        kubectl.run(*back)
        gateway_settles(kubectl)
    except Failed as second:
        return f"{failure}, and going back failed, too: {second}"
    return f"{failure}; what was there before is back"


def _write(folder: Path, resource: Path, **more: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    kustomization: Mapping[str, object] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(resource, folder)],  # kustomize takes no absolute paths
        **more,
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=2) + "\n")


# --- the command ----------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.kubernetes.rollout", description=__doc__.split("\n")[0])
    parser.add_argument("--overlay", required=True, type=_overlay, help="base, cpu, or the folder of your own overlay")
    parser.add_argument("--registry", default="", help="where llm-gateway and llm-serving are: ghcr.io/you/llm")
    parser.add_argument("--tag", default="", help="their version, if it is not the manifests' own: 1.0.0")
    parser.add_argument(
        "--digest", action="append", default=[], type=_digest, metavar="IMAGE=sha256:…", help="exactly this image"
    )
    parser.add_argument("--namespace", default="llm")
    parser.add_argument("--diff", action="store_true", help="stop after showing what would change")
    parser.add_argument("--undo", action="store_true", help="if it fails, bring back what was there before")
    parser.add_argument("--dry-run", action="store_true", help="only print the commands")
    given = parser.parse_args(arguments)
    wanted = Wanted(given.registry.rstrip("/"), given.tag, dict(given.digest))
    try:
        kubectl = Kubectl(given.namespace, given.dry_run)
        roll_out(kubectl, given.overlay, wanted, given.diff)
    except Broken as failure:
        return _say(aftermath(kubectl, failure, given.undo))
    except Failed as failure:
        return _say(str(failure))
    return 0


def _say(what: str) -> int:
    print(f"rollout: {what}", file=sys.stderr, flush=True)
    return 1


def _overlay(text: str) -> Path:
    for folder in (FOLDER / text, Path(text).resolve()):
        if (folder / "kustomization.yaml").is_file():
            return folder
    raise argparse.ArgumentTypeError(f"{text}: neither base, cpu, nor a folder with a kustomization.yaml")


def _digest(text: str) -> tuple[str, str]:
    name, _, digest = text.partition("=")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise argparse.ArgumentTypeError(f"{text}: write it as llm-gateway=sha256: and 64 hexadecimal digits")
    return name, digest


if __name__ == "__main__":
    sys.exit(main())
