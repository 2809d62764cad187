"""Demo 4's conformance suite, run against the upstream behind a gateway.

In: the gateway, and its upstream's abilities. Out: nothing, or an AssertionError with pytest's output.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.conformance.stacks import CHOICES, GATEWAYS, LOGPROBS, PLAIN
from workshop.grader.subject import Subject
from workshop.processes import ROOT

BUILT = (GATEWAYS, CHOICES, LOGPROBS)  # the abilities of vLLM's own server; tools need a parser that fits the model
BY_HAND = (GATEWAYS, CHOICES, PLAIN)
FILES = ("answers", "streams", "errors", "models")
LEAST = 80  # tests; fewer run if somebody marks too many of them


def passes(gateway: Subject, model: str, *abilities: str) -> None:
    """Only OpenAI's three clients run: the others take longer to start than to ask."""
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
