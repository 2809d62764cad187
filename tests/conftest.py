"""For all tests: their speed, see speeds.py; their order, see scheduling.py; programs that fork, see fork_server.py.

And that no proxy is asked for this machine, by whichever client a test uses.
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
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)  # of the make that runs us: a make in a test is run as from a terminal
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a background job: all that we start would ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)  # within a share, pytest's own order is the right one
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    speeds.choose(config, items)
    scheduling.longest_first(items)
