"""A private, real Prometheus: our scrape jobs and rules, with other targets, a short interval and its own folder.

In: a port, the targets, and the rule files. Out: a Process that listens on 127.0.0.1 only. The configuration is the one
in serving/monitoring/prometheus, unchanged: what is tested and shown here is what is deployed.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from workshop.processes import ROOT, CannotStart, Process
from workshop.programs import PROGRAMS

CONFIGURATION = ROOT / "serving" / "monitoring" / "prometheus"
RULES = tuple(sorted((CONFIGURATION / "rules").glob("*.yml")))
TOKEN = CONFIGURATION / "secrets" / "metrics_token"
INTERVAL = re.compile(r"(?<=_interval: )\S+")
RETENTION = "6h"


def prometheus(
    *,
    port: int,
    folder: Path,
    targets: Mapping[str, str],
    token: str = "",
    interval: str = "2s",
    rules: Sequence[Path] = RULES,
    output: Path | None = None,
) -> Process:
    """`targets`: host and port to scrape, by job name in prometheus.yml. `token`: the gateway's METRICS_TOKEN.

    Earlier data in `folder` is deleted. `interval` is how often it scrapes and evaluates `rules`. Raises CannotStart
    without the program.
    """
    program = PROGRAMS["prometheus"].path()
    if program is None:
        raise CannotStart("prometheus is missing; on Debian: apt-get install prometheus")
    return Process(
        name="Prometheus",
        command=[
            program,
            f"--config.file={configure(folder, targets, token, interval, rules)}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            "--log.level=warn",
        ],
        ready_url=f"http://127.0.0.1:{port}/-/ready",
        output=output,
    )


def configure(folder: Path, targets: Mapping[str, str], token: str, interval: str, rules: Sequence[Path]) -> Path:
    """The configuration file, written together with the files that it refers to."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("targets", "rules", TOKEN.parent.name):
        (folder / name).mkdir(parents=True)
    for file in (CONFIGURATION / "targets").glob("*.yml"):
        target = targets.get(file.stem)
        (folder / "targets" / file.name).write_text(json.dumps([{"targets": [target]}] if target else []))
    for number, rule in enumerate(rules):
        # Linked, so that an edited rule is what Prometheus reads at the next start, or the next SIGHUP.
        (folder / "rules" / f"{number:02}-{rule.name}").symlink_to(rule.absolute())
    (folder / TOKEN.relative_to(CONFIGURATION)).write_text(token or TOKEN.read_text())
    file = folder / "prometheus.yml"
    file.write_text(INTERVAL.sub(interval, (CONFIGURATION / "prometheus.yml").read_text()))
    return file


def wrong_with(rule: Path) -> str:
    """Why Prometheus does not accept this rule file, in one line; empty if it does, or if promtool is missing."""
    promtool = PROGRAMS["promtool"].path()
    if promtool is None:
        return ""
    done = subprocess.run([promtool, "check", "rules", str(rule)], capture_output=True, text=True, check=False)
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and "FAILED" not in line]
    return (lines or ["promtool check rules rejects it"])[0] if done.returncode else ""
