"""`python -m workshop.grader`, as people and machines run it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.grader.conftest import Stranger
from workshop.grader.identity import ANSWERS_WITHIN
from workshop.grader.launch import ModelServer, embedded_server, started
from workshop.grader.subject import Configured
from workshop.processes import ROOT, free_port


def grader(
    *arguments: str, demo: int = 1, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workshop.grader", str(demo), *arguments]
    told = {**os.environ, "LOG_FILE": "/nonexistent/logs.json", **(environment or {})}
    return subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=200, check=False)


def line_of(done: subprocess.CompletedProcess[str]) -> str:
    """The only line of a run that ends without a grade."""
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


# --- nothing to grade -----------------------------------------------------------------------------------------------


def test_a_url_where_nobody_listens_is_one_line_at_once() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert line_of(grader("--url", url)) == (
        f"{url}: nobody listens there; start it with make demo-1, or say where it is: URL=…"
    )


@contextmanager
def listening(greeting: bytes) -> Iterator[str]:
    """A server that accepts every connection, sends this greeting and nothing more."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = []

        def take() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.sendall(greeting)
                taken.append(connection)
                if greeting:
                    connection.close()

        Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in taken:
            connection.close()


def test_a_service_that_never_answers_is_reported_soon() -> None:
    with listening(b"") as url:
        begun = time.monotonic()
        line = line_of(grader("--url", url))
        took = time.monotonic() - begun
    assert line == f"{url} took the connection and did not answer within 5 s"
    # Allows a busy machine 30 s to start Python: a client with the service's own patience would wait 37 s more.
    assert ANSWERS_WITHIN <= took < ANSWERS_WITHIN + 30


def test_a_server_that_does_not_speak_http_is_reported() -> None:
    with listening(b"-ERR unknown command\r\n") as url:
        assert line_of(grader("--url", url)).startswith(f"what listens at {url} does not speak HTTP")


def test_an_earlier_demo_is_recognised_before_any_check_runs(server: ModelServer) -> None:
    with started("demos.demo_1_guarded.app:build", server, {}) as subject:
        line = line_of(grader("--url", subject.service.url, demo=2))
        assert line == (
            f"{subject.service.url}: this is demo 1, not demo 2: it has no /usage; start the other with make demo-2"
        )
        assert subject.log.last_line() == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--url", "ftp://localhost"], "URL=ftp://localhost: must start with http:// or https://"),
        (["--url", "http://localhost:99999"], "URL=http://localhost:99999: the port must be a number from 1 to 65535"),
        (["--solution", "mine"], "SOLUTION=mine: write exercise for your version, reference for ours"),
        (["--only", "backof"], "ONLY=backof: there is no check backof; did you mean backoff?"),
    ],
)
def test_a_mistyped_argument_is_one_line_with_the_right_form(arguments: list[str], line: str) -> None:
    assert line_of(grader(*arguments)).startswith(line)


def test_a_demo_that_is_not_there_is_one_line() -> None:
    assert line_of(grader(demo=9)) == "there is no demo 9; there are 1, 2, 3, 4, 5, 6"


# --- a running service ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["{host}:{port}", "http://{host}:{port}/", "{host}:{port}/health"])
def test_a_url_may_be_written_in_several_forms(written: str, stranger: Stranger) -> None:
    host, port = stranger.url.removeprefix("http://").split(":")
    done = grader("--url", written.format(host=host, port=port), "--only", "health", "--upstream", "localhost:9")
    assert done.stdout.splitlines()[0] == f"Grading {stranger.url} (it does not say which demo it is)"
    assert done.returncode == 3


