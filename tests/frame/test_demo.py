"""`make demo-1` as users see it: a real answer, clear errors, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.frame.conftest import demo_port, make, wait_until_gone
from tests.waiting import wait_for
from workshop.demo import MODEL_PORT_OFFSET
from workshop.processes import answers, free_port, gateway, model_server

PROMPT = {"prompt": "Explica qué es FastAPI en 2 líneas", "temperature": 0, "max_tokens": 100}


def generate(port: int, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/generate", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def test_demo_1_gives_a_sensible_answer_of_the_real_model_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port, log = demo_port(), tmp_path / "logs.json"
    with make("demo-1", f"PORT={port}", f"LOG_FILE={log}", folder=tmp_path) as terminal:
        terminal.wait_for("Ctrl-C stops everything")
        assert f"curl -X POST http://localhost:{port}/generate" in terminal.printed
        answer = generate(port, PROMPT)
        assert "FastAPI" in answer["output"]
        metadata = answer["metadata"]
        assert metadata["model"] == "workshop-tiny"
        assert metadata["tokens"]["total"] == metadata["tokens"]["input"] + metadata["tokens"]["output"] > 20
        assert metadata["cost_usd"] > 0
        terminal.wait_for(answer["request_id"])
        terminal.press_ctrl_c()
        assert "Traceback" not in terminal.printed
    (line,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert line["request_id"] == answer["request_id"]
    assert line["cost_usd"] == metadata["cost_usd"]
    wait_until_gone(port)


def test_a_supervisor_that_is_killed_outright_takes_its_servers_with_it(tmp_path: Path) -> None:
    port = demo_port()
    with make("demo-1", f"PORT={port}", "LOG_FILE=-", folder=tmp_path) as terminal:
        terminal.wait_for("Ctrl-C stops everything")
        supervisors = subprocess.run(
            ["ps", "--ppid", str(terminal.process.pid), "-o", "pid="], capture_output=True, text=True, check=True
        )
        os.kill(int(supervisors.stdout.split()[0]), signal.SIGKILL)
        wait_until_gone(port)


@pytest.mark.parametrize("offset", [0, MODEL_PORT_OFFSET])
def test_a_taken_port_is_one_clear_line(offset: int, tmp_path: Path) -> None:
    port = demo_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        with make("demo-1", f"PORT={port}", folder=tmp_path) as terminal:
            assert terminal.process.wait(60) != 0
    lines = [line for line in terminal.printed.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, terminal.printed
    assert f"cannot listen on 127.0.0.1:{port + offset}: Address already in use; choose another PORT" in lines[0]


def test_a_bad_setting_is_one_clear_line(tmp_path: Path) -> None:
    with make("demo-1", folder=tmp_path, MAX_CHARS="lots") as terminal:
        assert terminal.process.wait(60) != 0
    lines = [line for line in terminal.printed.splitlines() if not line.startswith("make")]
    assert lines == ["MAX_CHARS=lots: should be a valid integer, unable to parse string as an integer"]


def test_settings_that_do_not_go_together_are_one_clear_line(tmp_path: Path) -> None:
    with make("demo-3", f"PORT={demo_port()}", folder=tmp_path, CACHE_BACKEND="redis") as terminal:
        assert terminal.process.wait(60) != 0
    lines = [line for line in terminal.printed.splitlines() if not line.startswith("make")]
    assert lines == ["CACHE_BACKEND=redis: needs REDIS_URL, which is empty"]


def test_another_upstream_needs_nothing_but_settings(tmp_path: Path) -> None:
    """The embedded server, with another model name, port and key, stands in for any OpenAI-compatible API."""
    upstream_port, port, key = free_port(), demo_port(), "sk-somebody-elses"
    names = {"LOCAL_SERVED_MODEL_NAME": "gpt-4o-mini=workshop-tiny", "LOCAL_API_KEY": key}
    with model_server(port=upstream_port, environment=names, output=tmp_path / "model.txt"):
        settings = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1/",
            "OPENAI_API_KEY": key,
            "MODEL": "gpt-4o-mini",
            "LOG_FILE": "-",
        }
        with make("demo-1", f"PORT={port}", folder=tmp_path, **settings) as terminal:
            terminal.wait_for("Ctrl-C stops everything")
            assert not answers(f"http://127.0.0.1:{port + MODEL_PORT_OFFSET}/health"), "an embedded model was started"
            answer = generate(port, PROMPT)
            assert "FastAPI" in answer["output"]
            assert answer["metadata"]["price_source"] == "model"
            assert key not in terminal.printed


def test_several_upstreams_need_nothing_but_settings(tmp_path: Path) -> None:
    ports, port = (free_port(), free_port()), demo_port()
    models = {"LOCAL_MODELS": "workshop-tiny"}
    with ExitStack() as running:
        for upstream in ports:
            output = tmp_path / f"{upstream}.txt"
            running.enter_context(model_server(port=upstream, environment=models, output=output))
        upstreams = f"http://127.0.0.1:{ports[0]}/v1,http://127.0.0.1:{ports[1]}/v1 weight=2"
        with make("demo-4", f"PORT={port}", folder=tmp_path, UPSTREAMS=upstreams, LOG_FILE="-") as terminal:
            terminal.wait_for("Ctrl-C stops everything")
            assert f"upstream: {upstreams}" in terminal.printed
            assert not answers(f"http://127.0.0.1:{port + MODEL_PORT_OFFSET}/health"), "an embedded model was started"
            assert "FastAPI" in generate(port, PROMPT)["output"]


def test_ready_says_503_until_the_upstream_answers(tmp_path: Path) -> None:
    port, upstream_port = free_port(), free_port()
    environment = {"OPENAI_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1", "LOG_FILE": "-"}
    with gateway("demos.demo_1_guarded.app:build", port=port, environment=environment, output=tmp_path / "gateway.txt"):
        assert answers(f"http://127.0.0.1:{port}/health")
        assert not answers(f"http://127.0.0.1:{port}/ready")
        models = {"LOCAL_MODELS": "workshop-sim"}
        with model_server(port=upstream_port, environment=models, output=tmp_path / "model.txt"):
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/ready"), "it is ready")
