"""Demo 1, graded: the twelve points of its production checklist as checks over HTTP, twenty points in all.

They import nothing of the service, so they grade any service. The demo's README.md says which check shows which point.
"""

import hashlib
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import Any

from workshop.grader.check import Checklist
from workshop.grader.crowd import comes_true
from workshop.grader.launch import MORE_NAMES, UNPRICED
from workshop.grader.service import Answer
from workshop.grader.subject import Subject
from workshop.grader.verdict import Failed, NotGraded

CHECKLIST = Checklist("Demo 1 · One guarded endpoint")
check = CHECKLIST.check

HOLA = "Hola, ¿cómo estás?"
NUMBER = re.compile(r"\d+")
GROUPED = re.compile(r"(?<=\d)[ ,._'\u2019\u202f\u00a0](?=\d{3}(?!\d))")  # between the thousands of 4,001
FOREVER = 60  # seconds; a Retry-After longer than any deadline here
SOON = 1  # second; a Retry-After that fits into any deadline

# US dollars per million tokens, input and output. The embedded models have gpt-4o-mini's price.
GPT_4O_MINI = (0.15, 0.60)
PRICES = dict.fromkeys(("workshop-tiny", "workshop-sim", "gpt-4o-mini"), GPT_4O_MINI)


# --- 1 · secrets from the environment ----------------------------------------------------------------------------


@check("The API key comes from the environment, and never appears in replies, in the log or in the output")
def secrets(subject: Subject) -> None:
    secret = subject.secret
    answers = [subject.answered(HOLA), subject.ask(""), subject.service.get("/nothing"), subject.service.get("/")]
    with subject.upstream.fault({"status": 401}):
        refused = subject.ask(HOLA)
    refused.must(
        refused.status not in (401, 403), "5xx: a caller must not be told to log in when our own key is refused"
    )
    for answer in [*answers, refused]:
        answer.must(secret not in f"{answer.headers}{answer.text}", "a reply without the key in it", "the key")
    if subject.has_log:
        subject.log.lines_of(refused)
        shown = f'{subject.log.shown(refused)} | grep -F "$OPENAI_API_KEY"'
        if secret in subject.log.text():
            raise Failed("a log without the key in it", "the key", shown)


# --- 2 · limits on the input -------------------------------------------------------------------------------------


@check("A prompt of MAX_CHARS characters is answered; with one more the reply is 422, without an upstream call")
def input_limit(subject: Subject) -> None:
    limit = subject.configured.max_chars
    text = "¿Qué es un ñandú? " * (limit // 10)  # characters are counted, not bytes
    subject.answered(text[:limit])
    if subject.has_upstream:
        subject.upstream.forget_calls()
    too_long = subject.ask(text[: limit + 1])
    error = too_long.must_be_error(422, f"for {limit + 1} characters")
    too_long.must(error["param"] == "prompt", '"param": "prompt"')
    numbers = NUMBER.findall(GROUPED.sub("", error["message"]))
    both = {str(limit), str(limit + 1)} <= set(numbers)
    too_long.must(both, f"a message with both numbers, {limit + 1} and {limit}", error["message"])
    received = subject.upstream.calls()
    too_long.must(not received, "no upstream call for a prompt that is too long", f"{len(received)} upstream calls")


# --- 3 · validation of the payload -------------------------------------------------------------------------------


@check("An invalid request gets a 422 that names the field, and does not affect the next request")
def payload_validation(subject: Subject) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "  \n\t "}, "prompt"),
        ({}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": HOLA, "temperature": 3}, "temperature"),
        ({"prompt": HOLA, "temperature": -0.1}, "temperature"),
        ({"prompt": HOLA, "max_tokens": 0}, "max_tokens"),
        ({"prompt": HOLA, "max_tokens": 4001}, "max_tokens"),
    ]
    for document, field in wrong:
        answer = subject.service.post("/generate", document)
        error = answer.must_be_error(422)
        answer.must(error["param"] == field, f'"param": "{field}"')
    for body in ('{"prompt": "Hola"', "", "[]", "null"):
        subject.service.request("POST", "/generate", body=body).must_be_error(422, "unless the body is a JSON object")
    subject.answered(HOLA, temperature=2, max_tokens=1)
    subject.answered(HOLA, temperature=0)


# --- 4 · time-outs -----------------------------------------------------------------------------------------------


