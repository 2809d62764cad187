"""Demo 4, graded: streams that tell the truth and a client that survives its upstream, twenty points in all.

They import nothing of the service, so they grade any service. The upstream fails on demand, and its register of calls
shows what it was really asked. Calls that must overlap are held at the upstream's gate until all have arrived. Waits
are for conditions; where a check measures time, the bound comes from a setting, and a busy machine may be late.
"""

import json
import secrets
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from workshop.grader.callers import TOKENS
from workshop.grader.check import Checklist
from workshop.grader.commands import as_crowd, ask_many, in_order, shown_as
from workshop.grader.crowd import asked_at_once, comes_true, open_for_all
from workshop.grader.dictated import dictated
from workshop.grader.launch import SIMULATOR, embedded_server
from workshop.grader.service import Answer
from workshop.grader.stream import Stream
from workshop.grader.subject import Subject
from workshop.grader.upstream import Gate, Received, Upstream
from workshop.grader.verdict import Failed, NotGraded

SILENCE = 1.5  # seconds
KEEPALIVE = 0.3  # seconds

SETTINGS = {
    # The checks ask faster than people do: rate limits are demo 2's subject.
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_RPH": "1000000",
    "RATE_LIMIT_TPM": "1000000000",
    # Long: calls held at the upstream's gate must not time out on a busy machine.
    "TIMEOUT": "30",
    "TIMEOUT_MAX": "30",
    "STREAM_SILENCE_TIMEOUT": f"{SILENCE:g}",
    "STREAM_KEEPALIVE_SEC": f"{KEEPALIVE:g}",
    # Nearly every check breaks something. Breakers and budgets are short only in the checks that look at them.
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "100000",
    "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
    "RETRY_BUDGET_RESERVE": "100000",
}

CHECKLIST = Checklist("Demo 4 · Streams, and a client that survives its upstream", environment=SETTINGS)
check = CHECKLIST.check

GENERATE_STREAM = "/generate/stream"
CHAT = "/v1/chat/completions"
DONE = "[DONE]"


# --- asking ------------------------------------------------------------------------------------------------------


def _question() -> str:
    """A prompt that nobody has asked before."""
    return f"¿Qué es un flujo de eventos? {secrets.token_hex(6)}"


def _document(subject: Subject, prompt: str = "", **fields: Any) -> dict[str, Any]:
    """The body of /generate and /generate/stream."""
    document = {"prompt": prompt or _question(), "max_tokens": 24, **fields}
    return {"model": subject.model, **document} if subject.model else document


def _chat(subject: Subject, prompt: str = "", **fields: Any) -> dict[str, Any]:
    """The body of /v1/chat/completions."""
    document = {"messages": [{"role": "user", "content": prompt or _question()}], "max_tokens": 24, **fields}
    return {"model": subject.model, **document} if subject.model else document


def _infer(subject: Subject, prompt: str, **params: Any) -> dict[str, Any]:
    """The body of /v1/infer and /v1/infer/stream."""
    document = {"prompt": prompt, "params": {"max_new_tokens": 24, **params}}
    return {"model": subject.model, **document} if subject.model else document


def _post(subject: Subject, path: str, document: Mapping[str, Any], patience: float | None = None) -> Answer:
    answer = subject.service.post(path, document, headers=subject.somebody.headers, patience=patience)
    return _not_limited(answer)


@contextmanager
def _streaming(
    subject: Subject, path: str, document: Mapping[str, Any], patience: float | None = None
) -> Iterator[Stream]:
    """A stream in progress, with its first headers received. Leaving the context closes the connection."""
    if path == CHAT:
        document = {**document, "stream": True}
    with subject.service.stream(path, document, headers=subject.somebody.headers, patience=patience) as stream:
        if stream.status != 200:
            stream.read()
        _not_limited(stream.answer)
        stream.must(stream.status == 200, "200")
        yield stream


def _streamed(subject: Subject, path: str, document: Mapping[str, Any], patience: float | None = None) -> Stream:
    """The same, read to its end."""
    with _streaming(subject, path, document, patience) as stream:
        stream.read()
    return stream


def _not_limited(answer: Answer) -> Answer:
    ordered = "fault switches" in answer.text or "upstream" in answer.text  # the upstream's own 429, not this service's
    if answer.status == 429 and not ordered:
        raise NotGraded(f"too many questions for this caller here; make tokens, and set {TOKENS} to them")
    return answer


# --- reading -----------------------------------------------------------------------------------------------------


def _objects(stream: Stream) -> list[Any]:
    """The JSON of each event except [DONE]. Raises Failed."""
    objects = []
    for data in stream.data:
        if data != DONE:
            try:
                objects.append(json.loads(data))
            except ValueError:
                stream.must(False, "events whose data is JSON, or [DONE]", f"data: {data[:200]}")
    return objects


def _delta(event: Any) -> str:
    """The text of one event, on our own routes and on OpenAI's."""
    if not isinstance(event, dict):
        return ""
    if event.get("choices"):
        event = event["choices"][0]["delta"]
        return event.get("content") or ""
    text = event.get("delta", "")
    return text if isinstance(text, str) else ""


def _text(stream: Stream) -> str:
    return "".join(map(_delta, _objects(stream)))


def _tokens(stream: Stream) -> int:
    """Tokens of the simulator: words and punctuation marks."""
    return len(_text(stream).split())


def _metadata(stream: Stream) -> dict[str, Any]:
    """The metadata at the end of a stream on our own routes. Raises Failed."""
    last = (_objects(stream) or [None])[-1]
    metadata = last.get("metadata") if isinstance(last, dict) else None
    if not isinstance(metadata, dict):
        raise Failed('an event {"request_id": …, "metadata": {…}} after the last delta', _tail(stream), stream.curl)
    return metadata


def _must_be_done(stream: Stream) -> None:
    stream.must(stream.data[-1:] == [DONE], "data: [DONE] at the end", _tail(stream))
    stream.must(stream.ended, "an end after [DONE]", stream.answer.text[-200:])


def _tail(stream: Stream) -> str:
    return "\n".join(f"data: {data}" for data in stream.data[-2:]) or stream.answer.summary


def _log_line(subject: Subject, answer: Answer) -> dict[str, Any]:
    return subject.log.lines_of(answer)[-1]


