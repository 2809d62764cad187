"""Checks a body against a schema. An error says what is wrong and where, in words that the sender understands."""

import contextlib
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.pipeline.errors import InvalidRequest

M = TypeVar("M", bound=BaseModel)


def parse(schema: type[M], body: bytes) -> M:
    """The body as a `schema`. Raises InvalidRequest, which says what is wrong and where."""
    if b"NaN" in body or b"Infinity" in body:  # pydantic reads these
        _refuse_constants(body)
    try:
        return schema.model_validate_json(body)
    except ValidationError as invalid:
        raise _refusal(invalid) from None


def validated(schema: type[M], document: object) -> M:
    """The same for JSON that is already parsed."""
    try:
        return schema.model_validate(document)
    except ValidationError as invalid:
        raise _refusal(invalid) from None


def _refuse_constants(body: bytes) -> None:
    def refuse(constant: str) -> None:
        raise InvalidRequest(f"the body is not valid JSON: {constant} is not JSON", code="invalid_json")

    with contextlib.suppress(ValueError, RecursionError):  # pydantic says what is wrong, if anything else is
        json.loads(body, parse_constant=refuse)


def _refusal(invalid: ValidationError) -> InvalidRequest:
    errors = invalid.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        reason = errors[0]["msg"].removeprefix("Invalid JSON: ")
        return InvalidRequest(f"the body is not valid JSON: {reason}", code="invalid_json")
    return InvalidRequest("; ".join(map(_complaint, errors)), param=_field(errors[0]) or None)


def _complaint(error: Any) -> str:
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    field = _field(error)
    return f"{field}: {message}" if field else f"the body: {message}"


def _field(error: Any) -> str:
    return ".".join(str(part) for part in error["loc"])
