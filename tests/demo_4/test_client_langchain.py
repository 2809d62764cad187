"""A LangChain application takes over demo 4's client as its docstring says, and keeps LangChain's own interface."""

import os
import re
import subprocess
import textwrap

import pytest

from demos.demo_4_streaming.client import chat
from tests.closed_port import dead_server
from tests.conformance.clients import PEERS
from tests.demo_4.test_client import OPEN_DOORS, mark
from tests.demo_4.test_demo_4 import REFERENCE
from workshop.grader.launch import SIMULATOR, ModelServer, started
from workshop.processes import ROOT

pytestmark = pytest.mark.prove

PROGRAM = """
import asyncio
from demos.demo_4_streaming.client.chat import ChatClient

questions = ["one", "two", [], "three"]

async def main():
{snippet}
    print()
    for answer in answers:
        print(type(answer).__name__, getattr(answer, "content", answer))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def python() -> str:
    """The Python of the environment with LangChain; a skip, or a failure if it is required, without one."""
    if not (PEERS / ".installed").is_file():
        (pytest.fail if os.environ.get("REQUIRE_PEERS") else pytest.skip)(f"{PEERS.name} is not installed: make peers")
    return str(PEERS / "bin" / "python")


def application(url: str) -> str:
    """The docstring's lines as a program, for the service at `url`."""
    found = re.search(r"```python\n(.*?)```", chat.__doc__ or "", re.DOTALL)
    assert found
    snippet = (
        found[1]
        .replace("http://127.0.0.1:8000/v1", f"{url}/v1")
        .replace("concurrent=", f'model="{SIMULATOR}", concurrent=')
    )
    return PROGRAM.format(snippet=textwrap.indent(snippet, "    "))


def output(python: str, url: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [python, "-c", application(url)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_an_application_asks_many_questions_and_reads_a_stream(python: str, server: ModelServer) -> None:
    with started(REFERENCE, server, OPEN_DOORS) as subject:
        done = output(python, subject.service.url)
    assert done.returncode == 0, done.stderr
    stream, one, two, bad, three = done.stdout.strip().splitlines()
    assert mark("What is a stream?") in stream
    assert [mark(word) in line for word, line in (("one", one), ("two", two), ("three", three))] == [True] * 3
    assert bad.startswith("OpenAI")
    assert "400" in bad


def test_the_breaker_stands_in_front_of_langchain_too(python: str) -> None:
    with dead_server() as url:
        done = output(python, url)
    assert f"{url}/ has failed too often" in done.stderr
