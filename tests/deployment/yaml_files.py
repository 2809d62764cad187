"""Reads YAML as its real readers do: a duplicate key is an error.

In: a file's text. Out: its documents. Raises yaml.YAMLError, which gives the place.
"""

import re
from pathlib import Path
from typing import Any

import yaml


class Strict(yaml.SafeLoader):
    """PyYAML itself silently takes the last of two equal keys, and reads `on` as true."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for twice in {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} stands here twice", node.start_mark)
        return super().construct_mapping(node, deep)


Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Strict.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def documents(text: str) -> list[Any]:
    return [document for document in yaml.load_all(text, Strict) if document is not None]


def only(file: Path) -> Any:
    """The only document of a file."""
    (document,) = documents(file.read_text())
    return document