def _answered(asked: Sequence[Future[Answer]]) -> int:
    """How many of them have an answer so far."""
    return sum(answer.done() for answer in asked)


def _most_at_once(calls: Sequence[Received]) -> int:
    """How many of these calls the upstream had at the same time."""
    return max((sum(other.started <= call.started < other.ended for other in calls) for call in calls), default=0)


def _simulator(subject: Subject) -> Upstream:
    """The upstream, if it is the simulator and the service asks for it. Raises NotGraded."""
    if subject.model != SIMULATOR:
        raise NotGraded(f"it needs the model {SIMULATOR} of the embedded server, which this service does not ask")
    return subject.upstream


# --- streams -----------------------------------------------------------------------------------------------------


@check("POST /generate/stream sends deltas, then the request id and the metadata, then [DONE], as text/event-stream")
def stream_events(subject: Subject) -> None:
    prompt = _question()
    whole = _post(subject, "/generate", _document(subject, prompt, temperature=0))
    whole.must(whole.status == 200, "200")
    stream = _streamed(subject, GENERATE_STREAM, _document(subject, prompt, temperature=0))
    _must_be_events(stream, whole.at(str, "output"))
    # Networks cut anywhere: in an event, in a line, in a character.
    with subject.upstream.fault({"fragment_bytes": 37}):
        cut = _streamed(subject, GENERATE_STREAM, _document(subject, prompt, temperature=0))
        _must_be_events(cut, whole.at(str, "output"))
    if subject.can_start_again:
        _must_read_what_others_write(subject)


def _must_be_events(stream: Stream, text: str) -> None:
    kind = stream.answer.headers.get("content-type", "")
    stream.must(kind.startswith("text/event-stream"), "Content-Type: text/event-stream", f"Content-Type: {kind}")
    _must_be_done(stream)
    *deltas, last = _objects(stream)
    stream.must(all(map(_delta, deltas)) and len(deltas) > 1, 'events {"delta": "…"} before the metadata')
    given = _text(stream)
    stream.must(given == text, f"the text of /generate, in pieces: {text[:60]}…", given)
    metadata = _metadata(stream)
    named = last.get("request_id")
    own = stream.answer.headers.get("x-request-id")
    stream.must(bool(named) and named == own, f'"request_id": "{own}", as the header X-Request-ID says', named)
    missing = {"model", "tokens", "cost_usd", "latency_ms", "time_to_first_token_ms"} - metadata.keys()
    stream.must(not missing, f"metadata with {', '.join(sorted(missing))}", json.dumps(metadata))
    first, all_of_it = metadata["time_to_first_token_ms"], metadata["latency_ms"]
    stream.must(0 < first <= all_of_it, f'"time_to_first_token_ms" of at most {all_of_it}, the "latency_ms"', first)


def _chunk(text: str, end: str | None = None) -> bytes:
    """The JSON of an event of OpenAI's API, with non-ASCII characters unescaped."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": end}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "dictated"}
    return json.dumps({**chunk, "choices": [choice]}, ensure_ascii=False).encode()


CAFE = b"data: " + _chunk("café ") + b"\n\n"
BETWEEN_ITS_BYTES = CAFE.index("é".encode()) + 1
LAST = _chunk("fin", "stop")
# Blocks of a stream, each with the text that must have arrived after it, and before the next one is sent.
DICTATED = (
    (b": two\n\ndata: " + _chunk("uno ") + b"\n\ndata: " + _chunk("dos ") + b"\n\n" + CAFE[:9], "uno dos "),
    (CAFE[9:-1] + b"\ndata: " + _chunk("tres ") + b"\n\n" + CAFE[:BETWEEN_ITS_BYTES], "uno dos café tres "),
    (CAFE[BETWEEN_ITS_BYTES:] + b"event: message\nid: 7\n", "uno dos café tres café "),
    (b"data:" + _chunk("cuatro ") + b"\n\n: half an event\nda", "uno dos café tres café cuatro "),
    (b"ta: " + _chunk("cinco ") + b"\r\n\r\ndata: " + LAST + b"\r", "uno dos café tres café cuatro cinco "),
    (b"\n\r\ndata: [DONE]\r\n\r\n", "uno dos café tres café cuatro cinco fin"),
)
SOON = 10.0  # seconds


def _must_read_what_others_write(subject: Subject) -> None:
    """Comments, other fields, CR LF, raw UTF-8: complete events arrive at once, and partial ones are kept."""
    first, _ = DICTATED[0]
    other, rest = b"data: " + _chunk("otro") + b"\n\n", b"data: " + LAST + b"\n\ndata: [DONE]\n\n"
    patient = {"STREAM_SILENCE_TIMEOUT": "60"}
    with dictated() as dictation, subject.started_with({"OPENAI_BASE_URL": dictation.url, **patient}) as reading:
        dictation.say(0, first)
        dictation.say(1, other + rest)
        with _streaming(reading, GENERATE_STREAM, _document(reading), patience=SOON) as stream:
            _must_have_said(stream, DICTATED[0][1])
            # Another caller's stream comes in between.
            beside = _streamed(reading, GENERATE_STREAM, _document(reading), patience=SOON)
            beside.must(_text(beside) == "otrofin", 'the text "otrofin"', _text(beside))
            for block, text in DICTATED[1:]:
                dictation.say(0, block)
                _must_have_said(stream, text)
            stream.read()
            _must_be_done(stream)


def _must_have_said(stream: Stream, text: str) -> None:
    stream.read(lambda stream: _text(stream) == text)
    stream.must(_text(stream) == text, f'the text "{text}", as sent so far', f'"{_text(stream)}"')


@check("Each token arrives while the model still works on the next: nothing is held back, on our routes and OpenAI's")
def stream_in_steps(subject: Subject) -> None:
    upstream = _simulator(subject)
    for path, document, tokens in (
        (GENERATE_STREAM, _document(subject), 1),
        (GENERATE_STREAM, _document(subject), 6),
        (CHAT, _chat(subject), 1),
    ):
        # The model stops after so many tokens. The tokens before that must be here all the same.
        with upstream.fault({"stall_after_tokens": tokens}), _opened(subject, path, document) as stream:
            stream.read(lambda stream, tokens=tokens: _tokens(stream) >= tokens)  # type: ignore[misc]
            _must_be_underway(stream, upstream, tokens)


def _must_be_underway(stream: Stream, upstream: Upstream, tokens: int) -> None:
    """The stream of an upstream that has sent `tokens` tokens and then stalls."""
    objects = _objects(stream)
    only_tokens = DONE not in stream.data and not any("error" in each or "metadata" in each for each in objects)
    underway = stream.status == 200 and only_tokens and upstream.register()["in_flight"] == 1
    said = "1 token" if tokens == 1 else f"{tokens} tokens"
    expected = f"{said}, all that the upstream has sent, while it works on the next"
    stream.must(underway and _tokens(stream) == tokens, expected, _tail(stream))


@contextmanager
def _opened(subject: Subject, path: str, document: Mapping[str, Any]) -> Iterator[Stream]:
    """A stream in progress, whatever its status."""
    if path == CHAT:
        document = {**document, "stream": True}
    with subject.service.stream(path, document, headers=subject.somebody.headers) as stream:
        yield stream


@check("The tokens and the cost of a stream are the upstream's own count, in the metadata and in the log")
def stream_usage(subject: Subject) -> None:
    upstream = subject.upstream
    for path, document in ((GENERATE_STREAM, _document(subject)), (CHAT, _chat(subject))):
        upstream.forget_calls()
        stream = _streamed(subject, path, document)
        (call,) = upstream.calls()
        counted = {"input": call.tokens_input, "output": call.tokens_output}
        counted["total"] = sum(counted.values())
        told = _metadata(stream) if path == GENERATE_STREAM else _comment_metadata(stream)
        if told is not None:
            stream.must(told.get("tokens") == counted, f'"tokens": {counted}', told.get("tokens"))
            stream.must(told.get("cost_usd", 0) > 0, "a cost over 0", f'"cost_usd": {told.get("cost_usd")}')
        if subject.has_log:
            line = _log_line(subject, stream.answer)
            logged = {way: line.get(f"tokens_{way}") for way in counted}
            _must_log(subject, stream, logged == counted, f"the tokens {counted}", logged)
            cost = told["cost_usd"] if told else None
            right = line.get("cost_usd", 0) > 0 and cost in (None, line["cost_usd"])
            _must_log(subject, stream, right, f'"cost_usd": {cost or "over 0"}', line.get("cost_usd"))


def _comment_metadata(stream: Stream) -> dict[str, Any] | None:
    """What OpenAI's format has no field for may be in a comment."""
    told = [json.loads(comment)["metadata"] for comment in stream.comments if comment.startswith('{"metadata"')]
    return dict(told[-1]) if told else None


