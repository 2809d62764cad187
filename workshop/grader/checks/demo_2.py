"""Demo 2, graded: who may call, and how often, as twenty checks over HTTP, one point each.

They import nothing of the service, so they grade any service. workshop/grader/windows.py judges a limiter by what each
request saw, so that a slow machine costs nobody a point.
"""

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

from workshop import redis_server
from workshop.grader.callers import NO_TOKEN, STRANGER, Caller
from workshop.grader.check import Checklist
from workshop.grader.commands import then
from workshop.grader.service import Answer
from workshop.grader.subject import Subject
from workshop.grader.verdict import Failed, NotGraded
from workshop.grader.windows import Seen, surely_together, wrongly_refused
from workshop.redis_server import RedisServer

SHORT_WINDOWS = {
    "TIMEOUT": "20",  # on a busy machine an answer takes seconds, which is not the limits' fault
    "RATE_LIMIT_WINDOW_SEC": "2",
    "RATE_LIMIT_RPM": "10",
    "RATE_LIMIT_BURST": "2",
    "RATE_LIMIT_TPM": "400",
    "RATE_LIMIT_ANONYMOUS_RPM": "5",
    "TOKEN_CACHE_TTL": "1",
    "USAGE_FLUSH_SECONDS": "0.2",
}

CHECKLIST = Checklist("Demo 2 · Who may call, and how often", SHORT_WINDOWS)
check = CHECKLIST.check

WORD = "Desoxirribonucleico"  # one word: fewer tokens than a limiter may estimate at four characters per token
MOST_TOKENS = 4000  # that a request may ask for
FULL_ANSWER = 64  # tokens; the length of the simulator's full answer
AT_ONCE = 16  # connections
EACH_ITS_CONNECTION = {"Connection": "close"}  # so that workers share requests, not just a few connections
ALL_WORKERS_WITHIN = 10.0  # seconds
numbers = count()


def ask(subject: Subject, caller: Caller, *, max_tokens: int = 1, **given: Any) -> Answer:
    """A cheap question that nobody has asked before."""
    headers = {**caller.headers, **given.pop("headers", {})}
    return subject.ask(f"{WORD}{next(numbers)}", max_tokens=max_tokens, headers=headers, **given)


def answered(subject: Subject, caller: Caller, **given: Any) -> Answer:
    answer = ask(subject, caller, **given)
    answer.must(answer.status == 200, "200")
    return answer


# --- who is calling ----------------------------------------------------------------------------------------------


@check("No token, or Bearer anonymous, means a stranger; unknown tokens get 401 with WWW-Authenticate on every route")
def token_check(subject: Subject) -> None:
    good = subject.caller(rested=False).token
    answered(subject, STRANGER)
    answered(subject, STRANGER, headers={"Authorization": NO_TOKEN})
    answered(subject, Caller(good))
    answered(subject, STRANGER, headers={"Authorization": f"bearer {good}"})
    if subject.has_upstream:
        subject.upstream.forget_calls()
    swapped = good[:-1] + ("A" if good[-1] != "A" else "B")
    for bad in ("wk_" + "A" * 43, swapped, good[:-1], f"{good}A", good.upper(), digest(good), "anonymous2"):
        headers = {"Authorization": f"Bearer {bad}"}
        for answer in (
            ask(subject, STRANGER, headers=headers),
            subject.service.get("/usage", headers=headers),
            subject.service.get("/", headers=headers),
            subject.service.get("/nothing", headers=headers),
        ):
            must_be_unauthorized(answer, "for a token that does not exist")
    if subject.has_upstream:
        called = len(subject.upstream.calls())
        answer.must(called == 0, "no upstream call for a bad token", f"{called} upstream calls")


def digest(token: str) -> str:
    """What a service may store of a token; a thief of the database must not be able to call with it."""
    return hashlib.sha256(token.encode()).hexdigest()


def must_be_unauthorized(answer: Answer, why: str) -> None:
    answer.must_be_error(401, why)
    challenge = answer.headers.get("www-authenticate", "")
    answer.must(challenge.lower().startswith("bearer"), "WWW-Authenticate: Bearer", f"WWW-Authenticate: {challenge}")


