"""Prices, settings and log lines: the small facts that everything else relies on."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shared.accounts.prices import Price, PriceList
from shared.logs.json_lines import LineLog
from shared.pipeline.outcome import Usage
from shared.settings import BadSetting, load_settings
from tests.waiting import wait_on_loop
from workshop.processes import ROOT

PRICES = PriceList(Price(input=1.0, output=2.0))


@pytest.mark.parametrize(
    ("model", "usage", "cost", "source"),
    [
        ("gpt-4o-mini", Usage(1_000_000, 1_000_000), 0.75, "model"),
        ("gpt-4o-mini-2024-07-18", Usage(1000, 500), 0.00045, "model"),
        ("workshop-tiny", Usage(20, 40), 0.000027, "model"),
        ("my-own-finetune", Usage(1000, 500), 0.002, "default"),
        ("gpt-4o-mini", Usage(), 0.0, "model"),
        ("", Usage(3, 3), 0.000009, "default"),
    ],
)
def test_cost_is_tokens_over_a_million_times_price(model: str, usage: Usage, cost: float, source: str) -> None:
    assert PRICES.cost(model, usage) == (cost, source)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("MAX_CHARS", "many", "MAX_CHARS=many: should be a valid integer"),
        ("MAX_CHARS", "0", "MAX_CHARS=0: should be greater than or equal to 1"),
        ("TIMEOUT", "-1", "TIMEOUT=-1: should be greater than 0"),
        ("PORT", "70000", "PORT=70000: should be less than or equal to 65535"),
        ("OPENAI_BASE_URL", "localhost:8000", "OPENAI_BASE_URL=localhost:8000: must start with http:// or https://"),
        ("ENV", "staging", "ENV=staging: should be 'development' or 'production'"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting) as bad:
        load_settings(_env_file=None)
    assert str(bad.value).startswith(complaint)
    assert "\n" not in str(bad.value)


def test_settings_come_from_dotenv_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MAX_CHARS=7\nMODEL=ñandú\n")
    monkeypatch.setenv("MAX_CHARS", "9")
    settings = load_settings(_env_file=dotenv)
    assert (settings.max_chars, settings.model) == (9, "ñandú")


def test_a_server_with_a_bad_setting_or_a_taken_port_says_so_in_one_line_and_exits_1(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shared.server", "demos.demo_1_guarded.app:build"]
    for environment, complaint in (
        ({"MAX_RETRIES": "-1"}, "MAX_RETRIES=-1: should be greater than or equal to 0"),
        ({"LOG_FILE": str(tmp_path / "no" / "such")}, "cannot be written: No such file or directory"),
        ({"HOST": "203.0.113.7"}, "HOST=203.0.113.7: is not an address of this machine"),
    ):
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert complaint in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_lines_arrive_in_order_and_whole_and_a_rotated_file_is_reopened(tmp_path: Path) -> None:
    path = tmp_path / "logs.json"

    async def write() -> None:
        log = LineLog(str(path), stdout=False)
        for number in range(1000):
            log.write({"number": number})
        await wait_on_loop(path.exists)
        path.rename(tmp_path / "logs.json.1")
        log.write({"number": 1000})
        log.close()

    asyncio.run(write())
    numbers = [json.loads(line)["number"] for line in (tmp_path / "logs.json.1").read_text().splitlines()]
    assert numbers == list(range(1000))
    assert json.loads(path.read_text()) == {"number": 1000}


def test_a_log_that_cannot_be_written_costs_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def write() -> None:
        log = LineLog(str(tmp_path), stdout=False)  # a folder
        log.write({"number": 1})
        log.close()

    asyncio.run(write())
    assert "cannot write the request log" in caplog.text


def test_lines_that_a_slow_disk_cost_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes nothing until it is told to."""
    told: list[str] = []
    monkeypatch.setattr("shared.logs.json_lines.MOST_WAITING", 10)
    monkeypatch.setattr("shared.logs.json_lines.log.error", lambda text, *parts: told.append(text % parts))
    freed = threading.Event()

    class SlowDisk(LineLog):
        def _append(self, path: Path, lines: bytes) -> None:
            freed.wait()
            super()._append(path, lines)

    async def write() -> None:
        log = SlowDisk(str(tmp_path / "logs.json"), stdout=False)
        for number in range(25):
            log.write({"number": number})
        freed.set()
        log.close()
        log = SlowDisk(str(tmp_path / "logs.json"), stdout=False)  # nothing is reported twice, or without a loss
        log.write({"number": 25})
        log.close()

    asyncio.run(write())
    assert told == ["15 lines of the request log are lost: the disk takes them too slowly"]
    assert len((tmp_path / "logs.json").read_text().splitlines()) == 11


@pytest.mark.parametrize(
    ("given", "emergency"),
    [
        ({}, 1536),
        ({"MEMORY_THRESHOLD_MB": "2048"}, 3072),
        ({"MEMORY_EMERGENCY_MB": "1100"}, 1100),
        ({"MEMORY_THRESHOLD_MB": "200", "MEMORY_EMERGENCY_MB": "900"}, 900),
    ],
)
def test_work_is_refused_at_half_as_much_again_unless_it_is_said(
    given: dict[str, str], emergency: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ENV", "MEMORY_THRESHOLD_MB", "MEMORY_EMERGENCY_MB"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert load_settings(_env_file=None).memory_emergency_mb == emergency
