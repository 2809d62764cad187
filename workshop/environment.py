"""Build the virtual environments: each is complete, or it does not exist.

In: the name of a list of packages, as in `python -m workshop.environment runtime`. Out: `.venv` or another environment,
with a stamp that tells make what is in it. Each is built in a folder beside it, which takes the environment's place
once pip has finished and every package is found. An update starts from a copy made of hard links, so it takes seconds.
If anything interrupts this, the old environment still stands, and the next run removes what was left behind.

Runs before anything is installed: standard library only.
"""

import ast
import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from workshop import platforms
from workshop.processes import ROOT, die_with_parent
from workshop.translation.sentences import told

RUN = ROOT / ".run"  # locks, and pip's output after a failure
WHEELHOUSE = ROOT / "wheelhouse"  # from `make wheelhouse`: where it is, nothing is asked of a network
MADE = ".made"  # in an environment: its folder, and the Python that built it. The Makefile compares it too.
GRACE_SECONDS = 5.0  # that pip has to end
CAUSE_LINES = 6


class Failed(Exception):
    """Why an environment could not be built, and what to do about it, in a few lines."""


class Stopped(Exception):
    """A signal asked us to end."""


@dataclass(slots=True, frozen=True)
class Packages:
    """A list of packages, the folder that it is installed into, and the stamp that records it.

    `upon`: the list that is installed there first. `options` are for pip. `index`: the variable that names another
    index to ask if pip finds nothing without it. `hardware`: of Ray and vLLM, which fewer machines can have.
    """

    folder: str
    stamp: str
    listing: str
    purpose: str
    upon: str = ""
    options: tuple[str, ...] = ()
    index: str = ""
    hardware: str = ""

    @property
    def place(self) -> Path:
        return ROOT / self.folder

    @property
    def aside(self) -> Path:
        """A folder of this process alone: a child of a killed process may still write into the killed one's folder."""
        return ROOT / f"{self.folder}-building-{os.getpid()}"

    @property
    def old(self) -> Path:
        return ROOT / f"{self.folder}-old"

    @property
    def digest(self) -> str:
        return hashlib.sha256((ROOT / self.listing).read_bytes()).hexdigest()


# --no-deps: these locks are complete; without it, pip would also install torch's list of CUDA libraries.
WHOLE = ("--no-deps",)
SERVING = "Ray Serve and vLLM"
PACKAGES = {
    "runtime": Packages(".venv", ".runtime", "requirements.txt", "what the demos need"),
    "dev": Packages(".venv", ".dev", "requirements-dev.txt", "what the tests need", upon="runtime"),
    "peers": Packages(
        ".venv-peers",
        ".installed",
        "loadtests/peers/requirements.txt",
        "our peers, and clients for tests",
        options=WHOLE,
    ),
    "serving-cpu": Packages(
        ".venv-serving",
        ".cpu",
        "serving/requirements-cpu.txt",
        f"{SERVING} for CPUs (3 GB, some minutes)",
        options=WHOLE,
        index="TORCH_CPU_INDEX",
        hardware="cpu",
    ),
    "serving-gpu": Packages(
        ".venv-serving",
        ".gpu",
        "serving/requirements-gpu.txt",
        f"{SERVING} for CUDA (3 GB, some minutes)",
        options=WHOLE,
        hardware="gpu",
    ),
}