AT_ONCE_MS = 5000  # milliseconds; a busy machine is slow, a stuck service takes for ever
HOSTILE = (
    "Bearer ' OR '1'='1",
    "Bearer wk_'; DROP TABLE tokens; --",
    'Bearer wk_" UNION SELECT hash FROM tokens --',
    "Bearer wk_%' ESCAPE '%",
    "Bearer ${jndi:ldap://localhost/a}",
    "Bearer ../../etc/passwd",
    "Bearer " + "A" * 20_000,
    "Bearer ñandú-日本語-🔑",
    "Bearer \x01\x02\x7f",
    "Bearer",
    "Bearer  anonymous or not",
    "Basic YW5hOmFuYQ==",
    "Digest username=ana",
    "wk_alone",
    "null",
)


@check("Malformed credentials in Authorization get 401 (or 400) at once, and break nothing")
def hostile_headers(subject: Subject) -> None:
    good = subject.caller(rested=False)
    for value in HOSTILE:
        headers = {"Authorization": value}
        for answer in (ask(subject, STRANGER, headers=headers), subject.service.get("/usage", headers=headers)):
            answer.must(answer.status in (400, 401, 431), "401, or 400 for a malformed header")
            answer.must_be_error(answer.status or 401)
            answer.must(answer.ms < AT_ONCE_MS, "an answer at once", f"{answer.ms:.0f} ms")
    usage = subject.service.get("/usage", headers=good.headers)
    usage.must(usage.status == 200, "200 for a good token afterwards")


@check("A token never appears in the log, the output, a reply or a table, not even when it is refused")
def token_secret(subject: Subject) -> None:
    good, made_up = subject.caller(rested=False), "wk_" + hashlib.sha256(str(time.time()).encode()).hexdigest()[:43]
    answers = [
        answered(subject, good),
        ask(subject, Caller(made_up)),
        ask(subject, good, temperature=9),
        subject.service.get("/usage", headers=good.headers),
    ]
    for answer in answers:
        shown = f"{answer.headers}{answer.text}"
        answer.must(good.token not in shown and made_up not in shown, "a reply without the token", "the token")
    subject.log.lines_of(answers[0])
    written = subject.log.text()
    if good.token in written or made_up in written:
        raise Failed("a log without tokens", "a token", subject.log.shown(answers[0]))
    if subject.can_start_again and good.token in str(subject.desk.rows()):
        raise Failed("a database without tokens: their hash is enough", "a token", "sqlite3 workshop.db .dump")


@check("With API_KEYS_REQUIRED a stranger gets 401 on every working route, and /health stays open")
def keys_required(subject: Subject) -> None:
    caller = subject.caller(rested=False)
    with subject.started_with({"API_KEYS_REQUIRED": "true"}) as strict:
        for headers in ({}, {"Authorization": NO_TOKEN}):
            must_be_unauthorized(ask(strict, STRANGER, headers=headers), "for a stranger")
            must_be_unauthorized(strict.service.get("/usage", headers=headers), "for a stranger")
        answered(strict, caller)
        alive = strict.service.get("/health")
        alive.must(alive.status == 200, "200: a load balancer has no token")


@check("A revoked token is refused within TOKEN_CACHE_TTL, and other tokens are not")
def revoked(subject: Subject) -> None:
    leaver, stayer = subject.desk.create("leaver"), subject.caller(rested=False)
    answered(subject, leaver)
    with ThreadPoolExecutor(1) as clerk:
        revoking = clerk.submit(subject.desk.revoke, "leaver")
        while not revoking.done():  # calls go on: even a token in use must be looked up again
            subject.service.get("/usage", headers=leaver.headers)
            time.sleep(0.05)
        revoking.result()
    patience_ends = time.monotonic() + subject.configured.token_cache_ttl + 1
    while (usage := subject.service.get("/usage", headers=leaver.headers)).status != 401:
        late = time.monotonic() > patience_ends
        within = f"{subject.configured.token_cache_ttl:g}"
        again = f"make -s revoke USER=leaver; sleep {within}; {usage.curl.splitlines()[-1]}"
        then(usage, again).must(not late, f"401 within {within} seconds of make revoke USER=leaver")
        time.sleep(0.05)
    must_be_unauthorized(ask(subject, leaver), "for a revoked token")
    answered(subject, stayer)


