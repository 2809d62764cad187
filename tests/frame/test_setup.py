"""Environments are built completely or not at all, whatever the shell sets or interrupts. `make doctor` needs none.

Each test has a folder with our Makefile and a list of two tiny packages that need no network. One of them is built
from source, by a backend that holds the installation until the test lets it continue.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_for
from workshop import doctor, environment
from workshop.processes import ROOT

PATIENCE = 120.0  # seconds
SPOILING = {
    "PIP_USER": "1",
    "PIP_TARGET": "/nowhere/target",
    "PIP_PREFIX": "/nowhere/prefix",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_NO_DEPS": "1",
    "PIP_DRY_RUN": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONPATH": "foreign",
    "PYTHONOPTIMIZE": "1",
}
BACKEND = """
import os, time, zipfile
from pathlib import Path

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    hold = Path(os.environ["HELD_AT"])
    with (hold / "started").open("a") as file:
        file.write("once\\n")
    while not (hold / "go").exists():
        time.sleep(0.05)
    name = "held-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("held.py", "")
        wheel.writestr("held-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: held\\nVersion: 1.0\\n")
        wheel.writestr("held-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("held-1.0.dist-info/RECORD", "")
    return name
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@dataclass(slots=True)
class Clone:
    """A folder with the parts of the repository that set-up needs, and beside it the packages to install."""

    folder: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def beside(self) -> Path:
        return self.folder.parent

    def wants(self, *packages: str) -> None:
        (self.folder / "requirements.txt").write_text("".join(f"{package}==1.0\n" for package in packages))

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """`make ARGUMENTS` in its own process group, as from a terminal."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "MFLAGS"))}
        ours = {
            "HOME": str(self.beside),
            "HELD_AT": str(self.beside),
            "PIP_FIND_LINKS": str(self.beside / "index"),
            "PIP_NO_INDEX": "1",
        }
        process = subprocess.Popen(
            ["make", f"PYTHON={sys.executable}", *arguments],
            cwd=self.folder,
            env={**kept, **ours, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def make(self, *arguments: str, **variables: str) -> tuple[int, str]:
        process = self.start(*arguments, **variables)
        printed = self.printed(process)
        return process.returncode, printed

    def printed(self, process: subprocess.Popen[str]) -> str:
        """Its whole output, after it and every other process that can print there have ended."""
        try:
            return process.communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running: {self.processes()}")

    def imports(self, *modules: str) -> bool:
        python = self.folder / ".venv" / "bin" / "python"
        return subprocess.run([python, "-c", f"import {', '.join(modules)}"], check=False).returncode == 0

    def wait_until_held(self, process: subprocess.Popen[str]) -> None:
        def held() -> bool:
            assert process.poll() is None, process.stdout and process.stdout.read()
            return (self.beside / "started").exists()

        wait_for(held, "pip has started to build", PATIENCE)

    def go_on(self) -> None:
        (self.beside / "go").touch()

    def processes(self) -> list[str]:
        """The processes that run in this folder, or run programs from it."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = " ".join(process.info["cmdline"] or [])
            if str(self.folder) in words or str(process.info["cwd"]).startswith(str(self.folder)):
                found.append(words)
        return found

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob(".venv*"))


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    folder = tmp_path / "a clone"
    for package in ("workshop", "shared/process"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "shared/__init__.py", folder / "shared")
    shutil.copy(ROOT / "Makefile", folder)
    _wheel(tmp_path / "index", "light")
    _source(tmp_path / "index")
    here = Clone(folder)
    here.wants("light")
    yield here
    here.go_on()
    for process in here.running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)


def _wheel(index: Path, name: str) -> None:
    index.mkdir(exist_ok=True)
    with zipfile.ZipFile(index / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "def main():\n    print('it runs')\n")
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")


