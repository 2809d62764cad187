"""Our own senders: one webhook by hand, and a forwarder that reports when a real Prometheus's alerts begin and end."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.closed_port import dead_server
from tests.waiting import wait_for
from tests.webhooks.sender import SECRET, new_id, notification
from tests.webhooks.sender import alert as an_alert
from workshop.alert_forwarder import REMIND, Forwarder, firing
from workshop.grader.callers import Caller
from workshop.grader.service import Answer
from workshop.grader.subject import Subject
from workshop.processes import ROOT, Process, free_port
from workshop.programs import PROGRAMS
from workshop.webhook import main

RULES = """
groups:
  - name: tests
    rules:
      - alert: AlwaysTrue
        expr: vector(1)
        labels: {severity: page}
        annotations: {summary: it is one}
"""
NO_RULES = "groups: []\n"


@dataclass(slots=True, frozen=True)
class Done:
    status: int
    said: str
    noted: str


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in this process, which saves the half second that a new process takes."""

    def running(*arguments: str, secret: str = "") -> Done:
        monkeypatch.setenv("WEBHOOK_HMAC_SECRET", secret)
        status = main(list(arguments))
        printed = capsys.readouterr()
        return Done(status, printed.out, printed.err)

    return running


@pytest.fixture(scope="module")
def ana(subject: Subject) -> Caller:
    return subject.desk.create("ana")


def on_the_board(subject: Subject, ana: Caller, name: str) -> dict[str, Any]:
    def asked() -> Answer | None:
        answer = subject.service.get("/webhooks/alerts", headers=ana.headers)
        return answer if answer.status == 200 else None  # a worker may still take the database for down

    answer = wait_for(asked)
    assert answer is not None
    found: dict[str, Any] = next((alert for alert in answer.json["alerts"] if alert["name"] == name), {"status": None})
    return found


def test_an_alert_is_sent_by_one_command_and_ended_by_another(run: Run, subject: Subject, ana: Caller) -> None:
    sent = run("--url", subject.service.url, "--secret", SECRET, "--alert", "ByHand")
    assert (sent.status, sent.said[:4]) == (0, "200 "), sent
    assert re.search(r"^webhook-signature: v1,", sent.noted, re.MULTILINE)
    assert on_the_board(subject, ana, "ByHand")["status"] == "firing"
    run("--url", subject.service.url, "--alert", "ByHand", "--resolved", secret=SECRET)
    assert on_the_board(subject, ana, "ByHand")["status"] == "resolved"


def test_a_file_is_sent_unchanged(run: Run, subject: Subject, ana: Caller, tmp_path: Path) -> None:
    (tmp_path / "alert.json").write_text(json.dumps(notification(an_alert("OfAFile")), indent=2))
    sent = run("--url", f"{subject.service.url}/webhooks/ingest", "--secret", SECRET, str(tmp_path / "alert.json"))
    assert sent.status == 0, sent
    assert on_the_board(subject, ana, "OfAFile")["status"] == "firing"


def test_piped_input_is_sent_too(subject: Subject) -> None:
    piped = subprocess.run(
        [sys.executable, "-m", "workshop.webhook", "--url", subject.service.url, "-"],
        cwd=ROOT,
        env={**os.environ, "WEBHOOK_HMAC_SECRET": SECRET},
        input='{"type": "piped.in"}',
        capture_output=True,
        text=True,
        check=False,
    )
    assert (piped.returncode, piped.stdout[:4]) == (0, "200 "), piped


def test_it_can_send_a_replay_and_an_outdated_webhook(run: Run, subject: Subject) -> None:
    id = new_id()
    to = ("--url", subject.service.url, "--secret", SECRET)
    assert '"duplicate":false' in run(*to, "--id", id).said
    assert '"duplicate":true' in run(*to, "--id", id).said
    old = run(*to, "--age", "400")
    assert (old.status, old.said[:4]) == (1, "401 ")