def _must_log(subject: Subject, stream: Stream, holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise Failed(f"a log line with {expected}", str(got), subject.log.shown(stream.answer))


# --- OpenAI's API ------------------------------------------------------------------------------------------------


@check("POST /v1/chat/completions streams OpenAI's chunks to [DONE], with a usage chunk only on request")
def openai_stream(subject: Subject) -> None:
    plain = _streamed(subject, CHAT, _chat(subject, temperature=0))
    _must_be_chunks(plain)
    usage = _usage_chunks(plain)
    plain.must(not usage, "no chunk with usage unless the caller asks for it", usage[:1])

    asking = _streamed(subject, CHAT, _chat(subject, temperature=0, stream_options={"include_usage": True}))
    _must_be_chunks(asking)
    usage = _usage_chunks(asking)
    asking.must(len(usage) == 1, 'one chunk with "choices": [] and the usage', f"{len(usage)} such chunks")
    counted = usage[0]["usage"]
    sums = counted["prompt_tokens"] + counted["completion_tokens"] == counted["total_tokens"] > 0
    asking.must(sums and _objects(asking)[-1] == usage[0], "the usage, added up, in the last chunk", usage[0])


def _must_be_chunks(stream: Stream) -> None:
    _must_be_done(stream)
    chunks = _objects(stream)
    kinds = {chunk.get("object") for chunk in chunks if isinstance(chunk, dict)}
    stream.must(kinds == {"chat.completion.chunk"}, '"object": "chat.completion.chunk" in each event', kinds)
    stream.must(len({chunk["id"] for chunk in chunks}) == 1, "one id in all chunks of an answer")
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    stream.must(len(reasons) == 1, "one finish_reason", reasons)
    stream.must(bool(_text(stream)), "text in the deltas")


def _usage_chunks(stream: Stream) -> list[Any]:
    return [chunk for chunk in _objects(stream) if chunk.get("usage") or not chunk.get("choices")]


@check("POST /v1/chat/completions and GET /v1/models answer as OpenAI does, errors too: 400 and 404 model_not_found")
def openai_unary(subject: Subject) -> None:
    document = _chat(subject, temperature=0)
    answer = _post(subject, CHAT, document)
    answer.must(answer.status == 200, "200")
    answer.must(answer.at(str, "object") == "chat.completion", '"object": "chat.completion"')
    answer.must(bool(answer.at(str, "id")), "an id")
    choices = answer.at(list, "choices")
    answer.must(len(choices) == 1 and bool(choices[0]["message"]["content"]), "one choice with a message")
    answer.must(choices[0]["finish_reason"] in ("stop", "length"), "a finish_reason")
    answer.must(answer.at(int, "usage", "total_tokens") > 0, "the usage")
    unnamed = _post(subject, CHAT, {"messages": document["messages"], "max_tokens": 4})
    unnamed.must(unnamed.status == 200, "200 without a model: there is a default")

    for wrong in ({**document, "messages": []}, {**document, "messages": "Hola"}, {"model": "x"}):
        _post(subject, CHAT, wrong).must_be_error(400, "for an invalid request")
    unknown = {**document, "model": "model-of-somebody-else"}
    for asked in (unknown, {**unknown, "stream": True}):
        missing = _post(subject, CHAT, asked)
        code = missing.must_be_error(404, "for a model that does not exist")["code"]
        missing.must(code == "model_not_found", '"code": "model_not_found"', code)

    models = subject.service.get("/v1/models", headers=subject.somebody.headers)
    models.must(models.status == 200, "200")
    listed = [model.get("id") for model in models.at(list, "data")]
    models.must(answer.at(str, "model") in listed, f"{answer.at(str, 'model')} among the models", listed)


@check("Fields of OpenAI's API that this service does not read reach the upstream, and its answer comes back complete")
def openai_pass_through(subject: Subject) -> None:
    upstream = _simulator(subject)
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    called = _post(subject, CHAT, _chat(subject, tools=[tool], tool_choice="required"))
    called.must(called.status == 200, "200")
    (choice,) = called.at(list, "choices")
    calls = choice["message"].get("tool_calls")
    called.must(bool(calls) and calls[0]["function"]["name"] == "weather", "the tool's call in the answer")

    several = _streamed(subject, CHAT, _chat(subject, n=2, logprobs=True))
    spoken = [choice for chunk in _objects(several) for choice in chunk["choices"] if choice["delta"].get("content")]
    several.must({choice["index"] for choice in spoken} == {0, 1}, "chunks of both choices")
    several.must(all(choice["logprobs"] for choice in spoken), "logprobs in each chunk")

    upstream.forget_calls()
    later = _post(subject, CHAT, _chat(subject, guided_regex="x+", of_next_year={"a": [1]}))
    later.must(later.status == 200, "200 for unknown fields")
    (record,) = upstream.register()["last"]
    arrived = record.get("unknown_fields")
    later.must(arrived == ["guided_regex", "of_next_year"], "guided_regex and of_next_year at the upstream", arrived)


@check("POST /v1/infer answers as /generate does, whole and streamed, with max_new_tokens in params")
def infer(subject: Subject) -> None:
    prompt = _question()
    whole = _post(subject, "/generate", _document(subject, prompt, temperature=0, max_tokens=7))
    whole.must(whole.status == 200, "200")
    inferred = _post(subject, "/v1/infer", _infer(subject, prompt, max_new_tokens=7, temperature=0))
    inferred.must(inferred.status == 200, "200")
    expected, output = whole.at(str, "output"), inferred.at(str, "output")
    inferred.must(output == expected, f"the answer of /generate: {expected}", output)
    tokens, said = (answer.at(dict, "metadata", "tokens") for answer in (whole, inferred))
    inferred.must(tokens == said, f'"tokens": {tokens}', f'"tokens": {said}')
    stream = _streamed(subject, "/v1/infer/stream", _infer(subject, prompt, max_new_tokens=7, temperature=0))
    _must_be_done(stream)
    stream.must(_text(stream) == expected, f"the same in pieces: {expected}", _text(stream))
    for wrong in (_infer(subject, prompt, max_new_tokens=0), _infer(subject, " ")):
        _post(subject, "/v1/infer", wrong).must_be_error(422, "for an invalid request")


@check("POST /generate/batch: an answer or an error for each prompt, in order, at most MAX_CONCURRENT at a time")
def batch(subject: Subject) -> None:
    upstream, most = subject.upstream, subject.configured.max_concurrent
    prompts: list[Any] = [_document(subject, max_tokens=1 + number % 3) for number in range(most + 3)]
    prompts.insert(1, {"prompt": " "})
    with upstream.fault({"latency_ms": 80}):
        done = _post(subject, "/generate/batch", {"prompts": prompts})
        calls = upstream.calls()
    _must_add_up(done, len(prompts))
    at_once = _most_at_once(calls)
    done.must(1 < at_once <= most, f"2 to {most} upstream calls at the same time", f"{at_once} at the same time")
    _must_be_in_order(subject)


def _must_add_up(done: Answer, asked: int) -> None:
    """The answer to `asked` prompts, of which the second is blank."""
    done.must(done.status == 200, "200")
    results = done.at(list, "results")
    done.must(len(results) == asked, f"{asked} results", f"{len(results)} results")
    error = results[1].get("error")
    done.must(isinstance(error, dict) and bool(error.get("message")), "an error for the blank prompt", results[1])
    totals = [done.at(int, "metadata", name) for name in ("total", "succeeded", "failed")]
    done.must(totals == [asked, asked - 1, 1], f"{asked} in total, 1 of them failed", totals)
    tokens = sum(result["metadata"]["tokens"]["total"] for result in results if "metadata" in result)
    counted = done.at(int, "metadata", "tokens", "total")
    done.must(counted == tokens, f"{tokens} tokens in total", counted)


def _must_be_in_order(subject: Subject) -> None:
    """The first call to arrive is answered last, so order of arrival would be a different order."""
    upstream = subject.upstream
    prompts = [_document(subject, temperature=0, max_tokens=2 + number) for number in range(3)]
    with upstream.played({"hold": True, "times": 1}) as gate, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_post, subject, "/generate/batch", {"prompts": prompts})
        comes_true(lambda: asked.done() or upstream.register()["finished"] == len(prompts) - 1)
        gate.release()
        done = asked.result()
    results = done.at(list, "results")
    for place, prompt in enumerate(prompts):
        alone = _post(subject, "/generate", prompt).at(str, "output")
        got = results[place].get("output")
        done.must(got == alone, f"at place {place} the answer to that prompt alone: {alone[:60]}", got)


