"""The services that a demo's tests share: each started when the first test wants it, and stopped at the end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tests.grader.subject import Subject

Start = Callable[[str], Subject]


@contextmanager
def services(starting: Callable[[str], AbstractContextManager[Subject]]) -> Iterator[Start]:
    """`starting` starts the service of a build function; what is yielded does, the first time, and finds it again."""
    with ExitStack() as running:
        subjects: dict[str, Subject] = {}

        def start(build: str) -> Subject:
            if build not in subjects:
                subjects[build] = running.enter_context(starting(build))
            return subjects[build]

        yield start
