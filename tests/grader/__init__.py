"""The grader: named checks with points against a running service, over HTTP alone.

Imports nothing of the service that it grades, so it grades anybody's. Each demo's checks are in tests/demo_N/checks.py.
"""