def test_a_webhook_that_cannot_be_sent_is_one_line(run: Run, tmp_path: Path) -> None:
    with dead_server() as nobody:
        unheard = run("--url", nobody, "--secret", "s")
    assert unheard.status == 1
    assert unheard.said.startswith("no answer: ")
    for arguments in ((), ("--secret", "whsec_!"), ("--secret", "s", str(tmp_path / "nowhere.json"))):
        stopped = run(*arguments)
        assert stopped.status == 1
        assert len(stopped.noted.splitlines()) == 1, stopped


class Prometheus:
    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self.url = url

    def obeys(self, rules: str) -> None:
        (self._folder / "rules.yml").write_text(rules)
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/reload", method="POST"), timeout=60).close()
        wait_for(lambda: bool(firing(self.url)) == ("alert:" in rules))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program = PROGRAMS["prometheus"].path()
    if program is None:
        pytest.skip("Prometheus is not installed here; on Debian: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "rules.yml").write_text(NO_RULES)
    (folder / "prometheus.yml").write_text("global: {evaluation_interval: 200ms}\nrule_files: [rules.yml]\n")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *(program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle"),
    ]
    with Process("Prometheus", command, f"{url}/-/ready", output=folder / "printed.txt"):
        yield Prometheus(folder, url)


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_alerts_of_prometheus_are_sent_when_they_begin_and_when_they_end(
    subject: Subject, ana: Caller, prometheus: Prometheus
) -> None:
    said: list[str] = []
    forwarder = Forwarder(prometheus.url, subject.service.url, SECRET, say=said.append)
    forwarder.turn()
    assert said == [], "there is nothing to report"
    for _ in range(2):
        prometheus.obeys(RULES)
        forwarder.turn()
        forwarder.turn()
        told = on_the_board(subject, ana, "AlwaysTrue")
        assert (told["status"], told["severity"], told["summary"]) == ("firing", "page", "it is one")
        prometheus.obeys(NO_RULES)
        forwarder.turn()
        forwarder.turn()
        assert on_the_board(subject, ana, "AlwaysTrue")["status"] == "resolved"
    assert said == ["told: AlwaysTrue firing", "told: AlwaysTrue resolved"] * 2


def test_a_continuing_alert_is_sent_again_from_time_to_time(subject: Subject, prometheus: Prometheus) -> None:
    said: list[str] = []
    clock = Clock()
    forwarder = Forwarder(prometheus.url, subject.service.url, SECRET, clock, said.append)
    prometheus.obeys(RULES)
    forwarder.turn()
    forwarder.turn()
    clock.now += REMIND
    forwarder.turn()
    assert said == ["told: AlwaysTrue firing"] * 2
    prometheus.obeys(NO_RULES)


def test_a_webhook_that_was_not_taken_is_sent_again_with_the_same_id(
    subject: Subject, ana: Caller, prometheus: Prometheus
) -> None:
    said: list[str] = []
    forwarder = Forwarder(prometheus.url, subject.service.url, SECRET, say=said.append)
    prometheus.obeys(RULES)
    with subject.desk.away():
        forwarder.turn()
        assert len(said) == 1
        assert said[0].startswith("not taken: 503 ")
        assert forwarder._letter is not None
        id = forwarder._letter.id
    prometheus.obeys(NO_RULES)  # too late for one webhook: the first change is sent first

    def heard(line: str) -> bool:
        forwarder.turn()
        return said[-1] == line

    wait_for(lambda: heard("told: AlwaysTrue firing"))
    assert subject.log.text().count(f'"webhook_id":"{id}"') == 1
    wait_for(lambda: heard("told: AlwaysTrue resolved"))
    assert on_the_board(subject, ana, "AlwaysTrue")["status"] == "resolved"


def test_a_dead_prometheus_or_a_wrong_secret_is_reported_once(subject: Subject, prometheus: Prometheus) -> None:
    said: list[str] = []
    with dead_server() as nobody:
        lost = Forwarder(nobody, subject.service.url, SECRET, say=said.append)
        for _ in range(3):
            lost.turn()
    assert len(said) == 1
    assert said[0].startswith(nobody)
    prometheus.obeys(RULES)
    wrong = Forwarder(prometheus.url, subject.service.url, "guessed", say=said.append)
    for _ in range(3):
        wrong.turn()
    assert len(said) == 2
    assert said[1].startswith("not taken: 401 no signature")
    prometheus.obeys(NO_RULES)
