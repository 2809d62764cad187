"""The rules as Prometheus's own promtool sees them, test cases for each alert, and the runbook."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.prometheus import CONFIGURATION, RULES, configure, wrong_with

README = CONFIGURATION.parent / "README.md"
ALERT = re.compile(r"      - alert: (?P<name>\w+)\n(?P<body>(?:        .*\n|\n(?=        ))+)")
EXPRESSION = re.compile(r"        expr:(?: >-\n(?:          .*\n)+| .*\n)")


def alerts() -> Iterator[tuple[Path, str, str]]:
    """Each alert's file, name and text."""
    for file in RULES:
        for found in ALERT.finditer(file.read_text()):
            yield file, found["name"], found["body"]


ALERTS = list(alerts())


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["promtool", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=CONFIGURATION)


def test_the_configuration_and_all_rules_are_sound() -> None:
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rules found") == len(RULES) == 10
    assert len({name for _, name, _ in ALERTS}) == len(ALERTS) > 25


def test_the_demo_scrapes_as_production_does_only_more_often(tmp_path: Path) -> None:
    targets = {"gateway": "127.0.0.1:1", "model": "127.0.0.1:2"}
    file = configure(tmp_path / "demo", targets, "", "2s", RULES)
    assert promtool("check", "config", file).returncode == 0
    theirs, ours = (CONFIGURATION / "prometheus.yml").read_text(), file.read_text()
    assert ours == theirs.replace("_interval: 15s", "_interval: 2s") != theirs


def test_a_wrong_rule_is_reported_in_one_line(tmp_path: Path) -> None:
    rule = tmp_path / "wrong.yml"
    rule.write_text(RULES[0].read_text().replace("sum(", "sum(("))
    assert "could not parse expression" in wrong_with(rule)
    assert "\n" not in wrong_with(rule)
    assert wrong_with(RULES[0]) == ""


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_each_alert_fires_when_it_should_and_not_when_it_should_not(file: Path) -> None:
    done = promtool("test", "rules", f"tests/{file.name}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prove
@pytest.mark.parametrize("always", [False, True], ids=["never fires", "always fires"])
@pytest.mark.parametrize(("file", "name", "body"), ALERTS, ids=[name for _, name, _ in ALERTS])
def test_an_alert_without_a_condition_fails_its_test(
    file: Path, name: str, body: str, always: bool, tmp_path: Path
) -> None:
    blind, changed = EXPRESSION.subn(f"        expr: vector({int(always)}) > 0\n", body)
    assert changed == 1
    for folder in ("rules", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "rules" / file.name).write_text(file.read_text().replace(body, blind))
    shutil.copy(CONFIGURATION / "tests" / file.name, tmp_path / "tests")
    done = promtool("test", "rules", tmp_path / "tests" / file.name)
    assert done.returncode != 0
    assert f'alertname="{name}"' in done.stdout + done.stderr


@pytest.mark.parametrize(("file", "name", "body"), ALERTS, ids=[name for _, name, _ in ALERTS])
def test_each_alert_says_how_bad_it_is_what_it_is_and_what_to_do(file: Path, name: str, body: str) -> None:
    assert re.search(r"severity: (page|ticket)\n", body)
    assert re.search(r'summary: "[^"].{20,}', body)
    assert len(re.findall(r"description: >-\n((?: {12}.+\n)+)", body)[0]) > 100
    page, _, anchor = body.partition("runbook_url: ")[2].strip().partition("#")
    assert CONFIGURATION.parents[2] / page == README
    assert anchor == f"when-{name.lower()}"
    assert f"\n### When {name}\n" in README.read_text()


def test_the_runbook_has_exactly_the_existing_alerts() -> None:
    assert set(re.findall(r"^### When (\w+)$", README.read_text(), re.M)) == {name for _, name, _ in ALERTS}
