"""The objects that `kubectl apply -k FOLDER` would send. It knows what ours use: resources, settings, patches, images.

In: a folder with a kustomization.yaml. Out: the objects. Raises if a resource is missing or a patch fits nothing. Names
of generated ConfigMaps have no hash.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.deployment import yaml_files

Object = dict[str, Any]


def build(folder: Path, components: tuple[Path, ...] = ()) -> list[Object]:
    """`components` are applied on top, as a user's own overlay would do it."""
    kustomization = yaml_files.only(folder / "kustomization.yaml")
    objects: list[Object] = []
    for resource in kustomization.get("resources", ()):
        path = folder / resource
        objects += build(path) if path.is_dir() else yaml_files.documents(path.read_text())
    for generated in kustomization.get("configMapGenerator", ()):
        data = {name: value for file in generated["envs"] for name, value in settings(folder / file).items()}
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data})
    for layer in (folder, *components):
        for patch in yaml_files.only(layer / "kustomization.yaml").get("patches", ()):
            steps = (layer / patch["path"]).read_text() if "path" in patch else patch["patch"]
            for target in _targets(objects, patch["target"]):
                for step in yaml_files.documents(steps)[0]:
                    _carry_out(step, target)
    for image in kustomization.get("images", ()):
        for container in containers(objects):
            container["image"] = _with_image(container["image"], image)
    return objects


def containers(found: Any) -> Iterator[Object]:
    """All containers, wherever they are in an object."""
    if isinstance(found, dict):
        yield from (each for key in ("containers", "initContainers") for each in found.get(key, ()))
        for value in found.values():
            yield from containers(value)
    elif isinstance(found, list):
        for value in found:
            yield from containers(value)


def settings(file: Path) -> dict[str, str]:
    """The settings in a file of NAME=value lines."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def named(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = _targets(objects, {"kind": kind, "name": name})
    return found


def _with_image(there: str, image: Object) -> str:
    """The image with the name, tag and digest that an entry of `images` gives it."""
    found = re.fullmatch(r"(?P<name>.+?)(?::(?P<tag>[^/:@]+))?(?:@(?P<digest>.+))?", there)
    assert found
    if found["name"] != image["name"]:
        return there
    digest = image.get("digest", "")
    tag = image.get("newTag", "" if digest else found["tag"])
    return f"{image.get('newName', found['name'])}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"


def _targets(objects: list[Object], target: Object) -> list[Object]:
    found = [
        each
        for each in objects
        if each["kind"] == target["kind"] and target.get("name", each["metadata"]["name"]) == each["metadata"]["name"]
    ]
    assert found, f"there is no {target}"
    return found


def _carry_out(step: Object, target: Object) -> None:
    """Applies one step of RFC 6902; knows the three operations that we use."""
    *way, last = step["path"].removeprefix("/").split("/")
    place: Any = target
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place[key]
    key = len(place) if last == "-" else int(last) if isinstance(place, list) else last
    if step["op"] != "add":
        place[key]  # raises if there is nothing to replace or remove
    if step["op"] == "remove":
        del place[key]
    elif isinstance(place, list) and step["op"] == "add":
        place.insert(key, step["value"])
    else:
        place[key] = step["value"]
