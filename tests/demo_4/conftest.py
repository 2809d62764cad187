"""The fixtures of demo 4's tests; see tests/exams.py."""

from tests.exams import stands_on
from workshop.grader.checks.demo_4 import CHECKLIST

server, desk, receiver, service = stands_on(CHECKLIST)
