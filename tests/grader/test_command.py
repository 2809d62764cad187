"""`python -m tests.grader`, as a person or a machine runs it."""

import json
import os
import subprocess
import sys

import pytest

from tests.grader.conftest import Stranger
from tests.grader.stand import embedded_server
from tests.grader.subject import Configured
from workshop.processes import ROOT, free_port


def grader(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.grader", "1", *arguments]
    environment = {**os.environ, "LOG_FILE": "/nonexistent/logs.json"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_url_where_nothing_answers_is_one_line_and_status_2() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = grader("--url", url)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"nothing answers at {url}")


@pytest.mark.parametrize("url", ["localhost:8000", "8000", "ftp://localhost"])
def test_what_is_not_a_url_is_named_with_what_would_be_right(url: str) -> None:
    done = grader("--url", url)
    assert done.returncode == 2
    assert "is not a URL; write http://" in done.stderr.splitlines()[-1]


def test_a_service_that_answers_anything_with_200_earns_nothing_but_the_load_check(stranger: Stranger) -> None:
    done = grader("--url", stranger.url, "--upstream", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "Score: 1/7 (13 points not graded)"
    assert f"curl -i {stranger.url}/health" in done.stdout


def test_json_is_one_object_and_nothing_else(stranger: Stranger) -> None:
    done = grader("--url", stranger.url, "--upstream", f"http://127.0.0.1:{free_port()}", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["url"] == stranger.url
    assert (document["score"], document["graded"], document["total"]) == (1, 7, 20)


def test_an_upstream_that_the_service_does_not_call_is_not_used(stranger: Stranger) -> None:
    with embedded_server(key="") as server:
        done = grader("--url", stranger.url, "--upstream", server.url)
    assert f"the server at {server.url} is not what this service calls" in done.stdout


def test_the_service_is_expected_to_have_the_settings_of_this_environment() -> None:
    configured = Configured.from_environment({"TIMEOUT": "5", "RETRY_DELAY": "0.5", "MAX_CHARS": ""})
    assert configured == Configured(timeout=5.0, retry_delay=0.5)
