"""A value that fits a JSON schema: the simulator passes it to a tool, or answers with it when it must keep to a schema.

In: a JSON schema of plain types. Out: always the same value, with the required properties and no others. Knows `type`,
`enum`, `const`, `anyOf`, `oneOf`, `allOf`, local `$ref`, the bounds of numbers, lengths and items, and the usual
formats; no patterns and no conditions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from serving.local.errors import invalid

WORD = "SIMULATED"
FORMATS = {
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "simulated@example.com",
    "uri": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
MOST_VALUES = 1000  # a small schema can describe an endless value
LONGEST = 10_000  # characters
LARGEST = 1 << 53  # the largest whole number that every JSON reader keeps exactly
DEEP = 8


def specimen(schema: Mapping[str, Any]) -> Any:
    """Raises ApiError for an invalid schema, or for one that describes too large a value."""
    return _Maker(schema).value(schema, depth=0)


class _Maker:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._made = 0

    def value(self, schema: Any, depth: int) -> Any:
        self._made += 1
        if self._made > MOST_VALUES or depth > 4 * DEEP:
            raise invalid("A JSON schema describes a value that is too large to make up.")
        if not isinstance(schema, Mapping):
            return WORD
        if isinstance(reference := schema.get("$ref"), str):
            return self.value(self._resolve(reference), depth + 1)
        if "const" in schema:
            return schema["const"]
        for key in ("enum", "anyOf", "oneOf", "allOf"):
            if isinstance(options := schema.get(key), list) and options:
                # A recursive schema offers a way out, commonly null, and commonly last.
                option = options[-1] if depth > DEEP else options[0]
                return option if key == "enum" else self.value(option, depth + 1)
        return self._of_type(schema, depth)

    def _of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        match kind[0] if isinstance(kind, list) and kind else kind:
            case "object":
                return {name: self.value(_get(schema, "properties", name), depth + 1) for name in _required(schema)}
            case "array":
                length = _within(schema, "minItems", "maxItems", near=0 if depth > DEEP else 1)
                return [self.value(schema.get("items"), depth + 1) for _ in range(length)]
            case "integer":
                return _within(schema, "minimum", "maximum")
            case "number":
                return float(_within(schema, "minimum", "maximum"))
            case "boolean":
                return True
            case "null":
                return None
            case _:
                text = FORMATS.get(str(schema.get("format")), WORD)
                shortest, longest = _bound(schema, "minLength", 0), _bound(schema, "maxLength", LONGEST)
                return text.ljust(min(shortest, LONGEST), ".")[:longest]

    def _resolve(self, reference: str) -> Any:
        place: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            place = _get(place, step) if step else place
        return place


def _get(place: Any, *steps: str) -> Any:
    for step in steps:
        place = place.get(step) if isinstance(place, Mapping) else None
    return place


def _required(schema: Mapping[str, Any]) -> list[str]:
    names = schema.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _within(schema: Mapping[str, Any], least: str, most: str, near: int = 1) -> int:
    """`near`, or the whole number nearest to it within the bounds."""
    return min(max(near, _bound(schema, least, near)), _bound(schema, most, LARGEST))


def _bound(schema: Mapping[str, Any], key: str, otherwise: int) -> int:
    bound = schema.get(key)
    return math.ceil(bound) if isinstance(bound, int | float) and abs(bound) <= LARGEST else otherwise
