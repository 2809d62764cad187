"""The exercises as the repository gives them, from git: commits of one's own do not change them.

In: a folder of the project. Out: its files as they were cloned, or whether they have changed since.
"""

import subprocess
from pathlib import Path


class Unknown(Exception):
    """One line that says why the files as given cannot be had."""


def commit(root: Path) -> str:
    """What was cloned, or merged since; without a remote, the current commit."""
    return git(root, "merge-base", "HEAD", "origin/HEAD").strip() or "HEAD"


def files(root: Path, folder: str) -> dict[str, bytes]:
    """The folder's files by their paths from `root`. Raises Unknown."""
    revision = commit(root)
    listed = git(root, "ls-tree", "-r", "-z", "--name-only", revision, "--", f"{folder}/")
    names = [name for name in listed.split("\0") if name]
    if not names:
        raise Unknown(f"git does not have {folder} as it was given: this needs a clone, and git")
    return {name: _content(root, revision, name) for name in names}


def changed(root: Path, folder: str) -> bool:
    """Has the folder changed, as far as git can tell?"""
    return bool(
        git(root, "diff", "--name-only", commit(root), "--", folder)
        or git(root, "ls-files", "-o", "--exclude-standard", folder)
    )


def git(root: Path, *arguments: str) -> str:
    """git's output; empty if git fails or is missing."""
    try:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _content(root: Path, revision: str, name: str) -> bytes:
    try:
        return subprocess.run(
            ["git", "show", f"{revision}:./{name}"], cwd=root, capture_output=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        raise Unknown(f"git cannot show {name} of {revision}") from None
