"""Three speeds: which of these tests `make check`, `make test` and `make prove` run.

- check: runs in process, and starts no server. All tests that are not named below.
- service: starts servers, a browser, or other programs. `make test` runs these and those of check.
- prove: all others, which need minutes: mutants, labs, load, stress, drills, every client, the cluster's faults.

`pytest --speed check|test|prove` chooses; without it, everything runs. A `check` test that starts a server fails, and
says that its file belongs in SERVICES.
"""

from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests import fork_server
from workshop import processes, redis_server

# File patterns.
PROVE = (
    "tests/demo_*/test_load.py",
    "tests/demo_6/test_configs.py",
    "tests/demo_6/test_demo_6.py",
    "tests/demo_6/test_gateways.py",
    "tests/demo_6/test_mutants.py",
    "tests/demo_6/test_dry_run.py",
    "tests/demo_6/test_replay.py",
    "tests/deployment/test_devcontainer.py",
    "tests/deployment/test_images.py",
    "tests/deployment/test_locks.py",
    "tests/drills/test_drills.py",
    "tests/frame/test_load.py",
    "tests/frame/test_schemathesis.py",
    "tests/frame/test_setup.py",
    "tests/loadtests/test_before_after_run.py",
    "tests/loadtests/test_bench_contenders.py",
    "tests/loadtests/test_bench_serving.py",
    "tests/serving/test_tiny_model.py",
    "tests/slides/test_pages.py",
    "tests/stress/test_*.py",
)
SERVICES = (
    "tests/accounts/test_command.py",
    "tests/accounts/test_service.py",
    "tests/board/test_make.py",
    "tests/board/test_page.py",
    "tests/board/test_server.py",
    "tests/cache/test_redis.py",
    "tests/demo_2/test_make.py",
    "tests/demo_4/test_client.py",
    "tests/demo_6/test_cluster.py",
    "tests/demo_6/test_subreaper.py",
    "tests/demo_6/test_smoke.py",
    "tests/deployment/test_rollout.py",
    "tests/frame/test_[!dow]*.py",
    "tests/frame/test_demo.py",
    "tests/frame/test_workers.py",
    "tests/grader/test_command.py",
    "tests/grader/test_curl.py",
    "tests/grader/test_golden.py",
    "tests/grader/test_started_with.py",
    "tests/limits/test_http.py",
    "tests/limits/test_redis_connection.py",
    "tests/limits/test_failover.py",
    "tests/loadtests/test_seeds.py",
    "tests/memory/test_leaking_service.py",
    "tests/memory/test_health.py",
    "tests/monitoring/test_demo.py",
    "tests/monitoring/test_rules.py",
    "tests/monitoring/test_scraped_data.py",
    "tests/playground/test_*.py",
    "tests/progress/test_make.py",
    "tests/resilience/test_service.py",
    "tests/serving/test_local_startup.py",
    "tests/slides/test_build.py",
    "tests/slides/test_decks.py",
    "tests/slides/test_presenter.py",
    "tests/telemetry/test_metrics_workers.py",
    "tests/telemetry/test_trace_export.py",
    "tests/webhooks/test_http.py",
    "tests/webhooks/test_senders.py",
)
# Fixtures that start a server, in whatever file, and values of parameters that do.
SERVERS = frozenset(
    {
        "server",
        "service",
        "sim",
        "tiny",
        "launch",
        "start",
        "gateway",
        "redis_server",
        "own_redis",
        "postgres",
        "model_server",
        "upstream",
        "receiver",
        "browser",
        "stack",
        "client",
        "running_stack",
        "watched",
        "wires",
        "subject",
        "faults",
        "demo_5",
    }
)
KINDS = frozenset({"postgresql", "redis"})

LEFT_OUT = {"check": (*PROVE, *SERVICES), "test": PROVE}
CHOICES = {"check": {"check"}, "test": {"check", "service"}, "prove": {"prove"}}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--speed", choices=CHOICES, help="which of the three speeds to run; without it, all of them")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "prove: runs in `make prove` only, whatever its file says; see tests/speeds.py")
    if config.getoption("--speed") == "check":
        for place, name in STARTS:
            setattr(place, name, _refuse)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import files of which every test is left out."""
    file = collection_path.relative_to(config.rootpath).as_posix()
    left_out = LEFT_OUT.get(config.getoption("--speed"), ())
    return True if any(fnmatch(file, pattern) for pattern in left_out) else None


def speed_of(item: pytest.Function) -> str:
    """The slowest speed that this test's marker, file, fixtures or parameters ask for."""
    file = item.nodeid.partition("::")[0]
    if item.get_closest_marker("prove") or any(fnmatch(file, pattern) for pattern in PROVE):
        return "prove"
    if any(fnmatch(file, pattern) for pattern in SERVICES) or not SERVERS.isdisjoint(item.fixturenames):
        return "service"
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return "service" if any(isinstance(value, str) and value in KINDS for value in values) else "check"


def choose(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Keep only the tests that the option asks for."""
    if chosen := config.getoption("--speed"):
        left_out = [item for item in items if speed_of(item) not in CHOICES[chosen]]
        items[:] = [item for item in items if speed_of(item) in CHOICES[chosen]]
        config.hook.pytest_deselected(items=left_out)


STARTS: tuple[tuple[Any, str], ...] = (
    (processes.Process, "start"),
    (redis_server.RedisServer, "start"),
    (fork_server.Nursery, "ask"),
)


def _refuse(*_: object, **__: object) -> NoReturn:
    pytest.fail("this starts a server: its file belongs in SERVICES of tests/speeds.py", pytrace=False)
