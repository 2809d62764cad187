"""Reads a Dockerfile: its stages, their instructions, and the files of the repository that its COPY lines let in.

In: a Dockerfile and the ignore file beside it. Out: stages. It knows only the instructions that ours use, and builds
nothing.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from workshop.processes import ROOT


@dataclass(slots=True, frozen=True)
class Instruction:
    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """The words of the exec form, or of the shell form as a shell splits it, without flags."""
        if self.value.startswith("["):
            return [str(word) for word in json.loads(self.value)]
        return [word for word in shlex.split(self.value) if not word.startswith("--")]


@dataclass(slots=True)
class Stage:
    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions if each.name == name]

    def last(self, name: str) -> Instruction:
        return self.all(name)[-1]

    @property
    def environment(self) -> dict[str, str]:
        words = [word for each in self.all("ENV") for word in shlex.split(each.value)]
        return dict(word.split("=", 1) for word in words)

    @property
    def copies(self) -> Iterator[tuple[str, str]]:
        """Pairs of a source in the repository and its target."""
        for each in self.all("COPY"):
            if "--from=" not in each.value:
                source, target = each.words
                yield source, target


class Dockerfile:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.text = file.read_text()

    @cached_property
    def stages(self) -> list[Stage]:
        lines = [line for line in self.text.splitlines() if not line.lstrip().startswith("#")]
        whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
        stages: list[Stage] = []
        for line in filter(str.strip, whole.splitlines()):
            name, _, value = line.partition(" ")
            if name == "FROM":
                base, _, stage = value.partition(" AS ")
                stages.append(Stage(base.strip(), stage.strip()))
            elif stages:  # an ARG may precede the first FROM
                stages[-1].instructions.append(Instruction(name, value.strip()))
        return stages

    @property
    def arguments(self) -> set[str]:
        """The build arguments before the first FROM: only these can choose a base."""
        before = re.split(r"^FROM ", self.text, maxsplit=1, flags=re.MULTILINE)[0]
        return set(re.findall(r"^ARG (\w+)", before, re.MULTILINE))

    @property
    def image(self) -> Stage:
        return self.stages[-1]

    def stage(self, name: str) -> Stage:
        (found,) = [stage for stage in self.stages if stage.name == name]
        return found

    def lets_in(self, source: str) -> list[Path]:
        """The files under a COPY's source that the ignore file does not exclude, as paths in the repository."""
        path = ROOT / source
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        return [within for file in files if not self._ignored(within := file.relative_to(ROOT))]

    def _ignored(self, path: Path) -> bool:
        """Decides as Docker does: the last pattern that matches the path or one of its folders wins."""
        ignored = False
        for pattern in self._patterns:
            keeps = pattern.startswith("!")
            wanted = _regex(pattern.removeprefix("!"))
            if any(wanted.fullmatch(str(each)) for each in (path, *path.parents)):
                ignored = not keeps
        return ignored

    @cached_property
    def _patterns(self) -> list[str]:
        lines = Path(f"{self.file}.dockerignore").read_text().splitlines()
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _regex(pattern: str) -> re.Pattern[str]:
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(parts.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)))
