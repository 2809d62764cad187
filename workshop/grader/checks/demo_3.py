"""Demo 3, graded: what a cache of answers must do and must never do, as checks over HTTP, twenty points in all.

They import nothing of the service, so they grade any service. Each check asks new questions of its own.
"""

import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis

from workshop import redis_server
from workshop.grader.callers import STRANGER, TOKENS
from workshop.grader.check import Checklist
from workshop.grader.crowd import comes_true
from workshop.grader.service import Answer
from workshop.grader.subject import Subject
from workshop.grader.verdict import NotGraded

# The checks ask faster than people do: rate limits are demo 2's subject.
UNLIMITED = {
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_RPH": "1000000",
    "RATE_LIMIT_TPM": "1000000000",
}

CHECKLIST = Checklist("Demo 3 · Pay once for the same answer", environment=UNLIMITED)
check = CHECKLIST.check


def _question() -> str:
    """A prompt that nobody has asked before."""
    return f"¿Para qué sirve una caché? {secrets.token_hex(6)}"


def _try(subject: Subject, prompt: str, **asked: Any) -> Answer:
    """Ask for an answer that may be cached: one that is not sampled."""
    answer = subject.ask(prompt, **{"temperature": 0, "headers": subject.somebody.headers, **asked})
    if answer.status == 429:
        raise NotGraded(f"too many questions for this caller here; make tokens, and set {TOKENS} to them")
    return answer


def _ask(subject: Subject, prompt: str, **asked: Any) -> Answer:
    """The same, but the answer must be a 200."""
    answer = _try(subject, prompt, **asked)
    answer.must(answer.status == 200, "200")
    return answer


def _cache_of(answer: Answer) -> str:
    return answer.headers.get("x-cache", "").lower()


def _must_be(status: str, answer: Answer, *before: Answer) -> None:
    """This answer, which came after those before it, must be a `hit`, a `miss` or a `bypass`."""
    shown = _in_order(*before, answer)
    given = answer.headers.get("x-cache")
    shown.must(_cache_of(answer) == status, f"X-Cache: {status}", f"X-Cache: {given}")


def _must_be_asked_anew(answer: Answer, *before: Answer) -> None:
    shown = _in_order(*before, answer)
    shown.must(
        _cache_of(answer) in ("miss", "bypass"),
        "X-Cache: miss (or bypass)",
        f"X-Cache: {answer.headers.get('x-cache')}",
    )


def _in_order(*answers: Answer) -> Answer:
    """The last answer, with the commands of all of them."""
    return replace(answers[-1], curl="\n".join(answer.curl for answer in answers))


# --- a hit -------------------------------------------------------------------------------------------------------


@check("The same question again is a hit, and says so: X-Cache, metadata.cached, the same answer, a new request id")
def hit(subject: Subject) -> None:
    prompt = _question()
    first, second = _ask(subject, prompt), _ask(subject, prompt)
    _must_be("miss", first)
    _must_be("hit", second, first)
    again = _in_order(first, second)
    for answer, cached in ((first, False), (again, True)):
        given = answer.at(bool, "metadata", "cached")
        answer.must(given is cached, f'"cached": {str(cached).lower()} in the metadata')
    same = again.at(str, "output") == first.at(str, "output")
    again.must(same, f'the first answer: "output": "{first.at(str, "output")[:60]}…"')
    ids = [answer.at(str, "request_id") for answer in (first, again)]
    again.must(ids[0] != ids[1], "a request id of its own", f"{ids[1]}, the first request's")
    again.must(again.headers.get("x-request-id") == ids[1], "one request id, in the header and in the body")


@check("Asking the same question five times costs one upstream call")
def pays_once(subject: Subject) -> None:
    upstream, prompt = subject.upstream, _question()
    upstream.forget_calls()
    answers = [_ask(subject, prompt) for _ in range(5)]
    received = len(upstream.calls())
    _in_order(*answers[:2]).must(received == 1, "1 upstream call for 5 equal questions", f"{received} upstream calls")


