"""The page for everybody: with a keyboard, on a phone, in dark mode, with a screen reader."""

import pytest
from playwright.sync_api import expect

from tests.playground.conftest import Visits
from tests.playground.scripted import Scripted
from tests.playground.visit import PHONE, Visit
from workshop.grader.subject import Subject

LEAST_CONTRAST = 4.5  # to 1: WCAG 2.2 AA, for text of this size


def test_everything_can_be_done_by_keyboard(visit: Visit, demo: Subject) -> None:
    keyboard = visit.page.keyboard
    expect(visit.prompt).to_be_focused()
    keyboard.type("First line")
    keyboard.press("Shift+Enter")
    keyboard.type("second line")
    expect(visit.prompt).to_have_value("First line\nsecond line")
    keyboard.press("Enter")
    visit.ended()
    expect(visit.exchange.locator(".question .text")).to_have_text("First line\nsecond line")
    expect(visit.prompt).to_have_value("")
    with demo.upstream.fault({"stall_after_tokens": 1}):
        keyboard.type("Stop me")
        keyboard.press("Enter")
        expect(visit.answer).to_have_text("SIMULATED")
        keyboard.press("Escape")
        visit.ended()
    expect(visit.prompt).to_be_focused()


def test_tab_reaches_every_control_and_each_shows_that_it_has_the_focus(visit: Visit) -> None:
    visit.ask_to_the_end("A question")
    visit.page.evaluate("document.activeElement.blur()")
    expected = visit.page.locator(
        "button:visible:enabled, input:visible, select:visible, textarea:visible, a:visible"
    ).count()
    seen = set()
    for _ in range(expected + 5):
        visit.page.keyboard.press("Tab")
        name, outline = visit.page.evaluate(
            """() => {
              const it = document.activeElement;
              if (it === document.body) return ["", null];  // past the end, before the beginning
              it.dataset.stop ??= String(Math.random());
              return [it.dataset.stop, getComputedStyle(it).outlineStyle];
            }"""
        )
        if outline is not None:
            assert outline != "none"
            seen.add(name)
    assert len(seen) >= expected


def test_every_control_has_a_name(visit: Visit) -> None:
    visit.ask_to_the_end("A question")
    nameless = visit.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, [role]")].filter((it) =>
          it.checkVisibility() && !it.labels?.length && !it.textContent.trim() && !it.ariaLabel
          && it.role !== "status").map((it) => it.outerHTML)"""
    )
    assert nameless == []


def test_a_screen_reader_hears_the_whole_answer_once_and_no_tokens(scripted: Visit, upstream: Scripted) -> None:
    announcement = scripted.page.get_by_role("status").and_(scripted.page.locator("#announcement"))
    expect(scripted.page.get_by_role("log")).to_have_attribute("aria-live", "off")
    scripted.ask("Speak")
    upstream.say("one ")
    expect(scripted.answer).to_have_text("one ")
    expect(announcement).to_have_text("Answering.")
    upstream.answers("two")
    scripted.ended()
    expect(announcement).to_have_text("one two")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_needs_scrolling_sideways(visits: Visits, demo: Subject, scheme: str) -> None:
    with visits(demo, size=PHONE, color_scheme=scheme) as visit:
        visit.open()
        visit.ask_to_the_end("l" + "o" * 400 + "ng")
        visit.page.get_by_role("button", name="Settings").click()
        expect(visit.page.get_by_label("Temperature")).to_be_visible()
        for part in ("html", "#conversation", "#panel", "#composer"):
            assert visit.page.locator(part).evaluate("(it) => it.scrollWidth <= it.clientWidth"), part
        visit.page.get_by_role("button", name="Settings").click()
        expect(visit.page.get_by_label("Temperature")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(visits: Visits, demo: Subject, scheme: str) -> None:
    with visits(demo, color_scheme=scheme) as visit:
        visit.open()
        colours = visit.page.evaluate(
            """() => {
              const shown = document.body.appendChild(document.createElement("p"));
              return Object.fromEntries(["ink", "soft", "accent", "warm", "bad", "paper", "raised"].map((name) => {
                shown.style.color = `var(--${name})`;
                return [name, getComputedStyle(shown).color.match(/\\d+/g).map(Number)];
              }));
            }"""
        )
    pairs = [(name, "paper") for name in ("ink", "soft", "accent", "warm", "bad")]
    pairs += [("ink", "raised"), ("paper", "accent"), ("paper", "warm")]
    faint = [pair for pair in pairs if contrast(*(colours[name] for name in pair)) < LEAST_CONTRAST]
    assert faint == []


def contrast(one: list[int], other: list[int]) -> float:
    """The contrast of two colours, as red, green and blue up to 255 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: list[int]) -> float:
    shares = [channel / 255 for channel in colour]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_reduced_motion_means_no_animations(visits: Visits, demo: Subject) -> None:
    with visits(demo, reduced_motion="reduce") as visit, demo.upstream.fault({"stall_after_tokens": 1}):
        visit.open()
        visit.ask("Wait")
        expect(visit.answer).to_have_text("SIMULATED")
        assert visit.page.evaluate("document.getAnimations().length") == 0
        visit.stop.click()


def test_new_text_does_not_move_a_reader_who_scrolled_up(scripted: Visit, upstream: Scripted) -> None:
    scripted.ask("Long")
    upstream.say("line\n" * 200)
    conversation = scripted.page.locator("#conversation")
    expect(scripted.answer).to_contain_text("line")
    at_end = "(it) => it.scrollHeight - it.scrollTop - it.clientHeight < 2"
    assert conversation.evaluate(at_end)
    with scripted.page.expect_event("console", lambda message: message.text == "scrolled"):
        conversation.evaluate(
            """(it) => {
              it.addEventListener("scroll", () => console.log("scrolled"), { once: true });
              it.scrollTop = 100;
            }"""
        )
    upstream.answers("last\n" * 200)
    scripted.ended()
    assert conversation.evaluate("(it) => it.scrollTop") == 100
