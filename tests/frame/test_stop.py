"""Ctrl-C in a real terminal: while a demo starts, while it runs, and while calls hang."""

import json
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.frame.conftest import demo_port
from tests.frame.tty import Tty, terminal
from tests.waiting import wait_for
from workshop.demo import MODEL_PORT_OFFSET
from workshop.direct import urlopen

PATIENCE = 120.0
FOREVER = {"latency_ms": 600_000}


class Caller:
    """One POST, sent at once, and its result."""

    def __init__(self, url: str, body: dict[str, Any]) -> None:
        self.status, self.body = 0, b""
        self._request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def wait(self) -> None:
        self._thread.join(PATIENCE)
        assert not self.waits

    def _ask(self) -> None:
        try:
            with urlopen(self._request, PATIENCE) as response:
                self.status = response.status
                while line := response.readline():
                    self.body += line
        except urllib.error.HTTPError as error:
            self.status, self.body = error.code, error.read()
        except OSError:
            pass  # without an answer, the status stays 0


def break_the_model(port: int, fault: dict[str, Any]) -> None:
    url = f"http://127.0.0.1:{port + MODEL_PORT_OFFSET}/admin/faults"
    urlopen(urllib.request.Request(url, json.dumps(fault).encode(), method="PUT"), PATIENCE).close()


def wait_until_in_flight(port: int, count: int) -> None:
    def in_flight() -> bool:
        with urlopen(f"http://127.0.0.1:{port + MODEL_PORT_OFFSET}/admin/calls", PATIENCE) as response:
            return bool(json.load(response)["in_flight"] == count)

    wait_for(in_flight, f"{count} calls at the model", PATIENCE)


def after_ctrl_c(tty: Tty) -> list[str]:
    """The lines that appear after the key was pressed."""
    return [line for line in tty.screen.partition("^C")[2].splitlines() if line and not line.startswith("{")]


def test_ctrl_c_says_what_it_waits_for_and_calls_that_cannot_end_get_an_error(tmp_path: Path) -> None:
    port = demo_port()
    settings = {"LOG_FILE": "-", "DATABASE_URL": f"sqlite:///{tmp_path / 'workshop.db'}"}
    with terminal("make", "demo-4", f"PORT={port}", **settings) as tty:
        tty.wait_for("Ctrl-C stops everything")
        break_the_model(port, {"stall_after_tokens": 1})
        stream = Caller(f"http://127.0.0.1:{port}/generate/stream", {"prompt": "What is a stream?"})
        wait_for(lambda: b"delta" in stream.body, "its first token", PATIENCE)
        break_the_model(port, FOREVER)
        whole = Caller(f"http://127.0.0.1:{port}/generate", {"prompt": "Hello"})
        wait_until_in_flight(port, 2)
        tty.press_ctrl_c()
        tty.wait_for("stopping: waiting for 2 requests in flight, at most 10 s; Ctrl-C again ends at once")
        assert stream.waits
        assert whole.waits
        stream.wait()
        whole.wait()
        tty.wait_for_the_end()
        assert after_ctrl_c(tty)[-1] == "stopped"
        assert "***" not in tty.screen
    error = json.loads(whole.body)["error"]
    assert (whole.status, error["code"], bool(error["request_id"])) == (503, "shutting_down", True)
    assert stream.status == 200
    last = stream.body.strip().rpartition(b"\n\n")[2].removeprefix(b"data: ")
    assert json.loads(last)["error"]["code"] == "shutting_down"


def test_a_second_ctrl_c_ends_everything_at_once_and_with_exit_status_0(tmp_path: Path) -> None:
    port = demo_port()
    with terminal(sys.executable, "-m", "workshop.demo", "1", PORT=str(port), LOG_FILE="-") as tty:
        tty.wait_for("Ctrl-C stops everything")
        break_the_model(port, FOREVER)
        call = Caller(f"http://127.0.0.1:{port}/generate", {"prompt": "Hello"})
        wait_until_in_flight(port, 1)
        tty.press_ctrl_c()
        tty.wait_for("Ctrl-C again ends at once")
        tty.press_ctrl_c()
        assert tty.wait_for_the_end() == 0
        call.wait()
        assert call.status == 0, "the call was waited for until the end of the grace period"
        assert after_ctrl_c(tty)[-1] == "stopped"


@pytest.mark.parametrize("moment", ["workshop.demo", "serving.local", "shared.server"])
def test_ctrl_c_while_a_demo_starts_is_one_line(moment: str, tmp_path: Path) -> None:
    settings = {"LOG_FILE": "-", "DATABASE_URL": f"sqlite:///{tmp_path / 'workshop.db'}"}
    with terminal("make", "demo-4", f"PORT={demo_port()}", **settings) as tty:
        wait_for(lambda: tty.runs(moment), f"{moment} is started", PATIENCE)
        tty.press_ctrl_c()
        tty.wait_for_the_end()
        # On a busy machine, a line also names each process that takes seconds to end.
        assert [line for line in after_ctrl_c(tty) if not line.startswith("stopping the ")] == ["stopped"]