# --- when the upstream fails -------------------------------------------------------------------------------------


@check("Before the first token, a failure gets an honest status, never a 200, and a retry first if that may help")
def commitment(subject: Subject) -> None:
    upstream = subject.upstream
    for path, document in ((GENERATE_STREAM, _document(subject)), (CHAT, _chat(subject, stream=True))):
        with upstream.fault({"status": 500}):
            _post(subject, path, document).must_be_error(502, "when the upstream always answers 500")
        _must_be_well(subject)
        with upstream.fault({"status": 400}):
            _post(subject, path, document).must_be_error(400, "when the upstream rejects the request")
    with upstream.fault({"garbage": "truncated"}):
        _post(subject, GENERATE_STREAM, _document(subject)).must_be_error(502, "for a stream of nonsense")
    _must_be_well(subject)
    for fault in ({"status": 503, "times": 2}, {"cut_after_tokens": 0, "times": 1}):
        with upstream.fault(fault):
            saved = _streamed(subject, GENERATE_STREAM, _document(subject))
            _must_be_done(saved)
            received = upstream.received()
            saved.must(received == 1 + fault["times"], f"{1 + fault['times']} upstream calls", received)


def _must_be_well(subject: Subject) -> None:
    """The service works once the upstream does. This success also keeps the check's failures from opening a breaker."""
    well = _post(subject, "/generate", _document(subject))
    well.must(well.status == 200, "200 once the upstream works again")


CUT_AFTER = 5  # tokens