SLOW_MS = 600
HIT_MS = 50


@check(f"A hit takes at most {HIT_MS} ms, and at most a tenth of the upstream's time")
def hit_speed(subject: Subject) -> None:
    prompt = _question()
    with subject.upstream.fault({"latency_ms": SLOW_MS}):
        first = _ask(subject, prompt)
        hits = [_ask(subject, prompt) for _ in range(10)]
        _must_be("hit", hits[0], first)
        # The fastest: a busy machine makes hits slower, but nothing makes them faster than they are.
        allowed, took = min(HIT_MS, first.ms / 10), min(answer.ms for answer in hits)
        _in_order(first, hits[0]).must(
            took <= allowed, f"hits in {allowed:.0f} ms or less", f"{took:.0f} ms, the fastest of ten"
        )


@check("A hit costs nothing, in the reply and in the log, and says how many tokens it saved")
def hit_is_free(subject: Subject) -> None:
    prompt = _question()
    first = _ask(subject, prompt)
    second = _ask(subject, prompt)
    _must_be("hit", second, first)
    again = _in_order(first, second)
    paid, owed = (answer.at(float, "metadata", "cost_usd") for answer in (first, again))
    first.must(paid > 0, "a first answer with a cost", f'"cost_usd": {paid}')
    again.must(owed == 0, '"cost_usd": 0 for a hit', f'"cost_usd": {owed}')
    tokens = [answer.at(dict, "metadata", "tokens") for answer in (first, again)]
    again.must(tokens[0] == tokens[1], f'the answer\'s own "tokens": {tokens[0]}', f'"tokens": {tokens[1]}')
    if subject.has_log:
        lines = [subject.log.lines_of(answer)[-1] for answer in (first, second)]
        logged = [line.get("cost_usd") for line in lines]
        shown = replace(again, curl=f"{again.curl}\ntail -n 2 logs.json | jq .cost_usd")
        shown.must(logged == [paid, 0], f'"cost_usd": {paid}, then 0 in the log', logged)


# --- what is in the key ------------------------------------------------------------------------------------------

OTHER_MODEL = "model-of-somebody-else"


@check("A different prompt, model, max_tokens or temperature is a different question, never a hit")
def key(subject: Subject) -> None:
    prompt = _question()
    first = _ask(subject, prompt)
    for other in (
        _ask(subject, prompt + " "),
        _ask(subject, prompt.lower()),
        _ask(subject, prompt, max_tokens=17),
        _ask(subject, prompt, temperature=0.7),
        # This model may not exist. Then the answer must say so, and not be another model's.
        _try(subject, prompt, model=OTHER_MODEL),
    ):
        shown = _in_order(first, other)
        shown.must(_cache_of(other) != "hit", "another question, so no hit", f"X-Cache: {_cache_of(other)}")
    _must_be("hit", _ask(subject, prompt), first)
    _must_be("hit", _ask(subject, prompt, temperature=0.0), first)  # the same number


@check("A sampled answer (temperature above 0) is not cached: a caller that asks for randomness gets it")
def sampled(subject: Subject) -> None:
    prompt = _question()
    first, second = (_ask(subject, prompt, temperature=0.7) for _ in range(2))
    _must_be_asked_anew(second, first)
    _must_be_asked_anew(_ask(subject, prompt), first)  # nor does a question without sampling get it


@check("Two callers never share an answer: not two users, nor a user and a stranger", points=2)
def callers(subject: Subject) -> None:
    prompt = _question()
    everybody = [STRANGER, *subject.callers(2, rested=False)]
    before: list[Answer] = []
    for caller in everybody:
        answer = _ask(subject, prompt, headers=caller.headers)
        _must_be("miss", answer, *before)
        before.append(answer)
    for caller, first in zip(everybody, before, strict=True):
        _must_be("hit", _ask(subject, prompt, headers=caller.headers), first)


# --- what is not kept, or not for long ---------------------------------------------------------------------------


