"""Where the demos run by themselves, and the one line that another machine gets."""

import dataclasses
import platform
import re
import sys
from collections.abc import Mapping

import pytest

from workshop import environment, platforms
from workshop.processes import ROOT

LINUX: Mapping[str, object] = {
    "system": "Linux",
    "machine": "x86_64",
    "libc_ver": ("glibc", "2.36"),
    "mac_ver": ("", ("", "", ""), ""),
}
MAC: Mapping[str, object] = {
    "system": "Darwin",
    "machine": "arm64",
    "libc_ver": ("", ""),
    "mac_ver": ("15.1", ("", "", ""), "arm64"),
}


def pretend(monkeypatch: pytest.MonkeyPatch, machine: Mapping[str, object], python: tuple[int, int]) -> None:
    for name, value in machine.items():
        monkeypatch.setattr(platform, name, lambda value=value: value)
    monkeypatch.setattr(sys, "version_info", (*python, 0, "final", 0))


@pytest.mark.parametrize("python", [(3, 11), (3, 12), (3, 13), (3, 14)])
@pytest.mark.parametrize("machine", [LINUX, {**LINUX, "machine": "aarch64"}, MAC])
def test_demos_1_to_5_run_on_each_supported_machine(
    machine: Mapping[str, object], python: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, machine, python)
    assert platforms.why_not() == ""
    linux_on_3_11 = machine["system"] == "Linux" and python == (3, 11)
    assert (platforms.why_no_serving("cpu") == "") == linux_on_3_11
    assert (platforms.why_no_serving("gpu") == "") == (linux_on_3_11 and machine["machine"] == "x86_64")


@pytest.mark.parametrize(
    ("machine", "python", "said"),
    [
        (LINUX, (3, 10), "Python 3.11 to 3.14 is needed, and this is 3.10: make PYTHON=python3.14"),
        (LINUX, (3, 15), "Python 3.11 to 3.14 is needed, and this is 3.15: make PYTHON=python3.14"),
        ({**MAC, "machine": "x86_64"}, (3, 12), "there are no packages for Darwin on x86_64: open the dev container"),
        ({**LINUX, "system": "Windows", "machine": "AMD64"}, (3, 12), "or on Windows use WSL"),
        ({**LINUX, "machine": "armv7l"}, (3, 12), "there are no packages for Linux on armv7l: open the dev container"),
        ({**MAC, "mac_ver": ("13.6", ("", "", ""), "arm64")}, (3, 12), "macOS 14 or newer is needed, and this is 13.6"),
        ({**LINUX, "libc_ver": ("", "")}, (3, 12), "glibc 2.28 or newer is needed, and this is another C library: "),
        ({**LINUX, "libc_ver": ("glibc", "2.17")}, (3, 12), "glibc 2.28 or newer is needed, and this is glibc 2.17"),
    ],
)
def test_any_other_machine_is_told_the_way(
    machine: Mapping[str, object], python: tuple[int, int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, machine, python)
    assert said in platforms.why_not()
    assert said in platforms.why_no_serving("cpu")


def test_demo_6_needs_a_newer_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {**LINUX, "libc_ver": ("glibc", "2.28")}, (3, 11))
    assert platforms.why_not() == ""
    assert "glibc 2.31 or newer is needed, and this is glibc 2.28" in platforms.why_no_serving("cpu")


def test_nothing_is_installed_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {**LINUX, "machine": "armv7l"}, (3, 12))
    for name in ("runtime", "serving-cpu"):
        packages = dataclasses.replace(environment.PACKAGES[name], folder=".never-installed")
        with pytest.raises(environment.Failed, match="Linux on armv7l: open the dev container"):
            environment.build(packages)


def test_the_readme_says_the_same() -> None:
    readme = (ROOT / "README.md").read_text().replace("\n", " ")
    oldest, newest = (".".join(map(str, version)) for version in platforms.PYTHONS)
    serving = ".".join(map(str, platforms.SERVING_PYTHON))
    assert (
        f"Python {oldest} to {newest}, on Linux (x86-64 or arm64) or on a Mac with Apple silicon and macOS 14" in readme
    )
    assert re.search(rf"demo 6 needs Python {re.escape(serving)} on Linux\.", readme)