@check("A stream that is cut after its first token ends in an error event, without [DONE], and is never retried")
def cut_is_told(subject: Subject) -> None:
    upstream = _simulator(subject)
    for path, document in ((GENERATE_STREAM, _document(subject)), (CHAT, _chat(subject))):
        with upstream.fault({"cut_after_tokens": CUT_AFTER}):
            stream = _streamed(subject, path, document)
            received = upstream.received()
            stream.must(DONE not in stream.data, "no [DONE] after half an answer", _tail(stream))
            _must_end_in_error(stream)
            tokens = _tokens(stream)
            stream.must(tokens == CUT_AFTER, f"the {CUT_AFTER} tokens that came before the cut", f"{tokens} tokens")
            stream.must(received == 1, "1 upstream call", f"{received} upstream calls")


def _must_end_in_error(stream: Stream) -> None:
    last = (_objects(stream) or [None])[-1]
    error = last.get("error") if isinstance(last, dict) else None
    if not isinstance(error, dict) or not {"message", "type", "param", "code", "request_id"} <= error.keys():
        raise Failed('a last event {"error": {message, type, param, code, request_id}}', _tail(stream), stream.curl)
    own = stream.answer.headers.get("x-request-id")
    named = error["request_id"]
    stream.must(named == own, f'"request_id": "{own}" in the error, as the header X-Request-ID says', named)
    stream.must(stream.ended, "an end of the stream after its error")


LEAVES_AFTER = 1.0  # seconds, in the commands that a report shows
CANCELLED_WITHIN = 10.0  # seconds; nothing else ends the call this soon
SAID_BEFORE = 3  # tokens


@check("When the client leaves, the upstream call is cancelled at once, and what it used until then is charged")
def client_leaves(subject: Subject) -> None:
    _simulator(subject)
    with _patient(subject) as patient:
        upstream = patient.upstream
        with upstream.held() as gate:
            with patient.service.asking(GENERATE_STREAM, _document(patient), headers=patient.somebody.headers) as left:
                gate.wait_for(1)
            _must_be_cancelled(patient, shown_as(left, lambda command: f"{command} -N -m {LEAVES_AFTER:g}"))
        for path, document in ((GENERATE_STREAM, _document(patient)), (CHAT, _chat(patient))):
            with upstream.fault({"stall_after_tokens": SAID_BEFORE}):
                with _streaming(patient, path, document) as stream:
                    stream.read(lambda stream: _tokens(stream) >= SAID_BEFORE)
                    _must_be_underway(stream, upstream, SAID_BEFORE)
                    half = stream.answer
                half = shown_as(half, lambda command: f"{command} -m {LEAVES_AFTER:g}")
                _must_be_cancelled(patient, half)
            if patient.has_log:
                line = _log_line(patient, half)
                booked = [line.get(name) or 0 for name in ("tokens_input", "tokens_output", "cost_usd")]
                if not min(booked) > 0:
                    raise Failed("a log line with what the call used until then", str(line), patient.log.shown(half))


@contextmanager
def _patient(subject: Subject) -> Iterator[Subject]:
    """A service that tolerates long silences, if we can start one: then only the client can have ended the call."""
    if not subject.can_start_again:
        yield subject
        return
    with subject.started_with({"STREAM_SILENCE_TIMEOUT": "60"}) as patient:
        yield patient


def _must_be_cancelled(subject: Subject, left: Answer) -> None:
    upstream, configured = subject.upstream, subject.configured
    within = min(CANCELLED_WITHIN, 0.6 * configured.stream_silence_timeout, 0.6 * configured.timeout)
    cancelled = comes_true(lambda: upstream.register()["in_flight"] == 0, within)
    left.must(cancelled, "no upstream call in flight once the client has left", f"one after {within:g} seconds")
    how = [record["outcome"] for record in upstream.register()["last"]]
    left.must(how == ["cancelled"], "an upstream call that was cancelled", how)


SLACK = 10.0  # seconds that a busy machine may be late


@check("A silent stream is kept alive with comments, and ended after STREAM_SILENCE_TIMEOUT seconds")
def silence(subject: Subject) -> None:
    upstream = _simulator(subject)
    bound, keepalive = subject.configured.stream_silence_timeout, subject.configured.stream_keepalive_sec
    if bound > 10 or keepalive > bound / 2:
        raise NotGraded(
            f"{bound:g} seconds of silence with a comment every {keepalive:g} take too long to look at; start the "
            "service with STREAM_SILENCE_TIMEOUT=1.5 STREAM_KEEPALIVE_SEC=0.3, and tell the grader the same"
        )
    with upstream.fault({"stall_after_tokens": 3}):
        stream = _streamed(subject, GENERATE_STREAM, _document(subject), patience=bound + SLACK)
        stream.must(stream.ended, f"an end after {bound:g} seconds of silence", stream.answer.text[-300:])
        _must_end_in_error(stream)
        *_, spoke, error = (event for event in stream.events if not event.comment and event.data != DONE)
        # It fell silent after the request was sent, and before we read its last word.
        most, least = error.at - stream.answer.sent, error.at - spoke.at
        right = most >= bound and least <= bound + SLACK
        stream.must(right, f"an error after {bound:g} seconds of silence", f"after {least:.2f} seconds")
        comments = sum(spoke.at < event.at < error.at for event in stream.events if event.comment)
        stream.must(comments > 0, f"a comment after {keepalive:g} seconds of silence", stream.answer.text[-300:])


@check(
    "An upstream that says when to retry (retry-after-ms, Retry-After, x-ratelimit-reset) is asked then, not earlier"
)
def upstream_says_when(subject: Subject) -> None:
    upstream = subject.upstream
    delay = subject.configured.retry_delay
    said = round(max(0.5, 3 * delay), 2)
    empty, reset = "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"
    for headers in ({"retry-after-ms": f"{said * 1000:.0f}"}, {empty: "0", reset: f"{said:g}s"}):
        plan = {"status": 429, "headers": headers, "times": 1}
        with upstream.fault(plan):
            answer = _post(subject, "/generate", _document(subject))
            calls = upstream.calls()
        answer.must(answer.status == 200, "200, once the upstream's limit is over")
        pause = calls[1].started - calls[0].ended
        expected = f"a pause of {said:g} seconds or a little more"
        # The upstream's clock and ours differ by some milliseconds.
        answer.must(said - 0.01 <= pause <= said + SLACK, expected, f"one of {pause:.2f} seconds")
    with upstream.fault({"status": 429, "headers": {"retry-after-ms": "3600000"}}):
        hopeless = _post(subject, GENERATE_STREAM, _document(subject))
        hopeless.must_be_error(429, "at once, because an hour is longer than any deadline")
        told = hopeless.headers.get("retry-after")
        hopeless.must(told == "3600", "Retry-After: 3600, the upstream's own", f"Retry-After: {told}")


