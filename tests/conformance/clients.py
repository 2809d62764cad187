"""The five clients, each in a separate program that carries out orders.

In: an order (what to do, at which server, with which body). Out: a report, see drivers/reports.py. A program starts
with its first order, and lives as long as its Client.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.stacks import Stack
from workshop.node import NodeError, find_node, install
from workshop.processes import ROOT, die_with_parent

HERE = Path(__file__).resolve().parent
PEERS = ROOT / ".venv-peers"
OLDEST_NODE = 22  # OpenAI's client needs it
PATIENCE = 90  # seconds; the first import takes long on a busy machine

Report = dict[str, Any]


class Missing(Exception):
    """A client is not installed here; the text is one line that says how to get it."""


def _python(driver: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-m", f"tests.conformance.drivers.{driver}"]


def _peer(driver: str) -> Callable[[], list[str]]:
    def command() -> list[str]:
        if not (PEERS / ".installed").is_file():
            raise Missing(f"{PEERS.name} is not installed: make peers")
        return [str(PEERS / "bin" / "python"), "-m", f"tests.conformance.drivers.{driver}"]

    return command


def _node() -> list[str]:
    try:
        node = find_node(ROOT / ".run" / "node", OLDEST_NODE)
        modules = install(node, HERE / "node", ROOT / ".run" / "conformance-node")
    except NodeError as error:
        raise Missing(f"OpenAI's client for Node cannot be installed: {error}") from None
    return [*node.node, str(HERE / "node" / "client.mjs"), str(modules)]


COMMANDS = {
    "openai": _python("openai_sync"),
    "openai-async": _python("openai_async"),
    "openai-node": _node,
    "langchain": _peer("langchain"),
    "litellm": _peer("litellm_client"),
}
OPENAI = ("openai", "openai-async", "openai-node")


class Client:
    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[str] | None = None
        self._reports: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __call__(self, do: str, stack: Stack, body: Report | None = None, **more: Any) -> Report:
        """The report of an order, which must succeed. `body` is that of POST /chat/completions; see `ordered`."""
        report = self.ordered(do, stack, body, **more)
        assert report.get("error") is None, report
        return report

    def fails(self, do: str, stack: Stack, body: Report | None = None, **more: Any) -> Report:
        """The error that the client raised. Its `pieces` are those that a stream delivered before."""
        report = self.ordered(do, stack, body, **more)
        assert report.get("error") is not None, report
        error: Report = report["error"]
        return error | {"pieces": report.get("pieces", [])}

    def ordered(
        self, do: str, stack: Stack, body: Report | None = None, *, retries: int = 0, timeout: float = 60, **more: Any
    ) -> Report:
        """The report, of success or failure. The body gets the stack's model, unless it names one."""
        return self._carry_out(
            {
                "do": do,
                "base_url": stack.base_url,
                "key": stack.key,
                "retries": retries,
                "timeout": timeout,
                "body": {"model": stack.model, **(body or {})},
                **more,
            }
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _carry_out(self, order: Report) -> Report:
        process = self._process or self._start()
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        return self._report()

    def _start(self) -> subprocess.Popen[str]:
        self._process = process = subprocess.Popen(
            COMMANDS[self.name](),
            cwd=ROOT,
            env={**os.environ, "NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        self._report()
        return process

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._reports.put(line)
        self._reports.put("")

    def _report(self) -> Report:
        try:
            line = self._reports.get(timeout=PATIENCE)
        except queue.Empty:
            self.stop()
            raise AssertionError(f"{self.name} did not report within {PATIENCE} seconds") from None
        assert line, f"{self.name} ended; see its stderr"
        report: Report = json.loads(line)
        return report


def started(name: str) -> Client:
    """The client, or a skip that says how to install it; a failure if every client is required."""
    client = Client(name)
    try:
        client._start()
    except Missing as missing:
        if os.environ.get("REQUIRE_PEERS"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    return client