NO_TOKENS = ("Basic YW5hOmFuYQ==", "Bearer ' OR '1'='1", "wk_alone")  # their form alone shows it


@check("While the database is down, new tokens get 503, never 401, and known callers go on; then everything recovers")
def database_outage(subject: Subject) -> None:
    newcomer, known = subject.desk.create("newcomer"), subject.caller()
    answered(subject, known)
    with subject.desk.away():
        going_on = ask(subject, known)
        going_on.must(going_on.status == 200, "200 for a token that was verified a moment ago")
        for value in NO_TOKENS:
            hopeless = ask(subject, STRANGER, headers={"Authorization": value})
            must_be_unauthorized(hopeless, "for credentials that cannot be a token, whatever the database does")
        lost = ask(subject, newcomer)
        lost.must(lost.status != 401, "503, not 401: the caller did nothing wrong")
        lost.must_be_error(503, "while nobody can know whether a token is good")
        wait = lost.headers.get("retry-after", "")
        lost.must(wait.isdigit(), "a Retry-After", f"Retry-After: {wait}")
    patience_ends = time.monotonic() + 5
    while (back := ask(subject, newcomer)).status != 200:
        back.must(time.monotonic() < patience_ends, "200 once the database is back")
        time.sleep(0.1)


# --- how often ---------------------------------------------------------------------------------------------------


@check("A window admits RATE_LIMIT_RPM + RATE_LIMIT_BURST requests, one by one or all at once; the next gets 429")
def window_limit(subject: Subject) -> None:
    patient, hasty = subject.callers(2)
    limit = subject.configured.requests
    one_by_one = until_refused(subject, partial(ask, subject, patient), limit)
    must_be_exact(subject, one_by_one, limit)
    must_be_exact(subject, throw(2 * limit, partial(ask, subject, hasty)), limit)
    refused = one_by_one[-1]
    error = refused.must_be_error(429)
    refused.must(error["code"] == "rate_limit_exceeded", '"code": "rate_limit_exceeded"')


@check("The window slides: requests on both sides of a fixed window's edge do not exceed the limit either")
def sliding(subject: Subject) -> None:
    caller = subject.caller()
    limit, window = subject.configured.requests, subject.configured.window
    first = answered(subject, caller)
    # A fixed window from our first request on would end at 1.0; one on the clock's grid, somewhere from 0.7 to 1.7.
    wait_until(first.sent + 0.7 * window)
    answers = [first, *(ask(subject, caller) for _ in range(limit - 1))]
    while time.monotonic() < answers[1].sent + window:
        answers.append(ask(subject, caller))
        time.sleep(window / 50)
    must_not_be_over(subject, answers, limit)


@check("Retry-After is true: a caller that waits that long is admitted, and it is not a second too long")
def retry_after(subject: Subject) -> None:
    early, late = subject.callers(2)
    limit, window = subject.configured.requests, subject.configured.window
    fill = [until_refused(subject, partial(ask, subject, caller), limit) for caller in (early, late)]
    told = [fill[0][-1]]
    wait_until(fill[1][0].sent + 0.6 * window)
    told.append(ask(subject, late))
    for caller, answers, refused in zip((early, late), fill, told, strict=True):
        refused.must(refused.status == 429, f"429 for the {limit + 1}th request within {window:g} seconds")
        given = refused.headers.get("retry-after", "")
        refused.must(given.isdigit(), "a Retry-After in whole seconds", f"Retry-After: {given}")
        admitted = [answer for answer in answers if answer.status == 200][-limit:]
        longest = math.ceil(admitted[0].received + window - refused.sent)
        refused.must(int(given) <= longest, f"a Retry-After of at most {longest}", f"Retry-After: {given}")
        wait_until(refused.received + int(given))
        again = ask(subject, caller)
        again.must(again.status == 200, f"200 after the {given} seconds that Retry-After asked for")


@check("Refused requests do not count: a caller that keeps knocking gets in as early as one that waits")
def refused_free(subject: Subject) -> None:
    caller = subject.caller()
    limit, window = subject.configured.requests, subject.configured.window
    answers = until_refused(subject, partial(ask, subject, caller), limit)
    last = max(answer.received for answer in answers if answer.status == 200)
    while time.monotonic() < last + 0.8 * window:
        answers += throw(8, partial(ask, subject, caller), at_once=4)
        time.sleep(window / 20)
    wait_until(last + window)
    answers += throw(limit, partial(ask, subject, caller))
    must_not_be_refused_wrongly(subject, answers, limit)


@check("Each caller has a separate limit, and so does each endpoint in RATE_LIMIT_OVERRIDES")
def per_caller(subject: Subject) -> None:
    greedy, modest = subject.callers(2)
    limit = subject.configured.requests
    until_refused(subject, partial(ask, subject, greedy), limit)
    must_be_exact(subject, until_refused(subject, partial(ask, subject, modest), limit), limit)
    if subject.can_start_again:
        fewer = 3
        overrides = f'{{"/generate": {{"rpm": {fewer}, "burst": 0}}}}'
        with subject.started_with({"RATE_LIMIT_OVERRIDES": overrides}) as other:
            must_be_exact(other, until_refused(other, partial(ask, other, greedy), limit), fewer)


@check("Strangers, with Bearer anonymous or without a token, are limited by address; callers with a token are not")
def per_address(subject: Subject) -> None:
    subject.stranger()
    caller = subject.caller()
    limit = subject.configured.requests_of_strangers
    sent = iter(range(1000))

    def knock() -> Answer:
        return ask(subject, STRANGER, headers={"Authorization": NO_TOKEN} if next(sent) % 2 else {})

    must_be_exact(subject, until_refused(subject, knock, limit), limit)
    answered(subject, caller)
    neighbour = subject.service.at_address("127.0.0.2")
    try:
        other = neighbour.post("/generate", {"prompt": f"{WORD}{next(numbers)}", "max_tokens": 1})
        if other.status is not None:  # this machine has that address
            other.must(other.status == 200, "200 for a stranger at another address")
    finally:
        neighbour.close()


@check("X-Forwarded-For counts only from TRUSTED_PROXIES: nobody else gets a new address with it")
def forwarded_for(subject: Subject) -> None:
    subject.stranger()
    limit = subject.configured.requests_of_strangers

    def pretend() -> Answer:
        address = f"203.0.113.{next(numbers) % 250}"
        claims = {"X-Forwarded-For": address, "X-Real-IP": address, "Forwarded": f"for={address}"}
        return ask(subject, STRANGER, headers=claims)

    must_not_be_over(subject, until_refused(subject, pretend, limit), limit)
    if subject.can_start_again:
        with subject.started_with({"TRUSTED_PROXIES": "127.0.0.1"}) as behind_proxy:

            def forward(chain: str) -> Answer:
                return ask(behind_proxy, STRANGER, headers={"X-Forwarded-For": chain})

            answers = until_refused(behind_proxy, lambda: forward("203.0.113.7"), limit)
            must_be_exact(behind_proxy, answers, limit)
            other = forward("203.0.113.8")
            other.must(other.status == 200, "200 for another client of the same trusted proxy")
            # Addresses to the left of the one that our proxy saw were written by the client.
            made_up = [forward(f"198.51.100.{number}, 203.0.113.7") for number in range(3)]
            must_not_be_over(behind_proxy, [*answers, *made_up], limit)


# --- how many tokens ---------------------------------------------------------------------------------------------


@check("Concurrent calls never use more than RATE_LIMIT_TPM in total: each reserves what it may use")
def token_limit(subject: Subject) -> None:
    caller = subject.caller()
    limit, calls = subject.configured.rate_limit_tpm, subject.configured.requests
    max_tokens = FULL_ANSWER - 4
    if calls * max_tokens < 1.2 * limit:
        raise NotGraded(f"{calls} calls cannot use {limit} tokens; start the service with RATE_LIMIT_TPM=400")
    with subject.upstream.fault({"latency_ms": 300}):
        answers = throw(calls, lambda: ask(subject, caller, max_tokens=max_tokens))
    seen = [seen_of(answer, weight=tokens_of(answer)) for answer in answers]
    used = surely_together(seen, subject.configured.window)
    refused = [answer for answer in answers if answer.status == 429]
    shown = refused[0] if refused else answers[-1]
    within = f"within {subject.configured.window:g} seconds"
    shown.must(used <= limit, f"at most {limit} tokens {within}", f"{used} tokens in {len(answers)} calls at once")
    for answer in refused:
        answer.must_be_error(429)
        wait = answer.headers.get("retry-after", "")
        answer.must(wait.isdigit(), "a Retry-After", f"Retry-After: {wait}")
    least = limit // (2 * max_tokens)
    admitted = len(answers) - len(refused)
    shown.must(admitted >= least, f"at least {least} of {calls} calls answered", f"{admitted} answered")
    for answer in refused[:1]:
        seconds = int(answer.headers["retry-after"])
        wait_until(answer.received + seconds)
        again = ask(subject, caller, max_tokens=max_tokens)
        again.must(again.status == 200, f"200 after the {seconds} seconds that Retry-After asked for")
    if limit < MOST_TOKENS:
        never = ask(subject, caller, max_tokens=limit + 1)
        given = never.headers.get("retry-after")
        never.must(400 <= (never.status or 0) < 500, f"a 4xx for more tokens than the limit of {limit}")
        never.must(given is None, "no Retry-After: no wait will help", f"Retry-After: {given}")


def tokens_of(answer: Answer) -> int:
    if answer.status == 429:
        return 0
    answer.must(answer.status == 200, "200 or 429")
    return answer.at(int, "metadata", "tokens", "total")


@check("Unused reservations are returned: the rest after a short answer, all of it after a failed call")
def token_refund(subject: Subject) -> None:
    brief, unlucky = subject.callers(2)
    limit = subject.configured.rate_limit_tpm
    most = limit * 3 // 4
    if FULL_ANSWER + most + 20 > limit:
        raise NotGraded("answers are as long as the limit; start the service with RATE_LIMIT_TPM=400")
    with subject.upstream.fault({"latency_ms": 1}):
        answered(subject, brief, max_tokens=most)
        second = ask(subject, brief, max_tokens=most)
        second.must(second.status == 200, f"200: of {most} tokens the first call used about {FULL_ANSWER}")
    with subject.upstream.fault({"status": 400}):
        for _ in range(4):
            failed = ask(subject, unlucky, max_tokens=most)
            failed.must(failed.status == 400, "400, as from the upstream: the failed calls before it used no tokens")
    after = ask(subject, unlucky, max_tokens=most)
    after.must(after.status == 200, "200: failed calls use no tokens")


# --- what the caller is told -------------------------------------------------------------------------------------

DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)(m?s))?")


@check("x-ratelimit-* and RateLimit are correct about limit, remaining and reset, on answers and on refusals")
def limit_headers(subject: Subject) -> None:
    caller, hasty = subject.callers(2)
    configured = subject.configured
    used = 0
    for number in range(3):
        answer = answered(subject, caller, max_tokens=16)
        must_say(answer, configured.requests, configured.requests - number - 1, configured.window)
        must_tell_the_reset(answer, [answer], configured.window)
        must_have(answer, "x-ratelimit-limit-tokens", configured.rate_limit_tpm)
        reserved = configured.rate_limit_tpm - used - whole(answer, "x-ratelimit-remaining-tokens")
        spent = tokens_of(answer)
        true = spent <= reserved <= spent + len(WORD) + 10
        answer.must(true, f"{spent} tokens, or a few more, subtracted from the remaining ones", f"{reserved} taken")
        used += spent
        wait_until(answer.received + configured.window / 10)
    refused = until_refused(subject, partial(ask, subject, caller), configured.requests)[-1]
    must_say(refused, configured.requests, 0, configured.window)
    thrown = throw(2 * configured.requests, partial(ask, subject, hasty))
    wait_until(max(answer.received for answer in thrown) + 0.52 * configured.window)
    later = ask(subject, hasty)
    must_tell_the_reset(later, [*thrown, later], configured.window)
    subject.stranger()
    limit = configured.requests_of_strangers
    must_say(answered(subject, STRANGER), limit, limit - 1, configured.window)


def must_tell_the_reset(answer: Answer, answers: Sequence[Answer], window: float) -> None:
    """The window is empty `window` seconds after the admission of the last of `answers`, which lies between its ends.

    A value rounded up to whole seconds is also true.
    """
    admitted = [answer for answer in answers if answer.status == 200]
    least = max(answer.sent for answer in admitted) + window - answer.received
    most = max(answer.received for answer in admitted) + window - answer.sent
    shown = answer.headers.get("x-ratelimit-reset-requests", "")
    seconds = duration(shown) or 0.0
    true = least - 0.01 <= seconds <= math.ceil(most) + 0.01
    answer.must(true, f"x-ratelimit-reset-requests: {max(0.0, least):.2f}s to {most:.2f}s", shown)


def must_say(answer: Answer, limit: int, remaining: int, window: float) -> None:
    """Both header conventions, with these numbers."""
    must_have(answer, "x-ratelimit-limit-requests", limit)
    must_have(answer, "x-ratelimit-remaining-requests", remaining)
    for name, least in (("x-ratelimit-reset-requests", 0.001), ("x-ratelimit-reset-tokens", 0.0)):
        shown = answer.headers.get(name, "")
        seconds = duration(shown)
        in_time = seconds is not None and least <= seconds <= math.ceil(window) + 0.01
        answer.must(in_time, f"{name}: at most {window:g}s", f"{shown or 'none'}")
    policies, states = items(answer, "ratelimit-policy"), items(answer, "ratelimit")
    quota = {"q": str(limit), "w": str(math.ceil(window))}
    ours = [name for name, said in policies.items() if quota.items() <= said.items()]
    answer.must(
        bool(ours), f'RateLimit-Policy: "…";q={quota["q"]};w={quota["w"]}', answer.headers.get("ratelimit-policy")
    )
    state = states.get(ours[0], {})
    answer.must(
        state.get("r") == str(remaining), f"RateLimit: {ours[0]};r={remaining}", answer.headers.get("ratelimit")
    )
    wait = state.get("t", "0")
    in_time = wait.isdigit() and 0 < int(wait) <= math.ceil(window)
    answer.must(in_time, f"a t of 1 to {math.ceil(window)} in RateLimit", answer.headers.get("ratelimit"))


def must_have(answer: Answer, name: str, value: int) -> None:
    given = answer.headers.get(name)
    answer.must(given == str(value), f"{name}: {value}", f"{name}: {given}")


def whole(answer: Answer, name: str) -> int:
    given = answer.headers.get(name, "")
    answer.must(given.isdigit(), f"{name}: a whole number", f"{name}: {given}")
    return int(given)


def duration(text: str) -> float | None:
    """Seconds of `1h0m0s`, `1.5s` or `20ms`."""
    match = DURATION.fullmatch(text)
    if not text or match is None:
        return None
    hours, minutes, rest, unit = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest or 0) / (1000 if unit == "ms" else 1)


def items(answer: Answer, header: str) -> dict[str, dict[str, str]]:
    """The items of a structured field (RFC 9651), each with its parameters."""
    found = {}
    for item in answer.headers.get(header, "").split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        found[name] = dict(pair for part in parameters if len(pair := part.split("=", 1)) == 2)
    return found


@check("GET /usage says who is calling, and counts every request, token and dollar")
def usage(subject: Subject) -> None:
    caller, other = subject.callers(2)
    before, others = usage_of(subject, caller), usage_of(subject, other)
    answers = [answered(subject, caller, max_tokens=tokens) for tokens in (3, 5, 8)]
    tokens = [answer.at(dict, "metadata", "tokens") for answer in answers]
    right = {
        "requests": before.at(int, "today", "requests") + len(answers),
        "tokens": {
            way: before.at(int, "today", "tokens", way) + sum(each[way] for each in tokens)
            for way in ("input", "output", "total")
        },
    }
    dollars = before.at(float, "today", "cost_usd") + sum(
        answer.at(float, "metadata", "cost_usd") for answer in answers
    )
    patience_ends = time.monotonic() + 3
    while not counts(after := usage_of(subject, caller), right, dollars):
        late = time.monotonic() > patience_ends
        after.must(not late, f'"today": {right | {"cost_usd": round(dollars, 6)}}', after.at(dict, "today"))
        time.sleep(0.1)
    name = after.at(str, "caller")
    after.must(caller.user in name and name != others.at(str, "caller"), f'"caller": "user:{caller.user}"')
    still = usage_of(subject, other)
    still.must(still.at(dict, "today") == others.at(dict, "today"), f"nothing counted for {others.at(str, 'caller')}")


def usage_of(subject: Subject, caller: Caller) -> Answer:
    answer = subject.service.get("/usage", headers=caller.headers)
    answer.must(answer.status == 200, "200")
    return answer


def counts(answer: Answer, right: Mapping[str, object], dollars: float) -> bool:
    today: dict[str, Any] = answer.at(dict, "today")
    return right.items() <= today.items() and abs(today.get("cost_usd", -1) - dollars) < 1e-9


@check("A caller with a spent budget is refused until the month ends, and nobody else is")
def budget(subject: Subject) -> None:
    poor, rich = subject.desk.create(f"poor{next(numbers)}", budget_usd=0.00001), subject.caller()
    first = answered(subject, poor, max_tokens=FULL_ANSWER)
    spent = first.at(float, "metadata", "cost_usd")
    refused = ask(subject, poor)
    error = refused.must_be_error(429, f"after {spent:f} of 0.00001 USD")
    refused.must(error["code"] == "budget_exceeded", '"code": "budget_exceeded"')
    wait = refused.headers.get("retry-after", "")
    refused.must(wait.isdigit() and int(wait) <= 31 * 86_400, "a Retry-After within this month", f"Retry-After: {wait}")
    account = usage_of(subject, poor)
    left = account.at(float, "budget", "remaining_usd")
    account.must(left == 0 and account.at(float, "budget", "spent_usd") == spent, f"{spent:f} USD spent, 0 remaining")
    answered(subject, rich)


# --- with several workers ----------------------------------------------------------------------------------------


@contextmanager
def workers_on_redis(subject: Subject, workers: int, **settings: str) -> Iterator[tuple[Subject, RedisServer]]:
    """The same service with several workers that share one Redis."""
    if not redis_server.available():
        raise NotGraded(redis_server.MISSING)
    with (
        RedisServer() as redis,
        subject.started_with({"UVICORN_WORKERS": str(workers), "REDIS_URL": redis.url, **settings}) as together,
    ):
        wait_for_workers(together, workers)
        yield together, redis


def wait_for_workers(subject: Subject, workers: int) -> None:
    """The first worker answers before the others are up: wait until this many have reported their start."""
    began: list[float] = []
    patience_ends = time.monotonic() + ALL_WORKERS_WITHIN
    while len(began) < workers and time.monotonic() < patience_ends:
        # Many at once: if connections come one by one, a single idle worker may take them all.
        for health in throw(AT_ONCE, partial(subject.service.get, "/health", headers=EACH_ITS_CONNECTION)):
            moment = health.at(float, "timestamp") - health.at(float, "uptime")
            if all(abs(moment - other) > 0.003 for other in began):
                began.append(moment)


@check("Four workers with Redis share one limit, however many connections come at once")
def workers(subject: Subject) -> None:
    first, second = subject.callers(2, rested=False)
    limit = subject.configured.requests
    # A busy machine may be slow to answer for its Redis; that is not what this check looks at.
    with workers_on_redis(subject, 4, REDIS_TIMEOUT="10") as (together, _):
        for caller in (first, second):
            must_be_exact(
                together, throw(5 * limit, partial(ask, together, caller, headers=EACH_ITS_CONNECTION)), limit
            )


