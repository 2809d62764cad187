"""Stands in for kubectl, because no cluster runs here: `python -m tests.deployment.kubectl STATE WORDS…`.

Its exit statuses and its words are those of kubectl 1.37 and 1.32, recorded from an API server that refused the same
things. `diff` ends with 0, 1 or 2, as its help says. Manifests are rendered as `kubectl kustomize` does it.

In: kubectl's arguments, and a file with the state of the cluster. Out: what kubectl prints, and the state changed. The
tag of the gateway's image decides what goes wrong: `broken` never becomes ready, `mute` fails the smoke Job, and of
`refused` only the first half of the objects is taken.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.deployment import kustomize, yaml_files

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
Object = kustomize.Object


def main(state_file: Path, words: list[str]) -> int:
    state: dict[str, Any] = json.loads(state_file.read_text())
    state["calls"].append(" ".join(words))
    _, _, verb, *rest = words if words[0] == "--namespace" else ("", "", *words)
    try:
        return int(globals()[f"_{verb}"](state, rest))
    finally:
        state_file.write_text(json.dumps(state))


def _kustomize(state: Object, rest: list[str]) -> int:
    print(yaml.safe_dump_all(kustomize.build(Path(rest[0]))))
    return 0


def _get(state: Object, rest: list[str]) -> int:
    if state["unreachable"]:
        print(
            'E1130 15:22:22.984987   13127 memcache.go:381] "Couldn\'t get current server API group list"\n'
            "The connection to the server 127.0.0.1:9 was refused - did you specify the right host or port?",
            file=sys.stderr,
        )
        return 1
    match rest:
        case ["namespace", name, *_]:
            if name not in state["namespaces"]:
                print(f'Error from server (NotFound): namespaces "{name}" not found', file=sys.stderr)
                return 1
        case ["-k", folder, *_]:
            live = [state["objects"][key] for key in map(_key, _read(folder)) if key in state["objects"]]
            print(json.dumps({"apiVersion": "v1", "kind": "List", "items": live}) if live else "")
        case ["job/smoke", *_]:
            end = (
                ("FailureTarget", "BackoffLimitExceeded") if _smoke_fails(state) else ("Complete", "CompletionsReached")
            )
            print(json.dumps([{"type": end[0], "status": "True", "reason": end[1]}]))
    return 0


def _diff(state: Object, rest: list[str]) -> int:
    wanted = {_key(each): each for each in _read(rest[1])}
    if state["no_ray"] and any("RayService" in key for key in wanted):
        print('error: no matches for kind "RayService" in version "ray.io/v1"', file=sys.stderr)
        return 2
    changed = [key for key, each in wanted.items() if _applied(state, key) != each]
    print("".join(f"diff -u -N {key}\n" for key in changed), end="")
    return 1 if changed else 0


def _apply(state: Object, rest: list[str]) -> int:
    objects = _read(rest[1])
    refused = any("refused" in image for image in _images(objects))
    for each in objects[: len(objects) // 2] if refused else objects:
        note = json.dumps(each)
        state["objects"][_key(each)] = each | {"metadata": {**each["metadata"], "annotations": {APPLIED: note}}}
        print(f"{_key(each)} configured")
    if refused:
        print("Error from server (Forbidden): admission webhook denied the request", file=sys.stderr)
    return int(refused)


def _delete(state: Object, rest: list[str]) -> int:
    for each in _read(rest[1]):
        state["objects"].pop(_key(each), None)
    return 0


def _rollout(state: Object, rest: list[str]) -> int:
    if any("broken" in image for image in _images([_gateway(state)])):
        print('error: deployment "gateway" exceeded its progress deadline', file=sys.stderr)
        return 1
    print('deployment "gateway" successfully rolled out')
    return 0


def _wait(state: Object, rest: list[str]) -> int:
    print(f"{rest[0]} condition met")
    return 0


def _logs(state: Object, rest: list[str]) -> int:
    said = "only the fallback answers: workshop-tiny" if _smoke_fails(state) else "A token is a piece of a word."
    print(f"[pod/smoke-abc12/smoke] {said}")
    return 0


def _smoke_fails(state: Object) -> bool:
    return any("mute" in image for image in _images([_gateway(state)]))


def _gateway(state: Object) -> Object:
    return dict(state["objects"]["Deployment/gateway"])


def _applied(state: Object, key: str) -> Object | None:
    live = state["objects"].get(key)
    return json.loads(live["metadata"]["annotations"][APPLIED]) if live else None


def _images(objects: list[Object]) -> list[str]:
    return [container["image"] for container in kustomize.containers(objects)]


def _read(place: str) -> list[Object]:
    path = Path(place)
    return kustomize.build(path) if path.is_dir() else yaml_files.documents(path.read_text())


def _key(found: Object) -> str:
    return f"{found['kind']}/{found['metadata']['name']}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
