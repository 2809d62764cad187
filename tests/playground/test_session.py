"""The caller: the page checks a token, trusts the result for five minutes, and checks again."""

import json

from playwright.sync_api import Locator, expect

from tests.playground.conftest import Start, Visits
from tests.playground.visit import KEPT, Visit
from workshop.grader.subject import Subject

CHECK = "/usage"
FIVE_MINUTES = 5 * 60 * 1000


def state(visit: Visit) -> Locator:
    return visit.page.locator("#session-state")


def use(visit: Visit, token: str) -> None:
    visit.page.get_by_label("Token", exact=True).fill(token)
    visit.page.get_by_label("Token", exact=True).press("Enter")


def test_without_a_token_the_page_works_as_a_stranger(visit: Visit) -> None:
    expect(state(visit)).to_contain_text("You ask as a stranger, ip:127.0.0.1.")
    visit.ask_to_the_end("Who am I?")
    expect(visit.answer).to_contain_text("SIMULATED")


def test_a_good_token_is_kept_and_used(visit: Visit, demo: Subject) -> None:
    ana = demo.desk.people()[0]
    use(visit, ana.token)
    expect(state(visit)).to_contain_text("You are user:ana.")
    visit.ask_to_the_end("Who am I?")
    asked = [request for request in visit.requests if request.url.endswith("/chat/completions")]
    assert [request.headers["authorization"] for request in asked] == [f"Bearer {ana.token}"]
    visit.open()
    expect(state(visit)).to_contain_text("You are user:ana.")


def test_a_check_is_trusted_for_five_minutes(visits: Visits, demo: Subject) -> None:
    with visits(demo) as visit:
        visit.page.clock.install()
        visit.open()
        use(visit, demo.desk.people()[0].token)
        expect(state(visit)).to_contain_text("You are user:ana.")
        asked = visit.times_asked(CHECK)
        visit.page.clock.fast_forward("04:00")  # the clock also runs on its own
        visit.ask_to_the_end("Still me?")
        visit.open()
        expect(state(visit)).to_contain_text("You are user:ana.")
        assert visit.times_asked(CHECK) == asked
        with visit.page.expect_request(f"**{CHECK}"):
            visit.page.clock.fast_forward("01:01")
        expect(state(visit)).to_contain_text("You are user:ana.")


def test_a_page_opened_after_five_minutes_checks_again(visit: Visit, demo: Subject) -> None:
    use(visit, demo.desk.people()[0].token)
    expect(state(visit)).to_contain_text("You are user:ana.")
    kept = visit.kept()
    for age, asks in ((FIVE_MINUTES - 60_000, 0), (FIVE_MINUTES, 1)):
        old = json.dumps(kept | {"checked": kept["checked"] - age})
        visit.page.evaluate("([key, value]) => localStorage.setItem(key, value)", [KEPT, old])
        before = visit.times_asked(CHECK)
        visit.open()
        expect(state(visit)).to_contain_text("You are user:ana.")
        assert visit.times_asked(CHECK) - before == asks


def test_a_bad_token_is_reported_and_not_used(visits: Visits, demo: Subject) -> None:
    with visits(demo, refusals={401}) as visit:
        visit.open()
        use(visit, "wk_" + "0" * 43)
        expect(state(visit)).to_contain_text("this token is not known here")
        assert "checked" not in visit.kept()
        visit.ask_to_the_end("Who am I?")
        expect(visit.trouble).to_contain_text("401 · invalid_api_key")
        use(visit, "")
        expect(state(visit)).to_contain_text("You ask as a stranger")


def test_a_malformed_token_is_never_sent(visit: Visit) -> None:
    asked = visit.times_asked(CHECK)
    use(visit, "mi contraseña")
    expect(state(visit)).to_contain_text("This cannot be a token")
    assert visit.times_asked(CHECK) == asked


def test_a_token_revoked_meanwhile_is_noticed(visits: Visits, start: Start) -> None:
    with start(TOKEN_CACHE_TTL="0") as subject, visits(subject, refusals={401}) as visit:
        caller = subject.desk.create("gone")
        visit.open()
        use(visit, caller.token)
        expect(state(visit)).to_contain_text("You are user:gone.")
        subject.desk.revoke("gone")
        visit.ask_to_the_end("Still me?")
        expect(visit.trouble).to_contain_text("401")
        expect(state(visit)).to_contain_text("not known here, or was revoked")
        assert "checked" not in visit.kept()


def test_the_page_works_with_broken_storage(visit: Visit) -> None:
    for broken in ("{", "null", '"x"', '{"token": 7, "checked": "soon"}'):
        visit.page.evaluate("([key, value]) => localStorage.setItem(key, value)", [KEPT, broken])
        visit.refusals.clear()
        visit.open()
        visit.page.get_by_label("Token", exact=True).fill("")
        visit.page.get_by_role("button", name="Use").click()
        expect(state(visit)).to_contain_text("You ask as a stranger")
    visit.refusals.clear()  # 7 is not a token


def test_if_tokens_are_required_the_page_says_so(visits: Visits, start: Start) -> None:
    with start(API_KEYS_REQUIRED="true") as subject, visits(subject, refusals={401}) as visit:
        visit.page.goto(f"{visit.origin}/playground")
        expect(state(visit)).to_contain_text("a token is required")
        use(visit, subject.desk.create("ana").token)
        expect(state(visit)).to_contain_text("You are user:ana.")
        visit.ask_to_the_end("Now?")
        expect(visit.answer).to_contain_text("SIMULATED")
