"""The images and the compose file's services for real, with podman.

In: the repository. Out: images built by `make images`, and services started by podman-compose. Podman gets a storage of
its own, so that nothing else that it has here is seen or changed. The storage is kept: the next build starts from its
layers.

Where a base image cannot be pulled, root on Debian makes one under its name, in this storage alone: Debian itself, from
debootstrap. Where neither is possible, the tests are skipped and say so.
"""

import configparser
import json
import os
import platform
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest

from workshop.processes import ROOT
from workshop.programs import PROGRAMS

STORE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llm-in-production" / "containers"
COMPOSE = ROOT / ".venv-peers" / "bin" / "podman-compose"
PIP = ROOT / ".venv" / "bin" / "pip"

PYTHON = "docker.io/library/python:3.11-slim-bookworm"
DEBIAN = "bookworm"
# The other images of compose.yml that we can make, as far as it relies on them: Debian's packages and these lines.
STAND_INS = {
    "docker.io/library/redis:7.4-alpine": (
        "redis-server",
        "RUN install -d -o 999 -g 1000 /data",
        "WORKDIR /data",
    ),
    "docker.io/prom/prometheus:v2.53.4": (
        "prometheus wget",
        "RUN install -d -o 65534 -g 65534 /prometheus",
        "WORKDIR /prometheus",
        "USER 65534",
    ),
}
LIMITS = {resource.RLIMIT_NOFILE: 2**20, resource.RLIMIT_NPROC: 2**15}  # of a container, if the machine allows them
SOURCES = re.compile(r"(extra-)?index|find-links|cert|trusted-host")  # pip's settings
KEPT_FOR = "72h"  # layers that no image has any more
PULL_SECONDS, MAKE_SECONDS = 300.0, 900.0

STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{store}/images"
runroot = "{store}/running"
"""
# A cgroup manager that needs no systemd.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[network]
network_backend = "netavark"
[engine]
{runtime}
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@cache
def environment() -> dict[str, str]:
    """For podman, and for whatever calls it."""
    STORE.mkdir(parents=True, exist_ok=True)
    # crun refuses machines that have both versions of cgroups.
    runtime = 'runtime = "runc"' if shutil.which("runc") else ""
    files, processes = (_allowed(limit, usual) for limit, usual in LIMITS.items())
    written = {
        "CONTAINERS_STORAGE_CONF": STORAGE_CONF.format(store=STORE),
        "CONTAINERS_CONF": CONTAINERS_CONF.format(runtime=runtime, files=files, processes=processes),
    }
    for name, text in written.items():
        (STORE / name).write_text(text)
    return {**os.environ, **{name: str(STORE / name) for name in written}}


def _allowed(limit: int, usual: int) -> int:
    _, hard = resource.getrlimit(limit)
    return usual if hard == resource.RLIM_INFINITY else min(hard, usual)


def podman(*arguments: str, seconds: float = 120.0) -> str:
    """What it prints. Raises AssertionError with what it said if it fails."""
    return _done(["podman", *arguments], seconds)


def _done(command: list[str], seconds: float, stdin: IO[bytes] | int | None = subprocess.DEVNULL) -> str:
    done = subprocess.run(
        command,
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        stdin=stdin,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


# --- can it be done here? --------------------------------------------------------------------------------------------


def _why_not() -> str:
    """Why this machine runs no containers, in one line; empty if it should. What fails later is a failure."""
    if platform.system() != "Linux":
        return "the images are built and run on Linux alone"
    if PROGRAMS["podman"].path() is None:
        return "podman is missing; on Debian: apt-get install podman"
    apart = ["unshare", "--mount", "--net", "--pid", "--fork", "true"]
    if os.geteuid() != 0 or subprocess.run(apart, capture_output=True, check=False).returncode:
        return "containers need root, and a kernel that lets it make namespaces"
    return ""


# --- base images -----------------------------------------------------------------------------------------------------


def provide_base() -> None:
    """The image that ours are built upon. Skips the test where no container can run, or no base can be had."""
    if why := _why_not():
        pytest.skip(why)
    if not _here(PYTHON) and not _pulled(PYTHON):
        if PROGRAMS["debootstrap"].path() is None or not _mirror():
            pytest.skip(f"{PYTHON} can neither be pulled nor made from Debian's packages here")
        _make_python()


def _here(image: str) -> bool:
    known = subprocess.run(["podman", "image", "exists", image], env=environment(), check=False)
    return known.returncode == 0


def _pulled(image: str) -> bool:
    try:
        podman("pull", "--quiet", image, seconds=PULL_SECONDS)
    except (AssertionError, subprocess.TimeoutExpired):
        return False
    return True


def _make_python() -> None:
    """Debian with its own CPython, laid out as the official image is: pip and `python` in /usr/local."""
    root = STORE / "debian"
    shutil.rmtree(root, ignore_errors=True)
    packages = "python3,python3-venv,python3-pip,ca-certificates"
    _done(["debootstrap", "--variant=minbase", f"--include={packages}", DEBIAN, str(root), _mirror()], MAKE_SECONDS)
    _done(["chroot", str(root), "sh", "-ec", LIKE_THE_OFFICIAL_IMAGE], 60)
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        _done(["podman", "import", "--quiet", "-", PYTHON], MAKE_SECONDS, stdin=tar.stdout)
    shutil.rmtree(root)


LIKE_THE_OFFICIAL_IMAGE = """
python3 -m venv --without-pip /usr/local
cd /usr/lib/python3/dist-packages
mv pip pip-*.dist-info /usr/local/lib/python3.*/site-packages
rm /usr/bin/pip*
printf '#!/bin/sh\\nexec python -m pip "$@"\\n' > /usr/local/bin/pip
chmod +x /usr/local/bin/pip
rm -rf /var/cache/apt/archives/*.deb
"""


def _mirror() -> str:
    """Where this machine's own packages come from; empty if it is not Debian."""
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    text = "\n".join(file.read_text() for file in files if file.is_file())
    found = re.search(r"^(?:URIs:|deb(?: \[.*?\])?) +(\S+/debian/?)(?:\s|$)", text, re.MULTILINE)
    return found[1] if found else ""


def provide_neighbours() -> None:
    for image, (packages, *lines) in STAND_INS.items():
        if not _here(image) and not _pulled(image):
            install = f"RUN apt-get update && apt-get install -y --no-install-recommends {packages}"
            file = STORE / "stand-in.Dockerfile"
            file.write_text("\n".join((f"FROM {PYTHON}", install, *lines)))
            build_image(image, file, STORE)


# --- our images ------------------------------------------------------------------------------------------------------


def build_image(name: str, file: Path, context: Path) -> None:
    named = ("--file", str(file), "--tag", name)
    podman("build", "--pull=never", *_trusted(), *named, str(context), seconds=MAKE_SECONDS)


def build() -> None:
    """`make images` upon the base that is here, with the indexes and folders that this machine's pip knows."""
    podman("image", "prune", "--force", f"--filter=until={KEPT_FOR}")
    folders = [*_wheel_folders()]
    choices = {
        "HARDWARE": "cpu",
        "BUILDER": "podman",
        "BUILD_FLAGS": " ".join(("--pull=never", *_trusted(), *map(_lent, folders))),
        "PIP_CONF": str(_pip_conf()),
        **({"TORCH_CPU_INDEX": ""} if folders else {}),  # PyTorch's CPU build is among the files
    }
    _done(["make", "images", *(f"{name}={value}" for name, value in choices.items())], MAKE_SECONDS)


def packages_as_here() -> Iterator[str]:
    """Options for a container whose pip shall find what this machine's pip finds."""
    yield from _trusted()
    yield from map(_lent, _wheel_folders())
    yield f"--volume={_pip_conf()}:/etc/pip.conf:ro"


def _wheel_folders() -> Iterator[str]:
    return (folder for folder in _pip_settings().get("find-links", "").split() if Path(folder).is_dir())


def _lent(folder: str) -> str:
    return f"--volume={folder}:{folder}:ro"


def _trusted() -> Iterator[str]:
    """A base from debootstrap trusts Debian's own authorities; this machine may trust more."""
    if Path("/etc/ssl/certs").is_dir():
        yield _lent("/etc/ssl/certs")


@cache
def _pip_settings() -> dict[str, str]:
    """What says where packages come from, whether it stands in a file or in the environment."""
    found: dict[str, str] = {}
    for line in _done([str(PIP), "config", "list"], 60).splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if SOURCES.match(key) and key not in found:
            found[key] = value.strip("'\"").replace("\\n", " ")
    return found


def _pip_conf() -> Path:
    """Those settings as a file, without indexes on this machine's disk."""
    conf = configparser.RawConfigParser()
    conf["global"] = {
        key: " ".join(word for word in value.split() if not word.startswith("file:"))
        for key, value in _pip_settings().items()
    }
    file = STORE / "pip.conf"
    with file.open("w") as opened:
        conf.write(opened)
    return file


# --- the compose file's services -------------------------------------------------------------------------------------


class Services:
    """compose.yml with these settings, as `podman-compose` runs it."""

    def __init__(self, project: str, settings: dict[str, str]) -> None:
        self.project = project
        self.settings = settings

    def compose(self, *arguments: str, seconds: float = 300.0) -> str:
        file = STORE / f"{self.project}.env"
        file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        command = [str(COMPOSE), "--project-name", self.project, "--env-file", str(file)]
        return _done([*command, "--file", "serving/docker/compose.yml", *arguments], seconds)

    def name(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def inside(self, service: str, *command: str) -> str:
        return podman("exec", self.name(service), *command)

    def is_healthy(self, service: str) -> bool:
        try:
            podman("healthcheck", "run", self.name(service))
        except AssertionError:
            return False
        return True

    def state(self, service: str) -> dict[str, Any]:
        return dict(json.loads(podman("inspect", self.name(service)))[0]["State"])

    def log(self, service: str) -> str:
        done = subprocess.run(
            ["podman", "logs", self.name(service)], env=environment(), capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr
