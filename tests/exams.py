"""Tests of a demo's graded checks: the reference passes them all; the starter and each mutant fail those they must.

A subclass of Exam in a demo's test_demo_N.py says which checks each service must fail. `stands_on` makes the fixtures
for the demo's conftest.py: one embedded server, one desk, one trace receiver, and each service once.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any

import pytest

from workshop.grader import report
from workshop.grader.callers import Desk
from workshop.grader.check import Checklist
from workshop.grader.checks.demo_1 import CHECKLIST as DEMO_1
from workshop.grader.grading import Result, Status, run
from workshop.grader.launch import MORE_NAMES, ModelServer, embedded_server, started, trace_receiver
from workshop.grader.subject import Subject

Start = Callable[[str], Subject]
Fixture = Any  # pytest's own type for it has no public name

DEMO_1_NAMES = [check.name for check in DEMO_1.checks]


class Exam:
    """`reference`, `exercise` and `solved` are build functions; the last is the exercise solved by its hints.

    `tasks`: the checks that the starter fails. `looked_at_when_solved`: the checks that `solved` is run with.
    `mutants`: the functions of `mutants_in`, each with the checks that it must fail. It must also pass those of
    `always` and `near` that are not among them.
    `with_settings`: settings for mutants whose fault the checklist's settings do not show for certain.
    `as_demo_1`: the settings with which the reference also passes demo 1's checks; None if it need not.
    """

    checklist: Checklist
    reference: str
    exercise: str
    solved: str
    mutants_in: str
    tasks: Set[str]
    looked_at_when_solved: Set[str]
    mutants: Mapping[str, Set[str]]
    near: Mapping[str, Set[str]]
    always: Set[str]
    with_settings: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    lost_elsewhere: Set[str] = frozenset()  # failed by something other than a mutant of the service
    as_demo_1: Mapping[str, str] | None = None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        names = [check.name for check in self.checklist.checks]
        values = {
            "name": names,
            "solved_name": [name for name in names if name in self.looked_at_when_solved],
            "demo_1_name": [] if self.as_demo_1 is None else DEMO_1_NAMES,
            "mutant": list(self.mutants),
        }
        for argument, given in values.items():
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, given)

    @pytest.fixture(scope="class")
    @classmethod
    def under_demo_1s_settings(cls, server: ModelServer) -> Iterator[Subject]:
        with started(cls.reference, server, cls.as_demo_1 or {}) as subject:
            yield subject

    def test_the_reference_passes(self, name: str, service: Start) -> None:
        _passes(run(self.checklist[name], service(self.reference)))

    def test_the_starter_fails_its_tasks_and_nothing_else(self, name: str, service: Start) -> None:
        result = run(self.checklist[name], service(self.exercise))
        if name not in self.tasks:
            return _passes(result)
        assert result.status is Status.FAILED, report.line(result)
        assert all([result.expected, result.got, result.curl]), result
        assert name in self.lost_elsewhere or "http://localhost:8" in result.curl, result.curl

    @pytest.mark.prove
    def test_the_exercise_solved_as_the_hints_say_passes(self, solved_name: str, service: Start) -> None:
        _passes(run(self.checklist[solved_name], service(self.solved)))

    @pytest.mark.prove
    def test_a_mutant_loses_the_points_of_its_fault_and_no_others(
        self, mutant: str, server: ModelServer, desk: Desk | None, receiver: str
    ) -> None:
        looked_at = self.always | self.mutants[mutant] | self.near.get(mutant, set())
        build = f"{self.mutants_in}:{mutant}"
        settings = {**self.checklist.environment, **self.with_settings.get(mutant, {})}
        with started(build, server, settings, desk, receiver) as subject:
            results = [run(check, subject) for check in self.checklist.checks if check.name in looked_at]
        lost = {result.check.name for result in results if result.status is Status.FAILED}
        assert lost == self.mutants[mutant], "\n".join(f"{report.line(it)}{report.failure(it)}" for it in results)

    @pytest.mark.prove
    def test_the_reference_passes_demo_1s_checks_too(self, demo_1_name: str, under_demo_1s_settings: Subject) -> None:
        _passes(run(DEMO_1[demo_1_name], under_demo_1s_settings))

    def test_every_check_is_lost_by_some_mutant(self) -> None:
        names = {check.name for check in self.checklist.checks}
        assert names == set().union(*self.mutants.values()) | self.lost_elsewhere

    def test_there_are_twenty_points(self) -> None:
        assert sum(check.points for check in self.checklist.checks) == 20


def stands_on(checklist: Checklist, *, one_desk: bool = False) -> tuple[Fixture, Fixture, Fixture, Fixture]:
    """The fixtures `server`, `desk`, `receiver` and `service` of a demo whose services start as `checklist` says.

    With `one_desk` all services share one database of people; otherwise each has its own.
    """

    @pytest.fixture(scope="package")
    def server() -> Iterator[ModelServer]:
        with embedded_server(settings=MORE_NAMES) as server:
            yield server

    @pytest.fixture(scope="package")
    def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk | None:
        return Desk(tmp_path_factory.mktemp("desk")) if one_desk else None

    @pytest.fixture(scope="package")
    def receiver() -> Iterator[str]:
        """Where services send traces; empty if no check looks at traces."""
        if not checklist.traces:
            yield ""
            return
        with trace_receiver() as url:
            yield url

    @pytest.fixture(scope="package")
    def service(server: ModelServer, desk: Desk | None, receiver: str) -> Iterator[Start]:
        """The service of a build function: started when the first test asks for it, stopped at the end."""
        with ExitStack() as running:
            subjects: dict[str, Subject] = {}

            def start(build: str) -> Subject:
                if build not in subjects:
                    subjects[build] = running.enter_context(
                        started(build, server, checklist.environment, desk, receiver)
                    )
                return subjects[build]

            yield start

    return server, desk, receiver, service


def _passes(result: Result) -> None:
    assert result.status is Status.PASSED, report.failure(result)
