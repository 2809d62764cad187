"""Settings that contradict each other are pointed out, and those that we ship do not."""

from typing import Any

import pytest

from shared.settings import Settings
from shared.settings.checks import contradictions


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"http_max_connections": 5000}, "UVICORN_LIMIT_CONCURRENCY=200 refuses calls before"),
        ({"cache_max_memory_mb": 1024}, "CACHE_MAX_MEMORY_MB must be below MEMORY_THRESHOLD_MB"),
        ({"timeout": 600}, "TIMEOUT=600 is above TIMEOUT_MAX=300"),
        ({"try_timeout": 301}, "TRY_TIMEOUT is above TIMEOUT_MAX"),
        (
            {"env": "production", "api_keys_required": True, "progress_file": "page.json"},
            "PROGRESS_FILE is ignored with ENV=production",
        ),
        ({"otlp_endpoint": "http://localhost:4317"}, "OTLP_ENDPOINT has the port of OTLP over gRPC"),
    ],
)
def test_a_contradiction_is_pointed_out(given: dict[str, Any], said: str) -> None:
    [found] = contradictions(Settings(**given))
    assert found.startswith(said)


def test_the_defaults_do_not_contradict_each_other() -> None:
    assert [*contradictions(Settings())] == []
