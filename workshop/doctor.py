"""`make doctor`: check this machine. One line each for what is here, and for what is missing and how to fix it.

`CLASS=1` adds what a teacher needs for a room. Needs nothing installed and installs nothing: the machine's own Python
runs it, with the standard library. Questions that only our packages can answer (are the settings right?) go to the
environment's Python, if there is one.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop import classroom, environment, platforms
from workshop.environment import PACKAGES, Packages
from workshop.processes import ROOT, answers
from workshop.programs import PROGRAMS
from workshop.translation.phrases import say
from workshop.translation.sentences import told

ENOUGH_DISK = 6 << 30  # bytes; demo 6 takes half of it
WEIGHTS = ROOT / "serving" / "tiny_model" / "weights" / "onnx"
# What listens at PORT plus this number, see workshop/demo.py and workshop/sidecars.py.
ABOVE = {0: "the gateway", 100: "the embedded model", 200: "Prometheus", 300: "traces", 400: "Ray Serve"}
LOOPBACK, USUAL_PORT = "127.0.0.1", 8000
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
OURSELVES = (LOOPBACK, "localhost")


@dataclass(slots=True, frozen=True)
class Finding:
    """`needed`: a demo cannot start without it, or a class, if it is for one."""

    good: bool
    text: str
    needed: bool = True


@dataclass(slots=True, frozen=True)
class Told:
    """What the settings are, or why they cannot be used."""

    host: str = LOOPBACK
    port: int = USUAL_PORT
    upstream: str = ""
    has_key: bool = False
    wrong: Sequence[str] = ()
    remarks: Sequence[str] = ()  # what the service says of them at its start


def main() -> int:
    findings = list(examine())
    for finding in findings:
        mark = say("ok") if finding.good else (say("BAD") if finding.needed else say("note"))
        print(f"{mark:<4} {told(finding.text)}")
    return int(any(finding.needed and not finding.good for finding in findings))


def examine() -> Iterator[Finding]:
    why, here = platforms.why_not(), platforms.this_machine()
    yield Finding(not why, why or f"{here}: demos 1 to 5 run here")
    yield state(PACKAGES["runtime"], needed=True, remedy="make install")
    yield state(PACKAGES["dev"], needed=False, remedy="make install")
    hardware = os.environ.get("HARDWARE") or "cpu"
    if why := platforms.why_no_serving(hardware):
        yield Finding(False, f"demo 6 does not run here: {why}", needed=False)
    else:
        yield state(PACKAGES[f"serving-{hardware}"], needed=False, remedy="make install-serving, for demo 6")
    if cleared := os.environ.get("CLEARED"):
        yield Finding(False, f"set in your shell, but ignored by make: {', '.join(cleared.split())}", needed=False)
    yield Finding(any(WEIGHTS.glob("*.onnx")), "the embedded model's weights are in serving/tiny_model/weights")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding(True, f"{cores} CPU cores")
    free = shutil.disk_usage(ROOT).free
    yield Finding(free > ENOUGH_DISK, f"{free >> 30} GiB of disk free (6 or more)", needed=False)
    yield from _network()
    for name, program in PROGRAMS.items():
        path = program.path()
        missing = f"{name} is missing: {program.purpose}; on Debian apt-get install {program.package}"
        yield Finding(path is not None, f"{name} at {path}" if path else missing, needed=False)
    if os.environ.get("CLASS"):
        yield from (Finding(good, text) for good, text in classroom.examine(ROOT))


def state(packages: Packages, *, needed: bool, remedy: str) -> Finding:
    """Is this environment complete, as pinned, and built for this folder by a Python that still exists?"""
    place, what = packages.place, f"{packages.folder} with {packages.purpose}"
    if not os.path.lexists(place):
        return Finding(False, f"{what} is not there: {remedy}", needed)
    if not (place / "bin" / "python").exists():
        return Finding(False, f"the Python of {what} is gone: {remedy} builds it again", needed)
    if not (place / packages.stamp).exists():
        half = "half built" if not environment.usable(place, packages) else "not there yet"
        return Finding(False, f"{what} is {half}: {remedy}", needed)
    if not environment.usable(place, packages):
        return Finding(False, f"{what} was built for another folder or Python: {remedy} builds it again", needed)
    wrong = environment.not_as_pinned(packages, place)
    if wrong:
        names = ", ".join(sorted(wrong)[:8]) + (" …" if len(wrong) > 8 else "")
        return Finding(False, f"{what}: not as pinned: {names}; run make clean install", needed)
    if environment.is_outdated(packages):
        return Finding(False, f"{what} was installed from an older list: {remedy}", needed)
    count = len(environment.pins(ROOT / packages.listing))
    return Finding(True, f"{what}: {count} pinned packages, by Python {_version(place)}", needed)


def _version(place: Path) -> str:
    found = re.search(r"^version\w* *= *(\d+\.\d+\.\d+)", (place / "pyvenv.cfg").read_text(), re.MULTILINE)
    return found[1] if found else "?"


# --- settings, ports, proxies ---------------------------------------------------------------------------------------


def _network() -> Iterator[Finding]:
    told = ask_the_settings()
    if told is None:
        yield Finding(
            False, "settings cannot be checked without .venv; ports are checked with HOST and PORT alone", False
        )
        told = Told(os.environ.get("HOST") or LOOPBACK, _number(os.environ.get("PORT"), USUAL_PORT))
    elif told.wrong:
        yield from (Finding(False, f"a setting is wrong: {line}") for line in told.wrong)
        return
    else:
        yield Finding(True, "the settings make sense")
        yield from (Finding(False, remark, needed=False) for remark in told.remarks)
    yield host_of_this_machine(told.host)
    for above, name in ABOVE.items():
        if not told.upstream or above not in (100, 400):
            host = told.host if above == 0 else LOOPBACK
            text = f"port {told.port + above} is free, for {name}"
            taken = f"port {told.port + above}, for {name}, is taken: choose another PORT"
            free = is_free(host, told.port + above)
            yield Finding(free, text if free else taken, needed=False)
    yield from proxies()
    if told.upstream:
        yield Finding(
            True, f"upstream {told.upstream}, {'with a key' if told.has_key else 'without a key (OPENAI_API_KEY)'}"
        )
        if not told.has_key:
            url = f"{told.upstream}/models"
            there = answers(url)
            yield Finding(there, f"{url} {'answers' if there else 'does not answer'}", needed=False)


def ask_the_settings() -> Told | None:
    """None if there is no environment to ask."""
    runtime = PACKAGES["runtime"]
    if not environment.usable(runtime.place, runtime):
        return None
    python = str(runtime.place / "bin" / "python")
    done = subprocess.run(
        [python, "-m", "workshop.doctor", "--settings"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return Told(wrong=(f"they cannot be read: {last}",))
    said: dict[str, Any] = json.loads(done.stdout)
    return Told(**said)


def tell_the_settings() -> None:
    """The other end of `ask_the_settings`: it runs in the environment, so it may import our packages."""
    from shared.settings import BadSetting, load_settings, remarks

    try:
        settings = load_settings()
    except BadSetting as bad:
        print(json.dumps({"wrong": str(bad).splitlines()}))
        return
    has_key = bool(settings.openai_api_key.get_secret_value())
    told = {"host": settings.host, "port": settings.port, "upstream": settings.openai_base_url, "has_key": has_key}
    print(json.dumps({**told, "remarks": remarks(settings)}))


def host_of_this_machine(host: str) -> Finding:
    """Can a service listen on HOST?"""
    remedy = "unset HOST (conda sets it), or set HOST=127.0.0.1"
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        return Finding(False, f"HOST={host} cannot be resolved ({reason}): {remedy}")
    family, _, _, _, address = found[0]
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except OSError as error:
        return Finding(False, f"HOST={host} is not an address of this machine ({error.strerror}): {remedy}")
    return Finding(True, f"HOST={host} is an address of this machine")


def is_free(host: str, port: int) -> bool:
    """Could a service listen there? True for a host that does not resolve: that is a finding of its own."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError, UnicodeError):
        return True
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OverflowError:
            return False
        except OSError as error:
            return "not available" in str(error) or "assign requested address" in str(error)
    return True


def proxies() -> Iterator[Finding]:
    """A proxy that clients would ask for this machine's own addresses."""
    named = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    if not named:
        return
    spared = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    if spared.strip() == "*":
        return
    hosts = {host.strip() for host in spared.split(",")}
    left_out = [host for host in OURSELVES if host not in hosts]
    if left_out:
        yield Finding(
            False,
            f"{' and '.join(named)} without {' and '.join(left_out)} in NO_PROXY: our own programs go straight to this "
            f"machine, but curl and your clients will not: export NO_PROXY={','.join(OURSELVES)}",
            needed=False,
        )


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() else otherwise


if __name__ == "__main__":
    if sys.argv[1:] == ["--settings"]:
        tell_the_settings()
        sys.exit()
    sys.exit(main())