@check("Cache-Control: no-cache asks the model again and caches its answer; no-store caches nothing")
def cache_control(subject: Subject) -> None:
    prompt = _question()
    first = _ask(subject, prompt)
    anew = _ask(subject, prompt, headers=_wishing(subject, "no-cache"))
    _must_be_asked_anew(anew, first)
    _must_be("hit", _ask(subject, prompt), first, anew)

    renewed = _question()
    told = _ask(subject, renewed, headers=_wishing(subject, "max-age=0, No-Cache"))
    _must_be("hit", _ask(subject, renewed), told)

    private = _question()
    unseen = _ask(subject, private, headers=_wishing(subject, "no-store"))
    _must_be_asked_anew(unseen)
    _must_be("miss", _ask(subject, private), unseen)


def _wishing(subject: Subject, cache_control: str) -> dict[str, str]:
    return {**subject.somebody.headers, "Cache-Control": cache_control}


@check("An error is not cached: the next equal question goes to the upstream again")
def errors_not_kept(subject: Subject) -> None:
    for fault in ({"status": 400}, {"status": 500}, {"garbage": "truncated"}, {"garbage": "wrong-shape"}):
        prompt = _question()
        with subject.upstream.fault(fault):
            failed = _try(subject, prompt)
            failed.must((failed.status or 0) >= 400, "an error when the upstream has failed")
        healed = _try(subject, prompt)
        _in_order(failed, healed).must(healed.status == 200, "200 once the upstream works again")
        _must_be("miss", healed, failed)


TTL = 1.5  # seconds
TTL_SLACK = 0.5  # seconds that a coarse clock may be late


@check("A cached answer expires after CACHE_RESPONSES_TTL seconds, however often it is used")
def ttl(subject: Subject) -> None:
    with subject.started_with({"CACHE_RESPONSES_TTL": f"{TTL:g}"}) as short:
        prompt = _question()
        first = _ask(short, prompt)
        hits = 0
        while _cache_of(answer := _ask(short, prompt)) == "hit":
            hits += 1
            old = answer.sent - first.received  # at least
            _in_order(first, answer).must(old < TTL + TTL_SLACK, f"no hit after {TTL:g} seconds", f"one at {old:.2f}")
            time.sleep(0.05)
        old = answer.received - first.sent  # at most
        shown = _in_order(first, answer)
        shown.must(hits > 0 and old >= TTL, f"hits for {TTL:g} seconds", f"{hits} hits, and no more at {old:.2f}")
        _must_be("miss", answer, first)
        _must_be_forgotten(short, expired=3)  # the first answer, its successor, and the one asked for in there
        _must_live_from_the_last(short)


def _must_live_from_the_last(subject: Subject) -> None:
    """An answer that replaces an older one has its full time to live."""
    prompt = _question()
    first = _ask(subject, prompt)
    _sleep_until(first.received + 0.6 * TTL)
    anew = _ask(subject, prompt, headers=_wishing(subject, "no-cache"))
    _sleep_until(first.received + 1.2 * TTL)
    last = _ask(subject, prompt)
    if last.received < anew.sent + TTL:  # otherwise nobody can tell
        _must_be("hit", last, first, anew)


def _must_be_forgotten(subject: Subject, expired: int) -> None:
    """An expired answer is no longer counted, even if nobody asks for it; that many answers have expired."""
    alone = _ask(subject, _question())
    comes_true(lambda: _stats(subject).at(int, "responses", "entries") == 0, COMES_WITHIN)
    stats = _stats(subject)
    for name, right in (("entries", 0), ("expirations", expired)):
        given = stats.at(int, "responses", name)
        _in_order(alone, stats).must(given == right, f'"{name}": {right} when {TTL:g} seconds have passed', given)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


# --- the size ----------------------------------------------------------------------------------------------------

FEW = 5
LITTLE_MB = 0.02
MANY = 80  # answers of a few hundred bytes: more than LITTLE_MB holds


