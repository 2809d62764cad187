"""Settings that contradict each other are pointed out, and those that we ship do not."""

from typing import Any

import pytest

from shared.settings import Settings, checks
from shared.settings.checks import contradictions


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"http_max_connections": 5000}, "UVICORN_LIMIT_CONCURRENCY=200 refuses calls before"),
        ({"memory_threshold_mb": 2048}, "MEMORY_THRESHOLD_MB must be below MEMORY_EMERGENCY_MB"),
        ({"cache_max_memory_mb": 1024}, "CACHE_MAX_MEMORY_MB must be below MEMORY_THRESHOLD_MB"),
        ({"uvicorn_workers": 4, "memory_emergency_mb": 1500}, "4 × MEMORY_EMERGENCY_MB is 6000 MB, and this container"),
        ({"timeout": 600}, "TIMEOUT=600 is above TIMEOUT_MAX=300"),
        ({"try_timeout": 301}, "TRY_TIMEOUT is above TIMEOUT_MAX"),
        ({"otlp_endpoint": "http://localhost:4317"}, "OTLP_ENDPOINT has the port of OTLP over gRPC"),
    ],
)
def test_a_contradiction_is_pointed_out(given: dict[str, Any], said: str) -> None:
    [found] = contradictions(Settings(**given), memory_mb=5000)
    assert found.startswith(said)


def test_the_defaults_do_not_contradict_each_other() -> None:
    assert [*contradictions(Settings(), memory_mb=0)] == []


@pytest.mark.parametrize(
    ("written", "limit"),
    [("2147483648\n", 2147.483648), ("max\n", 0.0), ("9223372036854771712\n", 0.0), (None, 0.0)],
)
def test_the_limit_of_a_container_is_what_the_kernel_says(
    written: str | None, limit: float, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memory.max"
    if written:
        file.write_text(written)
    monkeypatch.setattr(checks, "LIMITS", (str(file),))
    assert checks.memory_limit_mb() == limit
