"""The system programs that labs, tests and benchmarks call: which are here, and how the others get here.

`python -m workshop.programs hey jq`: installs what is missing where we may (root on a Debian-like system), else names
it in one line. Never fails for a missing program: what needs it says so itself.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Program:
    """A program by any of its names, the Debian package that has it, and what it is for here."""

    names: tuple[str, ...]
    package: str
    purpose: str

    def path(self) -> str | None:
        """Where it is on this machine, or None."""
        return next((path for name in self.names if (path := shutil.which(name))), None)


PROGRAMS = {
    "curl": Program(("curl",), "curl", "the labs' requests"),
    "jq": Program(("jq",), "jq", "the labs' questions to logs.json"),
    "hey": Program(("hey",), "hey", "the labs' load"),
    "chromium": Program(
        ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
        "chromium",
        "the tests of the playground; slides as PDF, and the check that none overflows",
    ),
    "prometheus": Program(("prometheus",), "prometheus", "demo 5's metrics over time, and the tests of its rules"),
    "promtool": Program(("promtool",), "prometheus", "the check of Prometheus' rules, in demo 5's lab"),
    "wrk": Program(("wrk",), "wrk", "the load of make bench"),
    "nginx": Program(("nginx", "/usr/sbin/nginx"), "nginx-light", "the static upstream of make bench"),
}
FOR_TESTS = ("curl", "jq", "hey", "chromium", "prometheus", "promtool")


def main(names: list[str]) -> int:
    missing = [PROGRAMS[name] for name in names or FOR_TESTS if PROGRAMS[name].path() is None]
    if missing and _may_install():
        _install(sorted({program.package for program in missing}))
        missing = [program for program in missing if program.path() is None]
    for program in missing:
        print(f"{program.names[0]} is missing ({program.purpose}); on Debian: apt-get install {program.package}")
    return 0


def _may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install(packages: list[str]) -> None:
    print(f"installing {', '.join(packages)}…", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]):
        arguments = command if command[1] == "update" else [*command, *packages]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print((done.stderr.strip().splitlines() or ["apt-get failed"])[-1], file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