def _source(index: Path) -> None:
    source = index.parent / "held-1.0"
    source.mkdir()
    (source / "backend.py").write_text(BACKEND)
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: held\nVersion: 1.0\n")
    with tarfile.open(index / "held-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, "held-1.0")


# --- the shell's variables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPOILING)
def test_no_command_of_make_sees_a_variable_that_spoils_environments(clone: Clone, name: str) -> None:
    (clone.folder / "look.mk").write_text("look:\n\t@env\n")
    _, printed = clone.make("-f", "Makefile", "-f", "look.mk", "look", **{name: SPOILING[name]})
    seen = [line.partition("=")[0] for line in printed.splitlines()]
    assert "PIP_FIND_LINKS" in seen  # variables that name the source of packages stay
    assert name not in seen


def test_an_environment_is_built_whatever_variables_are_set(clone: Clone) -> None:
    foreign = clone.folder / "foreign" / "workshop"
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("raise SystemExit('a foreign package')\n")
    status, printed = clone.make(".venv/.runtime", **SPOILING)
    assert status == 0, printed
    assert clone.imports("light")


def test_a_settings_file_of_pip_cannot_send_packages_elsewhere(clone: Clone) -> None:
    """The file still decides where packages come from: here it is the only place that names the index."""
    settings = clone.beside / "pip.conf"
    elsewhere = clone.beside / "elsewhere"
    index = clone.beside / "index"
    settings.write_text(
        f"[global]\nno-index = true\nfind-links =\n    {index}\n    {clone.beside}\nrequire-virtualenv = true\n"
        f"[install]\nuser = true\nrequire-hashes = true\ntarget = {elsewhere}\nprefix = {elsewhere}\n"
    )
    status, printed = clone.make(".venv/.runtime", PIP_CONFIG_FILE=str(settings), PIP_FIND_LINKS="", PIP_NO_INDEX="")
    assert status == 0, printed
    assert clone.imports("light")
    assert not elsewhere.exists()


def test_a_folder_of_wheels_replaces_the_network(clone: Clone) -> None:
    (clone.folder / "requirements-dev.txt").write_text("")
    status, printed = clone.make("wheelhouse")
    assert status == 0, printed
    shutil.rmtree(clone.beside / "index")
    shutil.rmtree(clone.folder / ".venv")
    nowhere = {"PIP_NO_INDEX": "", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": ""}
    status, printed = clone.make("install", **nowhere)
    assert status == 0, printed
    assert clone.imports("light")
    clone.wants("light", "absent")
    status, printed = clone.make("install", **nowhere)
    assert status != 0
    assert "The folder wheelhouse was made for other packages" in printed


def test_an_environment_without_its_packages_is_noticed(clone: Clone) -> None:
    """A variable that nothing clears misleads pip, which reports success."""
    done = subprocess.run(
        [sys.executable, "-m", "workshop.environment", "runtime"],
        cwd=clone.folder,
        env={
            "PATH": os.environ["PATH"],
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(clone.beside / "index"),
            "PIP_TARGET": str(clone.beside / "elsewhere"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert ".venv lacks light" in done.stderr
    assert "PIP_" in done.stderr
    assert clone.leftovers() == []


# --- interrupted ----------------------------------------------------------------------------------------------------


def test_ctrl_c_during_an_installation_is_one_line_and_leaves_nothing(clone: Clone) -> None:
    clone.wants("light", "held")
    process = clone.start(".venv/.runtime")
    clone.wait_until_held(process)
    os.killpg(process.pid, signal.SIGINT)
    printed = clone.printed(process)
    assert process.returncode == -signal.SIGINT, printed
    begun, *further = printed.splitlines()
    assert begun.startswith("installing what the demos need")
    assert len(further) == 1, printed
    assert further[0].startswith("stopped: nothing is left running")
    assert clone.leftovers() == []
    assert clone.processes() == []


def test_the_next_make_builds_what_a_killed_one_left_undone(clone: Clone) -> None:
    clone.wants("light", "held")
    process = clone.start(".venv/.runtime")
    clone.wait_until_held(process)
    kill_all_of(process)
    assert ".venv" not in clone.leftovers()
    clone.go_on()
    status, printed = clone.make(".venv/.runtime")
    assert status == 0, printed
    assert clone.leftovers() == [".venv"]
    assert clone.imports("light", "held")


def test_a_failed_or_killed_update_keeps_the_old_environment(clone: Clone) -> None:
    assert clone.make(".venv/.runtime")[0] == 0
    clone.wants("light", "nowhere")
    status, printed = clone.make(".venv/.runtime")
    assert status == 2
    assert "No matching distribution found for nowhere==1.0" in printed
    assert "make PYTHON=python3.12" in printed
    assert len(printed.splitlines()) <= 8, printed
    log = printed.partition("pip's full output: ")[2].split()[0]
    assert "nowhere" in (clone.folder / log).read_text()
    assert clone.imports("light")

    clone.wants("light", "held")
    process = clone.start(".venv/.runtime")
    clone.wait_until_held(process)
    kill_all_of(process)
    assert clone.imports("light")
    assert not clone.imports("held")
    clone.go_on()
    status, printed = clone.make(".venv/.runtime")
    assert status == 0, printed
    assert clone.leftovers() == [".venv"]
    assert clone.imports("light", "held")


def kill_all_of(process: subprocess.Popen[str]) -> None:
    """Kills all its processes, as a machine that runs out of memory or power does."""
    for part in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            part.kill()
    process.communicate(timeout=PATIENCE)


def test_two_makes_at_once_build_it_once(clone: Clone) -> None:
    clone.wants("light", "held")
    first = clone.start(".venv/.runtime")
    clone.wait_until_held(first)
    second = clone.start(".venv/.runtime")
    assert second.stdout
    assert "another make is building .venv" in second.stdout.readline()
    clone.go_on()
    for process in (first, second):
        printed = clone.printed(process)
        assert process.returncode == 0, printed
    assert (clone.beside / "started").read_text() == "once\n"
    assert clone.imports("light", "held")


# --- other failures -----------------------------------------------------------------------------------------------


def test_an_environment_that_was_moved_is_built_again(clone: Clone) -> None:
    """Scripts name their Python by its absolute path."""
    assert clone.make(".venv/.runtime")[0] == 0
    moved = Clone(clone.beside / "moved", clone.running)
    clone.folder.rename(moved.folder)
    script = moved.folder / ".venv" / "bin" / "light"
    assert subprocess.run(["sh", "-c", f"'{script}'"], capture_output=True, check=False).returncode != 0
    status, printed = moved.make(".venv/.runtime")
    assert status == 0, printed
    assert subprocess.run([script], capture_output=True, text=True, check=True).stdout == "it runs\n"
    assert moved.make(".venv/.runtime") == (0, "make: '.venv/.runtime' is up to date.\n")


def test_a_demo_that_is_not_there_is_one_line(clone: Clone) -> None:
    for target in ("demo-9", "grade-9", "test-9", "load-x"):
        status, printed = clone.make(target)
        assert status == 2
        assert printed.count("\n") == 1, printed
        assert f"{target}: there are demos 1 to 6" in printed
    assert clone.leftovers() == []


def test_a_python_that_is_not_there_is_one_line(clone: Clone) -> None:
    _, printed = clone.make(".venv/.runtime", "PYTHON=python3.99")
    assert printed.splitlines()[0] == "python3.99 is not installed: Python 3.11 or newer is needed"


# --- the doctor -----------------------------------------------------------------------------------------------------


def test_the_doctor_needs_no_environment_and_builds_none(clone: Clone) -> None:
    names = {"HTTP_PROXY": "http://proxy.invalid:3128", "no_proxy": "", "NO_PROXY": "localhost"}
    status, printed = clone.make("doctor", HOST="no-such-host.invalid", PIP_USER="1", **names)
    lines = printed.splitlines()
    assert status == 2
    assert "BAD  .venv with what the demos need is not there: make install" in lines
    assert "note set in your shell, but ignored by make: PIP_USER" in lines
    assert [line for line in lines if line.startswith("BAD  HOST=no-such-host.invalid cannot be resolved")]
    assert [line for line in lines if line.startswith("note HTTP_PROXY without 127.0.0.1 in NO_PROXY")]
    assert "Traceback" not in printed
    assert clone.leftovers() == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda place: (place / ".runtime").unlink(), "half built"),
        (lambda place: (place / ".made").write_text("elsewhere"), "another folder or Python"),
        (lambda place: (place / "bin" / "python").unlink(), "is gone"),
        (lambda place: shutil.rmtree(next(place.glob("lib/python3*/site-packages/light-*"))), "not as pinned: light"),
        (lambda place: (place / ".runtime").write_text("another list"), "an older list"),
    ],
)
def test_the_doctor_says_what_is_wrong_with_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: object, said: str
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("light==1.0\n")
    runtime = environment.PACKAGES["runtime"]
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages" / "light-1.0.dist-info"
    packages.mkdir(parents=True)
    (packages / "METADATA").write_text("Metadata-Version: 2.1\nName: light\nVersion: 1.0\n")
    (tmp_path / ".venv" / "bin").mkdir()
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("version = 3.11.7\n")
    (tmp_path / ".venv" / ".runtime").write_text(runtime.digest)
    whole = doctor.state(runtime, needed=True, remedy="make install")
    assert whole.good, whole.text
    assert callable(spoil)
    spoil(tmp_path / ".venv")
    finding = doctor.state(runtime, needed=True, remedy="make install")
    assert not finding.good
    assert said in finding.text
