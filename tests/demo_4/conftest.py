"""What the tests of demo 4 stand on, see tests/exams.py."""

from tests.demo_4.checks import CHECKLIST
from tests.exams import stands_on

server, desk, receiver, service = stands_on(CHECKLIST)
