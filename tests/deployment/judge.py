"""Finds the faults of Kubernetes objects and other files by their schemas.

In: the object or text. Out: one sentence per fault. A key that the schema does not know is a fault. Kubernetes' own
kinds are checked by the schemas of kubernetes-validate, other kinds by schemas/ (with Kubernetes' schemas for the pods
in them), compose files and workflows by the schemas in check-jsonschema, Dockerfiles by hadolint.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry, Resource

from tests.deployment import yaml_files

KUBERNETES = "1.34"  # the version that the manifests are written for
SCHEMAS = Path(__file__).parent / "schemas"
OURS = {file.stem: file for file in SCHEMAS.glob("*.yml")}
OURS["component"] = OURS["kustomization"]
HADOLINT = Path(sys.executable).parent / "hadolint"


def _unique(validator: Any, keys: list[str], found: Any, schema: Any) -> Iterator[ValidationError]:
    """Entries of a list that is a map by these keys: the API server rejects two with the same."""
    if not isinstance(found, list):
        return
    seen = set[str]()
    for each in found:
        name = json.dumps([each.get(key) for key in keys]) if isinstance(each, dict) else ""
        if name in seen:
            yield ValidationError(f"two entries have the {' and '.join(keys)} {name}")
        seen.add(name)


Strict = validators.extend(Draft202012Validator, {"x-kubernetes-list-map-keys": _unique})  # type: ignore[no-untyped-call]


def faults_of_object(found: Any) -> list[str]:
    if not isinstance(found, dict) or not {"apiVersion", "kind"} <= found.keys():
        return ["it has no apiVersion and kind"]
    try:
        validator = _of_kind(found["apiVersion"], found["kind"])
    except FileNotFoundError:
        return [f"there is no {found['apiVersion']} {found['kind']}"]
    return _faults(validator, found)


def faults_of_manifests(text: str) -> list[str]:
    return _with_each(text, faults_of_object)


def faults_of_patches(text: str) -> list[str]:
    """The faults of a file of JSON patches, step by step. Applying the patches shows whether they fit."""
    step = {
        "type": "object",
        "required": ["op", "path"],
        "additionalProperties": False,
        "properties": {"op": {"enum": ["add", "replace", "remove"]}, "path": {"type": "string"}, "value": {}},
    }
    return _with_each(text, lambda found: _faults(Draft202012Validator({"type": "array", "items": step}), found))


def faults_of_compose(text: str) -> list[str]:
    return _with_each(text, lambda found: _faults(_carried("compose-spec"), found))


def faults_of_workflow(text: str) -> list[str]:
    return _with_each(text, lambda found: _faults(_carried("github-workflows"), found))


def faults_of_devcontainer(text: str) -> list[str]:
    return _with_each(without_comments(text), lambda found: _faults(_of_ours("devcontainer"), found))


def without_comments(text: str) -> str:
    """JSON without the lines of comment that an editor's files may have."""
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def faults_of_dockerfile(text: str) -> list[str]:
    done = subprocess.run(
        [HADOLINT, "--no-color", "--format", "json", "-"], input=text, capture_output=True, text=True, check=False
    )
    return [
        f"line {found['line']}: {found['code']} {found['message']}" for found in json.loads(done.stdout or "[]")
    ] or ([done.stderr] if done.returncode else [])


def _with_each(text: str, faults: Callable[[Any], list[str]]) -> list[str]:
    try:
        found = yaml_files.documents(text)
    except yaml.YAMLError as error:
        return [str(error)]
    return [fault for document in found for fault in faults(document)] if found else ["it is empty"]


def _faults(validator: Any, found: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(found)]


@cache
def _of_kind(version: str, kind: str) -> Any:
    if kind.lower() in OURS:
        return _of_ours(kind.lower())
    # The files are named after the group without its domain, and the version.
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", version)
    schema = json.loads((_strict() / f"{kind.lower()}-{group}.json").read_text())
    return Strict(schema, registry=_registry())


@cache
def _registry() -> Registry[Any]:
    """The registry in which schemas find each other."""
    definitions = json.loads((_strict() / "_definitions.json").read_text())
    found = [definitions, *(schema for schema in map(yaml_files.only, OURS.values()) if "$id" in schema)]
    return Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in found)


def _strict() -> Any:
    return resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local-strict"


@cache
def _carried(name: str) -> Any:
    text = (resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json").read_text()
    schema = json.loads(text)
    return validators.validator_for(schema)(schema)


def faults_of_provisioning(text: str) -> list[str]:
    """The faults of a file that Grafana reads at its start."""
    return _with_each(text, lambda found: _faults(_of_ours("grafana"), found))


@cache
def _of_ours(name: str) -> Any:
    return Strict(yaml_files.only(OURS[name]), registry=_registry())
