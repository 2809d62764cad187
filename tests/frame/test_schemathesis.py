"""schemathesis calls every route of demo 5 as its OpenAPI document allows, and as it does not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workshop.grader.callers import Desk
from workshop.grader.launch import ModelServer, started
from workshop.processes import ROOT

PROGRAM = ROOT / ".venv-peers" / "bin" / "schemathesis"
# Not its checks of which requests are accepted: a chat that the document allows may be one that the upstream rejects.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
)
SETTINGS = {
    "RATE_LIMIT_RPM": "100000",
    "RATE_LIMIT_RPH": "100000",
    "RATE_LIMIT_TPM": "100000000",
    "RATE_LIMIT_ANONYMOUS_RPM": "100000",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "100000",
}


@pytest.mark.parametrize("role", ["anonymous", "admin"])
def test_no_reply_contradicts_the_openapi_document(role: str, server: ModelServer, tmp_path: Path) -> None:
    if not PROGRAM.exists() and not os.environ.get("REQUIRE_PEERS"):
        pytest.skip("schemathesis is not installed: make peers")
    desk = Desk(tmp_path)
    token = desk.create("root", role="admin").token if role == "admin" else role
    with started("demos.demo_5_observability.app:build", server, SETTINGS, desk) as subject:
        command = [str(PROGRAM), "--no-color", "run", f"{subject.service.url}/openapi.json"]
        command += ["--checks", ",".join(CHECKS), "--header", f"Authorization: Bearer {token}"]
        command += ["--max-examples", "20", "--generation-deterministic"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "Test cases" in done.stdout