@check("A hanging upstream leads to a 504 at the deadline, not later, and retries do not move the deadline")
def timeout(subject: Subject) -> None:
    configured = subject.configured
    patience, deadline_ms = configured.patience, configured.timeout * 1000
    latest_ms = deadline_ms * 1.2 + 800  # a busy machine may be late
    with subject.upstream.fault({"hang": True}):
        hung = subject.ask(HOLA, patience=patience)
        hung.must(hung.status == 504, f"504 after {configured.timeout:g} seconds")
        hung.must_be_error(504)
        hung.must(deadline_ms * 0.9 <= hung.ms <= latest_ms, f"504 after {configured.timeout:g} seconds", _after(hung))
        hung.must(_lets_go(subject), "the call to the upstream cancelled too", "it still waits for an answer")
    # Each try alone is within its time; all of them together are not.
    with subject.upstream.fault({"status": 500, "latency_ms": deadline_ms * 0.6}):
        slow = subject.ask(HOLA, patience=patience)
        slow.must(slow.status in (502, 504), f"502 or 504 within {configured.timeout:g} seconds, retries included")
        slow.must(slow.ms <= latest_ms, f"an answer within {configured.timeout:g} seconds", _after(slow))


LETS_GO_WITHIN = 10.0  # seconds


def _lets_go(subject: Subject) -> bool:
    """Has the upstream no call in flight? Waits a while: connections are closed a moment after the answer."""
    return comes_true(lambda: not subject.upstream.register()["in_flight"], LETS_GO_WITHIN)


@check("The deadline counts from the request's arrival: a slow body uses up part of it")
def arrival(subject: Subject) -> None:
    seconds = subject.configured.timeout
    document = {"prompt": HOLA, **({"model": subject.model} if subject.model else {})}
    with subject.upstream.fault({"hang": True}):
        patience = subject.configured.patience + seconds
        hung = subject.service.post_slowly("/generate", document, seconds * 0.75, patience=patience)
        hung.must_be_error(504)
        # A quarter is left. A service that counts from the end of the body takes the whole time once more.
        waited = hung.received - hung.sent
        in_time = waited < seconds * 0.9
        hung.must(in_time, f"504 about {seconds / 4:g} seconds after the end of the body", f"504 after {waited:.2f}")


def _after(answer: Answer) -> str:
    return f"{answer.status} after {answer.ms / 1000:.2f} seconds"


# --- 5 · exponential retries -------------------------------------------------------------------------------------


@check("After two 429s, or one 503, an answer is a 200; constant 500s are a 502, after 1 + MAX_RETRIES calls")
def retries(subject: Subject) -> None:
    with subject.upstream.fault({"status": 429, "times": 2}):
        saved = subject.answered(HOLA)
        _must_have_called(subject, 3, saved)
    with subject.upstream.fault({"status": 503, "times": 1}):
        saved = subject.answered(HOLA)
        _must_have_called(subject, 2, saved)
    with subject.upstream.fault({"status": 500}):
        lost = subject.ask(HOLA)
        lost.must_be_error(502, "when the upstream stays broken")
        _must_have_called(subject, 1 + subject.configured.max_retries, lost)


@check("The pauses between tries start at about RETRY_DELAY, double each time, and differ from call to call")
def backoff(subject: Subject) -> None:
    if subject.configured.max_retries < 3:
        raise NotGraded("growth shows only with MAX_RETRIES of 3 or more")
    _must_double(subject)
    if not subject.can_start_again:
        return
    time_out = subject.configured.timeout
    # The last of five pauses is sixteen times the first, and their sum is well within the deadline.
    with subject.started_with({"MAX_RETRIES": "5", "RETRY_DELAY": f"{time_out * 0.02:g}"}) as persistent:
        _must_double(persistent)
    # One pause that fits into the deadline, with jitter, and one twice as long that does not. A busy machine makes them
    # longer, but that does not look like jitter; and it has a few seconds to fail the first tries.
    longer = max(time_out * 3, 12)
    deadline = {"TIMEOUT": f"{longer:g}", "TIMEOUT_MAX": f"{longer:g}"}  # the second one counts from demo 4 on
    with subject.started_with({**deadline, "MAX_RETRIES": "1", "RETRY_DELAY": f"{longer * 0.63:g}"}) as slow:
        _must_spread(slow)


def _must_double(subject: Subject) -> None:
    with subject.upstream.fault({"status": 500}):
        lost = subject.ask(HOLA)
        # From try to try: a busy machine makes these longer, never shorter.
        pauses = [after.started - before.started for before, after in pairwise(subject.upstream.calls())]
    seen = f"pauses of {', '.join(f'{pause:.2f}' for pause in pauses)} seconds" if pauses else "no second try"
    lost.must(len(pauses) >= 2, "pauses between tries", seen)
    delays = [subject.configured.retry_delay * 2**number for number in range(len(pauses))]
    # Jitter may take away as much as half.
    long_enough = all(pause >= delay / 2 for pause, delay in zip(pauses, delays, strict=True))
    lost.must(long_enough, f"pauses of about {', '.join(f'{delay:g}' for delay in delays)} seconds", seen)


TOGETHER = 10  # callers whose first tries fail together
STAGGER = 0.03  # seconds from one to the next, so that they do not wait for each other
SPREAD = 0.04  # of the delay; even a jitter of only ± 10 % spreads much wider


def _must_spread(subject: Subject) -> None:
    """Calls that fail together wait in parallel, and do not come back together."""
    delay = subject.configured.retry_delay
    with subject.upstream.fault({"status": 500}), ThreadPoolExecutor(TOGETHER, thread_name_prefix="together") as pool:
        asked = []
        for number in range(TOGETHER):
            asked.append(pool.submit(subject.ask, f"{HOLA} {number}"))
            time.sleep(STAGGER)
        answers = [each.result() for each in asked]
        again = subject.upstream.received() - TOGETHER
    order, command, take_back = answers[0].curl.rsplit("\n", 2)
    crowd = f"for i in $(seq {TOGETHER}); do time {command} & done; wait"
    shown = replace(answers[0], curl="\n".join([order, crowd, take_back]))
    expected = f"{TOGETHER} calls that fail together, retried in parallel about {delay:g} seconds later"
    shown.must(again >= TOGETHER / 2, expected, f"{again} of them tried again")
    took = sorted(answer.ms / 1000 for answer in answers)
    # Without the slowest: a busy machine may have delayed them.
    spread = took[TOGETHER * 3 // 4] - took[0]
    expected = f"pauses with jitter: {TOGETHER} calls that do not all take the same time"
    shown.must(spread >= SPREAD * delay, expected, ", ".join(f"{seconds:.2f}" for seconds in took) + " seconds")


@check("A 400 from the upstream is not retried: the same request would be just as wrong")
def no_retry_of_rejections(subject: Subject) -> None:
    with subject.upstream.fault({"status": 400}):
        rejected = subject.ask(HOLA)
        rejected.must_be_error(400)
        _must_have_called(subject, 1, rejected)


def _must_have_called(subject: Subject, times: int, answer: Answer) -> None:
    received = len(subject.upstream.calls())
    answer.must(received == times, f"{times} upstream calls", f"{received} upstream calls, and {answer.summary}")


# --- 6 · errors of the upstream ----------------------------------------------------------------------------------


@check("A 429 is retried after its Retry-After, or not at all; then the client gets a 429 with Retry-After")
def upstream_rate_limit(subject: Subject) -> None:
    with subject.upstream.fault({"status": 429, "retry_after": FOREVER}):
        limited = subject.ask(HOLA)
        limited.must_be_error(429)
        given = limited.headers.get("retry-after")
        limited.must(given == str(FOREVER), f"the upstream's own Retry-After: {FOREVER}", f"Retry-After: {given}")
        _must_have_called(subject, 1, limited)
    with subject.upstream.fault({"status": 429, "retry_after": SOON, "times": 1}):
        waited = subject.answered(HOLA)
        tries = [call.started for call in subject.upstream.calls()]
        pause = tries[1] - tries[0]
        waited.must(pause >= SOON * 0.98, f"a second try {SOON} s later, as the upstream asks", f"after {pause:.2f} s")
    with subject.upstream.fault({"status": 429}):
        limited = subject.ask(HOLA)
        limited.must_be_error(429)
        given = limited.headers.get("retry-after")
        limited.must(
            (given or "").isdigit() and given != "0", "a Retry-After in whole seconds", f"Retry-After: {given}"
        )


@check("Upstream failures are never a 500: 503 if it refuses connections, 502 if its reply makes no sense")
def upstream_faults(subject: Subject) -> None:
    for garbage in ("text", "json", "truncated", "empty", "wrong-shape"):
        with subject.upstream.fault({"garbage": garbage}):
            subject.ask(HOLA).must_be_error(502, "for a reply that is not a completion")
    with subject.upstream.fault({"cut_after_tokens": 0}):
        cut = subject.ask(HOLA)
        cut.must(cut.status in (502, 503), "502 or 503 for a connection that breaks")
        cut.must_be_error(cut.status or 503)
    with subject.upstream.fault({"refuse_s": round(subject.configured.longest_backoff + 0.5, 1)}):
        subject.ask(HOLA).must_be_error(503, "when the upstream refuses connections")


# --- 7 · structured log ------------------------------------------------------------------------------------------


LOGGED_MS = 100  # milliseconds that the upstream takes


@check("Each request, answered or refused, writes one JSON log line with the agreed fields and correct numbers")
def log_line(subject: Subject) -> None:
    log = subject.log
    prompt = f"{HOLA} {time.time()}"
    slow_ms = LOGGED_MS if subject.has_upstream else 0
    with subject.upstream.fault({"latency_ms": slow_ms}) if slow_ms else nullcontext():
        answer = subject.answered(prompt)
    line = log.lines_of(answer)[-1]
    text: str = answer.at(str, "output")
    expected: dict[str, Any] = {
        "request_id": answer.at(str, "request_id"),
        "prompt_hash": hashlib.sha256(prompt.encode()).hexdigest()[:16],
        "prompt_length": len(prompt),
        "response_length": len(text),
        "tokens_input": answer.at(int, "metadata", "tokens", "input"),
        "tokens_output": answer.at(int, "metadata", "tokens", "output"),
        "tokens_total": answer.at(int, "metadata", "tokens", "total"),
        "cost_usd": answer.at(float, "metadata", "cost_usd"),
        "model": answer.at(str, "metadata", "model"),
    }
    for name, value in expected.items():
        _must_log(subject, answer, line.get(name) == value, f'"{name}": {value!r}', line)
    _must_log(subject, answer, _is_recent(line.get("timestamp")), '"timestamp": seconds since 1970', line)
    latency = line.get("latency_ms")
    in_time = isinstance(latency, int | float) and 0 < latency <= answer.ms + 5 and latency >= slow_ms * 0.9
    _must_log(subject, answer, in_time, f'"latency_ms": {slow_ms} to {answer.ms:.2f}, the client\'s own', line)

    asked = subject.model or expected["model"]
    blank = subject.ask(" ")
    failed = [subject.ask("x" * (subject.configured.max_chars + 1), model=asked), blank]
    if subject.has_upstream:
        with subject.upstream.fault({"status": 400}):
            failed.append(subject.ask(prompt, model=asked))
    for refused in failed:
        line = log.lines_of(refused)[-1]
        named = refused is blank or line.get("model") == asked
        _must_log(subject, refused, named, f'"model": "{asked}", the requested one', line)
    for each in (answer, *failed):
        lines = log.lines_of(each)
        _must_log(subject, each, len(lines) == 1, "one line per request", f"{len(lines)} lines")


@check("Prompts and answers never appear in the log or in the output, not even when a request fails")
def log_private(subject: Subject) -> None:
    log = subject.log
    answer = subject.answered("El secreto de Ana es turquesa")
    with subject.upstream.fault({"status": 400}):
        rejected = subject.ask("El secreto de Berta es violeta")
    invalid = subject.ask("El secreto de Carla es naranja", temperature=3)
    for each in (answer, rejected, invalid):
        log.lines_of(each)
    written = log.text()
    for word in ("turquesa", "violeta", "naranja"):
        if word in written:
            raise Failed("a log without prompts", f"a prompt, with its word {word}", log.shown(answer))
    output: str = answer.at(str, "output")
    if output[:40] in written:
        raise Failed("a log without answers", f"the answer: {output[:40]}…", log.shown(answer))


def _must_log(subject: Subject, answer: Answer, holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise Failed(
            f"a log line with {expected}" if isinstance(got, dict) else expected, str(got), subject.log.shown(answer)
        )


def _is_recent(timestamp: object) -> bool:
    return isinstance(timestamp, int | float) and abs(time.time() - timestamp) < 300


# --- 8 · request ids ---------------------------------------------------------------------------------------------


@check("Every reply has an X-Request-ID, also in the body: the client's own if it is valid, otherwise a new one")
def request_id(subject: Subject) -> None:
    mine = f"lab-{time.time_ns()}.a:b_c"
    kept = subject.answered(HOLA, headers={"X-Request-ID": mine})
    kept.must(kept.headers.get("x-request-id") == mine, f"X-Request-ID: {mine}", _id_of(kept))
    kept.must(kept.at(str, "request_id") == mine, f'"request_id": "{mine}"')
    if subject.has_log:
        subject.log.lines_of(kept)
    refused = subject.ask("", headers={"X-Request-ID": mine})
    refused.must(refused.must_be_error(422)["request_id"] == mine, f'"request_id": "{mine}" in the error')
    for insane in ("two words", "x" * 300, '"; rm -rf /', "{}"):
        replaced = subject.ask("", headers={"X-Request-ID": insane})
        given = replaced.headers.get("x-request-id")
        replaced.must(bool(given) and given != insane, "an X-Request-ID of the service's own", _id_of(replaced))
    many = [subject.ask("") for _ in range(20)] + [subject.service.get("/health"), subject.service.get("/nothing")]
    ids = [answer.headers.get("x-request-id") for answer in many]
    many[0].must(all(ids) and len(set(ids)) == len(ids), "an X-Request-ID on every reply, no two the same", ids)


def _id_of(answer: Answer) -> str:
    return f"X-Request-ID: {answer.headers.get('x-request-id')}"


# --- 9 · tokens and cost -----------------------------------------------------------------------------------------


@check("Token counts are the upstream's own, not an estimate")
def tokens(subject: Subject) -> None:
    subject.upstream.forget_calls()
    answer = subject.answered("Una palabra tras otra. " * 20)
    (call,) = subject.upstream.calls()
    counted = {
        "input": call.tokens_input,
        "output": call.tokens_output,
        "total": call.tokens_input + call.tokens_output,
    }
    given: dict[str, Any] = answer.at(dict, "metadata", "tokens")
    answer.must(given == counted, f'"tokens": {counted}', f'"tokens": {given}')


@check("Cost is tokens / 1e6 × the input or output price, in USD with 6 decimals; price_source says which price")
def cost(subject: Subject) -> None:
    for prompt in (HOLA, "Una palabra tras otra. " * 100):  # an expensive answer, an expensive question
        _must_cost(subject.answered(prompt))
    served = subject.upstream.models() if subject.has_upstream else []
    for other in set(PRICES).intersection(served):
        _must_cost(_called(other, subject.answered(HOLA, model=other)))
    if UNPRICED in served:
        _must_name_the_source(_called(UNPRICED, subject.answered(HOLA, model=UNPRICED)), "default")


def _called(model: str, answer: Answer) -> Answer:
    """The answer, with the setting under which the embedded server has this model, if it needs one."""
    names = " ".join(f"{name}={value}" for name, value in MORE_NAMES.items())
    if model not in names:
        return answer
    return replace(answer, curl=f"# {names} make demo-1: then its model server also serves {model}\n{answer.curl}")


def _must_cost(answer: Answer) -> None:
    model: str = answer.at(str, "metadata", "model")
    if model not in PRICES:
        raise NotGraded(f"the grader has no price for {model}; grade the service in front of the embedded server")
    price_in, price_out = PRICES[model]
    tokens_in, tokens_out = (answer.at(int, "metadata", "tokens", way) for way in ("input", "output"))
    right = round(tokens_in / 1e6 * price_in + tokens_out / 1e6 * price_out, 6)
    given = answer.at(float, "metadata", "cost_usd")
    answer.must(
        abs(given - right) < 1e-9 and given > 0,
        f'"cost_usd": {right:.6f} for {tokens_in} tokens in, {tokens_out} out',
        f'"cost_usd": {given}',
    )
    _must_name_the_source(answer, "model")


def _must_name_the_source(answer: Answer, source: str) -> None:
    given = answer.at(str, "metadata", "price_source")
    model = answer.at(str, "metadata", "model")
    answer.must(given == source, f'"price_source": "{source}" for {model}', f'"price_source": "{given}"')


# --- 10 · latency ------------------------------------------------------------------------------------------------


@check("latency_ms covers the whole wait, upstream included, and never exceeds what the client measured")
def latency(subject: Subject) -> None:
    slow_ms = 300
    with subject.upstream.fault({"latency_ms": slow_ms}):
        answer = subject.answered(HOLA)
        given = answer.at(float, "metadata", "latency_ms")
        answer.must(slow_ms <= given <= answer.ms + 5, f'"latency_ms": {slow_ms} to {answer.ms:.1f}', given)


# --- 11 · health -------------------------------------------------------------------------------------------------


@check("GET /health says healthy, with service, timestamp, version and uptime, whatever the upstream does")
def health(subject: Subject) -> None:
    first = _healthy(subject)
    second = _healthy(subject)
    grows = second.at(float, "uptime") >= first.at(float, "uptime")
    second.must(grows, "an uptime that grows", f"{first.at(float, 'uptime')}, then {second.at(float, 'uptime')}")
    if subject.has_upstream:
        with subject.upstream.fault({"status": 503}):
            _healthy(subject)


def _healthy(subject: Subject) -> Answer:
    answer = subject.service.get("/health", patience=2)
    answer.must(answer.status == 200, "200 at once")
    answer.must(answer.at(str, "status") == "healthy", '"status": "healthy"')
    answer.must(bool(answer.at(str, "service") and answer.at(str, "version")), "names of service and version")
    answer.must(_is_recent(answer.at(float, "timestamp")), '"timestamp": seconds since 1970')
    answer.must(answer.at(float, "uptime") >= 0, '"uptime": seconds since the start')
    return answer


# --- 12 · fitting HTTP answers -----------------------------------------------------------------------------------


@check("404, 405 with Allow, 413, 415 and 431 use the common error envelope, with the request id")
def http_answers(subject: Subject) -> None:
    service = subject.service
    wrong_method = service.get("/generate")
    too_large = '{"prompt": "' + "x" * subject.configured.max_body_bytes + '"}'
    for status, answer in (
        (404, service.get("/nothing")),
        (405, wrong_method),
        (413, service.request("POST", "/generate", body=too_large)),
        (415, service.request("POST", "/generate", body="prompt=Hola", headers={"Content-Type": "text/plain"})),
    ):
        error = answer.must_be_error(status)
        same = error["request_id"] == answer.headers.get("x-request-id")
        answer.must(same and error["request_id"] is not None, "the X-Request-ID as request_id in the error")
    allowed = wrong_method.headers.get("allow")
    wrong_method.must(allowed is not None and "POST" in allowed, "Allow: POST", f"Allow: {allowed}")
    # Refused while the head is still being read: there is no request yet that could have an id.
    service.get("/health", headers={"X-Large": "x" * 40_000}).must_be_error(431)


# --- what holds it all together: load ----------------------------------------------------------------------------

SLOW_CALLS = 20


@check(f"While {SLOW_CALLS} generations are in flight, /health still answers: nothing blocks the process")
def not_blocking(subject: Subject) -> None:
    with subject.upstream.held() as gate, ThreadPoolExecutor(SLOW_CALLS, thread_name_prefix="slow") as pool:
        calls = [pool.submit(subject.ask, f"{HOLA} {number}") for number in range(SLOW_CALLS)]
        try:
            gate.wait_for(SLOW_CALLS, unless=lambda: any(call.done() for call in calls))
            health = subject.service.get("/health")
        finally:
            gate.release()
        answers = [call.result() for call in calls]
    health.must(health.status == 200, f"200 while {SLOW_CALLS} generations are in flight")
    for answer in answers:
        answer.must(answer.status == 200, f"200 for each of {SLOW_CALLS} generations that are in flight together")


@check("100 requests, 10 at a time: all of them are answered with 200")
def load(subject: Subject) -> None:
    with ThreadPoolExecutor(10, thread_name_prefix="load") as pool:
        answers = list(pool.map(lambda number: subject.ask(f"{HOLA} {number}"), range(100)))
    lost = [answer for answer in answers if answer.status != 200]
    if lost:
        shown = f'hey -n 100 -c 10 -m POST -T application/json -d \'{{"prompt": "{HOLA}"}}\' {_url_of(lost[0])}'
        raise Failed(
            "100 of 100 answered with 200", f"{100 - len(lost)}; the first other one: {lost[0].summary}", shown
        )


def _url_of(answer: Answer) -> str:
    return next(word for word in answer.curl.split() if word.startswith("http"))
