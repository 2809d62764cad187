"""The English sentences of the workshop, read from its source: what checks expect and got, what is raised or found.

In: modules. Out: each sentence with `{}` for its values, and where it stands. Follows a sentence back from the call
that says it: through names, conditions, loops, parameters, and what functions return.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# The calls that say something, with the places of the arguments that are said.
SAY = {
    "must": (1, 2),
    "must_be_error": (1,),
    "Failed": (0, 1),
    "NotGraded": (0,),
    "Answer": (2,),
    "Finding": (1,),
    "Program": (2,),
    "Packages": (3,),
    "Gate": (0, 2, 3),
    "told": (0,),
    "_say": (0,),
    **dict.fromkeys(
        (
            *("CannotStart", "CannotListen", "CannotLoad", "DeadService", "WrongDemo"),
            *("BadChoice", "BadUrl", "BadName", "UnknownName", "ArgumentTypeError"),
        ),
        (0,),
    ),
}
# Arguments that are said everywhere.
NAMED = (
    *("expected", "got", "why", "doubt", "no_upstream", "remedy", "wrong"),
    *("objectives", "announced"),
)
# Functions that say what they return, and names that hold something to say.
RETURNS = (
    *("gone", "how", "_why", "reason", "silence", "lacks", "has_more", "_overlooked", "name", "heading", "__str__"),
    *("why_not", "why_no_serving", "_why_not_with_this_libc", "wheelhouse", "decks", "_made_for", "examine"),
    *("_advice", "_reason"),
)
ASSIGNED = ("fault", "how", "whose", "MISSING", "GONE")
QUOTED = re.compile(r'"[^"]*"')
# A word in lower case that is no part of a name, as in cost_usd or text/plain.
WORDS = re.compile(r"(?<![\w\"/.:=-])[a-z]{2,}(?![\w\"/.=(-])")

Text = ast.Constant | ast.JoinedStr
Held = dict[str, list[ast.AST]]  # by the name that holds it


@dataclass(slots=True)
class Module:
    """`held`: what names are given by assignments and by loops over literals, in each function and in the module."""

    tree: ast.Module
    name: str
    around: dict[ast.AST, ast.FunctionDef] = field(default_factory=dict)  # the function that a node is in
    held: dict[ast.AST, Held] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    functions: dict[str, list[ast.FunctionDef]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[str, list[ast.Call]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, file: Path) -> "Module":
        module = cls(ast.parse(file.read_text()), file.name)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                # The walk goes from the outside in: the innermost function stays.
                module.around.update(dict.fromkeys(ast.walk(node), node))
                module.functions[node.name].append(node)
        for node in ast.walk(module.tree):
            scope = module.held[module.around.get(node, module.tree)]
            if isinstance(node, ast.Call):
                module.calls[_name(node.func)].append(node)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    _hold(scope, target, node.value)
            elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple | ast.List):
                for each in node.iter.elts:
                    _hold(scope, node.target, each)
        return module

    def values(self, name: ast.Name) -> Iterator[ast.AST]:
        """What this name may hold: what it is given here, or by callers."""
        function = self.around.get(name)
        here = self.held[function][name.id] if function else []
        yield from here or self.held[self.tree][name.id]
        if function:
            yield from self._passed(function, name.id)

    def _passed(self, function: ast.FunctionDef, name: str) -> Iterator[ast.AST]:
        """What callers in this module pass as this parameter."""
        given = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        if name not in (*given, *(one.arg for one in function.args.kwonlyargs)):
            return
        bound = given[:1] in (["self"], ["cls"])
        for call in self.calls[function.name]:
            yield from (argument.value for argument in call.keywords if argument.arg == name)
            if name in given:
                yield from call.args[given.index(name) - bound : given.index(name) - bound + 1]


def sentences(modules: Sequence[Module]) -> dict[str, str]:
    """Where each sentence stands, by its shape. Of several lines, each is one."""
    found: dict[str, str] = {}
    for module in modules:
        for node in _said(module):
            for text in _texts(module, node, set()):
                for line in shape_of(text).splitlines():
                    if WORDS.search(QUOTED.sub("", line)):
                        found.setdefault(line, f"{module.name}:{text.lineno}")
    return found


def literals(modules: Sequence[Module]) -> set[str]:
    """The shapes of all texts in these modules, said or not."""
    nodes = (node for module in modules for node in ast.walk(module.tree))
    shapes = (shape_of(node) for node in nodes if isinstance(node, Text))
    return {one for shape in shapes for one in (shape, *shape.splitlines())}


def shape_of(text: Text) -> str:
    if isinstance(text, ast.Constant):
        return str(text.value)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in text.values)


def _said(module: Module) -> Iterator[ast.AST]:
    for name, calls in list(module.calls.items()):
        for call in calls:
            for place in SAY.get(name, ()):
                yield from call.args[place : place + 1]
            yield from (given.value for given in call.keywords if given.arg in NAMED)
            if name == "About":  # a scenario's settings have names for people
                settings = (given.value for given in call.keywords if given.arg == "settings")
                for written in settings:
                    if isinstance(written, ast.Dict):
                        yield from (*(key for key in written.keys if key), *written.values)
    for held in list(module.held.values()):
        for name in ASSIGNED:
            yield from held.get(name, ())
    for node, function in module.around.items():
        if isinstance(node, ast.Return | ast.Yield) and node.value and function.name in RETURNS:
            yield node.value


def _texts(module: Module, node: ast.AST, seen: set[ast.AST]) -> Iterator[Text]:
    """The literals that may become this value."""
    if node in seen:
        return
    seen.add(node)
    parts: list[ast.AST] = []
    match node:
        case ast.Constant(value=str()):
            yield node
        case ast.JoinedStr():
            yield node
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        case ast.IfExp():
            parts = [node.body, node.orelse]
        case ast.BoolOp():
            parts = [*node.values]
        case ast.Tuple():
            parts = [*node.elts]
        case ast.BinOp():
            parts = [node.left, node.right]
        case ast.Name():
            parts = [*module.values(node)]
        case ast.Call(func=ast.Name() as called):
            returning = [inner for one in module.functions[called.id] for inner in ast.walk(one)]
            parts = [inner.value for inner in returning if isinstance(inner, ast.Return) and inner.value]
    for part in parts:
        yield from _texts(module, part, seen)


def _hold(held: Held, target: ast.AST, value: ast.AST) -> None:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=False):
            _hold(held, one, other)
    elif name := _name(target):
        held[name].append(value)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
