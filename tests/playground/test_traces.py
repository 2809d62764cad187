"""The page of traces: the latest traces, where their time went, and the details of each span, from any sender."""

import re
import secrets
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from playwright.sync_api import Locator, expect

from tests.playground.conftest import Visits
from tests.playground.observed import HOSTILE, Observed
from tests.playground.visit import PHONE, Visit
from tests.traces.messages import message, span, text
from workshop.grader.subject import Subject

PAGE = "/playground/traces"


@pytest.fixture
def visit(visits: Visits, observed: Observed) -> Iterator[Visit]:
    """The opened page."""
    with visits(observed.subject) as visit:
        visit.page.goto(f"{visit.origin}{PAGE}")
        yield visit


def ask(subject: Subject, path: str = "/generate") -> str:
    """Sends a request with a new id and prompt, which no cache can answer. Returns the id."""
    request_id = secrets.token_hex(8)
    body = f'{{"prompt": "{request_id}"}}'
    headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
    subject.service.request("POST", path, headers=headers, body=body)
    return request_id


def sent(observed: Observed, *spans: Span, service: str = "gateway") -> str:
    """Sends spans directly to the receiver, as one trace. Returns its id."""
    trace_id = secrets.token_bytes(16)
    for each in spans:
        each.trace_id = trace_id
    assert observed.receiver.send(message(spans, service)).status == 200
    return trace_id.hex()


def of(visit: Visit, request_id: str) -> None:
    """Opens the trace of this request."""
    visit.page.goto(f"{visit.origin}{PAGE}#request={request_id}")
    expect(visit.page.locator("#span")).to_contain_text(request_id)  # and no longer another trace


def rows(visit: Visit) -> Locator:
    return visit.page.get_by_role("treeitem")


def lines(visit: Visit) -> Locator:
    return visit.page.locator("#list a")


def test_a_request_appears_without_a_reload_and_shows_where_its_time_went(visit: Visit, observed: Observed) -> None:
    ask(observed.subject)
    line = lines(visit).first
    expect(line).to_contain_text("POST /generate")
    expect(line).to_contain_text("200")
    ask(observed.subject, "/generate/stream")
    expect(lines(visit).first).to_contain_text("POST /generate/stream")
    lines(visit).first.click()
    expect(visit.page.get_by_role("heading", name="POST /generate/stream").first).to_be_visible()
    names = rows(visit).locator(".name").all_inner_texts()
    assert names[0] == "POST /generate/stream"
    assert names.index("RateLimit") < names.index("Retry") < names.index("chat workshop-sim")
    levels = [int(row.get_attribute("aria-level") or 0) for row in rows(visit).all()]
    assert levels[:3] == [1, 2, 3]
    chat = rows(visit).filter(has_text="chat workshop-sim")
    chat.click()
    told = visit.page.locator("#span")
    expect(told).to_contain_text("gen_ai.request.model")
    expect(told.locator("h4").first).to_be_visible()  # an event
    expect(chat.locator(".event").first).to_be_attached()


def test_an_answer_on_the_playground_leads_to_its_trace(visits: Visits, observed: Observed) -> None:
    with visits(observed.subject, refusals={404}) as visit:
        visit.open()
        expect(visit.page.get_by_role("link", name="Dashboards")).to_be_visible()
        visit.ask_to_the_end(f"Trace me {secrets.token_hex(4)}")
        with visit.page.expect_popup() as opened:
            visit.exchange.get_by_role("link", name="Trace").click()
        trace = opened.value
        expect(trace.get_by_role("treeitem").first).to_contain_text("POST /v1/chat/completions")
        expect(trace.locator("#list [aria-current]")).to_have_count(1)


def test_without_traces_there_is_no_link_to_them(visits: Visits, demo: Subject) -> None:
    with visits(demo) as visit:  # demo 4
        visit.open()
        visit.ask_to_the_end("No trace")
        expect(visit.page.get_by_role("navigation")).to_be_hidden()
        expect(visit.exchange.get_by_role("link")).to_be_hidden()


def test_the_list_is_filtered_by_outcome_duration_and_endpoint(visit: Visit, observed: Observed) -> None:
    broken = Status(code=Status.STATUS_CODE_ERROR)
    name = f"POST /{secrets.token_hex(4)}"
    sent(observed, span(1, name, took=5, status=broken))
    sent(observed, span(1, name, took=2000))
    sent(observed, span(1, "POST /other", took=1))
    choose = visit.page.get_by_label
    expect(choose("Endpoint")).to_contain_text(name)
    choose("Endpoint").select_option(name)
    expect(lines(visit)).to_have_count(2)
    choose("Outcome").select_option(label="failed")
    expect(lines(visit)).to_have_count(1)
    expect(lines(visit)).to_contain_text("5 ms")
    choose("Outcome").select_option(label="any outcome")
    choose("Duration").select_option(label="over 1 s")
    expect(lines(visit)).to_have_count(1)
    expect(lines(visit)).to_contain_text("2.00 s")