@check("Redis frozen or dead: every call is still answered, and the limit still holds")
def redis_lost(subject: Subject) -> None:
    first, second = subject.callers(2, rested=False)
    limit = subject.configured.requests
    with workers_on_redis(subject, 2) as (together, redis):
        answered(together, first)
        redis.freeze()
        frozen = throw(2 * limit, partial(ask, together, first, headers=EACH_ITS_CONNECTION))
        redis.kill()
        dead = throw(2 * limit, partial(ask, together, second, headers=EACH_ITS_CONNECTION))
        time.sleep(together.configured.window)
        later = throw(2 * limit, partial(ask, together, first, headers=EACH_ITS_CONNECTION))
    for answers in (frozen, dead, later):
        must_not_be_over(subject, answers, limit)
        for answer in answers:
            answer.must(answer.ms < 5000, "an answer that does not wait for Redis", f"{answer.ms:.0f} ms")
    admitted = sum(answer.status == 200 for answer in later)
    later[-1].must(admitted > 0, "a share of the limit for every worker", "no call admitted")


# --- sending, and judging what came ------------------------------------------------------------------------------


def throw(calls: int, send: Callable[[], Answer], at_once: int = AT_ONCE) -> list[Answer]:
    """Send many calls, as fast as possible."""
    with ThreadPoolExecutor(at_once, thread_name_prefix="throw") as pool:
        return [sending.result() for sending in [pool.submit(send) for _ in range(calls)]]


def until_refused(subject: Subject, send: Callable[[], Answer], limit: int) -> list[Answer]:
    """Send one after the other until the first 429, which must come."""
    answers: list[Answer] = []
    for _ in range(3 * limit + 5):
        answers.append(send())
        if answers[-1].status == 429:
            return answers
        answers[-1].must(answers[-1].status == 200, "200, or 429 over the limit")
    took = answers[-1].received - answers[0].sent
    raise Failed(
        f"429 after {limit} requests in {subject.configured.window:g} seconds",
        f"{len(answers)} requests admitted in {took:.1f} seconds",
        repeated(answers[-1], limit + 1),
    )


def wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def seen_of(answer: Answer, weight: int = 1) -> Seen:
    return Seen(answer.sent, answer.received, answer.status == 200, weight)


def must_be_exact(subject: Subject, answers: Sequence[Answer], limit: int) -> None:
    """Never over the limit, and nothing refused below it. At least one must be refused."""
    must_not_be_over(subject, answers, limit)
    must_not_be_refused_wrongly(subject, answers, limit)
    refused = any(answer.status == 429 for answer in answers)
    answers[-1].must(refused, f"429 for the requests above {limit}", f"{len(answers)} requests admitted")


def must_not_be_over(subject: Subject, answers: Sequence[Answer], limit: int) -> None:
    must_be_limited(answers)
    window = subject.configured.window
    together = surely_together(map(seen_of, answers), window)
    if together > limit:
        got = f"{together} admitted within {window:g} seconds"
        raise Failed(f"at most {limit} requests in any {window:g} seconds", got, repeated(answers[0], limit + 1))


def must_not_be_refused_wrongly(subject: Subject, answers: Sequence[Answer], limit: int) -> None:
    must_be_limited(answers)
    window = subject.configured.window
    wrong = wrongly_refused([seen_of(answer) for answer in answers], limit, window)
    if wrong:
        expected = f"{limit} requests admitted in {window:g} seconds, refused ones not counted"
        got = f"{len(wrong)} of {len(answers)} refused with fewer than that in the window"
        raise Failed(expected, got, repeated(answers[0], limit))


def must_be_limited(answers: Sequence[Answer]) -> None:
    for answer in answers:
        answer.must(answer.status in (200, 429), "200 or 429")


def repeated(answer: Answer, times: int) -> str:
    """The curl of `answer` that many times in a row, showing only the statuses."""
    *before, last = answer.curl.splitlines()
    quiet = last.replace("curl -i", "curl -s -o /dev/null -w '%{http_code} '", 1)
    return "\n".join([*before, f"for i in $(seq {times}); do {quiet}; done"])
