"""Which pytest worker runs which tests, and which tests start first.

In: the tests, by file. Out: shares, each of which one worker runs from start to end. A share is a file, or a folder
whose files use an expensive fixture. The longest shares start first, so that at the end nobody waits for one file.
"""

from collections.abc import Callable

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

# Expensive: five clients, two of which take seconds to import; a service of four workers.
TOGETHER = ("tests/conformance", "tests/webhooks")

# The shares that take half a minute or more, the longest first. A mistake here only costs time.
LONGEST = (
    "tests/demo_6/test_smoke.py",
    "tests/demo_6/test_mutants.py",
    "tests/demo_2/test_demo_2.py",
    "tests/demo_4/test_demo_4.py",
    "tests/demo_3/test_demo_3.py",
    "tests/demo_5/test_demo_5.py",
    "tests/conformance",
    "tests/frame/test_setup.py",
    "tests/drills/test_drills.py",
    "tests/demo_2/test_lab.py",
    "tests/demo_4/test_lab.py",
    "tests/webhooks",
    "tests/demo_3/test_lab.py",
    "tests/demo_1/test_demo_1.py",
    "tests/limits/test_http.py",
    "tests/demo_5/test_lab.py",
    "tests/accounts/test_service.py",
    "tests/accounts/test_command.py",
    "tests/demo_4/test_client.py",
    "tests/frame/test_workers.py",
    "tests/telemetry/test_metrics_workers.py",
    "tests/telemetry/test_trace_export.py",
    "tests/playground/test_chat.py",
    "tests/playground/test_dashboards.py",
    "tests/playground/test_state.py",
    "tests/playground/test_session.py",
    "tests/playground/test_traces.py",
    "tests/playground/test_sources.py",
    "tests/playground/test_look.py",
    "tests/monitoring/test_scraped_data.py",
    "tests/monitoring/test_rules.py",
    "tests/monitoring/test_demo.py",
    "tests/demo_1/test_lab.py",
    "tests/demo_6/test_configs.py",
    "tests/loadtests/test_before_after_run.py",
    "tests/loadtests/test_bench_serving.py",
    "tests/demo_6/test_dry_run.py",
    "tests/slides/test_pages.py",
    "tests/slides/test_build.py",
    "tests/serving/test_tiny_model.py",
    # Load tests run after the others.
    "tests/demo_4/test_load.py",
    "tests/stress/test_bytes.py",
    "tests/stress/test_chaos.py",
    "tests/stress/test_soak.py",
    "tests/stress/test_slow_readers.py",
    "tests/stress/test_many_streams.py",
)


def share(node_id: str) -> str:
    """The share of a test."""
    file = node_id.partition("::")[0]
    folder = file.rpartition("/")[0]
    return folder if folder in TOGETHER else file


class Shares(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out the shares in order."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., None]) -> Shares:
    config.option.loadscopereorder = False  # its order is the number of tests, which says little
    return Shares(config, log)


def longest_first(items: list[pytest.Function]) -> None:
    """Sort the shares; keep the order within a share."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(share(item.nodeid), len(LONGEST)))
