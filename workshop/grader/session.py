"""Grade one demo from start to end: start or find its service, run checks, remember what failed and what passed.

In: a target, and the checks to run. Out: their results, each shown as soon as it is there.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from shared.process.load_app import must_parse
from workshop.grader.check import Check, Checklist
from workshop.grader.choice import remember
from workshop.grader.grading import Result, grade
from workshop.grader.launch import MORE_NAMES, TINY, embedded_server, found, serving_cluster, started, trace_receiver
from workshop.grader.subject import Subject
from workshop.grader.target import Target
from workshop.progress.after_grading import Kept, keep
from workshop.progress.labs import LABS
from workshop.progress.source import source


def launch(
    target: Target, checklist: Checklist, running: ExitStack, upstream: str | None = None, log_file: str | None = None
) -> Subject:
    """The service, found or started together with everything around it. Raises CannotStart, CannotLoad.

    `upstream` and `log_file` are those of a service that already runs.
    """
    if target.url:
        return running.enter_context(found(target.url, upstream, log_file, checklist.cluster))
    for file in target.own_files:  # before we start anything for code that cannot run
        must_parse(file)
    models = {"LOCAL_MODELS": TINY} if checklist.cluster else MORE_NAMES
    server = running.enter_context(embedded_server(settings=models))
    receiver = running.enter_context(trace_receiver()) if checklist.traces else ""
    cluster = running.enter_context(serving_cluster(target.config)) if checklist.cluster else None
    return running.enter_context(
        started(target.build, server, checklist.environment, receiver=receiver, deployment=cluster)
    )


def graded(
    target: Target,
    checklist: Checklist,
    checks: Sequence[Check],
    subject: Subject,
    show: Callable[[Result], None],
    *,
    alone: bool = True,
) -> tuple[list[Result], Kept]:
    """The results, remembered even if the grading is interrupted, and what they mean for an attendee's progress.

    `alone`: no other demo is graded with this one.
    """
    results: list[Result] = []
    kept = Kept()
    looked_at = source(LABS[target.number])
    try:
        for result in grade(checks, subject):
            results.append(result)
            show(result)
    finally:
        remember(target.memory, results)
        if target.own and results:
            points = {check.name: check.points for check in checklist.checks}
            statuses = {result.check.name: str(result.status) for result in results}
            still = looked_at.if_still(source(LABS[target.number]))
            kept = keep(target.number, points, statuses, still, alone=alone)
    return results, kept
