"""ENABLE_STRUCTURED_LOGGING=false: lines for people on stdout, and still JSON in LOG_FILE."""

import logging
import re
import sys

from shared.logs.human import ReadableFormatter, request_line
from tests.memory.conftest import Gateway, Start
from tests.waiting import wait_for

RECORD = {
    "request_id": "abc",
    "timestamp": 0.0,
    "latency_ms": 12.34,
    "tokens_input": 3,
    "tokens_output": 16,
    "cost_usd": 0.000012,
    "model": "workshop-tiny",
    "endpoint": "/generate",
    "outcome": "finished",
    "error": None,
    "status": 200,
    "retries": 0,
}


def test_a_request_is_one_line_with_the_main_facts_first() -> None:
    line = request_line({**RECORD, "caller": "user:ana", "cache": "miss"})
    said = "200  /generate  12 ms  finished  workshop-tiny  3+16 tokens  $0.000012  user:ana  cache=miss"
    assert re.fullmatch(rf"\d\d:\d\d:\d\d  {re.escape(said)}  request_id=abc", line)


def test_a_failure_shows_its_error_code() -> None:
    line = request_line({**RECORD, "status": 503, "outcome": "failed", "error": "circuit_open", "retries": 2})
    assert "  503  " in line
    assert "  circuit_open  " in line
    assert "  2 retries  " in line
    assert "failed" not in line


def test_a_clients_text_cannot_begin_a_line_or_control_the_terminal() -> None:
    line = request_line({**RECORD, "model": "a\n12:00:00  200\x1b[2J\ud800"})
    assert line.isprintable()
    assert "a?12:00:00" in line


def test_an_operational_event_is_a_line_too_with_its_traceback() -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        record = logging.LogRecord("shared.x", logging.ERROR, "", 0, "it %s", ("failed",), sys.exc_info())
    first, *rest = ReadableFormatter().format(record).splitlines()
    assert first.endswith("ERROR shared.x: it failed")
    assert rest[-1] == "ValueError: odd"


def test_a_service_prints_lines_and_keeps_json(start: Start) -> None:
    with start(ENABLE_STRUCTURED_LOGGING="false") as gateway:
        answer = gateway.ask()
        [line] = gateway.subject.log.lines_of(answer)
        assert line["status"] == 200
        shown = f"request_id={line['request_id']}"

        def printed() -> list[str]:
            return [text for text in gateway.subject.log.text().splitlines() if not text.startswith("{")]

        wait_for(lambda: any(shown in text for text in printed()), "the request is shown")
        assert any("INFO" in text and "listening" in text and "http://" in text for text in printed())
        assert not [text for text in gateway.subject.log.text().splitlines() if '"message"' in text]


def test_by_default_all_of_it_is_json(demo_5: Gateway) -> None:
    demo_5.subject.log.lines_of(demo_5.ask())
    assert all(text.startswith("{") for text in demo_5.subject.log.text().splitlines())
