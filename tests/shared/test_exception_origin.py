"""An exception is reported with the line that a person must look at: in their own code, if that was involved."""

import asyncio
import importlib.util
import json
import logging
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from shared.logs import exception_origin
from shared.logs.exception_origin import Origin, origin_of
from shared.logs.json_lines import JsonFormatter, OncePerRequest
from shared.pipeline.layer import compose
from shared.pipeline.outcome import Outcome, Usage
from shared.service import Service
from shared.settings import Settings
from shared.upstream.pools import Upstreams
from tests.shared.conftest import answering, completion, make_call

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Turns source into a module of a user's project, with our code beside it."""

    def in_project(file: str) -> bool:
        return file == __file__ or any(
            Path(file).is_relative_to(folder) for folder in (tmp_path, exception_origin.OURS)
        )

    monkeypatch.setattr(exception_origin, "_in_project", in_project)
    monkeypatch.setattr(exception_origin, "relative", lambda file: Path(file).name)

    def load(source: str) -> ModuleType:
        file = tmp_path / "guards.py"
        file.write_text(textwrap.dedent(source))
        spec = importlib.util.spec_from_file_location("guards", file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def told(layer: object) -> Origin:
    """The origin of the exception that a call through this layer raises."""
    handler = compose([layer], answering(completion()))  # type: ignore[list-item]
    with pytest.raises((TypeError, ZeroDivisionError, AttributeError)) as raised:
        asyncio.run(handler(make_call()))  # type: ignore[arg-type]
    found = origin_of(raised.value)
    assert found
    return found


def test_an_exception_in_a_users_layer_has_its_line_and_the_part_that_failed(load: Load) -> None:
    guards = load("""
        class Guard:
            async def __call__(self, call, next):
                share = 1 / (call.retries * 2)
                return await next(call)
    """)
    assert told(guards.Guard()) == Origin(
        "guards.py",
        4,
        "Guard.__call__",
        "share = 1 / (call.retries * 2)\n        ~~^~~~~~~~~~~~~~~~~~~~",
    )


def test_a_wrong_argument_to_our_code_is_blamed_on_the_caller(load: Load) -> None:
    guards = load("""
        from shared.pipeline.errors import InvalidRequest
        class Guard:
            async def __call__(self, call, next):
                raise InvalidRequest()
    """)
    assert (told(guards.Guard()).function, told(guards.Guard()).line) == ("Guard.__call__", 5)


def test_an_outer_layer_is_not_blamed_for_an_inner_failure(load: Load) -> None:
    guards = load("""
        class Guard:
            async def __call__(self, call, next):
                return await next(call)
    """)

    async def fails(call: object, next: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        asyncio.run(compose([guards.Guard(), fails], answering(completion()))(make_call()))  # type: ignore[arg-type, list-item]
    found = origin_of(raised.value)
    assert found
    assert found.file == "test_exception_origin.py"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return next(call)", "Guard returned a coroutine instead of a reply: is an `await` missing?"),
        ("await next(call)", "Guard returned NoneType instead of a reply: is a `return` missing?"),
        ("return (await next(call)).text", "Guard returned str instead of a reply: is a `return` missing?"),
    ],
)
# A coroutine that nobody awaited fails the test; what earlier tests in this process left behind does not.
@pytest.mark.filterwarnings("error:coroutine", "error::pytest.PytestUnraisableExceptionWarning")
def test_a_layer_that_returns_no_reply_is_named(body: str, reason: str, load: Load) -> None:
    guards = load(f"""
        class Guard:
            async def __call__(self, call, next):
                {body}
    """)
    found = told(guards.Guard())
    assert (found.file, found.function) == ("guards.py", "Guard.__call__")
    assert found.returned_to.startswith("layer.py:")
    with pytest.raises(TypeError) as raised:
        asyncio.run(compose([guards.Guard()], answering(completion()))(make_call()))  # type: ignore[arg-type]
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("cost", "exception"),
    [
        ("def cost(self, model, usage): return 0.5", "cannot unpack non-iterable float"),
        ("def cost(self, model, usage): return None", "cannot unpack non-iterable NoneType"),
        ("async def cost(self, model, usage): return 0.5, 'model'", "cannot unpack non-iterable coroutine"),
        ("def cost(self, model, usage): return 0.5, 'model', 7", "too many values to unpack"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_wrong_return_value_is_blamed_on_the_function_that_returned_it(cost: str, exception: str, load: Load) -> None:
    guards = load(f"""
        class Tariff:
            {cost}
    """)
    service = Service(Settings(), "a service", layers=[], upstreams=Upstreams(Settings()), prices=guards.Tariff())
    with pytest.raises((TypeError, ValueError), match=exception) as raised:
        service._settle(make_call(), "finished", "workshop-sim", Usage(1, 2), 3)  # type: ignore[arg-type]
    found = origin_of(raised.value)
    assert found
    assert (found.file, found.line, found.function) == ("guards.py", 3, "Tariff.cost")
    assert found.returned_to.startswith("service.py:")
    assert found.source == cost


def test_a_wrong_value_returned_one_statement_earlier_is_blamed_on_its_function(load: Load) -> None:
    from shared.layers.request_log import RequestLog

    guards = load("""
        def log_record(call, outcome):
            fields = {"request_id": call.request_id}
            return list(fields)
    """)
    log = RequestLog("-", record=guards.log_record)
    log._lines = object()  # type: ignore[assignment]
    with pytest.raises(TypeError, match="must be a dict, and not list") as raised:
        log._write(make_call(), Outcome("finished"))  # type: ignore[arg-type]
    found = origin_of(raised.value)
    assert found
    assert (found.function, found.line) == ("log_record", 4)


def test_a_syntax_error_has_its_line_and_a_caret(load: Load) -> None:
    with pytest.raises(SyntaxError) as raised:
        load("x = 1\nclass Guard\n    pass\n")
    found = origin_of(raised.value)
    assert found == Origin("guards.py", 2, "", "class Guard\n           ^")


def record(error: Exception, request_id: str | None) -> logging.LogRecord:
    made = logging.LogRecord("shared", logging.ERROR, "", 0, "a bug", (), (type(error), error, error.__traceback__))
    if request_id:
        made.fields = {"request_id": request_id}
    return made


def test_an_exception_is_logged_once_for_each_request_and_not_again_without_one() -> None:
    error, once = ValueError("x"), OncePerRequest()
    assert once.filter(record(error, "a"))
    assert not once.filter(record(error, "a"))
    assert once.filter(record(error, "b"))
    assert not once.filter(record(error, None))
    assert once.filter(record(ValueError("x"), None))


def test_the_log_line_of_an_exception_has_its_type_its_reason_and_its_place() -> None:
    try:
        raise ZeroDivisionError("nothing to share")
    except ZeroDivisionError as error:
        line = json.loads(JsonFormatter().format(record(error, "req-7")))
    assert line["request_id"] == "req-7"
    assert (line["exception"], line["reason"]) == ("ZeroDivisionError", "nothing to share")
    assert line["file"] == "tests/shared/test_exception_origin.py"
    assert line["source"].startswith('raise ZeroDivisionError("nothing to share")')
    assert line["function"] == "test_the_log_line_of_an_exception_has_its_type_its_reason_and_its_place"
