"""Questions and answers on the page: answers grow, stop, break, repeat, and show their facts."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.playground.conftest import Start, Visits
from tests.playground.scripted import Scripted
from tests.playground.visit import PAGE, Visit
from tests.waiting import wait_for
from workshop.grader.launch import SIMULATOR
from workshop.grader.subject import Subject

FIVE_TOKENS = re.compile(r"^SIMULATED \w+ this answer was$")


def outcomes(subject: Subject) -> list[str]:
    return [call["outcome"] for call in subject.upstream.register()["last"]]


def test_the_text_grows_while_the_model_generates(scripted: Visit, upstream: Scripted) -> None:
    scripted.ask("Count")
    shown = ""
    for piece in ("one", ", two", ", three"):
        upstream.say(piece)
        shown += piece
        expect(scripted.answer).to_have_text(shown)
        expect(scripted.stop).to_be_visible()
    upstream.end()
    scripted.ended()
    expect(scripted.stop).to_be_hidden()
    expect(scripted.answer).to_have_text("one, two, three")


def test_an_answer_shows_its_time_tokens_and_cost(visit: Visit, demo: Subject) -> None:
    visit.ask_to_the_end("What did it take?")
    [call] = demo.upstream.register()["last"]
    assert re.fullmatch(r"\d+ ms|[\d.]+ s", visit.fact("first token"))
    assert visit.fact("tokens") == f"{call['prompt_tokens']} in, {call['completion_tokens']} out"
    assert float(visit.fact("cost").removeprefix("$")) > 0
    assert visit.copied("Copy request id") == call["x_request_id"]
    assert visit.copied("Copy text") == visit.answer.inner_text()


def test_the_speed_is_that_of_the_tokens_after_the_first(scripted: Visit, upstream: Scripted) -> None:
    scripted.ask("How fast?")
    upstream.say("one")
    expect(scripted.answer).to_have_text("one")
    upstream.say(", two")
    expect(scripted.answer).to_have_text("one, two")
    upstream.end()
    scripted.ended()
    assert re.fullmatch(r"[\d,.]+ tokens/s", scripted.fact("speed"))


def test_an_early_question_waits_until_the_page_knows_the_model(visits: Visits, demo: Subject) -> None:
    with visits(demo) as visit:
        held: list[Route] = []
        visit.page.route(f"{visit.origin}/", lambda route: held.append(route))  # this request tells the page its model
        visit.page.goto(f"{visit.origin}{PAGE}")
        visit.ask("Early")
        expect(visit.stop).to_be_visible()
        held[0].continue_()
        visit.ended()
        assert outcomes(demo) == ["finished"]
        assert SIMULATOR in visit.exchange.locator(".by").inner_text()


def test_the_conversation_is_sent_unless_it_is_switched_off(scripted: Visit, upstream: Scripted) -> None:
    upstream.answers("It keeps answers.")
    scripted.ask_to_the_end("What is a cache?")
    upstream.answers("Yes.")
    scripted.ask_to_the_end("Always?")
    scripted.page.get_by_label("Send the conversation").uncheck()
    upstream.answers("No.")
    scripted.ask_to_the_end("Alone?")
    first, second, alone = (body["messages"] for body in upstream.bodies)
    assert first == [{"role": "user", "content": "What is a cache?"}]
    assert second == [
        *first,
        {"role": "assistant", "content": "It keeps answers."},
        {"role": "user", "content": "Always?"},
    ]
    assert alone == [{"role": "user", "content": "Alone?"}]


def test_a_new_conversation_forgets_the_old_one(scripted: Visit, upstream: Scripted) -> None:
    upstream.answers("One.")
    scripted.ask_to_the_end("First")
    scripted.page.get_by_role("button", name="New conversation").click()
    expect(scripted.exchange).to_have_count(0)
    upstream.answers("Two.")
    scripted.ask_to_the_end("Second")
    assert upstream.bodies[-1]["messages"] == [{"role": "user", "content": "Second"}]


def test_the_user_chooses_model_temperature_and_length(visit: Visit, demo: Subject) -> None:
    expect(visit.model.locator("option")).to_have_text([SIMULATOR])
    visit.page.get_by_label("Temperature").fill("1.3")
    visit.page.get_by_label("Max tokens").fill("3")
    visit.ask_to_the_end("Briefly")
    [call] = demo.upstream.register()["last"]
    assert (call["model"], call["max_tokens"], call["completion_tokens"]) == (SIMULATOR, 3, 3)
    expect(visit.exchange.locator(".badge")).to_have_text("max tokens reached")
    assert '"temperature":1.3' in visit.copied("Copy as curl")


def test_stop_cancels_the_upstreams_call_and_keeps_the_text_so_far(visit: Visit, demo: Subject) -> None:
    with demo.upstream.fault({"stall_after_tokens": 5}):
        visit.ask("Go on for ever")
        expect(visit.answer).to_have_text(FIVE_TOKENS)
        visit.stop.click()
        visit.ended()
        wait_for(lambda: outcomes(demo) == ["cancelled"], "the upstream's call is cancelled")
    expect(visit.answer).to_have_text(FIVE_TOKENS)
    expect(visit.exchange.locator(".badge")).to_have_text("stopped")
    expect(visit.prompt).to_be_focused()


def test_stop_works_before_the_first_token_too(visit: Visit, demo: Subject) -> None:
    with demo.upstream.fault({"hang": True}):
        visit.ask("Anybody there?")
        wait_for(lambda: outcomes(demo) == ["in_flight"], "the call reaches the upstream")
        visit.page.keyboard.press("Escape")
        visit.ended()
        wait_for(lambda: outcomes(demo) == ["cancelled"], "the upstream's call is cancelled")
    visit.ask_to_the_end("And now?")
    expect(visit.answer).to_contain_text("SIMULATED")


def test_a_stream_that_breaks_keeps_its_text_and_is_marked(visit: Visit, demo: Subject) -> None:
    with demo.upstream.fault({"cut_after_tokens": 5}):
        visit.ask_to_the_end("Break")
    expect(visit.answer).to_have_text(FIVE_TOKENS)
    expect(visit.exchange.locator(".badge")).to_have_text("cut")
    expect(visit.trouble).to_contain_text("upstream_unavailable · the upstream")
    assert visit.copied("Copy request id") == demo.upstream.register()["last"][0]["x_request_id"]


def test_an_error_is_shown_with_the_text_of_the_envelope(visits: Visits, demo: Subject) -> None:
    with visits(demo, refusals={502}) as visit, demo.upstream.fault({"status": 500}):
        visit.open()
        visit.ask_to_the_end("Fail")
        expect(visit.trouble).to_have_text("502 · upstream_error · This 500 was ordered through the fault switches.")
        expect(visit.send).to_be_enabled()
        assert visit.copied("Copy request id") == demo.upstream.register()["last"][0]["x_request_id"]


def test_an_unreachable_service_is_reported(visits: Visits, start: Start) -> None:
    with start() as subject, visits(subject) as visit:
        visit.open()
        visit.page.context.set_offline(True)
        visit.ask_to_the_end("Hello?")
        expect(visit.trouble).to_have_text("unreachable · the service does not answer")
        visit.page.context.set_offline(False)
        visit.exchange.get_by_role("button", name="Ask again").click()
        visit.ended()
        expect(visit.answer).to_contain_text("SIMULATED")
        visit.complaints[:] = [said for said in visit.complaints if "ERR_INTERNET_DISCONNECTED" not in said]


def test_a_repeated_question_is_a_free_cache_hit(visit: Visit, demo: Subject) -> None:
    visit.page.get_by_label("Stream").uncheck()
    visit.page.get_by_label("Temperature").fill("0")
    visit.ask_to_the_end("What is asked twice?")
    expect(visit.exchange.locator(".badge")).to_have_text("cache miss")
    assert float(visit.fact("cost").removeprefix("$")) > 0
    first = visit.answer.inner_text()
    visit.exchange.get_by_role("button", name="Ask again").click()
    expect(visit.page.locator(".exchange")).to_have_count(2)
    visit.ended()
    expect(visit.exchange.locator(".badge")).to_have_text("cache hit")
    assert visit.fact("cost") == "$0.00"
    assert visit.answer.inner_text() == first
    assert demo.upstream.received() == 1


def test_an_answer_of_a_fallback_shows_its_name(visits: Visits, start: Start, demo: Subject) -> None:
    with start(FALLBACKS=SIMULATOR, MODEL="nowhere") as subject, visits(subject) as visit:
        visit.open()
        with subject.upstream.fault({"status": 503, "times": 1}):
            visit.model.select_option("nowhere")
            visit.ask_to_the_end("Anybody?")
        expect(visit.exchange.locator(".badge")).to_contain_text([f"fallback {SIMULATOR}"])


HOSTILE = {
    "an image with a handler": '<img src=x onerror="window.hurt = 1">',
    "a script": "</p><script>window.hurt = 1</script>",
    "markup of ours": '<template id="exchange-template"></template><base href="https://example.com">',
    "markdown": "![x](https://example.com/x.png) [y](javascript:window.hurt=1) `code`",
    "text from right to left": "\u202eעברית and العربية\u202c <b>x</b>",
    "controls": "\x1b[31mred\x1b[0m \x07 \x9b31m \u0000.",
    "a line of 100 kB": "x" * 100_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_text(scripted: Visit, upstream: Scripted, text: str) -> None:
    upstream.answers(text)
    scripted.ask_to_the_end(text[:1000])
    assert scripted.answer.evaluate("(it) => it.textContent") == text
    assert scripted.exchange.locator(".text *").count() == 0
    assert scripted.page.evaluate("window.hurt") is None
    assert scripted.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert scripted.page.locator("#conversation").evaluate("(it) => it.scrollWidth <= it.clientWidth")


def test_ten_thousand_tokens_are_shown_in_few_steps(scripted: Visit, upstream: Scripted) -> None:
    scripted.page.evaluate(
        """() => {
          window.steps = 0;
          new MutationObserver((seen) => (steps += seen.length)).observe(document, { childList: true, subtree: true });
        }"""
    )
    for number in range(10_000):
        upstream.say(f"{number} ")
    upstream.end()
    scripted.ask_to_the_end("Count")
    assert scripted.answer.evaluate("(it) => it.textContent") == "".join(f"{number} " for number in range(10_000))
    # At most one step per frame, which is far fewer than one per token.
    assert scripted.page.evaluate("steps") < 2_000


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_the_copied_curl_repeats_the_request_and_contains_no_token(
    visits: Visits, demo: Subject, tmp_path: Path, streamed: bool
) -> None:
    ana = demo.desk.people()[0]
    with visits(demo) as visit:
        visit.open()
        visit.page.get_by_label("Token", exact=True).fill(ana.token)
        visit.page.get_by_role("button", name="Use").click()
        expect(visit.page.locator("#session-state")).to_contain_text("user:ana")
        visit.page.get_by_label("Stream").set_checked(streamed)
        visit.ask_to_the_end("It's $(touch hurt) `touch hurt`; \"quoted\" \\ and\u2028ñ\nnext line'; touch hurt; '")
        answer = visit.answer.inner_text()
        command = visit.copied("Copy as curl")
    assert ana.token not in command
    assert "Bearer $TOKEN" in command
    done = subprocess.run(
        ["bash", "-c", f"{command} --silent --write-out '\\n%{{http_code}}'"],
        env={"PATH": os.environ["PATH"], "TOKEN": ana.token},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("\n200")
    assert not list(tmp_path.iterdir())
    whole = (
        done.stdout if streamed else json.loads(done.stdout.removesuffix("\n200"))["choices"][0]["message"]["content"]
    )
    assert answer.split()[1] in whole  # the simulator's checksum of this prompt
    assert demo.upstream.received() == 2
