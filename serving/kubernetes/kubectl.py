"""Runs kubectl, and shows what it runs.

In: its arguments. Out: each command that reaches the cluster as a line that can be repeated from the repository's root,
and its output; or Failed, with what kubectl said in the end. A dry run only prints those lines.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Failed(Exception):
    """One line for the person who rolls out."""


class Kubectl:
    def __init__(self, namespace: str, dry_run: bool = False) -> None:
        if shutil.which("kubectl") is None:
            raise Failed("kubectl is missing: https://kubernetes.io/docs/tasks/tools/")
        self.namespace = namespace
        self.dry_run = dry_run

    def rendered(self, folder: Path) -> str:
        """The objects of a kustomization, as text. No cluster is asked, so a dry run renders too."""
        done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{shown(folder)} cannot be rendered: {_last_line(done.stderr)}")
        return done.stdout

    def run(self, *arguments: str | Path) -> None:
        """For a person to read. Raises Failed unless it succeeds."""
        if self.status(*arguments):
            raise Failed(f"kubectl {arguments[0]} failed")

    def status(self, *arguments: str | Path) -> int:
        """For a person to read. Out: the exit status."""
        print(f"$ {self.line(*arguments)}", flush=True)
        return 0 if self.dry_run else subprocess.run(self._command(arguments), cwd=ROOT, check=False).returncode

    def answer(self, *arguments: str | Path) -> str:
        """What it prints. Raises Failed with what it says if it fails."""
        print(f"$ {self.line(*arguments)}", flush=True)
        if self.dry_run:
            return ""
        done = subprocess.run(self._command(arguments), cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(_last_line(done.stderr))
        return done.stdout

    def line(self, *arguments: str | Path) -> str:
        """The command as a person would type it."""
        return shlex.join(self._command(arguments))

    def _command(self, arguments: tuple[str | Path, ...]) -> list[str]:
        words = [shown(each) if isinstance(each, Path) else each for each in arguments]
        return ["kubectl", "--namespace", self.namespace, *words]


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _last_line(text: str) -> str:
    """What kubectl says in the end, without the lines of its own log before it."""
    lines = [line for line in text.splitlines() if line.strip() and not re.match(r"[EWI]\d{4} ", line)]
    return lines[-1].strip() if lines else "no reason given"
