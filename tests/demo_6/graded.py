"""The reference, graded on a running cluster as `make grade-6` grades it, but without another start of Ray.

In: the gateway, the cluster's port, the names of checks. Raises AssertionError with the grader's own report. The checks
in GENTLE leave the cluster as it was; the others kill its processes and wait for new ones.
"""

from workshop.grader import report
from workshop.grader.checks.demo_6 import CHECKLIST
from workshop.grader.deployment import Cluster
from workshop.grader.grading import Status, run
from workshop.grader.subject import Subject

NAMES = [check.name for check in CHECKLIST.checks]
HARSH = ("replica_killed", "engine_gone", "health", "redeploy", "scale_up")
AT_THE_START = ("warm",)  # needs an engine that nobody has asked yet
GENTLE = tuple(name for name in NAMES if name not in HARSH + AT_THE_START)


def passes(gateway: Subject, port: int, *names: str) -> None:
    cluster = Cluster(port)
    try:
        subject = Subject(gateway.service, gateway.configured, deployment=cluster)
        results = [run(CHECKLIST[name], subject) for name in names]
    finally:
        cluster.close()
    lost = [result for result in results if result.status is not Status.PASSED]
    assert not lost, "\n".join(f"{report.line(result)}{report.failure(result)}" for result in lost)
