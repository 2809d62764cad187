"""Build the application that an import path names: `demos.demo_1_guarded.app:build`.

In: the path and the settings. Out: the application. Code that does not load raises CannotLoad, whose text is a few
lines for a person: what happened, where, and the line of code. Knows nothing of servers.
"""

import ast
import importlib
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI

from shared.logs.exception_origin import ROOT, origin_of, relative, relative_text
from shared.settings import BadSetting, Settings


class CannotLoad(Exception):
    """The reason why the code cannot be loaded, for a person."""


def load_application(path: str, settings: Settings) -> FastAPI:
    """Call the module's `build` with the settings. Raises CannotLoad; BadSetting is passed on."""
    module, _, function = path.partition(":")
    function = function or "build"
    try:
        build: Callable[[Settings], Any] | None = getattr(importlib.import_module(module), function, None)
        if build is None:
            raise CannotLoad(f"cannot load {_shown(module)}: it has no {function}(settings)")
        app = build(settings)
    except (CannotLoad, BadSetting):
        raise
    except (Exception, SystemExit) as error:
        raise CannotLoad(_explained(_shown(module), error)) from None
    if not callable(app):
        returned = "nothing" if app is None else type(app).__name__
        raise CannotLoad(f"cannot load {_shown(module)}: {function}(settings) returned {returned}, not an application")
    return cast(FastAPI, app)  # or a wrapper that an exercise put around one


def must_parse(file: Path) -> None:
    """Look only for syntax errors: quick, and no code of the file runs. Raises CannotLoad."""
    try:
        ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError) as error:
        raise CannotLoad(_explained(relative(str(file)), error)) from None


def _shown(module: str) -> str:
    """The module's file, if there is one."""
    file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return str(file.relative_to(ROOT)) if file.exists() else module


def _explained(module: str, error: BaseException) -> str:
    reason = error.msg if isinstance(error, SyntaxError) else relative_text(str(error))
    first = f"cannot load {module}: {type(error).__name__}{': ' if reason else ''}{reason}"
    origin = origin_of(error)
    if origin is None:
        return first
    return f"{first}\n  {origin.place}\n{textwrap.indent(origin.source, '    ')}"
