"""Demo 4's conformance suite, asked of whatever stands behind a gateway now.

In: the gateway, and what can be asked of it. Out: nothing, or an AssertionError with what pytest printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.conformance.stacks import CHOICES, GATEWAYS, LOGPROBS, PLAIN
from workshop.grader.subject import Subject
from workshop.processes import ROOT

BUILT = (GATEWAYS, CHOICES, LOGPROBS)  # what vLLM's own server can; tools take a parser that fits the model
BY_HAND = (GATEWAYS, CHOICES, PLAIN)
FILES = ("answers", "streams", "errors", "models")
LEAST = 80  # tests; fewer were run if somebody marks too many


def passes(gateway: Subject, model: str, *abilities: str) -> None:
    """OpenAI's three clients: the others take longer to start than to ask."""
    environment = {
        "CONFORMANCE_STACKS": "running",
        "CONFORMANCE_URL": f"{gateway.service.url}/v1",
        "CONFORMANCE_KEY": gateway.desk.create("ana").token,
        "CONFORMANCE_MODEL": model,
        "CONFORMANCE_ABILITIES": ",".join(abilities),
    }
    files = [f"tests/conformance/test_{name}.py" for name in FILES]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "not langchain and not litellm", *files]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) >= LEAST, done.stdout[-1000:]
