"""The fixtures of demo 2's tests; see tests/exams.py."""

from tests.exams import stands_on
from workshop.grader.checks.demo_2 import CHECKLIST

server, desk, receiver, service = stands_on(CHECKLIST, one_desk=True)
