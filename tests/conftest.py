"""For all tests: in which order they run, see order.py, and that programs are forked, not read anew; see nursery.py."""

from tests import nursery
from tests.grader import callers, stand
from tests.order import pytest_collection_modifyitems, pytest_xdist_make_scheduler

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]

stand.launch = nursery.gateway
callers.accounts = nursery.accounts
