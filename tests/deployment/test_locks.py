"""Every lock installs from wheels alone on each platform and Python that the README names: nothing compiles.

Ray's and vLLM's are for Linux and one Python; `make test` really installs the one for x86-64.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workshop.processes import ROOT

PLATFORMS = ("x86_64-linux", "aarch64-linux", "aarch64-apple-darwin")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LOCKS = {
    "demos and tests": ("requirements.txt", "requirements-dev.txt"),
    "peers": ("loadtests/peers/requirements.txt",),
}
OLDEST_MACOS = "14.0"
OLDEST_GLIBC = {"demos and tests": "manylinux_2_28", "peers": "manylinux_2_31"}  # Envoy's wheel asks for more


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The resolver of `make lock`, in an environment of its own, as there."""
    folder = tmp_path_factory.mktemp("uv")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "uv"], check=True)
    return folder / "bin" / "uv"


def unresolved(uv: Path, locks: tuple[str, ...], platform: str, python: str) -> str:
    """Why these locks cannot be installed there; empty if they can."""
    command: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--dry-run",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--target",
        uv.parent / "none",
    ]
    command += ["--python-platform", platform, "--python-version", python]
    command += [word for lock in locks for word in ("-r", ROOT / lock)]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("locks", LOCKS)
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_a_lock_has_wheels_for_each_platform_and_python(locks: str, platform: str, python: str, uv: Path) -> None:
    assert unresolved(uv, LOCKS[locks], platform.replace("linux", OLDEST_GLIBC[locks]), python) == ""


@pytest.mark.parametrize("platform", ["x86_64-manylinux_2_31", "aarch64-manylinux_2_31"])
def test_the_lock_of_ray_and_vllm_has_wheels_for_linux(platform: str, uv: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    # PyTorch's CPU builds are on its own index alone.
    lock.write_text(re.sub(r"^torch==.*$", "", (ROOT / "serving" / "requirements-cpu.txt").read_text(), flags=re.M))
    assert unresolved(uv, (str(lock),), platform, "3.11") == ""


def test_a_package_without_a_wheel_is_found(uv: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("gevent==26.9.0\n")
    assert "no usable wheels" in unresolved(uv, (str(lock),), "aarch64-apple-darwin", "3.11")