@check("The cache stays within CACHE_MAX_SIZE entries and CACHE_MAX_MEMORY_MB: new answers evict old ones")
def size_bound(subject: Subject) -> None:
    with subject.started_with({"CACHE_MAX_SIZE": f"{FEW}"}) as small:
        _must_make_room(small, 2 * FEW, "entries", FEW)
        stats = _stats(small)
        # All of them were stored once, and the first was asked for again at the end.
        made_room = 2 * FEW + 3 - FEW
        given = stats.at(int, "responses", "evictions")
        stats.must(given == made_room, f'"evictions": {made_room}: of {2 * FEW + 3} answers {FEW} are left', given)
    with subject.started_with({"CACHE_MAX_MEMORY_MB": f"{LITTLE_MB}"}) as small:
        _must_make_room(small, MANY, "bytes", round(LITTLE_MB * 1_000_000))
    with subject.started_with({"CACHE_MAX_MEMORY_MB": f"{NEXT_TO_NOTHING / 1_000_000:g}"}) as none:
        _must_leave_out(none)


NEXT_TO_NOTHING = 100  # bytes; less than any answer


def _must_leave_out(subject: Subject) -> None:
    """An answer that is larger than the whole cache is delivered, but not cached."""
    prompt = _question()
    first = _ask(subject, prompt, max_tokens=64)
    _must_be("miss", _ask(subject, prompt, max_tokens=64), first)
    stats = _stats(subject)
    for name in ("entries", "bytes"):
        held = stats.at(int, "responses", name)
        stats.must(held == 0, f'"{name}": 0 in a cache of {NEXT_TO_NOTHING} bytes', held)


def _must_make_room(subject: Subject, questions: int, unit: str, most: int) -> None:
    first, last = _question(), _question()
    oldest = _ask(subject, first, max_tokens=64)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: _ask(subject, _question(), max_tokens=64), range(questions)))
    newest = _ask(subject, last, max_tokens=64)
    stats = _stats(subject)
    held = stats.at(int, "responses", unit)
    stats.must(held <= most, f'at most {most} {unit} after {questions} questions: "{unit}"', f"{held} {unit}")
    _must_be("hit", _ask(subject, last, max_tokens=64), newest)
    _must_be("miss", _ask(subject, first, max_tokens=64), oldest)


@check("The cache evicts the least recently used answer")
def lru(subject: Subject) -> None:
    with subject.started_with({"CACHE_MAX_SIZE": f"{FEW}"}) as small:
        favourite = _question()
        first = _ask(small, favourite)
        for _ in range(2 * FEW):
            newcomer = _ask(small, _question())
            _must_be("hit", _ask(small, favourite), first, newcomer)


# --- many at once ------------------------------------------------------------------------------------------------

CROWD = 50


@check(f"{CROWD} equal questions at once make one upstream call: one caller pays, and all get its answer", points=2)
def single_flight(subject: Subject) -> None:
    upstream, prompt = subject.upstream, _question()
    with upstream.fault({"latency_ms": SLOW_MS}), ThreadPoolExecutor(CROWD, thread_name_prefix="crowd") as pool:
        crowd = list(pool.map(lambda _: _try(subject, prompt), range(CROWD)))
        received = len(upstream.calls())
    first = _shown_as(crowd[0], lambda curl: f"for i in $(seq {CROWD}); do {curl} & done; wait")
    lost = [answer for answer in crowd if answer.status != 200]
    first.must(not lost, f"200 for each of {CROWD} equal questions", lost[0].summary if lost else "")
    first.must(received == 1, f"1 upstream call for {CROWD} equal questions at once", f"{received} upstream calls")
    statuses = [_cache_of(answer) for answer in crowd]
    said = {status: statuses.count(status) for status in sorted(set(statuses))}
    first.must(said.get("miss") == 1, "one X-Cache: miss", said)
    first.must("coalesced" in said and said.keys() <= {"miss", "coalesced", "hit"}, "the others coalesced", said)
    first.must(len({answer.at(str, "output") for answer in crowd}) == 1, "one answer for all")
    first.must(len({answer.at(str, "request_id") for answer in crowd}) == CROWD, "a different request id for each")
    payers = sum(answer.at(float, "metadata", "cost_usd") > 0 for answer in crowd)
    first.must(payers == 1, "one caller who pays", f"{payers} who pay")


