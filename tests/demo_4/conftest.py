"""What the tests of demo 4 stand on, see tests/exams.py."""

from tests.exams import stands_on
from workshop.grader.checks.demo_4 import CHECKLIST

server, desk, receiver, service = stands_on(CHECKLIST)
