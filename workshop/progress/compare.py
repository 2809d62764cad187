"""`make diff-N`: one's own solution beside ours, task by task, with the reason.

Ours is the exercise as its third hints solve it, which the tests grade (`tests/demo_N/solved`): it has the same shape,
so a diff can be read. The workshop's own layer, which does more, is named below it.
In: a task. Out: a diff of what the task asks for; docstrings, and members that nobody changed, are left out.
"""

import ast
import difflib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from workshop.processes import ROOT
from workshop.progress import given
from workshop.progress.labs import Lab
from workshop.progress.tasks import Task
from workshop.translation.phrases import say

ALIKE = 0.4  # of the lines; below this the two are shown one after the other
GREEN, RED, PLAIN = "\033[32m", "\033[31m", "\033[0m"

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def comparison(lab: Lab, task: Task, root: Path = ROOT, *, colour: bool = False) -> str:
    """The two solutions of a task: as a diff, or one after the other if they have little in common."""
    yours, ours = _texts(lab, task, root)
    if yours == ours:
        return textwrap.indent("\n".join(ours), "  ") + "\n" + say("(yours and ours are the same)")
    lines = _diff(yours, ours) if _alike(yours, ours) >= ALIKE else _one_after_the_other(yours, ours)
    return "\n".join(_painted(line) if colour else line for line in lines)


def solved(lab: Lab, task: Task, root: Path = ROOT) -> Path:
    """The file with our solution of the exercise."""
    place = root / "tests" / f"demo_{lab.number}"
    if not task.names:
        return next(path for path in (place / task.file, place / "solved" / task.file) if path.exists())
    return next(path for path in (place / "solved.py", place / "solved" / task.file) if path.exists())


def _texts(lab: Lab, task: Task, root: Path) -> tuple[list[str], list[str]]:
    own, ours = (root / lab.exercise / task.file).read_text(), solved(lab, task, root).read_text()
    if not task.names:
        return _without_comments(own), _without_comments(ours)
    try:
        starter = given.files(root, lab.exercise).get(f"{lab.exercise}/{task.file}", b"").decode()
    except given.Unknown:
        starter = ""
    ours = ours.replace("starter.", "")
    as_given, *written = (_members(text, task.names) for text in (starter, own, ours))
    unchanged = {code for name, code in as_given.items() if all(members.get(name, code) == code for members in written)}
    return _definitions(own, task.names, unchanged), _definitions(ours, task.names, unchanged)


# --- definitions ----------------------------------------------------------------------------------------------------


def _definitions(text: str, names: Sequence[str], unchanged: set[str]) -> list[str]:
    """What these names define, without docstrings and `unchanged` members; all of a text that cannot be parsed."""
    try:
        found = [node for name in names if (node := _find(ast.parse(text), name)) is not None]
    except SyntaxError:
        return text.splitlines()
    shown: list[str] = []
    for node in found:
        shown += [*([""] if shown else []), *_shown(text, node, unchanged)]
    return shown


def _shown(text: str, node: Definition, unchanged: set[str]) -> list[str]:
    source = text.splitlines()
    left_out = set(_docstrings(node))
    for member in node.body if isinstance(node, ast.ClassDef) else []:
        if _key(text, member) in unchanged:
            left_out |= set(range(_first(member), (member.end_lineno or 0) + 1))
    if isinstance(node, ast.ClassDef):
        left_out.add(node.lineno)  # its bases differ where ours builds on the starter
    lines = [source[number - 1] for number in range(_first(node), (node.end_lineno or 0) + 1) if number not in left_out]
    head = [f"class {node.name}:"] if isinstance(node, ast.ClassDef) else []
    return [*head, *_tidy(lines if head else textwrap.dedent("\n".join(lines)).splitlines())]


def _members(text: str, names: Sequence[str]) -> dict[str, str]:
    """The code of each method of these classes; nothing if the text cannot be parsed."""
    try:
        classes = [node for name in names if isinstance(node := _find(ast.parse(text), name), ast.ClassDef)]
    except SyntaxError:
        return {}
    members = [member for node in classes for member in node.body if isinstance(member, Definition)]
    return {member.name: _key(text, member) for member in members}


def _key(text: str, node: ast.stmt) -> str:
    """Equal for equal code, whatever its comments and docstrings."""
    if not isinstance(node, Definition):
        return ast.dump(node)
    bare = ast.parse(textwrap.dedent(ast.get_source_segment(text, node, padded=True) or "")).body[0]
    assert isinstance(bare, Definition)
    if ast.get_docstring(bare) is not None:
        bare.body = bare.body[1:]
    return ast.dump(bare)


def _find(tree: ast.Module, name: str) -> Definition | None:
    """The class, function, or method `Class.method` of this name."""
    found: ast.Module | Definition | None = tree
    for part in name.split("."):
        inside: list[ast.stmt] = found.body if found is not None else []
        found = next((node for node in inside if isinstance(node, Definition) and node.name == part), None)
    return found if isinstance(found, Definition) else None


def _docstrings(node: Definition) -> Iterator[int]:
    """The numbers of the lines of all docstrings in here."""
    for inner in ast.walk(node):
        if isinstance(inner, Definition) and ast.get_docstring(inner) is not None and len(inner.body) > 1:
            yield from range(inner.body[0].lineno, (inner.body[0].end_lineno or 0) + 1)


def _first(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, Definition) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _without_comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def _tidy(lines: Sequence[str]) -> list[str]:
    """One blank line at most, and none at the ends."""
    tidied: list[str] = []
    for line in lines:
        if line.strip() or (tidied and tidied[-1]):
            tidied.append(line.rstrip())
    return tidied[:-1] if tidied and not tidied[-1] else tidied


# --- the diff -------------------------------------------------------------------------------------------------------


def _alike(yours: Sequence[str], ours: Sequence[str]) -> float:
    one, other = ([line.strip() for line in text if line.strip()] for text in (yours, ours))
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _diff(yours: Sequence[str], ours: Sequence[str]) -> list[str]:
    whole = len(yours) + len(ours)
    lines = list(difflib.unified_diff(yours, ours, lineterm="", n=whole))
    return [say("- yours"), say("+ ours"), "", *lines[3:]]


def _one_after_the_other(yours: Sequence[str], ours: Sequence[str]) -> list[str]:
    theirs, own = (f"- {line}" for line in yours), (f"+ {line}" for line in ours)
    return [say("- yours"), "", *theirs, "", say("+ ours"), "", *own]


def _painted(line: str) -> str:
    colour = {"-": RED, "+": GREEN}.get(line[:1], "")
    return f"{colour}{line}{PLAIN}" if colour else line
