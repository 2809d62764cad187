"""The fixtures of demo 1's tests; see tests/exams.py."""

from tests.exams import stands_on
from workshop.grader.checks.demo_1 import CHECKLIST

server, desk, receiver, service = stands_on(CHECKLIST)
