"""The fixtures of demo 3's tests; see tests/exams.py."""

from tests.exams import stands_on
from workshop.grader.checks.demo_3 import CHECKLIST

server, desk, receiver, service = stands_on(CHECKLIST)