FOLLOWERS = 5
LEAVES_AFTER = 0.7  # seconds; long enough for the others to have come
ANSWERED_AFTER_MS = 1200
COMES_WITHIN = 10.0  # seconds


@check("If the first caller leaves, the others that asked the same question still get their answer")
def leader_leaves(subject: Subject) -> None:
    upstream, prompt = subject.upstream, _question()
    with upstream.fault({"latency_ms": ANSWERED_AFTER_MS}), ThreadPoolExecutor(FOLLOWERS + 1) as pool:
        leader = pool.submit(_try, subject, prompt, patience=LEAVES_AFTER)
        comes_true(lambda: upstream.register()["in_flight"] > 0, COMES_WITHIN)
        patience = subject.configured.patience
        others = [pool.submit(_try, subject, prompt, patience=patience) for _ in range(FOLLOWERS)]
        answers = [other.result() for other in others]
        left = leader.result()
    left.must(left.status is None, f"nothing within {LEAVES_AFTER} seconds from an upstream that takes longer")
    for answer in answers:
        shown = _shown_as(answer, lambda curl: f"{curl} -m {LEAVES_AFTER} & sleep 0.3; {curl}")
        shown.must(answer.status == 200, "200 for the others when the first one has left")


def _shown_as(answer: Answer, write: Callable[[str], str]) -> Answer:
    """The answer, with another command between the order of a fault and its end."""
    order, command, take_back = answer.curl.rsplit("\n", 2)
    return replace(answer, curl="\n".join([order, write(command), take_back]))


# --- summaries, numbers ------------------------------------------------------------------------------------------


@check("POST /summarize answers in the format of /generate, and has its own cache for summaries")
def summaries(subject: Subject) -> None:
    text = f"Una caché guarda respuestas. {secrets.token_hex(6)}"
    before = _stats(subject)
    first, second = (_summarize(subject, text) for _ in range(2))
    for answer in (first, second):
        answer.must(answer.status == 200 and bool(answer.at(str, "output")), "200 and a summary")
    _must_be("miss", first)
    _must_be("hit", second, first)
    after = _stats(subject)
    for cache, hits in (("summaries", 1), ("responses", 0)):
        grown = after.at(int, cache, "hits") - before.at(int, cache, "hits")
        _in_order(first, second, after).must(grown == hits, f"{hits} more hits of the {cache}", grown)
    other = _summarize(subject, f"{text} Otra.")
    _must_be("miss", other, first)
    _summarize(subject, " ").must_be_error(422, "for a blank text")


def _summarize(subject: Subject, text: str) -> Answer:
    return subject.service.post("/summarize", {"text": text}, headers=subject.somebody.headers)


@check("GET /cache/stats has correct numbers: entries, hits, misses, hit rate, bytes")
def stats(subject: Subject) -> None:
    before = _stats(subject)
    prompts = [_question() for _ in range(3)]
    answers = [_ask(subject, prompt) for prompt in prompts]
    again = [_ask(subject, prompt) for prompt in (*prompts, prompts[0])]

    def grown(name: str, stats: Answer) -> int:
        return stats.at(int, "responses", name) - before.at(int, "responses", name)

    # Counting the entries of a shared store takes time.
    comes_true(lambda: grown("entries", _stats(subject)) == len(prompts), COMES_WITHIN)
    after = _in_order(before, *answers, *again, _stats(subject))
    for name, by in (("entries", 3), ("misses", 3), ("hits", 4)):
        after.must(
            grown(name, after) == by, f"{by} more {name} after 3 new questions and 4 old ones", grown(name, after)
        )
    more, text = grown("bytes", after), sum(len(answer.at(str, "output").encode()) for answer in answers)
    after.must(more > text / 2, f"more bytes, for answers of {text} bytes", f"{more} more")  # half: it may compress
    _ask(subject, prompts[0], headers=_wishing(subject, "no-cache"))
    renewed = _stats(subject)
    for name, most in (("entries", 3.0), ("bytes", more * 1.1)):
        shown, given = _in_order(after, renewed), grown(name, renewed)
        shown.must(given <= most, f"the {name} of 3 answers when one has been renewed: {most:.0f}", given)
    hits, misses = (after.at(int, "responses", name) for name in ("hits", "misses"))
    rate, right = after.at(float, "responses", "hit_rate"), hits / (hits + misses)
    after.must(abs(rate - right) < 0.001, f'"hit_rate": {right:.4f}, which is {hits} of {hits + misses}', rate)
    after.at(int, "responses", "evictions")