REQUESTS = 40
RESERVE = 5
BUDGET = 0.2


@check(f"When everything fails, {REQUESTS} requests make at most 20 % more upstream calls, plus the reserve")
def retry_budget(subject: Subject) -> None:
    settings = {"RETRY_BUDGET": f"{BUDGET:g}", "RETRY_BUDGET_RESERVE": f"{RESERVE}", "RETRY_DELAY": "0.02"}
    with subject.started_with(settings) as short, short.upstream.fault({"status": 500}):
        began = time.monotonic()
        answers = ask_many(lambda _: _post(short, "/generate", _document(short)), REQUESTS)
        quiet = int(time.monotonic() - began)  # seconds; each may give one retry back
        received = short.upstream.received()
        shown = as_crowd(answers[0], REQUESTS)
        others = [answer for answer in answers if answer.status != 502]
        shown.must(not others, "502 for each of them", others[0].summary if others else "")
        most = round(REQUESTS * (1 + BUDGET)) + RESERVE + quiet
        shown.must(received <= most, f"at most {most} upstream calls", f"{received} upstream calls")
        shown.must(received > REQUESTS, "some retries nevertheless", f"{received} upstream calls")


# --- the circuit breaker -----------------------------------------------------------------------------------------

THRESHOLD = 3
PROBES = 2
SUCCESSES = 3
UNDER_WAY = max(SUCCESSES, THRESHOLD)  # this many late results would close or open a breaker if they counted
OPEN_FOR = 1.5  # seconds
LONG_OPEN_FOR = 60  # seconds
REFUSED_MS = 50

BREAKER = {
    "MAX_RETRIES": "0",  # one call per request
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": f"{THRESHOLD}",
    "CIRCUIT_BREAKER_SUCCESS_THRESHOLD": f"{SUCCESSES}",
    "CIRCUIT_BREAKER_PROBES": f"{PROBES}",
    "CIRCUIT_BREAKER_TIMEOUT_SEC": f"{OPEN_FOR:g}",
}
FAILURE = {"status": 500}
WRONG = {"status": 400}


def _call(subject: Subject, path: str = "/generate") -> Answer:
    return _post(subject, path, _document(subject))


def _must_be_refused(answer: Answer, upstream: Upstream, why: str) -> None:
    """Refused by an open breaker: no call reaches the upstream."""
    answer.must_be_error(503, why)
    received = upstream.register()["received"]
    answer.must(received == 0, f"no upstream call {why}", f"{received} upstream calls")


def _several(subject: Subject, times: int, status: int, why: str) -> Answer:
    """Make `times` calls, one after the other; each must get this status. Returns the last answer."""
    for _ in range(times):
        answer = _call(subject)
        answer.must(answer.status == status, f"{status} {why}")
    return shown_as(answer, lambda command: f"for i in $(seq {times}); do {command}; done")


def _fail(subject: Subject, times: int) -> Answer:
    """Make `times` calls that fail, and return the last answer. Then the upstream works, and its register is empty."""
    with subject.upstream.fault(FAILURE):
        failed = _several(subject, times, 502, "when the upstream answers 500")
    subject.upstream.forget_calls()
    return failed


def _let_pass(subject: Subject, opened: Answer) -> None:
    """Wait until a breaker that opened with this answer is half-open: neither too soon nor too late."""
    # It opened between that call and its answer.
    while True:
        health = _must_be_in_state(subject, "half_open", "open")
        if "half_open" in _states(health):
            break
        soon = health.sent <= opened.received + OPEN_FOR * 1.05
        in_order(opened, health).must(soon, f'"half_open" after {OPEN_FOR:g} seconds')
        time.sleep(0.02)
    late = health.received >= opened.sent + OPEN_FOR
    in_order(opened, health).must(late, f'"open" for {OPEN_FOR:g} seconds')


@contextmanager
def _opened_beside_others(
    subject: Subject, ending: Mapping[str, Any], *then: Mapping[str, Any]
) -> Iterator[tuple[Gate, list[Future[Answer]], Answer]]:
    """A breaker that opens while other calls are in flight, and the answer that opened it.

    The other calls end as `ending` says, once the gate lets them; later calls meet the faults in `then`.
    """
    plan = ({**ending, "hold": True, "times": UNDER_WAY}, {**FAILURE, "times": THRESHOLD}, *then)
    with subject.upstream.played(*plan) as gate, asked_at_once(lambda: _call(subject), UNDER_WAY) as others:
        try:
            gate.wait_for(UNDER_WAY, unless=lambda: _answered(others))
            yield gate, others, _several(subject, THRESHOLD, 502, "when the upstream answers 500")
        finally:
            gate.release()


def _let_end(gate: Gate, others: Sequence[Future[Answer]], status: int) -> None:
    """Let those calls end that began before the breaker opened."""
    gate.release(UNDER_WAY)
    for other in others:
        answer = other.result()
        answer.must(answer.status == status, f"{status} for a call that began before the breaker opened")


@check(f"{THRESHOLD} failures in a row open the breaker: 503 with Retry-After at once, and no upstream call")
def breaker_opens(subject: Subject) -> None:
    with subject.started_with({**BREAKER, "CIRCUIT_BREAKER_TIMEOUT_SEC": f"{LONG_OPEN_FOR}"}) as fragile:
        upstream = fragile.upstream
        with upstream.fault(WRONG):  # a bad request is not the upstream's fault
            for _ in range(THRESHOLD + 1):
                _call(fragile).must_be_error(400, "when the upstream rejects the request, however often")
        for _ in range(2):  # failures that are not in a row do not count either
            _fail(fragile, THRESHOLD - 1)
            well = _call(fragile)
            well.must(well.status == 200, f"200 after {THRESHOLD - 1} failures and a success")
        _fail(fragile, THRESHOLD - 1)
        with upstream.fault(WRONG):  # and a neutral result does not start a new row
            _call(fragile).must_be_error(400, "when the upstream rejects the request")
        with upstream.fault(FAILURE):
            opened = _several(fragile, 1, 502, "when the upstream answers 500")
        upstream.forget_calls()
        refused = [in_order(opened, _call(fragile, path)) for path in ("/generate", GENERATE_STREAM) * 4]
        for answer in refused:
            _must_be_refused(answer, upstream, f"after {THRESHOLD} failures in a row")
        _must_be_at_once(fragile, refused)
        _must_be_in_state(fragile, "open")
        time.sleep(max(0.0, opened.received + 2 - time.monotonic()))
        _call(fragile)  # refused, and must not prolong the wait
        _must_say_when(in_order(opened, _call(fragile)), opened)