def test_a_service_that_answers_anything_with_200_earns_nothing_but_the_load_check(stranger: Stranger) -> None:
    done = grader("--url", stranger.url, "--upstream", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == f"Score: 1/7 (13 points not graded) · {stranger.url}"
    assert f"curl -i {stranger.url}/health" in done.stdout


def test_json_is_one_object_and_nothing_else(stranger: Stranger) -> None:
    done = grader("--url", stranger.url, "--upstream", f"http://127.0.0.1:{free_port()}", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 3
    assert document["url"] == document["subject"] == stranger.url
    assert (document["score"], document["graded"], document["total"]) == (1, 7, 20)


def test_a_later_demo_is_graded_with_a_note_before_and_after(server: ModelServer) -> None:
    with started("demos.demo_2_who_and_how_often.app:build", server, {}) as subject:
        done = grader("--url", subject.service.url, "--only", "health", "--upstream", server.url)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines[0] == f"Grading {subject.service.url} (it says: Demo 2 · Who may call, and how often)"
    assert [number for number, line in enumerate(lines) if "This is demo 2, not demo 1" in line] == [1, len(lines) - 2]
    assert lines[-1] == f"Score: 1/1 of the 1 check run · {subject.service.url}"


def test_the_report_on_a_500_says_where_the_exception_is() -> None:
    class Fails(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Fails) as running:
        Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        done = grader(
            "--url", f"127.0.0.1:{running.server_address[1]}", "--only", "health", "--upstream", "localhost:9"
        )
        running.shutdown()
    assert "The service answered 500 in health. Its own log has the exception" in done.stdout, done.stdout + done.stderr


def test_the_grader_asks_no_proxy(stranger: Stranger) -> None:
    with listening(b"") as proxy:
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), proxy)
        named = {**proxies, "NO_PROXY": "", "no_proxy": ""}
        done = grader("--url", stranger.url, "--only", "health", "--upstream", "localhost:9", environment=named)
    assert done.stdout.splitlines()[0].startswith(f"Grading {stranger.url}"), done.stderr
    assert {seen.path for seen in stranger.seen} >= {"/", "/health"}


def test_an_upstream_that_the_service_does_not_call_is_noticed(stranger: Stranger) -> None:
    with embedded_server(key="") as server:
        done = grader("--url", stranger.url, "--upstream", server.url)
    assert f"this service does not call the server at {server.url}" in done.stdout


def test_the_service_is_expected_to_have_the_settings_of_this_environment() -> None:
    configured = Configured.from_environment({"TIMEOUT": "5", "RETRY_DELAY": "0.5", "MAX_CHARS": ""})
    assert configured == Configured(timeout=5.0, retry_delay=0.5)


# --- make -----------------------------------------------------------------------------------------------------------


def make(*arguments: str, grader_ends_with: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make grade-1` with a fake grader that prints its arguments and exits with this status."""
    program = f"bash -c 'echo \"$$*\"; exit {grader_ends_with}' --"
    told = {
        name: value for name, value in os.environ.items() if name not in {"CI", "STRICT", "URL", "ONLY", "MAKEFLAGS"}
    }
    return subprocess.run(
        ["make", "grade-1", "-o", ".venv/.dev", f"PY={program}", *arguments],
        cwd=ROOT,
        env={**told, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_score_below_full_marks_is_not_an_error_of_make() -> None:
    done = make(grader_ends_with=3)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "environment"), [(["STRICT=1"], {}), ([], {"CI": "true"}), ([], {"STRICT": "1"})]
)
def test_strict_runs_fail_below_full_marks(arguments: list[str], environment: dict[str, str]) -> None:
    assert make(*arguments, grader_ends_with=3, **environment).returncode == 2
    assert make(*arguments, grader_ends_with=0, **environment).returncode == 0


@pytest.mark.parametrize("status", [1, 2])
def test_a_run_that_could_not_grade_always_fails(status: int) -> None:
    assert make(grader_ends_with=status).returncode == 2


def test_the_values_of_url_and_only_reach_the_grader_unchanged() -> None:
    assert make().stdout.split() == ["-m", "workshop.grader", "1", "--solution", "reference"]
    said = make("URL=localhost:8000/?a=1&b=$$2", "ONLY=retries backoff", "SOLUTION=exercise").stdout.strip()
    assert said == "-m workshop.grader 1 --url localhost:8000/?a=1&b=$2 --solution exercise --only retries backoff"
    assert "--only cost" in make(ONLY="cost").stdout