def main(arguments: list[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    packages = PACKAGES[arguments[0]]
    try:
        with _alone(packages.folder):
            build(packages)
    except Failed as failure:
        _say(str(failure))
        return 1
    except OSError as error:
        _say(f"cannot build {packages.folder}: {error.strerror}: {error.filename}")
        return 1
    except Stopped:
        return 143
    return 0


def build(packages: Packages) -> None:
    """Make the environment hold these packages. Raises Failed, and then the old environment still stands."""
    place, aside = packages.place, packages.aside
    if not os.path.lexists(place) and usable(packages.old, packages):
        packages.old.rename(place)  # an earlier run was killed between two renames
    if usable(place, packages) and _stamp(place, packages) == packages.digest and not not_as_pinned(packages, place):
        _write(place / packages.stamp, packages.digest)
        return
    if why := platforms.why_no_serving(packages.hardware) if packages.hardware else platforms.why_not():
        raise Failed(why)
    began = time.time()
    _say(f"installing {packages.purpose} into {packages.folder}…")
    basis = place if usable(place, packages) else None
    if basis is None and packages.upon:
        build(PACKAGES[packages.upon])
        basis = place
    for leftover in [*ROOT.glob(f"{packages.folder}-building-*"), packages.old, *([] if basis else [place])]:
        remove(leftover)
    try:
        if basis:
            shutil.copytree(basis, aside, symlinks=True, copy_function=_link)
        else:
            _create(aside, packages)
        _install(packages)
        _settle(packages, basis, began)
    except BaseException:
        remove(aside)
        raise


def usable(place: Path, packages: Packages) -> bool:
    """Is this a complete environment, built for this folder by a Python that still exists?"""
    stamps = [packages.stamp, *([PACKAGES[packages.upon].stamp] if packages.upon else [])]
    if not (place / "bin" / "python").exists() or not any((place / stamp).exists() for stamp in stamps):
        return False
    made = place / MADE
    return not made.exists() or made.read_text() in (_made(place, place), _made(_final(packages), place))


def is_outdated(packages: Packages) -> bool:
    """Was the environment made from another list? An earlier Makefile left an empty stamp, which tells nothing."""
    return _stamp(packages.place, packages) not in ("", packages.digest)


def not_as_pinned(packages: Packages, place: Path) -> dict[str, str | None]:
    """The packages of the list with another version in the environment: by name, the version there or None."""
    there = installed(place)
    pinned = pins(ROOT / packages.listing)
    return {name: there.get(name) for name, version in pinned.items() if public(there.get(name)) != public(version)}


def pins(listing: Path) -> dict[str, str]:
    """What a lock pins on every machine: lines with a marker are left out."""
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)\s*(;?)", listing.read_text(), re.MULTILINE)
    return {canonical(name): version for name, version, marker in found if not marker}


def installed(place: Path) -> dict[str, str]:
    """Every package of an environment with its version, read without running its Python."""
    folders = [str(path) for path in place.glob("lib/python3*/site-packages")]
    found = importlib.metadata.distributions(path=folders)
    return {canonical(name): found.version for found in found if (name := found.metadata["Name"])}


def spoilers() -> list[str]:
    """The pip variables that the Makefile clears, as settings: `require-hashes`."""
    names = os.environ.get("SPOILERS", "").split()
    return [name.removeprefix("PIP_").lower().replace("_", "-") for name in names if name.startswith("PIP_")]


def remove(folder: Path) -> None:
    """Remove an environment. If it is a link, remove only the link."""
    if folder.is_symlink():
        folder.unlink()
        return
    with contextlib.suppress(OSError):  # first what makes it usable, in case we are killed
        (folder / "bin" / "python").unlink()
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Wait until no other make builds this environment. The lock ends with this process, however that ends."""
    RUN.mkdir(exist_ok=True)
    with (RUN / f"{name.lstrip('.')}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another make is building {name}: waiting for it…")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _create(aside: Path, packages: Packages) -> None:
    # The other environments use the Python of the demos' environment, whichever Python make was called with.
    demos = PACKAGES["runtime"]
    python = sys.executable
    if packages.folder != demos.folder and usable(demos.place, demos):
        python = str(demos.place / "bin" / "python")
    status, said = _run([python, "-m", "venv", str(aside)], dict(os.environ))
    if status:
        advice = "Free some disk" if any("No space left" in line for line in said) else "install its venv package"
        raise Failed(
            f"{python} cannot make virtual environments: {advice} (on Debian python3-venv)\n"
            f"  it said: {(said or [f'exit status {status}'])[-1]}"
        )


def _link(source: str, target: str) -> None:
    """Link, or copy: not every file system has hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


# --- pip ------------------------------------------------------------------------------------------------------------


def _install(packages: Packages) -> None:
    """Install them with pip. Raises Failed, with pip's own reason."""
    python = str(packages.aside / "bin" / "python")
    environment = _pip_environment(python)
    status, said = _pip(python, packages, environment)
    index = os.environ.get(packages.index, "") if packages.index else ""
    if status > 0 and index:
        further = f"{environment.get('PIP_EXTRA_INDEX_URL', '')} {index}".strip()
        status, said = _pip(python, packages, {**environment, "PIP_EXTRA_INDEX_URL": further})
    if status:
        raise Failed(_reason(packages, status, said))
    absent = sorted(name for name, version in not_as_pinned(packages, packages.aside).items() if version is None)
    if absent:
        names = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        raise Failed(
            f"pip says that it has installed {packages.listing}, but {packages.folder} lacks {names}.\n"
            "A setting sends packages elsewhere: look at `pip config list` and at variables that begin with PIP_"
        )


def _pip(python: str, packages: Packages, environment: dict[str, str]) -> tuple[int, list[str]]:
    """pip's exit status, and its stderr. On a terminal its progress is shown live."""
    shown = sys.stderr.isatty()
    # --no-compile: only a quarter of the bytecode is ever used, and Python writes that on demand.
    command = [python, "-m", "pip", "install", "--no-compile", "--no-input", *([] if shown else ["--quiet"])]
    return _run([*command, *packages.options, "-r", str(ROOT / packages.listing)], environment, shown=shown)


def _run(command: list[str], environment: dict[str, str], shown: bool = False) -> tuple[int, list[str]]:
    """The exit status, and the output: all of it, or only stderr if the output is `shown`."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if shown else subprocess.PIPE,
        stderr=subprocess.PIPE if shown else subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,  # shared with all that it starts, so that all of it can be ended
        preexec_fn=die_with_parent,
    )
    said: list[str] = []
    output = process.stderr if shown else process.stdout
    assert output
    try:
        for line in output:
            if line.strip():
                said.append(line.rstrip())
            if shown and not line.startswith("ERROR"):  # errors are printed at the end, with what to do
                sys.stderr.write(line)
        return process.wait(), said
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)


def _pip_environment(python: str) -> dict[str, str]:
    """Our environment for pip: we read its settings files here and turn all but the spoilers into variables.

    A variable cannot undo `target` in a file, because to pip an empty value is no value. So pip reads no file itself.
    """
    status, said = _run([python, "-m", "pip", "config", "list"], dict(os.environ))
    if status:
        raise Failed("pip's settings cannot be read: " + (said or ["`pip config list` fails"])[-1])
    settings: dict[str, str] = {}
    for section in ("global", "install"):  # the last one wins
        for key, value in re.findall(rf"^{section}\.([\w-]+)=(.+)$", "\n".join(said), re.MULTILINE):
            settings[key] = str(ast.literal_eval(value)).replace("\n", " ").strip()
    spoiling = spoilers()
    kept = {f"PIP_{key.upper().replace('-', '_')}": value for key, value in settings.items() if key not in spoiling}
    ours = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    given = {name: value for name, value in os.environ.items() if value or not name.startswith("PIP_")}
    # By its name, because pip splits the value at blanks; it runs in this folder.
    carried = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELHOUSE.name} if WHEELHOUSE.is_dir() else {}
    return {**kept, **given, **ours, **carried}


def _reason(packages: Packages, status: int, said: list[str]) -> str:
    """What pip said was wrong, and what to do. Its full output goes to a file."""
    cause = list(dict.fromkeys(line for line in said if line.startswith("ERROR"))) or said
    retries = [line for line in said if "Retrying" in line]
    if retries:
        cause = [*cause, retries[-1]]
    if status < 0:
        cause = [f"pip was ended by signal {-status} ({signal.strsignal(-status)})"]
    todo = _advice("\n".join(cause))
    log = RUN / f"{packages.folder.lstrip('.')}.log"
    with contextlib.suppress(OSError):  # a full disk has no room for the log either
        log.write_text("\n".join(said) + "\n")
        todo += f"\npip's full output: {log.relative_to(ROOT)}"
    return "\n".join(
        [f"could not install {packages.purpose}:", *(f"  {line[:400]}" for line in cause[-CAUSE_LINES:]), todo]
    )


def _advice(cause: str) -> str:
    if WHEELHOUSE.is_dir() and "No matching distribution" in cause:
        return "The folder wheelhouse was made for other packages, another system or another Python: remove it."
    if "No space left" in cause:
        return "Free some disk, then run the same make again."
    if "Retrying" in cause or "onnection" in cause:
        return (
            "The package index did not answer. Check the network, HTTPS_PROXY and `pip config list`; then make again."
        )
    if "No matching distribution" in cause:
        version = ".".join(map(str, sys.version_info[:2]))
        return f"`pip config list` says where pip looks. If Python {version} is the reason: make PYTHON=python3.12 …"
    if "Killed" in cause:
        return "The machine may have too little memory. Run the same make again."
    return "Fix that, then run the same make again."


# --- in its place ---------------------------------------------------------------------------------------------------


def _settle(packages: Packages, basis: Path | None, began: float) -> None:
    """Put the new build in the environment's place."""
    place, aside = packages.place, packages.aside
    final = _final(packages)
    sources = {str(aside), *([str(basis.resolve())] if basis else [])} - {str(final)}
    for script in [*(aside / "bin").iterdir(), aside / "pyvenv.cfg"]:
        if not script.is_symlink() and _is_text(script):
            text = script.read_bytes()
            for source in sources:
                text = text.replace(source.encode(), str(final).encode())
            if text != script.read_bytes():
                _replace(script, text)
    _write(aside / MADE, _made(final, aside))
    _write(aside / packages.stamp, packages.digest)
    os.utime(aside / packages.stamp, (began, began))  # the list may have changed since then
    remove(packages.old)
    if os.path.lexists(place):
        place.rename(packages.old)
    aside.rename(place)
    remove(packages.old)


def _final(packages: Packages) -> Path:
    """The path at which the environment will stand, without links."""
    return ROOT.resolve() / packages.folder


def _made(place: Path, built: Path) -> str:
    """Its folder and its Python, as the Makefile's `pwd -P; readlink -f bin/python` prints them."""
    return f"{place.resolve()}\n{os.path.realpath(built / 'bin' / 'python')}\n"


def _is_text(script: Path) -> bool:
    if script.name.lower().startswith("activate") or script.name == "pyvenv.cfg":
        return True
    with script.open("rb") as file:
        return file.read(2) == b"#!"


def _stamp(place: Path, packages: Packages) -> str:
    try:
        return (place / packages.stamp).read_text()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    _replace(path, text.encode())


def _replace(path: Path, content: bytes) -> None:
    """Write a new file, not into the old one: that may be a hard link, shared with the environment we started from."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    if path.exists():
        shutil.copymode(path, new)
    new.replace(path)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def public(version: str | None) -> str | None:
    """Without what comes after a plus: `2.13.0+cpu` is 2.13.0."""
    return version.partition("+")[0] if version else None


def _say(lines: str) -> None:
    print("\n".join(map(told, lines.splitlines())), file=sys.stderr, flush=True)


def _stop(signal_number: int, frame: FrameType | None) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