def _must_be_at_once(subject: Subject, refused: Sequence[Answer]) -> None:
    """As fast as refusals that need no breaker: a busy machine delays both."""
    invalid = [_post(subject, "/generate", {"prompt": " "}).ms for _ in refused]
    most = statistics.median(invalid) + REFUSED_MS
    took = statistics.median(answer.ms for answer in refused)
    refused[0].must(took <= most, f"a refusal in {most:.0f} ms or less", f"{took:.0f} ms, the median")


def _must_say_when(refused: Answer, opened: Answer) -> None:
    """Retry-After is the time left, not the whole time."""
    # The breaker opened between that call and its answer. The time left is rounded up.
    most = LONG_OPEN_FOR - (refused.sent - opened.received) + 1
    least = LONG_OPEN_FOR - (refused.received - opened.sent)
    told = refused.headers.get("retry-after", "")
    right = told.isdigit() and least <= int(told) <= most
    refused.must(right, f"a Retry-After of {least:.0f} to {most:.0f} s", f"Retry-After: {told}")


def _must_be_in_state(subject: Subject, *either: str) -> Answer:
    health = subject.service.get("/health")
    health.must(health.status == 200, "200: an open breaker is no reason to restart the process")
    states = _states(health)
    shown = f'"checks": {{"circuit_breakers": {{"breakers": {{…: {{"state": "{" or ".join(either)}"}}}}}}}}'
    health.must(any(state in states for state in either), shown, states)
    return health


def _states(health: Answer) -> list[object]:
    circuits = health.at(dict, "checks", "circuit_breakers", "breakers")
    return [circuit.get("state") for circuit in circuits.values()]


@check(f"After CIRCUIT_BREAKER_TIMEOUT_SEC exactly {PROBES} of many calls go through; one failure reopens it")
def breaker_half_open(subject: Subject) -> None:
    with subject.started_with(BREAKER) as fragile:
        upstream = fragile.upstream
        with _opened_beside_others(fragile, {}, {**FAILURE, "hold": True}) as (gate, others, opened):
            _let_pass(fragile, opened)
            _let_end(gate, others, 200)  # too old to say anything about the upstream now
            probes = _probed(fragile, gate, opened)
        upstream.forget_calls()
        _must_be_refused(in_order(*probes, _call(fragile)), upstream, "after probes that failed")

        # Successes before it do not make up for a failed probe.
        _let_pass(fragile, min(probes, key=lambda answer: answer.received))
        well = _several(fragile, SUCCESSES - 1, 200, f"for a probe {OPEN_FOR:g} seconds later")
        failed = in_order(opened, well, _fail(fragile, 1))
        _must_be_refused(in_order(failed, _call(fragile)), upstream, "after one failure of a half-open breaker")


CROWD = 12


def _probed(subject: Subject, gate: Gate, opened: Answer) -> list[Answer]:
    """The answers of those calls of a crowd that a half-open breaker admits. The upstream fails all of them."""
    with asked_at_once(lambda: _call(subject), CROWD) as crowd:
        comes_true(lambda: _answered(crowd) + gate.held == CROWD)
        through = gate.held
        refused = _answered(crowd)
        gate.release()
    answers = [answer.result() for answer in crowd]
    shown = in_order(opened, as_crowd(answers[0], CROWD))
    shown.must(through == PROBES, f"{PROBES} of {CROWD} calls reach the upstream", f"{through} upstream calls")
    shown.must(refused == CROWD - PROBES, f"503 for the other {CROWD - PROBES}", f"an answer for {refused}")
    probes = [answer for answer in answers if answer.status != 503]
    shown.must(len(probes) == PROBES, f"503 for the other {CROWD - PROBES}", f"503 for {CROWD - len(probes)}")
    return probes


@check(f"{SUCCESSES} successful probes close the breaker: all calls go through again, and old failures are forgotten")
def breaker_closes(subject: Subject) -> None:
    crowd = 8
    with subject.started_with(BREAKER) as fragile:
        upstream = fragile.upstream
        with _opened_beside_others(fragile, FAILURE) as (gate, others, opened):
            _let_pass(fragile, opened)
            _let_end(gate, others, 502)  # also too old
            well = in_order(opened, _several(fragile, 1, 200, "for a probe, however earlier calls ended"))
        _must_only_end(fragile, SUCCESSES)
        _several(fragile, SUCCESSES - 2, 200, "for a probe")
        _must_be_in_state(fragile, "half_open")  # one success less than needed
        probe = in_order(opened, well, _several(fragile, 1, 200, f"for probe {SUCCESSES} of {SUCCESSES}"))
        _must_be_in_state(fragile, "closed")
        _fail(fragile, THRESHOLD - 1)
        well = _call(fragile)
        well.must(well.status == 200, f"200 after {THRESHOLD - 1} new failures: the old ones are forgotten")
        with upstream.held() as gate, asked_at_once(lambda: _call(fragile), crowd) as asked:
            comes_true(lambda: _answered(asked) + gate.held == crowd)
            through = gate.held
            gate.release()
        shown = in_order(probe, as_crowd(asked[0].result(), crowd))
        shown.must(through == crowd, f"{crowd} calls admitted at once when it is closed", f"{through} of them")
        lost = [answer.result() for answer in asked if answer.result().status != 200]
        shown.must(not lost, f"200 for all {crowd}", lost[0].summary if lost else "")
        _must_be_in_state(fragile, "closed")


