"""Fixtures for the tests of webhooks: demo 5 with four workers, a sender that signs, and databases of both kinds."""

from collections.abc import Iterator

import pytest

from tests.accounts.conftest import database_url, postgres, sqlite_file
from tests.webhooks.sender import SECRET, Sender
from workshop.grader.launch import ModelServer, embedded_server, started
from workshop.grader.subject import Subject

__all__ = ["database_url", "postgres", "sqlite_file"]

BUILD = "demos.demo_5_observability.app:build"
WORKERS = 4
METRICS_TOKEN = "of-prometheus"
OLD_SECRET = "your-secret"


@pytest.fixture(scope="package")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="package")
def subject(server: ModelServer) -> Iterator[Subject]:
    """Accepts two secrets, as during a rotation."""
    settings = {
        "UVICORN_WORKERS": str(WORKERS),
        "WEBHOOK_HMAC_SECRET": f"{SECRET}, {OLD_SECRET}",
        "MAX_BODY_BYTES": "100000",
        "API_KEYS_REQUIRED": "true",
        "METRICS_TOKEN": METRICS_TOKEN,
        "TIMEOUT": "100",
    }
    with started(BUILD, server, settings) as subject:
        yield subject


@pytest.fixture
def sender(subject: Subject) -> Sender:
    return Sender(subject.service)
