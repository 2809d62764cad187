"""What the tests of demo 2 stand on, see tests/exams.py."""

from tests.demo_2.checks import CHECKLIST
from tests.exams import stands_on

server, desk, receiver, service = stands_on(CHECKLIST, one_desk=True)
