"""`make doctor`: look the machine over and say, a line each, what is here, what is missing and what to do about it."""

import importlib.metadata
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from shared.settings import BadSetting, Settings, load_settings
from workshop.processes import ROOT, answers
from workshop.programs import PROGRAMS
from workshop.serving_cluster import PYTHON

ENOUGH_DISK = 6 << 30  # bytes; demo 6 takes half of it
WEIGHTS = ROOT / "serving" / "tiny_model" / "weights" / "onnx"


@dataclass(slots=True, frozen=True)
class Finding:
    """`needed`: a demo cannot start without it."""

    good: bool
    text: str
    needed: bool = True


def main() -> int:
    findings = list(examine())
    for finding in findings:
        mark = "ok  " if finding.good else ("BAD " if finding.needed else "note")
        print(f"{mark} {finding.text}")
    return int(any(finding.needed and not finding.good for finding in findings))


def examine() -> Iterator[Finding]:
    version = sys.version_info
    yield Finding(version >= (3, 11), f"Python {version.major}.{version.minor}.{version.micro} (3.11 or newer)")
    yield _packages()
    yield Finding(any(WEIGHTS.glob("*.onnx")), "the embedded model's weights are in serving/tiny_model/weights")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding(True, f"{cores} CPU cores")
    free = shutil.disk_usage(ROOT).free
    yield Finding(free > ENOUGH_DISK, f"{free >> 30} GiB of disk free (6 or more)", needed=False)
    yield from _settings()
    yield Finding(
        PYTHON.exists(),
        f"Ray Serve and vLLM, for demo 6{'' if PYTHON.exists() else ': make install-serving'}",
        needed=False,
    )
    for name, program in PROGRAMS.items():
        path = program.path()
        missing = f"{name} is missing: {program.purpose}; on Debian apt-get install {program.package}"
        yield Finding(path is not None, f"{name} at {path}" if path else missing, needed=False)


def _packages() -> Finding:
    pinned = dict(
        line.split(" ;")[0].strip().split("==")
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#")) and ";" not in line
    )
    wrong = [name for name, version in pinned.items() if _installed(name) != version]
    text = f"{len(pinned)} pinned packages are installed"
    return Finding(not wrong, text if not wrong else f"not as pinned: {', '.join(wrong)}; run make clean install")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _settings() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except BadSetting as bad:
        for line in str(bad).splitlines():
            yield Finding(False, f"a setting is wrong: {line}")
        return
    yield Finding(True, "the settings make sense")
    yield Finding(_port_is_free(settings), f"port {settings.port} is free (or say PORT=…)", needed=False)
    if settings.openai_base_url:
        key = "with a key" if settings.openai_api_key.get_secret_value() else "without a key (OPENAI_API_KEY)"
        url = f"{settings.openai_base_url}/models"
        yield Finding(True, f"upstream {settings.openai_base_url}, {key}")
        if not settings.openai_api_key.get_secret_value():
            yield Finding(answers(url), f"{url} answers", needed=False)


def _port_is_free(settings: Settings) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", settings.port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
