"""The version. It is written in shared/__init__.py; `make reference` copies it to all other places that name it.

`python -m workshop.version v1.2.0` says whether a commit may have that tag. Runs before anything is installed: standard
library only.

In: a tag. Out: the version and exit status 0, if the tag, every copy and the changelog agree. Otherwise one line on
stderr and exit status 1.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from shared import __version__

ROOT = Path(__file__).resolve().parent.parent
CHANGELOG = "CHANGELOG.md"
COPIES = (
    "pyproject.toml",
    "demos/demo_1_guarded/README.md",
    "serving/docker/*.Dockerfile",
    "serving/docker/compose.yml",
    "serving/kubernetes/*/*.yaml",
)
# An image's tag or label, the package's version, and what /health says.
NAMED = re.compile(
    r'(\bllm-(?:gateway|serving):|\bnewTag: |\bimage\.version="|^version = "|"version":")'
    r"(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?)",
    re.MULTILINE,
)


def main(root: Path = ROOT, version: str = __version__) -> None:
    """Write the version to all its copies."""
    for file in _copies(root):
        file.write_text(NAMED.sub(rf"\g<1>{version}", file.read_text()))


def why_not(tag: str, root: Path = ROOT, version: str = __version__) -> str:
    """Why this commit must not have that tag, in one line; empty if it may."""
    if tag != f"v{version}":
        return f"the tag {tag} is not v{version}, the version in shared/__init__.py"
    for file in _copies(root):
        if others := {found[2] for found in NAMED.finditer(file.read_text())} - {version}:
            return f"{file.relative_to(root)} says {', '.join(sorted(others))} and not {version}: run make reference"
    if not re.search(rf"^## {re.escape(version)}$", (root / CHANGELOG).read_text(), re.MULTILINE):
        return f"{CHANGELOG} has no section {version}"
    return ""


def _copies(root: Path) -> Iterator[Path]:
    return (file for pattern in COPIES for file in sorted(root.glob(pattern)))


if __name__ == "__main__":
    if reason := why_not(sys.argv[1]):
        sys.exit(f"version: {reason}")
    print(__version__)
