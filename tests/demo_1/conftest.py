"""What the tests of demo 1 stand on, see tests/exams.py."""

from tests.demo_1.checks import CHECKLIST
from tests.exams import stands_on

server, desk, receiver, service = stands_on(CHECKLIST)
