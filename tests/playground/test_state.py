"""The page's state around the answers: limits, the wait after a 429, breakers, faults."""

import re

from playwright.sync_api import expect

from tests.closed_port import dead_server
from tests.playground.conftest import Start, Visits
from tests.playground.visit import Visit
from workshop.grader.launch import ModelServer
from workshop.grader.subject import Subject


def test_the_remaining_limit_is_shown_until_it_is_full_again(visits: Visits, start: Start) -> None:
    with start(RATE_LIMIT_ANONYMOUS_RPM="20", RATE_LIMIT_WINDOW_SEC="5") as subject, visits(subject) as visit:
        visit.open()
        limits = visit.page.locator("#limits")
        expect(limits).to_contain_text("20 of 20 requests")
        visit.ask_to_the_end("One")
        expect(limits).to_contain_text("19 of 20 requests")
        expect(limits).to_contain_text(re.compile(r"full in \d s"))
        expect(visit.page.get_by_role("meter", name="requests left")).to_have_attribute("aria-valuenow", "19")
        expect(limits).to_contain_text("20 of 20 requests")  # without a request


def test_after_a_429_the_page_counts_down_and_then_sends_again(visits: Visits, start: Start) -> None:
    with (
        start(RATE_LIMIT_ANONYMOUS_RPM="2", RATE_LIMIT_WINDOW_SEC="12") as subject,
        visits(subject, refusals={429}) as visit,
    ):
        visit.open()
        for _ in range(2):  # not through the page: a browser on a busy machine may outlast the window
            assert subject.ask("Hola").status == 200
        visit.ask_to_the_end("Three")
        expect(visit.trouble).to_contain_text("429 · rate_limit_exceeded")
        expect(visit.send).to_be_disabled()
        expect(visit.send).to_have_text(re.compile(r"Wait \d+ s"))
        visit.ask("Too early")
        expect(visit.page.locator(".exchange")).to_have_count(1)
        expect(visit.prompt).to_have_value("Too early")
        expect(visit.send).to_have_text("Send")
        expect(visit.send).to_be_enabled()
        visit.prompt.press("Enter")
        visit.ended()
        expect(visit.answer).to_contain_text("SIMULATED")


def test_a_caller_with_another_token_need_not_wait(visits: Visits, start: Start) -> None:
    with start(RATE_LIMIT_ANONYMOUS_RPM="1") as subject, visits(subject, refusals={429}) as visit:
        visit.open()
        visit.ask_to_the_end("One")
        visit.ask_to_the_end("Two")
        expect(visit.send).to_be_disabled()
        visit.page.get_by_label("Token", exact=True).fill(subject.desk.create("ana").token)
        visit.page.get_by_role("button", name="Use").click()
        expect(visit.send).to_be_enabled()


def test_a_limit_without_a_retry_after_does_not_block_sending(visits: Visits, start: Start) -> None:
    with start(RATE_LIMIT_TPM="100") as subject, visits(subject, refusals={429}) as visit:
        visit.open()
        visit.ask_to_the_end("Too much")
        expect(visit.trouble).to_contain_text("no wait will help")
        expect(visit.send).to_be_enabled()


def test_a_dead_upstream_opens_the_breaker_on_the_page(visits: Visits, start: Start) -> None:
    settings = {"CIRCUIT_BREAKER_FAILURE_THRESHOLD": "2", "CIRCUIT_BREAKER_TIMEOUT_SEC": "60"}
    with (
        dead_server() as url,
        start(ModelServer(url, ""), **settings) as subject,
        visits(subject, refusals={404, 503}) as visit,
    ):
        visit.page.goto(f"{visit.origin}/playground")
        breakers = visit.page.locator("#breakers")
        expect(breakers).to_contain_text("none yet")
        visit.ask_to_the_end("One")
        expect(breakers).to_contain_text("primary/workshop-simclosed, 1 failed")
        visit.ask_to_the_end("Two")
        expect(breakers).to_contain_text(re.compile(r"primary/workshop-simopen, \d+ s more"))
        visit.ask_to_the_end("Three")
        expect(visit.trouble).to_contain_text("503 · circuit_open")


def test_an_adaptive_breaker_says_where_its_threshold_is(visits: Visits, start: Start) -> None:
    with start(CIRCUIT_BREAKER_ADAPTIVE="true") as subject, visits(subject) as visit:
        visit.open()
        visit.ask_to_the_end("Well?")
        expect(visit.page.locator("#breakers")).to_contain_text(re.compile(r"closed, opens after \d+"))


def test_the_breakers_are_requested_only_while_the_page_is_visible(visits: Visits, demo: Subject) -> None:
    with visits(demo) as visit:
        visit.page.clock.install()
        visit.open()
        visit.page.evaluate(
            """() => {
              Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
              document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
        asked = visit.times_asked("/health")
        visit.page.clock.run_for(60_000)
        assert visit.times_asked("/health") == asked
        with visit.page.expect_request("**/health"):
            visit.page.evaluate("delete document.hidden, document.dispatchEvent(new Event('visibilitychange'))")
        with visit.page.expect_request("**/health"):
            visit.page.clock.run_for(5_000)


def test_a_fault_is_set_met_and_removed(visits: Visits, demo: Subject) -> None:
    with visits(demo, refusals={429}) as visit:
        visit.open()
        expect(visit.fault("Off")).to_have_attribute("aria-pressed", "true")
        visit.fault("Cut after 5 tokens").click()
        expect(visit.fault("Cut after 5 tokens")).to_have_attribute("aria-pressed", "true")
        expect(visit.fault("Off")).to_have_attribute("aria-pressed", "false")
        visit.ask_to_the_end("Cut")
        expect(visit.exchange.locator(".badge")).to_have_text("cut")
        expect(visit.page.locator("#fault-state")).to_have_text("Applied to 1 call so far.")
        visit.fault("429, retry after 5 s").click()
        expect(visit.fault("429, retry after 5 s")).to_have_attribute("aria-pressed", "true")
        visit.ask_to_the_end("Refused")
        expect(visit.send).to_have_text(re.compile(r"Wait \d s"))
        visit.fault("Off").click()
        expect(visit.fault("Off")).to_have_attribute("aria-pressed", "true")
        expect(visit.send).to_have_text("Send")
        visit.ask_to_the_end("Well again")
        expect(visit.answer).to_contain_text("SIMULATED")


def test_the_model_server_accepts_every_preset(visit: Visit, demo: Subject) -> None:
    presets = visit.page.locator("#presets button")
    names = presets.all_inner_texts()
    assert len(names) == 6
    for name in names:
        visit.fault(name).click()
        expect(visit.fault(name)).to_have_attribute("aria-pressed", "true")
        plan = demo.service.get("/playground/faults").json["sequence"]
        assert bool(plan) == (name != "Off"), name


def test_a_fault_set_elsewhere_is_shown_unchanged(visits: Visits, demo: Subject) -> None:
    with demo.upstream.fault({"garbage": "text", "times": 3}), visits(demo) as visit:
        visit.open()
        expect(visit.page.locator("#fault-state")).to_contain_text('{"garbage":"text","times":3}')


def test_in_production_the_page_has_no_faults_and_requests_none(visits: Visits, start: Start) -> None:
    with start(ENV="production") as subject, visits(subject) as visit:
        visit.open()
        expect(visit.page.locator("#faults")).to_be_hidden()
        visit.ask_to_the_end("Well?")
        assert visit.times_asked("/playground/faults") == 0
