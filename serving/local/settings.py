"""Every setting of the server, in one class: its default, its bounds, its flag and its environment variable.

In: command line and environment (flags win). Out: a Settings, or BadSetting with one sentence that names the setting.
Knows nothing of what the settings do.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

ModelName = Literal["workshop-tiny", "workshop-sim"]
MODEL_NAMES: tuple[ModelName, ...] = ("workshop-tiny", "workshop-sim")
REPOSITORY = Path(__file__).resolve().parents[2]
WEIGHTS = REPOSITORY / "serving" / "tiny_model" / "weights" / "onnx"

# The workshop's own names. All other variables are LOCAL_<NAME>, so that another program's HOST or PORT is not used.
SHARED_PREFIXES = ("batch_", "sim_")


class BadSetting(ValueError):
    """A setting that cannot be used; the text is one line for the person who set it."""


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8100, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    models: tuple[ModelName, ...] = Field(MODEL_NAMES, description="which models to serve, separated by commas")
    served_model_name: dict[str, ModelName] = Field(
        {}, description="further names, as NAME=workshop-tiny, separated by commas or given again"
    )
    api_key: str = Field("", description="if set, /v1 and /admin require 'Authorization: Bearer KEY'")
    admin: bool = Field(True, description="serve the /admin routes (--no-admin switches them off)")
    faults: str = Field("", description="faults from the start: the JSON that PUT /admin/faults takes")
    max_body_bytes: int = Field(1024 * 1024, ge=1024, description="largest request body, in bytes; over it is 413")
    weights: Path = Field(WEIGHTS, description="folder of the ONNX export that workshop-tiny runs")
    threads: int = Field(
        1, ge=1, le=256, description="threads inside one forward pass (1 leaves a laptop its other cores)"
    )

    batch_max_size: int = Field(32, ge=1, le=256, description="most sequences in one forward pass")
    batch_flush_timeout_ms: float = Field(
        20, ge=0, le=10_000, description="longest a newcomer is held so that running streams stay smooth, in ms"
    )

    sim_slots: int = Field(8, ge=1, le=100_000, description="simulator: calls served at the same time")
    sim_ttft_ms: float = Field(50, ge=0, le=600_000, description="simulator: time to the first token, in ms")
    sim_tpot_ms: float = Field(5, ge=0, le=60_000, description="simulator: time per further token, in ms")
    sim_jitter: float = Field(
        0, ge=0, le=3, description="simulator: sigma of a log-normal factor (mean 1) on both times"
    )
    sim_seed: int = Field(0, description="simulator: seed of the jitter")
    sim_output_tokens: int = Field(64, ge=1, le=100_000, description="simulator: length of a full answer, in tokens")
    sim_queue_max: int | None = Field(
        None, ge=0, description="simulator: longest queue, over it is 503; unset: no bound"
    )
    sim_context_tokens: int = Field(8192, ge=2, description="simulator: context length, in tokens")

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("models", mode="after")
    @classmethod
    def _some_model(cls, value: tuple[ModelName, ...]) -> tuple[ModelName, ...]:
        if not value:
            raise ValueError("name at least one of " + ", ".join(MODEL_NAMES))
        return value

    @field_validator("served_model_name", mode="before")
    @classmethod
    def _aliases(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.strip() for part in value.split(",") if part.strip()]
        if not all("=" in pair and not pair.startswith("=") for pair in pairs):
            raise ValueError("must be NAME=workshop-tiny or NAME=workshop-sim")
        return dict(pair.split("=", 1) for pair in pairs)


def variable(name: str) -> str:
    """The environment variable of a field."""
    return name.upper() if name.startswith(SHARED_PREFIXES) else f"LOCAL_{name.upper()}"


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def load(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    given: dict[str, str] = {n: environ[variable(n)] for n in Settings.model_fields if environ.get(variable(n))}
    source = {name: variable(name) for name in given}
    flags = {name: value for name, value in vars(_parser().parse_args(argv)).items() if value is not None}
    given |= flags
    source |= {name: flag(name) for name in flags}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise BadSetting(f"{source.get(name, name)}={given.get(name)!r}: {_plain(first['msg'])}") from None
    _check_aliases(settings)
    return settings


def _check_aliases(settings: Settings) -> None:
    for alias, target in settings.served_model_name.items():
        if target not in settings.models:
            raise BadSetting(f"{flag('served_model_name')}={alias}={target}: {target} is not among the served models")
        if alias in MODEL_NAMES:
            raise BadSetting(f"{flag('served_model_name')}={alias}={target}: {alias} is the name of a model itself")


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadSetting(f"{message} (--help lists the flags)")


class _Join(argparse.Action):
    """A flag that may be given several times; the values are joined by commas."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


def _shown(default: object) -> str:
    """A default value as a person would type it."""
    if isinstance(default, Path):
        return str(default.relative_to(REPOSITORY))
    if isinstance(default, tuple):
        return ",".join(default)
    return "none" if default in ("", None, {}) else str(default).lower()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m serving.local", description="The embedded, OpenAI-compatible model server.", allow_abbrev=False
    )
    for name, info in Settings.model_fields.items():
        text = f"{info.description} [{variable(name)}, default {_shown(info.default)}]".replace("%", "%%")
        if name == "admin":
            parser.add_argument("--no-admin", dest=name, action="store_const", const="false", help=text)
        elif name in ("served_model_name", "models"):
            parser.add_argument(flag(name), dest=name, action=_Join, metavar="NAME", help=text)
        else:
            parser.add_argument(flag(name), dest=name, metavar=name.rsplit("_", 1)[-1].upper(), help=text)
    return parser
