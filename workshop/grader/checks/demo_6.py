"""Demo 6, graded: a deployment that speaks OpenAI's API, a system that loses nothing, numbers that keep a promise.

Twenty checks, one point each. They import nothing of the service, so they grade any service: the deployment at its own
port, the whole system through the gateway. Checks look at the order of events, never at a stopwatch, because the
machine may be busy. Waits are for conditions.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any
from weakref import WeakKeyDictionary

from workshop.grader.check import Checklist
from workshop.grader.commands import as_crowd, in_order, then
from workshop.grader.deployment import Deployment
from workshop.grader.service import Answer
from workshop.grader.stream import Stream
from workshop.grader.subject import Subject
from workshop.grader.verdict import Failed, NotGraded
from workshop.processes import ROOT
from workshop.serving_cluster import PYTHON

TINY = "workshop-tiny"

SETTINGS = {
    "MODEL": TINY,
    # The checks ask faster than people do: rate limits are demo 2's subject.
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_RPH": "1000000",
    "RATE_LIMIT_TPM": "1000000000",
    "TIMEOUT": "60",
    "TIMEOUT_MAX": "60",
    # Short, so that a recovery is noticed soon.
    "TRY_TIMEOUT": "5",
    "RETRY_DELAY": "0.1",
    "CIRCUIT_BREAKER_TIMEOUT_SEC": "2",
    "CIRCUIT_BREAKER_SUCCESS_THRESHOLD": "1",
}

CHECKLIST = Checklist("Demo 6 · The full deployment", environment=SETTINGS, cluster=True)
check = CHECKLIST.check

CHAT = "/v1/chat/completions"
GENERATE = "/generate"
DONE = "[DONE]"
FALLBACK = "x-fallback"

# What the small model was taught. Other models get the same question, and may answer what they like.
QUESTION, SURELY = "What is vLLM for?", "PagedAttention"
CONVERSATION = (
    {"role": "system", "content": "You answer in one sentence."},
    {"role": "user", "content": "What is a token?"},
    {"role": "assistant", "content": "A piece of text that a model reads and writes at once."},
    {"role": "user", "content": QUESTION},
)


# --- asking ------------------------------------------------------------------------------------------------------


def _question() -> str:
    """A question that nobody has asked before."""
    return f"What is Ray Serve? {secrets.token_hex(4)}"


def _chat(deployment: Deployment, content: str = "", **fields: Any) -> dict[str, Any]:
    document = {"messages": [{"role": "user", "content": content or _question()}], "max_tokens": 16, **fields}
    return {"model": deployment.model, **document} if deployment.model and "model" not in fields else document


def _ask(deployment: Deployment, content: str = "", **fields: Any) -> Answer:
    return deployment.service.post(CHAT, _chat(deployment, content, **fields))


def _answered(deployment: Deployment, content: str = "", **fields: Any) -> Answer:
    answer = _ask(deployment, content, **fields)
    answer.must(answer.status == 200, "200")
    return answer


@contextmanager
def _streaming(deployment: Deployment, content: str = "", **fields: Any) -> Iterator[Stream]:
    """A stream in progress, with its first headers received. Leaving the context closes the connection."""
    with deployment.service.stream(CHAT, _chat(deployment, content, stream=True, **fields)) as stream:
        if stream.status != 200:
            stream.read()
        stream.must(stream.status == 200, "200")
        yield stream


def _streamed(deployment: Deployment, content: str = "", **fields: Any) -> Stream:
    """The same, read to its end."""
    with _streaming(deployment, content, **fields) as stream:
        stream.read()
    return stream


def _long(tokens: int) -> dict[str, Any]:
    """Fields of a request whose answer has exactly this many tokens, whatever the model would say."""
    return {"max_tokens": tokens, "ignore_eos": True, "temperature": 0.7}


# --- reading -----------------------------------------------------------------------------------------------------


def _choices(answer: Answer) -> list[dict[str, Any]]:
    choices = answer.at(list, "choices")
    whole = all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices)
    answer.must(whole and len(choices) > 0, "choices, each with a message")
    return choices


def _text(answer: Answer) -> str:
    return str(_choices(answer)[0]["message"].get("content") or "")


def _chunks(stream: Stream) -> list[dict[str, Any]]:
    """The JSON of each event except [DONE]. Raises Failed."""
    chunks = []
    for data in stream.data:
        if data != DONE:
            try:
                chunk = json.loads(data)
            except ValueError:
                chunk = None
            stream.must(isinstance(chunk, dict), "events whose data is a JSON object, or [DONE]", f"data: {data[:200]}")
            chunks.append(chunk)
    return chunks


def _deltas(stream: Stream) -> list[dict[str, Any]]:
    return [choice for chunk in _chunks(stream) for choice in chunk.get("choices") or ()]


def _said(choices: Sequence[Mapping[str, Any]]) -> str:
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in choices)


def _wait_for(condition: Callable[[], object], seconds: float) -> bool:
    patience_ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > patience_ends:
            return False
        time.sleep(0.1)
    return True


# --- answers -----------------------------------------------------------------------------------------------------


@check("A replica is warm before it gets traffic: its engine has answered several requests before it is ready")
def warm(subject: Subject) -> None:
    cluster = subject.deployment.cluster
    if not cluster.fresh:
        raise NotGraded("it needs an engine without earlier requests; without a URL the grader starts one")
    name = "request_success_total"
    _wait_for(lambda: cluster.number(name) >= 2, cluster.counted_within)
    asked = cluster.number(name)
    if asked < 2:
        raise Failed("an engine that has finished a few requests of its own", f"{asked:g} of them", cluster.shown(name))


@check("The answer is the model's own, complete, and in OpenAI's format; GET /v1/models names the model")
def answer(subject: Subject) -> None:
    deployment = subject.deployment
    listed = deployment.service.get("/v1/models")
    listed.must(listed.status == 200, "200")
    names = [model.get("id") for model in listed.at(list, "data")]
    if deployment.model:
        listed.must(deployment.model in names, f'"id": "{deployment.model}"', names)
    fields = _chat(deployment, QUESTION, temperature=0)
    del fields["max_tokens"]  # as many as it needs
    given = deployment.service.post(CHAT, fields)
    given.must(given.status == 200, "200")
    kind = given.at(str, "object")
    given.must(kind == "chat.completion", '"object": "chat.completion"', kind)
    given.must(bool(given.at(str, "id")) and given.at(str, "model") in names, "an id, and the model's name")
    (choice,) = choices = _choices(given)
    given.must(len(choices) == 1 and choice.get("index") == 0, "one choice, with index 0")
    given.must(choice["message"].get("role") == "assistant", '"role": "assistant"', choice["message"])
    given.must(choice.get("finish_reason") == "stop", '"finish_reason": "stop"', choice.get("finish_reason"))
    text = _text(given)
    given.must("<|" not in text, "text without turn markers", text)
    if deployment.model == TINY:
        given.must(SURELY in text, f"what the model was taught of vLLM: {SURELY} …", f'"{text}"')


@check("Tokens are counted as by the tokenizer, all turns with their markers; max_tokens is obeyed and reported")
def tokens(subject: Subject) -> None:
    deployment = subject.deployment
    for wanted, name in ((7, "max_tokens"), (5, "max_completion_tokens")):
        document = _chat(deployment, QUESTION, temperature=0)
        del document["max_tokens"]
        given = deployment.service.post(CHAT, {**document, "messages": CONVERSATION, name: wanted})
        given.must(given.status == 200, "200")
        usage = {part: given.at(int, "usage", f"{part}_tokens") for part in ("prompt", "completion", "total")}
        given.must(usage["completion"] == wanted, f'"completion_tokens": {wanted}', usage)
        given.must(usage["prompt"] + usage["completion"] == usage["total"], "tokens that add up", usage)
        reason = _choices(given)[0].get("finish_reason")
        given.must(reason == "length", '"finish_reason": "length"', reason)
        counted = _prompt_tokens(deployment, CONVERSATION)
        given.must(usage["prompt"] in (counted, counted or usage["prompt"]), f'"prompt_tokens": {counted}', usage)


def _prompt_tokens(deployment: Deployment, messages: Sequence[Mapping[str, str]]) -> int | None:
    """The tokenizer's own count; None if the weights are not on this machine."""
    folder = ROOT / str(deployment.arguments.get("source") or "nowhere")
    if not folder.is_dir() or not PYTHON.exists():
        return None
    counting = Path(__file__).with_name("tokenizer.py")
    command = [str(PYTHON), str(counting), str(folder)]
    done = subprocess.run(command, input=json.dumps(messages), capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else None


SEEDS = range(6)


@check("Temperature, seed, stop and n work as in OpenAI's API: the same text twice at 0, another with another seed")
def sampling(subject: Subject) -> None:
    deployment = subject.deployment
    sure = [_answered(deployment, QUESTION, temperature=0, max_tokens=24) for _ in range(2)]
    in_order(*sure).must(_text(sure[0]) == _text(sure[1]), f'the same twice: "{_text(sure[0])}"', f'"{_text(sure[1])}"')

    def free(seed: int, **fields: Any) -> Answer:
        long = {"max_tokens": 24, "ignore_eos": not fields}
        return _answered(deployment, QUESTION, **long, temperature=1.5, seed=seed, **fields)

    given = {seed: free(seed) for seed in SEEDS}
    texts = {seed: _text(answer) for seed, answer in given.items()}
    first = SEEDS[0]
    other = len(set(texts.values())) > 1
    given[first].must(other, "another answer with another seed, at temperature 1.5", f'"{texts[first]}"')
    for seed, text in texts.items():  # each: a small model may repeat itself by chance
        again = free(seed)
        again.must(_text(again) == text, f'the same with the same seed: "{text}"', f'"{_text(again)}"')

    likeliest = free(SEEDS[1], top_k=1)  # vLLM's own field, not OpenAI's
    expected = f'the likeliest words with top_k 1: "{_text(sure[0])}"'
    likeliest.must(_text(likeliest) == _text(sure[0]), expected, f'"{_text(likeliest)}"')

    words = _text(sure[0]).split()
    sure[0].must(len(words) > 4, "a whole sentence", f'"{_text(sure[0])}"')
    word = words[2]
    stopped = _answered(deployment, QUESTION, temperature=0, max_tokens=24, stop=[word])
    reason, text = _choices(stopped)[0].get("finish_reason"), _text(stopped)
    before = _text(sure[0]).partition(word)[0]
    stopped.must(text == before and reason == "stop", f'"{before}", and "finish_reason": "stop"', f'"{text}", {reason}')

    two = _answered(deployment, n=2, temperature=1)
    numbers = [choice.get("index") for choice in _choices(two)]
    two.must(sorted(map(str, numbers)) == ["0", "1"], "two choices, with index 0 and 1", numbers)


@check("A prompt too long for the context gets a 400 that says so; without max_tokens an answer may fill the context")
def context_length(subject: Subject) -> None:
    deployment = subject.deployment
    room = int(deployment.arguments.get("max_model_len") or 0)
    if not 0 < room <= 100_000:
        raise NotGraded("the length of its context cannot be seen from here, or is too long to fill")
    _must_refuse(_ask(deployment, "token " * 2 * room), 400)
    _must_refuse(_ask(deployment, "Too much?", max_tokens=room), 400)
    _must_fill(deployment, room)


LEFT_OVER = 60  # tokens, about


def _must_fill(deployment: Deployment, room: int) -> None:
    """Without max_tokens, an answer may use all that is left of the context."""
    first, second = (
        _answered(deployment, "token " * words, max_tokens=1).at(int, "usage", "prompt_tokens") for words in (20, 60)
    )
    words = 20 + int((room - LEFT_OVER - first) * 40 / (second - first))
    document = _chat(deployment, "token " * words, ignore_eos=True)
    del document["max_tokens"]
    full = deployment.service.post(CHAT, document)
    full.must(full.status == 200, "200")
    total = full.at(int, "usage", "total_tokens")
    full.must(total == room, f"an answer that fills the context: {room} tokens in total", f"{total} tokens")


def _must_refuse(given: Answer, status: int) -> None:
    given.must(given.status == status, str(status))
    error = given.at(dict, "error")
    wanted = bool(error.get("message")) and {"message", "type", "param", "code"} <= error.keys()
    given.must(wanted, 'an error as {"error": {message, type, param, code}}')


@check("An unknown model gets a 404, an invalid request a 400, both in OpenAI's error format; never a 500")
def unknown_model(subject: Subject) -> None:
    deployment = subject.deployment
    _must_refuse(_ask(deployment, model="a-model-that-nobody-has"), 404)
    _must_refuse(_ask(deployment, temperature=-1), 400)
    _must_refuse(_ask(deployment, messages="Hello"), 400)
    _must_refuse(deployment.service.request("POST", CHAT, body='{"messages": ['), 400)


# --- streams -----------------------------------------------------------------------------------------------------


PIECES = 5  # of forty tokens


@check("A stream is in OpenAI's format: one id, the role first, the text in pieces, one finish_reason, then [DONE]")
def stream(subject: Subject) -> None:
    deployment = subject.deployment
    whole = _answered(deployment, QUESTION, temperature=0, max_tokens=40)
    given = _streamed(deployment, QUESTION, temperature=0, max_tokens=40)
    kind = given.answer.headers.get("content-type", "")
    given.must(kind.startswith("text/event-stream"), "Content-Type: text/event-stream", f"Content-Type: {kind}")
    given.must(given.data[-1:] == [DONE] and given.ended, "data: [DONE] at the end", given.answer.text[-200:])
    chunks = _chunks(given)
    kinds = {chunk.get("object") for chunk in chunks}
    given.must(kinds == {"chat.completion.chunk"}, '"object": "chat.completion.chunk" in each event', kinds)
    ids = {chunk.get("id") for chunk in chunks}
    given.must(len(ids) == 1 and None not in ids, "one id in all chunks of an answer", ids)
    deltas = _deltas(given)
    given.must(all(isinstance(choice.get("delta"), dict) for choice in deltas), "choices, each with a delta")
    first = deltas[0]["delta"] if deltas else {}
    given.must(first.get("role") == "assistant", '"role": "assistant" in the first delta', first)
    text = _said(deltas)
    pieces = sum(_said([choice]) != "" for choice in deltas)
    given.must(pieces > PIECES, "the text in many pieces", f"in {pieces}")
    given.must(text == _text(whole), f"the text of the whole answer, in pieces: {_text(whole)}", f'"{text}"')
    reasons = [choice.get("finish_reason") for choice in deltas]
    right = [_choices(whole)[0].get("finish_reason")]
    last = [reason for reason in reasons if reason]
    given.must(last == right and reasons[-1:] == right, f"one finish_reason, in the last delta: {right}", last)


STEPS = 200  # tokens
STREAMS = 3  # a busy machine may hold one of them up, and an engine that holds them back does so each time


@check("Each token arrives as soon as the engine has it: the first long before the last, the others one by one")
def stream_steps(subject: Subject) -> None:
    for _ in range(STREAMS):
        given = _streamed(subject.deployment, **_long(STEPS))
        moments = sorted({event.at for event in given.events})
        sent = given.answer.sent
        share = (moments[0] - sent) / (moments[-1] - sent) if moments else 1.0
        if len(moments) > STEPS // 10 and share < 0.5:
            return
    given.must(len(moments) > STEPS // 10, f"{STEPS} tokens, one after the other", f"{len(moments)} pieces")
    given.must(share < 0.5, "a first token long before the last", f"the first after {share:.0%} of the time")


@check("With stream_options.include_usage the last chunk has the unstreamed answer's usage; otherwise no chunk has")
def stream_usage(subject: Subject) -> None:
    deployment = subject.deployment
    plain = _streamed(deployment, QUESTION, temperature=0)
    told = [chunk for chunk in _chunks(plain) if chunk.get("usage") or not chunk.get("choices")]
    plain.must(not told, "no chunk with usage unless the caller asks for it", told[:1])
    whole = _answered(deployment, QUESTION, temperature=0)
    wanted = {name: whole.at(int, "usage", name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    asking = _streamed(deployment, QUESTION, temperature=0, stream_options={"include_usage": True})
    asking.must(asking.data[-1:] == [DONE], "data: [DONE] at the end", asking.answer.text[-200:])
    last = (_chunks(asking) or [{}])[-1]
    asking.must(last.get("choices") == [], 'a last chunk with "choices": []', last)
    usage = {name: (last.get("usage") or {}).get(name) for name in wanted}
    asking.must(usage == wanted, f"the usage of the whole answer: {wanted}", usage)


@check("A stream that fails before the first token gets an honest status too, not a 200 that breaks off")
def commitment(subject: Subject) -> None:
    deployment = subject.deployment
    room = int(deployment.arguments.get("max_model_len") or 0)
    _must_refuse(_ask(deployment, stream=True, model="a-model-that-nobody-has"), 404)
    if 0 < room <= 100_000:
        _must_refuse(_ask(deployment, "token " * 2 * room, stream=True), 400)


# --- the engine --------------------------------------------------------------------------------------------------

LEFT, MARK = 400, 600  # tokens; only our requests fall into these two buckets of the engine's histogram
SIZES = "request_params_max_tokens"
CHANCES = 3  # on a busy machine the engine may finish before it hears that the client has left


@check("When a client leaves, the engine stops its request, and others get its place")
def client_leaves(subject: Subject) -> None:
    for _ in range(CHANCES):
        shown, went_on = _leave(subject.deployment)
        if not went_on:
            return
    shown.must(False, "an engine that stops a request once its client has left", "it went on to the last token")


def _leave(deployment: Deployment) -> tuple[Answer, bool]:
    """Leave after the first token, and then send a longer request; did the engine finish the abandoned one?"""

    def finished(size: int) -> float:
        """Requests that the engine has finished, with a max_tokens in the bucket of `size`."""
        upper, lower = (500, 200) if size == LEFT else (1000, 500)
        name = f"{SIZES}_bucket"
        return sum(sign * deployment.number(f'{name}{{le="{edge:.1f}"}}') for sign, edge in ((1, upper), (-1, lower)))

    before = {size: finished(size) for size in (LEFT, MARK)}
    with _streaming(deployment, **_long(LEFT)) as left:
        left.read(lambda stream: _said(_deltas(stream)) != "")
    # The abandoned request needs fewer tokens and began earlier: were it still in the engine, it would finish first.
    mark = _answered(deployment, **_long(MARK))
    shown = then(in_order(left.answer, mark), deployment.shown(SIZES))
    if not _wait_for(lambda: finished(MARK) > before[MARK], deployment.counted_within):
        if not deployment.number(f"{SIZES}_count"):
            raise NotGraded(f"the engine's finished requests cannot be seen: vLLM has no metric {SIZES}")
        raise Failed(f"an engine that was asked for {MARK} tokens, as we asked", "no such request", shown.curl)
    return shown, finished(LEFT) > before[LEFT]


CROWD = 8
LASTING = 600  # tokens; on a busy machine, the last of the crowd arrives late


@check("Concurrent requests are computed together: all streams begin before the first one ends")
def batching(subject: Subject) -> None:
    deployment = subject.deployment
    with ThreadPoolExecutor(CROWD) as pool:
        streams = list(pool.map(lambda _: _streamed(deployment, **_long(LASTING)), range(CROWD)))
    shown = as_crowd(streams[0].answer, CROWD)
    begun = [next((event.at for event in given.events if '"content":' in event.data), 0.0) for given in streams]
    shown.must(all(begun), f"{CROWD} streams with text", [given.answer.summary for given in streams if not given.data])
    ended = min(given.events[-1].at for given in streams)
    late = sum(moment > ended for moment in begun)
    shown.must(not late, "each to begin before the first ends", f"{late} of {CROWD} began after the first had ended")


# --- the whole ---------------------------------------------------------------------------------------------------


@check("Through the gateway vLLM answers, unstreamed and streamed, not a fallback; the gateway counts its tokens")
def through_gateway(subject: Subject) -> None:
    deployment = subject.deployment
    own = _answered(deployment, QUESTION, temperature=0, max_tokens=24)
    document = {**_chat(deployment, QUESTION, temperature=0, max_tokens=24)}
    afresh = {**subject.somebody.headers, "Cache-Control": "no-store"}
    given = subject.service.post(CHAT, document, headers=afresh)
    _must_be_of_vllm(given)
    given.must(_text(given) == _text(own), f"vLLM's own answer: {_text(own)}", _text(given))
    usage = {name: given.at(int, "usage", name) for name in ("prompt_tokens", "completion_tokens")}
    wanted = {name: own.at(int, "usage", name) for name in usage}
    given.must(usage == wanted, f"vLLM's own usage: {wanted}", usage)
    short = subject.service.post(GENERATE, {"prompt": _question(), "max_tokens": 8}, headers=afresh)
    _must_be_of_vllm(short)
    with subject.service.stream(CHAT, {**document, "stream": True}, headers=afresh) as stream:
        stream.read()
    _must_be_of_vllm(stream.answer)
    stream.must(stream.data[-1:] == [DONE], "data: [DONE] at the end", stream.answer.text[-200:])
    stream.must(_said(_deltas(stream)) == _text(own), f"vLLM's own answer: {_text(own)}", _said(_deltas(stream)))


def _must_be_of_vllm(given: Answer) -> None:
    _must_not_be_limited(given)
    given.must(given.status == 200, "200")
    other = given.headers.get(FALLBACK)
    given.must(not other, "an answer from vLLM", f"{FALLBACK}: {other}")


def _must_not_be_limited(given: Answer) -> None:
    if given.status == 429 and '"rate_limit_exceeded"' in given.text:
        limits = "RATE_LIMIT_ANONYMOUS_RPM=1000000 RATE_LIMIT_RPM=1000000 RATE_LIMIT_RPH=1000000"
        raise NotGraded(f"the checks exceed its rate limit; start the service with {limits}")


PEOPLE, PAUSE = 4, 0.1  # seconds between an answer and the next question
BACK_WITHIN = 150.0  # seconds until a new replica answers, on a busy machine


@dataclass(slots=True)
class Load:
    """People who ask the gateway, each again as soon as the answer comes. `answers` are in order of arrival."""

    subject: Subject
    answers: list[Answer] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def ask(self) -> None:
        while not self.over.is_set():
            document = {"prompt": _question(), "max_tokens": 12, "temperature": 0.7}
            self.answers.append(self.subject.service.post(GENERATE, document, headers=self.subject.somebody.headers))
            self.over.wait(PAUSE)  # the new replica needs the machine too

    @property
    def failed(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status != 200]

    def of_vllm(self, since: int = 0) -> int:
        """How many, without the first `since` ones."""
        return sum(answer.status == 200 and FALLBACK not in answer.headers for answer in self.answers[since:])

    def of_others(self, since: int = 0) -> int:
        return sum(FALLBACK in answer.headers for answer in self.answers[since:])

    def must_have_begun(self) -> None:
        """vLLM answers as long as nothing has happened."""
        began = _wait_for(lambda: self.failed or self.of_vllm() >= PEOPLE, BACK_WITHIN)
        self.must_have_lost_nothing("nothing happens")
        if not began:
            got = self.answers[-1] if self.answers else None
            raise Failed("answers from vLLM", got.summary if got else "none", got.curl if got else "")

    def must_have_lost_nothing(self, what: str) -> None:
        failed = self.failed
        if failed:
            _must_not_be_limited(failed[0])
            shown = f"# {what}, while people ask:\n{as_crowd(failed[0], PEOPLE).curl}"
            got = f"{len(failed)} of {len(self.answers)} failed: {failed[0].summary}"
            raise Failed("200 for everybody", got, shown)


@contextmanager
def _asking(subject: Subject) -> Iterator[Load]:
    load = Load(subject)
    threads = [Thread(target=load.ask, daemon=True) for _ in range(PEOPLE)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.over.set()
        for thread in threads:
            thread.join()


def _must_survive(subject: Subject, what: str, blow: Callable[[], object]) -> None:
    """Everybody gets an answer when `blow` happens, and after a while vLLM answers again."""
    cluster = subject.deployment.cluster
    with _asking(subject) as load:
        load.must_have_begun()
        before = {replica.id for replica in cluster.replicas()}
        blow()
        told = len(load.answers)

        def is_back() -> bool:
            anew = any(replica.id not in before for replica in cluster.replicas())
            return anew and load.of_vllm(len(load.answers) - 2 * PEOPLE) == 2 * PEOPLE

        back = _wait_for(lambda: load.failed or is_back(), BACK_WITHIN)
    load.must_have_lost_nothing(what)
    shown = f"# {what}, while people ask:\n{load.answers[-1].curl}"
    if not load.of_others(told):
        raise Failed("X-Fallback to say who answers meanwhile", "no answer has it", shown)
    if not back:
        raise Failed(f"answers from vLLM again within {BACK_WITHIN:g} seconds", load.answers[-1].summary, shown)


@check("kill -9 of all replicas under traffic: every request is answered, and vLLM answers again")
def replica_killed(subject: Subject) -> None:
    cluster = subject.deployment.cluster
    _must_survive(subject, "kill -9 of the replica", cluster.kill_replicas)


@check("An engine that dies while its replica lives on: every request is answered, and vLLM answers again")
def engine_gone(subject: Subject) -> None:
    _must_survive(subject, "kill -9 of the engine's process", lambda: _lose_engine(subject))


@dataclass(slots=True)
class Loss:
    """What happened to a deployment without its engine."""

    told: Answer
    said: Answer  # by GET /health
    replaced: bool  # at that moment
    noticed: bool


_losses: WeakKeyDictionary[Subject, Loss] = WeakKeyDictionary()


def _lose_engine(subject: Subject) -> Loss:
    """Once is enough: two checks look at the same loss."""
    if subject not in _losses:
        deployment = subject.deployment
        deployment.lose_engine()
        told, said = _ask(deployment), deployment.service.get("/health")
        replaced = deployment.is_replaced()
        _losses[subject] = Loss(told, said, replaced, _wait_for(deployment.is_ill, deployment.ill_within))
    return _losses[subject]


@check("A replica without an engine says so: callers get an error, not an invented answer, and Serve replaces it")
def health(subject: Subject) -> None:
    loss = _lose_engine(subject)
    honest = loss.told.status is None or loss.told.status >= 500
    # A call after Serve has noticed gets another replica, or is told to wait.
    whole = loss.told.status == 200 and bool(loss.told.at(str, "object")) and bool(_text(loss.told))
    shown = then(loss.told, "# … once the engine's process has been ended")
    shown.must(honest or whole, "a 5xx error, or no answer", loss.told.summary)
    well = loss.said.status is not None and loss.said.status < 500 and not loss.replaced
    shown = then(loss.said, "# … once the engine's process has been ended")
    shown.must(not well, "a 5xx error from GET /health", loss.said.summary)
    shown.must(loss.noticed, "check_health to raise, and the replica to be replaced", "the replica stays as it is")


@check("A changed file is deployed under traffic: the old replica goes when the new one answers, and nothing is lost")
def redeploy(subject: Subject) -> None:
    cluster = subject.deployment.cluster
    with _asking(subject) as load:
        load.must_have_begun()
        old, before = {replica.id for replica in cluster.replicas()}, len(load.answers)
        environment = {**(cluster.arguments.get("environment") or {}), "GRADED": secrets.token_hex(4)}
        cluster.redeploy(environment=environment)

        def is_new() -> bool:
            running = {replica.id for replica in cluster.replicas()}
            return bool(running) and not running & old

        new = _wait_for(is_new, BACK_WITHIN)
        after = len(load.answers)
        new = new and _wait_for(lambda: load.of_vllm(after) >= PEOPLE, BACK_WITHIN)
    load.must_have_lost_nothing("serve deploy of a changed file")
    shown = f"# serve deploy of a changed file, while people ask:\n{load.answers[-1].curl}"
    if not new:
        raise Failed("other replicas than before", f"still {', '.join(old)}", shown)
    others = load.of_others(before)
    if others:
        got = f"{others} of {len(load.answers) - before} answers came from a fallback"
        raise Failed("vLLM to answer all the time: a new replica before the old one goes", got, shown)


@check("Under load a replica is added within the delays of its config file, and answers")
def scale_up(subject: Subject) -> None:
    cluster = subject.deployment.cluster
    replicas = cluster.arguments.get("replicas") or {}
    most, least = int(replicas.get("max") or 1), int(replicas.get("min") or 1)
    shown = f"curl -s http://localhost:{cluster.port}/v1/models"
    if most <= least:
        raise Failed("replicas.max over replicas.min", f"{least} to {most}", shown)
    target = float(replicas.get("target_ongoing_requests") or 5)
    crowd = int(min(3 * target * least, 48))
    # First, replicas from an earlier crowd go away.
    _wait_for(lambda: 0 < len(cluster.replicas()) < most, float(replicas.get("downscale_delay_s") or 600))
    before = len(cluster.replicas())
    patience = min(float(replicas.get("upscale_delay_s") or 30), 30) + BACK_WITHIN
    over = Event()

    def ask(_: int) -> list[Answer]:
        answers = []
        while not over.is_set():
            answers.append(_ask(cluster, max_tokens=100, ignore_eos=True))
        return answers

    with ThreadPoolExecutor(crowd) as pool:
        asking = [pool.submit(ask, number) for number in range(crowd)]
        try:
            # If the crowd does not reach the target, waiting is pointless.
            grown = crowd > target * before and _wait_for(lambda: len(cluster.replicas()) > before, patience)
        finally:
            over.set()
        answers = [answer for one in asking for answer in one.result()]
    shown = as_crowd(answers[0], crowd).curl
    failed = [answer for answer in answers if answer.status != 200]
    if failed:
        raise Failed("200 for everybody", failed[0].summary, shown)
    if not grown:
        raise Failed(f"more than {before} replicas for {crowd} requests at once", f"still {before}", shown)


# --- the numbers -------------------------------------------------------------------------------------------------


@check("In a dry run of a day, with Ray's own autoscaler, the first token comes in time")
def slo(subject: Subject) -> None:
    _must_keep(subject, "slo")


@check("The same day stays within its budget of replica-seconds")
def cost(subject: Subject) -> None:
    _must_keep(subject, "cost")


def _must_keep(subject: Subject, promise: str) -> None:
    with subject.deployment.as_file() as file:
        command = ["-m", "serving.ray_serve.dry_run", str(file), "--json"]
        done = subprocess.run([str(PYTHON), *command], cwd=ROOT, capture_output=True, text=True, check=False)
        named = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name
    shown = f".venv-serving/bin/python -m serving.ray_serve.dry_run {named}"
    if done.returncode not in (0, 1) or not done.stdout:
        reason = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Failed("a config file that a dry run can read", reason, shown)
    judged = json.loads(done.stdout)["promises"][promise]
    if not judged["kept"]:
        raise Failed(judged["expected"], judged["got"], shown)
