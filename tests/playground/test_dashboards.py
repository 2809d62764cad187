"""The page of dashboards: real numbers of a real Prometheus, for eyes, keyboards and screen readers."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from shared.dashboards.panels import ENGINE, PANELS
from tests.playground.conftest import Visits
from tests.playground.observed import HOSTILE, Observed
from tests.playground.test_look import LEAST_CONTRAST, contrast
from tests.playground.visit import PHONE, Visit
from tests.waiting import wait_for
from workshop.grader.subject import Subject

PAGE = "/playground/dashboards"
SERIES = "/playground/api/series?minutes=5"
# The panels that any traffic moves, even on the first day.
ALWAYS = {"rate", "errors", "latency", "first_token", "tokens", "cost", "cache", "queue", "overhead", "memory"}
POLL_SECONDS = 0.25  # our own requests must not keep Prometheus from its work
LEAST_CONTRAST_OF_LINES = 3.0  # WCAG 2.2 AA, for graphics


@pytest.fixture(scope="module")
def busy(observed: Observed) -> Subject:
    """A service that got some requests, and was scraped before and after."""
    service = observed.subject.service

    def missing() -> set[str]:
        service.post("/generate", {"prompt": "What is a cache for?", "temperature": 0})
        service.post("/generate/stream", {"prompt": "Again and again"})
        service.post("/generate", {"prompt": ""})
        return ALWAYS - {panel["name"] for panel in service.get(SERIES).json["panels"] if numbers(panel)}

    # A rate exists after two scrapes, and is visible when the gateway's cached data has expired.
    wait_for(lambda: not missing(), lambda: f"numbers of {missing()}", poll=POLL_SECONDS)
    return observed.subject


def numbers(panel: dict[str, Any]) -> list[float]:
    return [value for line in panel["lines"] for value in line["values"] if value is not None]


@pytest.fixture
def visit(visits: Visits, busy: Subject) -> Iterator[Visit]:
    """The opened page with its first numbers."""
    with visits(busy) as visit:
        visit.page.goto(f"{visit.origin}{PAGE}")
        expect(panel(visit, "rate").locator(".line").first).to_be_visible()
        yield visit


def panel(visit: Visit, name: str) -> Locator:
    return visit.page.locator(f"#panel-{name}")


def test_every_panel_has_a_description_and_draws_the_data_of_prometheus(visit: Visit) -> None:
    expect(visit.page.locator("#charts .panel")).to_have_count(len(PANELS))
    for known in PANELS:
        shown = panel(visit, known.name)
        expect(shown.get_by_role("heading")).to_have_text(known.title)
        expect(shown.locator(".says")).to_have_text(known.says)
        # A line along the bottom has no height, so browsers do not call it visible.
        expect(shown.locator(".line" if known.name in ALWAYS else ".line, .none").first).to_be_attached()
    expect(panel(visit, "rate").locator(".legend")).to_contain_text(re.compile(r"/generate\s*[\d.]+/s"))
    expect(panel(visit, "errors").locator(".legend")).to_contain_text("422")
    expect(panel(visit, "latency").locator(".legend li")).to_have_count(3)
    expect(panel(visit, "memory").locator(".legend")).to_contain_text("MB")


def test_a_known_engine_has_its_own_section(visit: Visit) -> None:
    section = visit.page.get_by_role("region", name="The engine behind it")
    expect(section.locator(".panel")).to_have_count(len(ENGINE))
    for known in ENGINE:
        expect(panel(visit, known.name).locator(".line").first).to_be_attached()
    expect(panel(visit, "replicas").locator(".legend li")).to_have_count(2)


def test_without_an_engine_there_is_no_section_for_it(visits: Visits, busy: Subject) -> None:
    with visits(busy) as visit:
        # The answer of a Prometheus without engines.
        visit.page.route("**/api/series*", lambda route: route.fulfill(json=route.fetch().json() | {"engine": []}))
        visit.page.goto(f"{visit.origin}{PAGE}")
        expect(panel(visit, "rate").locator(".line").first).to_be_visible()
        expect(visit.page.locator("#engine")).to_be_hidden()


def test_pointing_at_a_chart_shows_the_values_there(visit: Visit) -> None:
    chart = panel(visit, "memory").get_by_role("slider", name="Memory")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    visit.page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 60)
    expect(chart.locator("circle").first).to_be_visible()
    visit.page.mouse.move(0, 0)
    expect(chart.locator("circle")).to_have_count(0)


def test_the_arrow_keys_move_along_a_chart_and_announce_each_value(visit: Visit) -> None:
    chart = panel(visit, "memory").get_by_role("slider", name="Memory")
    chart.focus()
    said = re.compile(r"^\d\d:\d\d: all workers [\d,.]+ MB, the largest [\d,.]+ MB$")
    expect(chart).to_have_attribute("aria-valuetext", said)
    last = int(chart.get_attribute("aria-valuemax") or 0)
    expect(chart).to_have_attribute("aria-valuenow", str(last))
    visit.page.keyboard.press("ArrowLeft")
    expect(chart).to_have_attribute("aria-valuenow", str(last - 1))
    visit.page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuenow", "0")
    expect(panel(visit, "memory").locator(".legend b").first).to_have_text("–")
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("ArrowRight")
    expect(chart).to_have_attribute("aria-valuenow", str(last))


def test_the_numbers_are_also_a_table_and_the_queries_are_shown(visit: Visit) -> None:
    memory = panel(visit, "memory")
    memory.get_by_text("As a table").click()
    expect(memory.get_by_role("columnheader")).to_have_text(["time", "all workers", "the largest"])
    expect(memory.get_by_role("cell").nth(1)).to_have_text(re.compile("MB"))
    memory.get_by_text("As PromQL").click()
    expect(memory.locator("code").first).to_have_text("sum(process_memory_bytes)")


def test_alerts_are_on_top_with_firing_ones_first_and_stay_text(visit: Visit) -> None:
    alerts = visit.page.locator("#alerts")
    expect(alerts.get_by_role("heading")).to_have_text("1 alert fires")
    expect(alerts.locator("li")).to_have_count(2)
    expect(alerts.locator("li").first).to_contain_text("Fires")
    expect(alerts.locator("li").first).to_contain_text(HOSTILE)
    expect(alerts.locator("li").last).to_contain_text("pending")
    assert visit.page.locator("img").count() == 0
    assert visit.page.title() == "Dashboards"


def test_another_period_is_requested_with_a_suitable_step(visit: Visit) -> None:
    with visit.page.expect_response(lambda answer: "minutes=60" in answer.url) as answered:
        visit.page.get_by_label("Time shown").select_option(label="1 hour")
    seen = answered.value.json()
    assert (seen["minutes"], seen["step"]) == (60, 40)
    assert {len(line["values"]) for panel in seen["panels"] for line in panel["lines"]} == {90}


@pytest.mark.parametrize(("silent", "opens_on"), [({5, 15}, "60"), ({5, 15, 60, 360, 1440}, "5")])
def test_the_page_opens_on_the_shortest_period_with_data(
    visits: Visits, busy: Subject, silent: set[int], opens_on: str
) -> None:
    def without_traffic(route: Route) -> None:
        answer = route.fetch()
        seen = answer.json()
        for panel in seen["panels"]:
            if panel["name"] == "rate" and seen["minutes"] in silent:
                panel["lines"] = []
        route.fulfill(response=answer, json=seen)

    with visits(busy) as visit:
        visit.page.route("**/api/series*", without_traffic)
        visit.page.goto(f"{visit.origin}{PAGE}")
        expect(visit.page.locator("#updated")).not_to_be_empty()
        expect(visit.page.get_by_label("Time shown")).to_have_value(opens_on)


def test_a_hidden_page_requests_nothing(visits: Visits, busy: Subject) -> None:
    with visits(busy) as visit:
        visit.page.clock.install()
        visit.page.goto(f"{visit.origin}{PAGE}")
        expect(visit.page.locator(".panel").first).to_be_visible()
        hide = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        hide += " document.dispatchEvent(new Event('visibilitychange')); }"
        visit.page.evaluate(hide, True)
        visit.page.wait_for_load_state("networkidle")
        before = asked(visit)
        visit.page.clock.run_for(60_000)
        assert asked(visit) == before
        visit.page.evaluate(hide, False)
        wait_for_request(visit, before + 1)
        visit.page.wait_for_load_state("networkidle")
        visit.page.clock.run_for(4000)
        wait_for_request(visit, before + 2)


def asked(visit: Visit) -> int:
    return sum("/api/series" in request.url for request in visit.requests)


def wait_for_request(visit: Visit, number: int) -> None:
    while asked(visit) < number:
        visit.page.wait_for_event("request")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_needs_scrolling_sideways(visits: Visits, busy: Subject, scheme: str) -> None:
    with visits(busy, size=PHONE, color_scheme=scheme) as visit:
        visit.page.goto(f"{visit.origin}{PAGE}")
        expect(panel(visit, "rate").locator(".line").first).to_be_visible()
        assert visit.page.locator("html").evaluate("(it) => it.scrollWidth <= it.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_and_words_have_enough_contrast(visits: Visits, busy: Subject, scheme: str) -> None:
    with visits(busy, color_scheme=scheme) as visit:
        visit.page.goto(f"{visit.origin}{PAGE}")
        colours = visit.page.evaluate(
            """() => {
              const shown = document.body.appendChild(document.createElement("p"));
              const names = ["soft", "bad", "warm", "raised"];
              const lines = Array.from({ length: 6 }, (_, place) => `line-${place}`);
              return Object.fromEntries([...names, ...lines].map((name) => {
                shown.style.color = `var(--${name})`;
                return [name, getComputedStyle(shown).color.match(/\\d+/g).map(Number)];
              }));
            }"""
        )
    raised = colours.pop("raised")
    least = {name: LEAST_CONTRAST_OF_LINES if "line" in name else LEAST_CONTRAST for name in colours}
    assert [name for name, colour in colours.items() if contrast(colour, raised) < least[name]] == []


def test_every_control_has_a_name_and_shows_that_it_has_the_focus(visit: Visit) -> None:
    nameless = visit.page.evaluate(
        """() => [...document.querySelectorAll("a, button, select, summary, [role], [tabindex='0']")].filter((it) =>
          it.checkVisibility() && !it.textContent.trim() && !it.ariaLabel && it.role !== "status")
          .map((it) => it.outerHTML)"""
    )
    assert nameless == []
    controls = visit.page.locator("a:visible, select:visible, summary:visible, svg[tabindex]:visible").element_handles()
    for control in controls[:12]:
        control.focus()
        visit.page.keyboard.press("Shift+Tab")
        visit.page.keyboard.press("Tab")
        assert control.evaluate("(it) => it === document.activeElement")
        assert control.evaluate("(it) => getComputedStyle(it).outlineStyle") != "none"


def test_new_numbers_do_not_take_the_focus(visit: Visit) -> None:
    for name in ("As PromQL", "As a table"):
        control = panel(visit, "memory").get_by_text(name)
        control.focus()
        drawn_again(visit)
        expect(control).to_be_focused()


def drawn_again(visit: Visit) -> None:
    """Waits until the page shows numbers that it requests after this moment."""
    before = asked(visit)
    wait_for_request(visit, before + 1)
    wait_for_request(visit, before + 2)  # it sends the second request when the first numbers are drawn