def _must_only_end(subject: Subject, times: int) -> None:
    """Neutral probes, `times` of each kind: they only make room for others."""
    with subject.upstream.fault(WRONG):
        _several(subject, times, 400, "for a probe that the upstream rejects")
    for _ in range(times):
        with subject.upstream.held() as gate:
            with subject.service.asking("/generate", _document(subject), headers=subject.somebody.headers) as left:
                gate.wait_for(1)
            gone = comes_true(lambda: subject.upstream.register()["in_flight"] == 0)
            left.must(gone, "an upstream call that ends when the client leaves", "it goes on")
    _must_be_in_state(subject, "half_open")


# --- elsewhere, later, or not at all -----------------------------------------------------------------------------


@check("When the upstream is down, the next of FALLBACKS answers, and the reply says so; not for an invalid request")
def fallback(subject: Subject) -> None:
    if not subject.can_start_again:
        raise NotGraded(
            "it needs a service started with FALLBACKS, and that upstream; without a URL the grader starts both"
        )
    with embedded_server() as other:
        host = other.url.removeprefix("http://")
        settings = {
            "FALLBACKS": f"{SIMULATOR}@{other.url}/v1",
            "FALLBACK_API_KEYS": other.key,
            "MAX_RETRIES": "1",
        }
        second = Upstream(other.url, key=other.key)
        try:
            with subject.started_with(settings) as two:
                _must_fall_back(two, second, host)
        finally:
            second.close()


def _must_fall_back(subject: Subject, second: Upstream, host: str) -> None:
    well = _post(subject, "/generate", _document(subject))
    well.must(well.status == 200, "200")
    named = well.at(dict, "metadata").get("fallback")
    well.must(not named, "no fallback in the metadata while the upstream works", named)
    for fault in ({"status": 500}, {"reset": True}):
        with subject.upstream.fault(fault):
            second.forget_calls()
            answer = _post(subject, "/generate", _document(subject))
            answer.must(answer.status == 200, f"200 from {host}, the fallback")
            _must_name(answer, answer.at(dict, "metadata"), host)
            stream = _streamed(subject, GENERATE_STREAM, _document(subject))
            _must_be_done(stream)
            _must_name(stream.answer, _metadata(stream), host)
            received = second.received()
            stream.must(received == 2, "2 calls at the fallback", f"{received} calls")
    for fault, status in (({"status": 400}, 400), ({"cut_after_tokens": 3}, 200)):
        with subject.upstream.fault(fault):
            second.forget_calls()
            kept = _post(subject, GENERATE_STREAM, _document(subject))
            received = second.received()
            kept.must(kept.status == status, f"{status}: this is not a case for a fallback")
            kept.must(received == 0, "no call at the fallback", f"{received} calls")


def _must_name(answer: Answer, metadata: Mapping[str, Any], host: str) -> None:
    named = metadata.get("fallback")
    answer.must(named == f"{SIMULATOR}@{host}", f'"fallback": "{SIMULATOR}@{host}" in the metadata', named)


SLOTS = 2
PLACES = 2
SHED_MS = 300
SHED = 5  # more calls, one by one


@check("With all slots and the queue full, the next call gets 503 with Retry-After at once; queued calls are answered")
def queue_sheds(subject: Subject) -> None:
    crowd, room = 10, SLOTS + PLACES
    settings = {"HTTP_MAX_CONNECTIONS": f"{SLOTS}", "QUEUE_MAX_SIZE": f"{PLACES}", "QUEUE_TIMEOUT": "60"}
    with subject.started_with(settings) as narrow:
        with narrow.upstream.held() as gate, asked_at_once(lambda: _call(narrow), crowd) as asked:
            # Nobody is served before the gate opens: a call with an answer was refused.
            comes_true(lambda: _answered(asked) + room >= crowd and gate.held == SLOTS)
            before = [answer.result() for answer in asked if answer.done()]
            alone = [_call(narrow) for _ in range(SHED if len(before) + room == crowd else 0)]
            open_for_all(gate, asked)
        answers = [answer.result() for answer in asked]
        calls = narrow.upstream.calls()
        shown = as_crowd(answers[0], crowd)
        answered = [answer for answer in answers if answer.status == 200]
        shed = [answer for answer in answers if answer.status == 503]
        shown.must(
            len(answered) == room and len(shed) == crowd - room,
            f"{room} of {crowd} answered with 200, and 503 for the others",
            f"{len(answered)} answered with 200, {len(shed)} with 503",
        )
        shown.must(before == shed, "503 while the others still wait", f"{len(before)} answers until then")
        for answer in shed + alone:
            answer.must_be_error(503)
            told = answer.headers.get("retry-after", "")
            answer.must(told.isdigit() and int(told) > 0, "a Retry-After", f"Retry-After: {told}")
        invalid = [_post(narrow, "/generate", {"prompt": " "}).ms for _ in alone]
        took, most = statistics.median(answer.ms for answer in alone), statistics.median(invalid) + SHED_MS
        shown.must(took <= most, f"503 at once, within {most:.0f} ms", f"503 after {took:.0f} ms")
        at_once = _most_at_once(calls)
        shown.must(at_once == SLOTS, f"{SLOTS} upstream calls at a time", f"{at_once} at a time")


LEAST, MOST = 0.5, 1.3  # seconds


@check("A call gets the time that its work needs: more than TIMEOUT for a long answer, never more than TIMEOUT_MAX")
def adaptive_timeout(subject: Subject) -> None:
    late = {"latency_ms": (LEAST + MOST) / 2 * 1000}
    with (
        subject.started_with({"TIMEOUT": f"{LEAST:g}", "TIMEOUT_MAX": "60"}) as hurried,
        hurried.upstream.fault(late),
    ):
        long = _post(hurried, "/generate", _document(hurried, max_tokens=2000))
        long.must(long.status == 200, f"200 for a long answer, although it takes longer than TIMEOUT={LEAST:g}")
    with subject.started_with({"TIMEOUT": f"{LEAST:g}", "TIMEOUT_MAX": f"{MOST:g}"}) as hurried:
        for path in ("/generate", GENERATE_STREAM):
            with hurried.upstream.held():
                hung = _post(hurried, path, _document(hurried, max_tokens=4000), patience=MOST + SLACK)
                hung.must_be_error(504, f"after {MOST:g} seconds, the most that a call may take")
                right = hung.ms >= MOST * 990  # clocks
                hung.must(right, f"504 after {MOST:g} seconds", f"504 after {hung.ms / 1000:.2f} seconds")
