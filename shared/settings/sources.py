"""Settings under other names, and settings in a YAML file (CONFIG_FILE).

In: the variables of the environment and of `.env`, and the fields of Settings. Out: values by field; and remarks, a
sentence for each variable that is not what it seems. docs/settings.md shows both tables of names.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

# What others call our settings, where the meaning is the same.
ALIASES = {
    "ENVIRONMENT": "ENV",
    "WORKERS": "UVICORN_WORKERS",
    "GUNICORN_WORKERS": "UVICORN_WORKERS",
    "GUNICORN_WORKER_CONNECTIONS": "UVICORN_LIMIT_CONCURRENCY",
    "RATE_LIMIT_REQUESTS": "RATE_LIMIT_RPM",
    "METRICS_ENABLED": "ENABLE_METRICS",
    "COST_PER_1M_INPUT_TOKENS": "PRICE_INPUT_PER_1M",
    "COST_PER_1M_OUTPUT_TOKENS": "PRICE_OUTPUT_PER_1M",
    "TRUTHGPT_CONFIG": "CONFIG_FILE",
}
# What has no counterpart, and what to write instead.
INSTEAD = {
    "TRUTHGPT_API_TOKEN": "callers have a token each: make token USER=ana, and API_KEYS_REQUIRED=true",
    "BATCH_MAX_SIZE": "it is for the embedded model server; vLLM has max_num_seqs, /generate/batch has MAX_BATCH",
    "BATCH_FLUSH_TIMEOUT_MS": "it is for the embedded model server; vLLM lets nothing wait for a batch",
    "GUNICORN_CMD_ARGS": "no gunicorn runs here; UVICORN_WORKERS, HOST and PORT are for uvicorn",
}
NO_FILE = "-"  # as CONFIG_FILE
NEAR = 6  # letters that a name must have to be a likely slip in one of ours

Fields = Mapping[str, FieldInfo]
Given = Mapping[str, str | None]


class CannotRead(Exception):
    """CONFIG_FILE cannot be used; the text says why, in one line."""


def from_other_names(given: Given, fields: Fields) -> dict[str, str]:
    """The values of ALIASES, by field. A setting's own name wins; a value that does not fit is left out."""
    return {ours.lower(): value for _, ours, value, refusal in _aliases(given, fields) if not refusal}


def from_file(name: str, fields: Fields) -> dict[str, Any]:
    """The settings of a YAML file, by field; a list becomes a comma-separated text. Raises CannotRead."""
    if name in ("", NO_FILE):
        return {}
    return {key: _as_text(value) for key, value in _content(name).items() if key in fields} | {"config_file": name}


def remarks(given: Given, fields: Fields) -> Iterator[str]:
    """What the person who set these variables should know."""
    for alias, ours, _, refusal in _aliases(given, fields):
        yield f"{alias} is ignored: {refusal}" if refusal else f"{alias} is read as {ours}"
    for name, advice in INSTEAD.items():
        if given.get(name.lower()):
            yield f"{name} does nothing in this service: {advice}"
    for name in given:
        if meant := _slip(name, fields):
            yield f"{name.upper()} is no setting: is {meant.upper()} meant?"
    file = given.get("config_file") or from_other_names(given, fields).get("config_file", "")
    if file not in ("", NO_FILE):
        for key in _content(file):
            if key not in fields:
                meant = _slip(key, fields)
                yield f"{file}: {key.upper()} is no setting" + (f": is {meant.upper()} meant?" if meant else "")


def _aliases(given: Given, fields: Fields) -> Iterator[tuple[str, str, str, str]]:
    """Each alias that is set: its name, the setting's, the value, and why it is not taken, if it is not."""
    taken = {ours: ours for ours in ALIASES.values() if given.get(ours.lower())}
    for alias, ours in ALIASES.items():
        if not (value := given.get(alias.lower())):
            continue
        refusal = ""
        if ours in taken:
            refusal = f"{taken[ours]} is set"
        elif not _fits(value, fields[ours.lower()]):
            refusal = f"it would be read as {ours}, which cannot be {value}"
        else:
            taken[ours] = alias
        yield alias, ours, value, refusal


def _content(name: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        reason = os.strerror(fault.errno) if isinstance(fault, OSError) and fault.errno else "is not UTF-8 text"
        raise CannotRead(f"CONFIG_FILE={name}: {reason}") from None
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise CannotRead(f"CONFIG_FILE={name}{at}: is not YAML: {getattr(fault, 'problem', fault)}") from None
    if not isinstance(found or {}, dict):
        raise CannotRead(f"CONFIG_FILE={name}: must hold settings, as in MAX_CHARS: 4000")
    return {str(key).lower(): value for key, value in (found or {}).items() if value is not None}


def _as_text(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _fits(value: str, field: FieldInfo) -> bool:
    annotated: Any = Annotated[field.annotation, field]
    try:
        TypeAdapter(annotated).validate_python(value)
    except ValidationError:
        return False
    return True


def _slip(name: str, fields: Fields) -> str:
    """The setting that is one letter away from this name, if any."""
    known = name in fields or name.upper() in ALIASES or name.upper() in INSTEAD
    if known or len(name) < NEAR or "_" not in name:
        return ""
    return next((field for field in fields if _one_apart(name, field)), "")


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter was left out, added, exchanged, or swapped with its neighbour."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((index for index, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at + 1 : at + 2] + short[at : at + 1] + short[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or swapped == long[at:]
