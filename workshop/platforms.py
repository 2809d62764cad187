"""Which machines can run the demos by themselves, and what to do with the others. The README says the same.

`python workshop/platforms.py cpu` succeeds where demo 6 can be installed for a CPU. Runs before anything is installed:
standard library only.
"""

import platform
import sys

MACHINES = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
PYTHONS = ((3, 11), (3, 14))  # oldest and newest
MACOS = (14,)
GLIBC, SERVING_GLIBC = (2, 28), (2, 31)  # of RHEL 8; of Debian 11 and Ubuntu 20.04
# Ray and vLLM: their locks are for one Python.
SERVING_MACHINES = {"cpu": {("Linux", "x86_64"), ("Linux", "aarch64")}, "gpu": {("Linux", "x86_64")}}
SERVING_PYTHON = (3, 11)
ELSEWHERE = "open the dev container (VS Code, Codespaces), or on Windows use WSL"


def this_machine() -> str:
    """In words: Linux x86_64, Python 3.11."""
    return f"{platform.system()} {platform.machine()}, Python {_text(sys.version_info[:2])}"


def why_not() -> str:
    """Why demos 1 to 5 cannot be installed here, and what to do, in one line; empty if they can."""
    oldest, newest = PYTHONS
    if not oldest <= sys.version_info[:2] <= newest:
        given, wanted = _text(sys.version_info[:2]), f"{_text(oldest)} to {_text(newest)}"
        return f"Python {wanted} is needed, and this is {given}: make PYTHON=python{_text(newest)}"
    if (platform.system(), platform.machine()) not in MACHINES:
        return f"there are no packages for {platform.system()} on {platform.machine()}: {ELSEWHERE}"
    if platform.system() == "Darwin" and _number(platform.mac_ver()[0]) < MACOS:
        return f"macOS {_text(MACOS)} or newer is needed, and this is {platform.mac_ver()[0]}: {ELSEWHERE}"
    return _why_not_with_this_libc(GLIBC) if platform.system() == "Linux" else ""


def why_no_serving(hardware: str) -> str:
    """Why Ray Serve and vLLM cannot be installed here for a "cpu" or a "gpu", and what to do; empty if they can."""
    if why := why_not():
        return why
    if (platform.system(), platform.machine()) not in SERVING_MACHINES[hardware]:
        return f"there is no vLLM for {platform.system()} on {platform.machine()}: {ELSEWHERE}"
    if why := _why_not_with_this_libc(SERVING_GLIBC):
        return why
    if sys.version_info[:2] != SERVING_PYTHON:
        given, wanted = _text(sys.version_info[:2]), _text(SERVING_PYTHON)
        return f"demo 6 needs Python {wanted}, and this is {given}: make demo-6 PYTHON=python{wanted}"
    return ""


def _why_not_with_this_libc(needed: tuple[int, ...]) -> str:
    library, version = platform.libc_ver()
    if library == "glibc" and _number(version) >= needed:
        return ""
    given = f"{library or 'another C library'} {version}".strip()
    return f"glibc {_text(needed)} or newer is needed, and this is {given}: {ELSEWHERE}"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(why_no_serving(sys.argv[1]) or 0)
