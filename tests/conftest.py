"""For all tests: in which order they run, see order.py, and that programs are forked, not read anew; see nursery.py.

And that no proxy is asked for this machine, by whichever client a test uses.
"""

import os

from tests import nursery
from tests.grader import callers, stand
from tests.order import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from workshop.direct import past_proxies

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]

stand.launch = nursery.gateway
callers.accounts = nursery.accounts

os.environ.update(past_proxies(os.environ))
