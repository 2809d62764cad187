"""`python -m serving.ray_serve.check FILE.yaml …`: would a cluster accept this config? Needs no cluster or GPU.

In: Serve config files. Out: one line each; exit status 1 if one is wrong, and its line says where. They are checked
against Ray's own schema (unknown keys, which Ray ignores, are errors here), our arguments, the builder that makes the
application, and vLLM's own engine arguments, by name and type. What only the hardware can tell (does the model fit?) is
not checked.
"""

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from ray._common.utils import import_attr
from ray.serve.schema import DeploymentSchema, ServeApplicationSchema, ServeDeploySchema

from serving.ray_serve.arguments import ServingArguments


def main(files: list[str]) -> int:
    wrong = {file: list(faults(Path(file))) for file in files}
    for file, found in wrong.items():
        print("\n".join(f"{file}: {fault}" for fault in found) or f"{file}: good")
    return int(any(wrong.values()))


def faults(file: Path) -> Iterator[str]:
    """The errors of a config file, one line each."""
    if found := list(faults_of_names(file)):
        yield from found
        return
    for number, application in enumerate(_content(file)["applications"]):
        where = f"applications[{number}]"
        try:
            yield from _faults_of_engine(application, f"{where}.args.")
        except (ValueError, TypeError, ImportError, AttributeError) as error:
            yield f"{where}: {' '.join(str(error).split())}"


def faults_of_names(file: Path) -> Iterator[str]:
    """Quick checks, before vLLM is imported: keys that Serve does not know, arguments that are not ours."""
    try:
        content = _content(file)
        ServeDeploySchema.model_validate(content)
    except (OSError, yaml.YAMLError) as error:
        yield " ".join(str(error).split())
        return
    except ValidationError as error:
        yield from _said(error, "")
        return
    yield from _unknown(content, ServeDeploySchema, "")
    for number, application in enumerate(content["applications"]):
        where = f"applications[{number}]"
        yield from _unknown(application, ServeApplicationSchema, f"{where}.")
        for index, deployment in enumerate(application.get("deployments", ())):
            yield from _unknown(deployment, DeploymentSchema, f"{where}.deployments[{index}].")
        try:
            ServingArguments.model_validate(application.get("args", {}))
        except ValidationError as error:
            yield from _said(error, f"{where}.args.")


def _content(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def _faults_of_engine(application: Mapping[str, Any], where: str) -> Iterator[str]:
    from vllm import AsyncEngineArgs  # takes seconds to import

    arguments = ServingArguments.model_validate(application.get("args", {}))
    fields = {field.name: field for field in dataclasses.fields(AsyncEngineArgs)}
    for name, value in arguments.engine_arguments().items():
        if name not in fields:
            yield f"{where}engine.{name}: vLLM has no such argument"
            continue
        kind: Any = fields[name].type
        try:
            TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            yield from _said(error, f"{where}engine.{name}")
    import_attr(application["import_path"])(arguments)  # builds the application, and deploys nothing


def _unknown(given: Mapping[str, Any], schema: Any, where: str) -> Iterator[str]:
    for name in given:
        if name not in schema.model_fields:
            yield f"{where}{name}: Serve has no such key"


def _said(error: ValidationError, where: str) -> Iterator[str]:
    for one in error.errors():
        yield f"{where}{'.'.join(map(str, one['loc']))}: {one['msg']}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
