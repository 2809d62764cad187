"""The curl that a report prints under a failure can be pasted into a shell, and repeats the request exactly."""

import json
import subprocess

import pytest

from tests.grader.conftest import Stranger
from workshop.grader.curl import curl

BODIES = [
    '{"prompt": "Hola, ¿cómo estás?"}',
    """it's "quoted" $HOME `id` \\n !""",
    "",
    json.dumps({"prompt": "a" * 4001, "note": 'said "so"\n'}),
    json.dumps({"prompt": ("¿Qué es un ñandú? " * 400)[:4001]}, ensure_ascii=False),
    '{"prompt": "' + "x" * 1_000_000 + '"}',
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_pasted_curl_sends_the_same_request(body: str, stranger: Stranger) -> None:
    headers = {"Content-Type": "application/json", "X-Request-ID": '"; rm -rf /'}
    command = curl("POST", f"{stranger.url}/generate", headers, body)
    assert len(command) < 2000
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True, capture_output=True, timeout=20)
    (seen,) = stranger.seen
    assert (seen.method, seen.path) == ("POST", "/generate")
    assert seen.body.removesuffix("\n") == body  # print adds a newline, which JSON allows
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-request-id"] == '"; rm -rf /'


def test_a_very_long_header_is_written_as_an_expression(stranger: Stranger) -> None:
    command = curl("GET", f"{stranger.url}/health", {"X-Large": "x" * 40_000})
    subprocess.run(["bash", "-euc", command], check=True, capture_output=True, timeout=20)
    assert len(command) < 200
    assert stranger.seen[0].headers["x-large"] == "x" * 40_000
