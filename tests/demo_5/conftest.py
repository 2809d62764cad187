"""The fixtures of demo 5's tests; see tests/exams.py."""

from tests.exams import stands_on
from workshop.grader.checks.demo_5 import CHECKLIST

server, desk, receiver, service = stands_on(CHECKLIST)
