"""Starts the real embedded server as a separate process on a free port, and stops it again.

`launch` starts one with any flags and environment; `sim` and `tiny` live for the whole run, and are wiped before each
test.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest
from openai import OpenAI

from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_S = 60


class LocalServer:
    """A running `python -m serving.local`."""

    def __init__(self, *flags: str, **environment: str) -> None:
        self._errors: list[str] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving.local", "--port", "0", *flags],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read_output, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()
        self.announced = self._wait_for_line()
        self.port = int(self.announced["port"])
        self.url = f"http://127.0.0.1:{self.port}"

    def client(self, key: str = "none") -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=120)

    def request(
        self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def json(self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **headers: str) -> Any:
        return json.loads(self.request(method, path, body, **headers)[2])

    def chat(self, model: str, text: str = "hello", **fields: Any) -> tuple[int, dict[str, str], bytes]:
        message = {"role": "user", "content": text}
        return self.request("POST", "/v1/chat/completions", {"model": model, "messages": [message], **fields})

    def break_with(self, **fault: Any) -> None:
        status, _, body = self.request("PUT", "/admin/faults", fault)
        assert status == 200, body

    def calls(self) -> Any:
        return self.json("GET", "/admin/calls")

    def wait_for_calls(self, **expected: int) -> Any:
        """Waits until the register shows these counts, such as `cancelled=1`."""
        return wait_for(lambda: (seen := self.calls()) and all(seen[k] == n for k, n in expected.items()) and seen)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the series of that name whose labels include these."""
        lines = self.request("GET", "/metrics")[2].decode().splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        fits = [line for line in lines if line.startswith(f"{name}{{") and all(pair in line for pair in wanted)]
        assert fits, f"no series {name} {labels}"
        return sum(float(line.rsplit(" ", 1)[1]) for line in fits)

    def wipe(self) -> None:
        self.request("DELETE", "/admin/faults")
        wait_for(lambda: self.calls()["in_flight"] == 0)
        self.request("DELETE", "/admin/calls")

    def errors(self) -> str:
        return "".join(self._errors)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(60)
        self.process.kill()
        return self.process.wait()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    def _wait_for_line(self) -> dict[str, Any]:
        line = self._lines.get(timeout=STARTS_WITHIN_S)
        if not line:
            self.process.wait(60)
            raise RuntimeError(f"the server did not start: {self.errors()}")
        document: dict[str, Any] = json.loads(line)
        return document


class Launch(Protocol):
    def __call__(self, *flags: str, **environment: str) -> LocalServer: ...


@pytest.fixture
def launch() -> Iterator[Launch]:
    servers: list[LocalServer] = []

    def start(*flags: str, **environment: str) -> LocalServer:
        servers.append(LocalServer(*flags, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="package")
def sim_process() -> Iterator[LocalServer]:
    server = LocalServer("--models", "workshop-sim", SIM_TTFT_MS="1", SIM_TPOT_MS="1", SIM_OUTPUT_TOKENS="12")
    yield server
    server.stop()


@pytest.fixture(scope="package")
def tiny_process() -> Iterator[LocalServer]:
    server = LocalServer("--models", "workshop-tiny")
    yield server
    server.stop()


@pytest.fixture
def sim(sim_process: LocalServer) -> LocalServer:
    sim_process.wipe()
    return sim_process


@pytest.fixture
def tiny(tiny_process: LocalServer) -> LocalServer:
    tiny_process.wipe()
    return tiny_process