def _stats(subject: Subject) -> Answer:
    stats = subject.service.get("/cache/stats")
    stats.must(stats.status == 200, "200")
    return stats


# --- when something is gone --------------------------------------------------------------------------------------


@check("Cached questions are answered even while the upstream is down")
def dead_upstream(subject: Subject) -> None:
    prompt = _question()
    first = _ask(subject, prompt)
    with subject.upstream.fault({"refuse_s": round(subject.configured.longest_backoff + 0.5, 1)}):
        known = _try(subject, prompt)
        shown = _in_order(first, known)
        shown.must(known.status == 200, "200 for a cached question while the upstream is down")
        _must_be("hit", known, first)
        _try(subject, _question()).must_be_error(503, "for a question that is not cached")
        known = _try(subject, prompt)
        known.must(known.status == 200, "200 for a cached question, even after another one has failed")
        _must_be("hit", known, first)


BACK_WITHIN = 30.0  # seconds


@check(
    "With CACHE_BACKEND=redis two services share answers; losing Redis causes no errors, and it is used once it is back"
)
def redis_lost(subject: Subject) -> None:
    if not redis_server.available():
        raise NotGraded(redis_server.MISSING)
    with redis_server.RedisServer() as redis:
        settings = {"CACHE_BACKEND": "redis", "REDIS_URL": redis.url}
        with subject.started_with(settings) as one, subject.started_with(settings) as two:
            asked = _must_share(one, two)
            _must_tell_nothing(redis, asked)
            elsewhere = {**settings, "OPENAI_BASE_URL": f"{ANOTHER_WAY.sub('//localhost', subject.upstream.url)}/v1"}
            with subject.started_with(elsewhere) as third:
                other = _ask(third, asked.prompt)
                _must_be("miss", other, asked.answer)
            redis.kill()
            for service in (one, two):
                prompt = _question()
                first = _ask(service, prompt)
                _must_be("hit", _ask(service, prompt), first)  # from memory
            redis.start()
            patience_ends = time.monotonic() + BACK_WITHIN
            while not _share(one, two):
                if time.monotonic() > patience_ends:
                    _must_share(one, two)


def _share(one: Subject, two: Subject) -> bool:
    prompt = _question()
    _ask(one, prompt)
    return _cache_of(_ask(two, prompt)) == "hit"


def _must_share(one: Subject, two: Subject) -> "Asked":
    prompt = _question()
    first = _ask(one, prompt)
    _must_be("hit", _ask(two, prompt), first)
    return Asked(prompt, first)


ANOTHER_WAY = re.compile(r"//127\.0\.0\.1")  # the same machine, but another upstream to the service
LONGEST_NAME = 150  # characters, with the prefix of the key


@dataclass(slots=True, frozen=True)
class Asked:
    """A question whose answer is in Redis."""

    prompt: str
    answer: Answer


def _must_tell_nothing(redis: redis_server.RedisServer, asked: Asked) -> None:
    """The names in Redis are short, and do not contain the question."""
    with Redis.from_url(redis.url) as client:
        names = [bytes(name).decode(errors="replace") for name in client.scan_iter()]
    word = asked.prompt.split()[-1]
    for name in names:
        private = len(name) <= LONGEST_NAME and word not in name
        asked.answer.must(private, f"names in Redis of at most {LONGEST_NAME} characters, without the question", name)
