"""A service's URL as people write it, and the message if no service answers there."""

import base64
import os
import socket
import subprocess
import sys

import pytest

from workshop.processes import ROOT
from workshop.urls import BadUrl, reached_at, service_url, shown_at


@pytest.mark.parametrize(
    "text",
    [
        "localhost:8000",
        "http://localhost:8000",
        "http://localhost:8000/",
        " HTTP://LOCALHOST:8000/ ",
        "//localhost:8000",
        ":8000",
        "8000",
        "localhost:8000/health",
        "http://localhost:8000/v1/chat/completions",
        "localhost:8000/webhooks/ingest?x=1#y",
    ],
)
def test_all_ways_to_write_a_services_url_mean_the_same(text: str) -> None:
    assert service_url(text) == "http://localhost:8000"


def test_a_service_may_live_under_a_path_on_another_scheme_and_at_an_ipv6_address() -> None:
    assert service_url("https://models.example/llm/") == "https://models.example/llm"
    assert service_url("https://models.example/llm/v1") == "https://models.example/llm"
    assert service_url("[::1]:8000/") == "http://[::1]:8000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "ftp://localhost",
        "localhost:99999",
        "localhost:0",
        "localhost:x",
        "a b:1",
        "http://[::1",
        "u:p@h:1",
    ],
)
def test_a_malformed_url_is_one_line_with_an_example(text: str) -> None:
    with pytest.raises(BadUrl, match=r"^URL=.*(localhost:8000|\[::1\]:8000)$"):
        service_url(text)


def test_a_service_on_every_interface_is_reached_at_this_machine() -> None:
    assert reached_at("0.0.0.0", 8000) == "http://127.0.0.1:8000"
    assert reached_at("::", 8000) == "http://[::1]:8000"
    assert reached_at("10.0.0.5", 8000) == "http://10.0.0.5:8000"
    assert shown_at("127.0.0.1", 8000) == shown_at("0.0.0.0", 8000) == "http://localhost:8000"


SECRET = f"whsec_{base64.b64encode(bytes(24)).decode()}"


@pytest.mark.parametrize("command", [["loadtests", "1", "--url"], ["workshop.webhook", "--secret", SECRET, "--url"]])
def test_a_service_that_accepts_connections_but_never_answers_is_reported(command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = _run([*command, f"127.0.0.1:{silent.getsockname()[1]}/"])
    assert done.returncode != 0
    said = (done.stdout if command[0] == "workshop.webhook" else done.stderr).splitlines()
    assert len(said) == 1
    assert said[0].endswith("it took the connection and did not answer within 5 s")


@pytest.mark.parametrize("command", [["loadtests", "1", "--url"], ["workshop.webhook", "--secret", SECRET, "--url"]])
def test_a_malformed_url_is_one_line_in_each_command(command: list[str]) -> None:
    done = _run([*command, "localhost:eight"])
    assert done.returncode != 0
    assert done.stderr == "URL=localhost:eight: the port must be a number from 1 to 65535, as in localhost:8000\n"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
