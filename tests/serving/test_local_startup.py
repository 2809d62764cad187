"""Start and stop: one clear line if it cannot start, and no waiting when it must stop."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.waiting import ended_in

if TYPE_CHECKING:
    from tests.serving.conftest import Launch

ROOT = Path(__file__).resolve().parents[2]
SIM = ("--models", "workshop-sim")


def failed_start(*flags: str, **environment: str) -> str:
    """The only line on stderr of a start that must fail."""
    run = subprocess.run(
        [sys.executable, "-m", "serving.local", *flags],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1, run.stderr
    assert run.stdout == ""
    lines = run.stderr.strip().splitlines()
    assert len(lines) == 1, run.stderr
    return lines[0]


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = failed_start(*SIM, "--port", str(port))
    assert f"127.0.0.1:{port}" in line


def test_missing_weights_are_one_clear_line(tmp_path: Path) -> None:
    assert str(tmp_path) in failed_start("--port", "0", "--weights", str(tmp_path))


def test_weights_that_cannot_be_run_are_one_clear_line(tmp_path: Path) -> None:
    for name in ("genai_config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    assert "cannot load" in failed_start("--port", "0", "--weights", str(tmp_path))


@pytest.mark.parametrize(
    ("flags", "environment", "culprit"),
    [
        (("--port", "abc"), {}, "--port"),
        (("--port", "70000"), {}, "--port"),
        ((), {"SIM_SLOTS": "0"}, "SIM_SLOTS"),
        ((), {"SIM_TTFT_MS": "soon"}, "SIM_TTFT_MS"),
        ((), {"BATCH_MAX_SIZE": "-1"}, "BATCH_MAX_SIZE"),
        ((), {"LOCAL_FAULTS": "{"}, "LOCAL_FAULTS"),
        ((), {"LOCAL_FAULTS": '{"status": 1}'}, "LOCAL_FAULTS"),
        (("--models", "gpt-9"), {}, "--models"),
        (("--served-model-name", "x"), {}, "--served-model-name"),
        (("--served-model-name", "x=workshop-tiny"), {}, "workshop-tiny"),
        (("--nonsense", "1"), {}, "--nonsense"),
        (("--host", "no.such.host.invalid"), {}, "no.such.host.invalid"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    flags: tuple[str, ...], environment: dict[str, str], culprit: str
) -> None:
    assert culprit in failed_start(*SIM, *flags, **environment)


def test_flags_win_over_the_environment(launch: Launch) -> None:
    server = launch(*SIM, "--sim-output-tokens", "3", SIM_OUTPUT_TOKENS="9", SIM_TTFT_MS="0")
    assert b'"completion_tokens":3' in server.chat("workshop-sim")[2]


def test_the_listening_line_names_a_port_that_answers_at_once(launch: Launch) -> None:
    server = launch()
    assert server.announced == {"event": "listening", "host": "127.0.0.1", "port": server.port}
    status, _, body = server.request("GET", "/health")
    assert status == 200
    assert b'"healthy"' in body


@pytest.mark.parametrize("fault", ["hang", "hold"])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_three_seconds_even_while_calls_hang(launch: Launch, stop: signal.Signals, fault: str) -> None:
    server = launch(*SIM)
    server.break_with(**{fault: True})
    body = b'{"model":"workshop-sim","messages":[{"role":"user","content":"x"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + body)
        server.wait_for_calls(in_flight=1)
        server.process.send_signal(stop)
        assert ended_in(server.process) < 3
        assert server.process.returncode == 0
    assert "Traceback" not in server.errors()


def test_it_stops_while_the_real_model_is_in_the_middle_of_answers(launch: Launch) -> None:
    server = launch("--models", "workshop-tiny")
    body = b'{"model":"workshop-tiny","stream":true,"temperature":2,"messages":[{"role":"user","content":"x"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    for connection in connections:
        connection.sendall(head + body)
    server.process.send_signal(signal.SIGTERM)
    assert ended_in(server.process) < 3
    assert server.process.returncode == 0
    assert "Traceback" not in server.errors()
    for connection in connections:
        connection.close()


def test_the_readme_has_the_same_settings_as_help() -> None:
    run = subprocess.run([sys.executable, "-m", "serving.local", "--help"], cwd=ROOT, capture_output=True, text=True)
    helped = re.findall(
        r"(--[a-z-]+) [^\[]*\[([A-Z_]+), default ([^]]*)\]", " ".join(run.stdout.split("message and exit")[1].split())
    )
    readme = (ROOT / "serving" / "local" / "README.md").read_text()
    told = re.findall(r"^\| `([A-Z_]+)` \| `(--[a-z-]+)` \| `(.*?)` \|", readme, re.MULTILINE)
    assert len(helped) > 15
    assert {(variable, flag, default) for flag, variable, default in helped} == set(told)


def test_the_readme_names_every_fault(launch: Launch) -> None:
    server = launch(*SIM)
    message = server.json("PUT", "/admin/faults", {"unheard_of": 1})["error"]["message"]
    names = message.split("There are ")[1].rstrip(".").split(", ")
    readme = (ROOT / "serving" / "local" / "README.md").read_text()
    assert len(names) > 10
    assert [name for name in names if f"| `{name}` |" not in readme] == []