def test_spans_of_two_services_share_one_waterfall_with_their_own_times(visit: Visit, observed: Observed) -> None:
    trace = sent(observed, span(1, "POST /generate", took=100), span(2, "Retry", parent=1, at=10, took=80))
    trace_id = bytes.fromhex(trace)
    observed.receiver.send(message([span(3, "engine", parent=2, at=20, took=40, trace_id=trace_id)], "vllm"))
    visit.page.goto(f"{visit.origin}{PAGE}#{trace}")
    expect(rows(visit)).to_have_count(3)
    expect(visit.page.locator(".service")).to_have_text(["gateway", "vllm"])
    rows(visit).nth(1).click()
    expect(visit.page.locator("#span")).to_contain_text("took 80 ms, 40 ms of it its own")
    # A later span takes its place in the open trace.
    observed.receiver.send(message([span(4, "decode", parent=3, at=30, took=10, trace_id=trace_id)], "vllm"))
    expect(rows(visit)).to_have_count(4)
    expect(rows(visit).nth(1)).to_have_attribute("aria-selected", "true")


def test_hostile_text_in_a_span_stays_text(visit: Visit, observed: Observed) -> None:
    event = Span.Event(name=HOSTILE, time_unix_nano=span(1).start_time_unix_nano, attributes=[text("k", HOSTILE)])
    hostile = span(1, HOSTILE, attributes=[text(HOSTILE, HOSTILE), text("__proto__", "x")], events=[event])
    trace = sent(observed, hostile, service=HOSTILE)
    visit.page.goto(f"{visit.origin}{PAGE}#{trace}")
    expect(rows(visit).first.locator(".name")).to_have_text(HOSTILE)
    expect(visit.page.locator("#span dt").first).to_have_text(HOSTILE)
    expect(visit.page.locator("#span h4")).to_contain_text(HOSTILE)
    expect(visit.page.get_by_label("Endpoint")).to_contain_text(HOSTILE)
    assert visit.page.locator("img, script:not([src])").count() == 0
    assert visit.page.title() == "Traces"


def test_circular_or_very_deep_spans_do_no_harm(visit: Visit, observed: Observed) -> None:
    circle = sent(observed, span(1, parent=2), span(2, parent=1), span(3, parent=3))
    visit.page.goto(f"{visit.origin}{PAGE}#{circle}")
    expect(rows(visit)).to_have_count(3)
    deep = sent(observed, *(span(number + 1, parent=number, took=600 - number) for number in range(500)))
    visit.page.goto(f"{visit.origin}{PAGE}#{deep}")
    expect(rows(visit)).to_have_count(500)
    assert visit.page.locator("#trace").evaluate("(it) => it.scrollWidth <= it.clientWidth")


def test_everything_can_be_done_by_keyboard(visit: Visit, observed: Observed) -> None:
    for request_id in (ask(observed.subject), ask(observed.subject)):
        of(visit, request_id)  # both are listed: a line that comes later would move the others
    expect(lines(visit).nth(1)).to_be_visible()
    keyboard = visit.page.keyboard
    lines(visit).first.focus()
    keyboard.press("ArrowDown")
    expect(lines(visit).nth(1)).to_be_focused()
    keyboard.press("ArrowUp")
    expect(lines(visit).first).to_be_focused()
    rows(visit).first.focus()
    keyboard.press("ArrowDown")
    expect(rows(visit).nth(1)).to_be_focused()
    expect(rows(visit).nth(1)).to_have_attribute("aria-selected", "true")
    expect(visit.page.locator("#span h3")).to_have_text(rows(visit).nth(1).locator(".name").inner_text())
    keyboard.press("End")
    expect(rows(visit).last).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Home")
    expect(rows(visit).first).to_be_focused()


def test_new_lines_do_not_take_the_focus_from_a_line(visit: Visit, observed: Observed) -> None:
    name = f"POST /{secrets.token_hex(4)}"
    sent(observed, span(1, name))
    line = lines(visit).filter(has_text=name)
    line.focus()
    newer = f"POST /{secrets.token_hex(4)}"
    sent(observed, span(1, newer, at=1))
    expect(lines(visit).filter(has_text=newer)).to_be_visible()
    expect(line).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_a_trace_covers_the_list_and_leads_back(visits: Visits, observed: Observed, scheme: str) -> None:
    ask(observed.subject)
    with visits(observed.subject, size=PHONE, color_scheme=scheme) as visit:
        visit.page.goto(f"{visit.origin}{PAGE}")
        lines(visit).first.click()
        expect(rows(visit).first).to_be_visible()
        expect(lines(visit).first).to_be_hidden()
        for part in ("html", "#trace", "#waterfall"):
            assert visit.page.locator(part).evaluate("(it) => it.scrollWidth <= it.clientWidth"), part
        visit.page.get_by_role("link", name="All traces").click()
        expect(lines(visit).first).to_be_visible()
        for part in ("html", "#side", "#list"):
            assert visit.page.locator(part).evaluate("(it) => it.scrollWidth <= it.clientWidth"), part


def test_a_missing_trace_gets_one_clear_message(visits: Visits, observed: Observed) -> None:
    with visits(observed.subject, refusals={404, 422}) as visit:
        visit.page.clock.install()
        told = visit.page.locator("#hint")
        for asked, words in [
            ("0" * 31 + "1", "no such trace is kept any more"),
            ("request=never-asked", "TRACE_SAMPLE_RATIO"),
            ("%3Cb%3E", "32 hexadecimal digits"),
            ("%E0%A4%A", "32 hexadecimal digits"),
        ]:
            visit.page.goto(f"{visit.origin}{PAGE}#{asked}")
            visit.page.reload()
            for _ in range(10):
                if re.search(words, told.inner_text()):
                    break
                visit.page.clock.run_for(3000)  # the page waits a while for a late trace
                visit.page.wait_for_load_state("networkidle")
            expect(told).to_contain_text(words)
