"""Where an exception comes from: the file, the line and the function that a person must look at.

In: an exception. Out: its Origin, or None if no line of this project took part in it.

Code that plugs into this package (for example a demo's exercise) comes first: an exception deep inside a layer of ours
is the fault of the code that called the layer wrongly, or passed it something unusable. So the last frame outside
`shared/` counts. Without such a frame, the failing statement is read: it may use a value that such code returned.
"""

import ast
import inspect
import linecache
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType, MemberDescriptorType, TracebackType

OURS = Path(__file__).resolve().parent.parent  # shared/
ROOT = OURS.parent
# The parameters of a layer. A failure in one is not the fault of the layers further out, which passed the call on.
LAYER = {("self", "call", "next"), ("call", "next")}
MODEL = "Service._send"  # the innermost handler

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True, frozen=True)
class Origin:
    """`file` is relative to the project. `source` is the line, with the failing part marked if Python knows it.

    `returned_to`: the exception was raised there, by a statement that uses the return value of `function`.
    """

    file: str
    line: int
    function: str = ""
    source: str = ""
    returned_to: str = ""

    @property
    def place(self) -> str:
        """`demos/demo_1_guarded/exercise/guards.py:118, in Tariff.cost`"""
        return f"{self.file}:{self.line}" + (f", in {self.function}" if self.function else "")


@dataclass(slots=True, frozen=True)
class _Step:
    """One frame of a traceback, with the line that was running."""

    frame: FrameType
    line: int
    summary: traceback.FrameSummary

    @property
    def code(self) -> CodeType:
        return self.frame.f_code


def origin_of(error: BaseException) -> Origin | None:
    """The place in this project to look at."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, SyntaxError) and error.filename and _in_project(error.filename):
        return Origin(relative(error.filename), error.lineno or 1, source=_marked_syntax(error))
    steps = [step for step in _steps(error.__traceback__) if _in_project(step.code.co_filename)]
    handed_over = [number for number, step in enumerate(steps) if _is_handed_a_call(step.code)]
    for step in reversed(steps[handed_over[-1] if handed_over else 0 :]):
        if not _is_ours(step.code.co_filename):
            return _at(step)
        if blamed := _used_by(step):
            return blamed
    return _at(steps[-1]) if steps else None


def explained(error: BaseException) -> dict[str, str | int]:
    """The fields of a log line on an exception, besides its traceback."""
    said: dict[str, str | int] = {"exception": type(error).__name__, "reason": relative_text(str(error))}
    if origin := origin_of(error):
        said |= {"file": origin.file, "line": origin.line, "function": origin.function, "source": origin.source}
        if origin.returned_to:
            said["returned_to"] = origin.returned_to
    return said


def relative(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else file


def relative_text(text: str) -> str:
    """`text` without the path of the project's folder, which helps nobody."""
    return text.replace(f"{ROOT}/", "")


def _in_project(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(ROOT) and not any(part.startswith(".venv") for part in path.relative_to(ROOT).parts)


def _is_ours(file: str) -> bool:
    return Path(file).is_relative_to(OURS)


def _steps(found: TracebackType | None) -> list[_Step]:
    summaries = traceback.extract_tb(found)
    return [
        _Step(frame, line, summary) for (frame, line), summary in zip(traceback.walk_tb(found), summaries, strict=True)
    ]


def _is_handed_a_call(code: CodeType) -> bool:
    return code.co_qualname == MODEL or code.co_varnames[: code.co_argcount] in LAYER


def _at(step: _Step) -> Origin:
    return Origin(relative(step.code.co_filename), step.line, _name(step.code), _marked(step.summary))


def _name(code: CodeType) -> str:
    return "" if code.co_qualname == "<module>" else code.co_qualname.replace(".<locals>", "")


def _marked(summary: traceback.FrameSummary) -> str:
    """The line, and carets below it where Python knows which part of it failed."""
    return inspect.cleandoc("\n" + "\n".join("".join(traceback.format_list([summary])).splitlines()[1:]))


def _marked_syntax(error: SyntaxError) -> str:
    lines = "".join(traceback.format_exception_only(error)).splitlines()
    return inspect.cleandoc("\n" + "\n".join(lines[1:-1]))


# --- values that a statement of ours uses ---------------------------------------------------------------------------


def _used_by(step: _Step) -> Origin | None:
    """The code outside `shared/` whose result the failing statement uses, if any."""
    for call in _calls(step):
        code = _code_of(_value(call.func, step.frame))
        if code is not None and _in_project(code.co_filename) and not _is_ours(code.co_filename):
            line = _return_line(code)
            source = linecache.getline(code.co_filename, line).strip()
            place = f"{relative(step.code.co_filename)}:{step.line}"
            return Origin(relative(code.co_filename), line, _name(code), source, returned_to=place)
    return None


def _calls(step: _Step) -> Iterator[ast.Call]:
    """The calls in the failing statement, then those that made the variables it uses."""
    function = _function_at(step.code.co_filename, step.code.co_firstlineno)
    if function is None:
        return
    within = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and node is not function]
    around = [node for node in within if node.lineno <= step.line <= (node.end_lineno or node.lineno)]
    if not around:
        return
    failing = max(around, key=lambda node: node.lineno)
    used = {node.id for node in _heads(failing) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    before = [node for node in within if node.lineno < failing.lineno and used & set(_assigned(node))]
    for statement in (failing, *sorted(before, key=lambda node: -node.lineno)):
        yield from (node for node in _heads(statement) if isinstance(node, ast.Call))


def _heads(statement: ast.stmt) -> Iterator[ast.AST]:
    """All nodes of a statement, except the statements inside it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from ast.walk(child)


def _assigned(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.For | ast.AsyncFor):
        for node in _heads(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _value(written: ast.expr, frame: FrameType) -> object:
    """The value of a dotted name in `frame`; None if it cannot be known without running code."""
    match written:
        case ast.Name():
            return frame.f_locals.get(written.id, frame.f_globals.get(written.id))
        case ast.Attribute():
            owner = _value(written.value, frame)
            found = inspect.getattr_static(owner, written.attr, None)
            return found.__get__(owner) if isinstance(found, MemberDescriptorType) else found
    return None


def _code_of(called: object) -> CodeType | None:
    """The code that runs when this is called: of a function, a method, or an object's `__call__`."""
    function = inspect.unwrap(called) if callable(called) else called
    if isinstance(function, staticmethod | classmethod):
        function = function.__func__
    if not hasattr(function, "__code__") and callable(function) and not inspect.isclass(function):
        function = inspect.getattr_static(type(function), "__call__", None)
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _return_line(code: CodeType) -> int:
    """The line of the function's `return` if it has exactly one; otherwise the line of its `def`."""
    function = _function_at(code.co_filename, code.co_firstlineno)
    if function is None:
        return code.co_firstlineno
    returns = [node.lineno for node in ast.walk(function) if isinstance(node, ast.Return)]
    return returns[0] if len(returns) == 1 else function.lineno


def _function_at(file: str, first_line: int) -> Function | None:
    """`first_line` is the line of the first decorator, if there is one."""
    for function in _functions(file):
        if first_line == min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)]):
            return function
    return None


@lru_cache(maxsize=64)
def _functions(file: str) -> tuple[Function, ...]:
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, Function))
