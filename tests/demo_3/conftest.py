"""What the tests of demo 3 stand on, see tests/exams.py."""

from tests.exams import stands_on
from workshop.grader.checks.demo_3 import CHECKLIST

server, desk, receiver, service = stands_on(CHECKLIST)
