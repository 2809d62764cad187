"""For all tests: their speed (speeds.py), their order (scheduling.py) and forked services (fork_server.py).

It also keeps every client that a test uses from asking a proxy for addresses of this machine.
"""

import os
import signal

import pytest

from tests import fork_server, scheduling, speeds
from tests.scheduling import pytest_xdist_make_scheduler
from tests.speeds import pytest_addoption, pytest_configure, pytest_ignore_collect
from workshop.direct import past_proxies
from workshop.grader import callers, launch

__all__ = ["pytest_addoption", "pytest_configure", "pytest_ignore_collect", "pytest_xdist_make_scheduler"]

launch.launch = fork_server.gateway
callers.accounts = fork_server.accounts

os.environ.update(past_proxies(os.environ))
os.environ["WORKSHOP_LANG"] = "en"  # whatever language the machine speaks
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)  # set by the make that runs us: a make in a test must run as from a terminal
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a background job
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)  # within a share, pytest's own order is right
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    speeds.choose(config, items)
    scheduling.longest_first(items)
