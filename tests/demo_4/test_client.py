"""Demo 4's client against a real gateway and its model, and against servers that refuse, limit, hang or are gone."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import httpx2
import openai
import pytest

from demos.demo_4_streaming.client.chat import ChatClient
from demos.demo_4_streaming.client.comparison import base_url
from demos.demo_4_streaming.client.transport import CircuitOpen, NoAnswerInTime, wait_of, work_of
from shared.layers import adaptive_timeout
from shared.layers.adaptive_timeout import AdaptiveTimeout
from shared.resilience.circuit import Rules, State
from tests.closed_port import dead_server
from tests.demo_4.test_demo_4 import REFERENCE
from tests.frame.tty import terminal
from tests.waiting import wait_for, wait_on_loop, wait_until_still
from workshop.grader.launch import SIMULATOR, ModelServer, started
from workshop.grader.subject import Subject
from workshop.processes import ROOT

T = TypeVar("T")

COMMAND = [sys.executable, "-m", "demos.demo_4_streaming.client"]
HANG = 0
QUESTIONS = [f"question number {number}" for number in range(12)]
# The gateway neither limits nor retries, and spares no upstream: whatever care a test sees is the client's.
OPEN_DOORS = {
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_TPM": "100000000",
    "TIMEOUT": "100",
    "TIMEOUT_MAX": "100",
    "MAX_RETRIES": "0",
    "MAX_BATCH": "100",
    "MAX_CONCURRENT": "10",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000000",
    "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
}


@pytest.fixture(scope="module")
def gateway(server: ModelServer) -> Iterator[Subject]:
    with started(REFERENCE, server, OPEN_DOORS) as subject:
        yield subject


def asked(url: str, use: Callable[[ChatClient], Awaitable[T]], **options: Any) -> T:
    """What `use` makes of a client of the service at `url`."""

    async def with_client() -> T:
        async with ChatClient(f"{url}/v1", **{"model": SIMULATOR, **options}) as client:
            return await use(client)

    return asyncio.run(with_client())


def mark(question: str) -> str:
    """The simulator's answer to this question contains it, and no other answer does."""
    return f"{zlib.crc32(question.encode()):08x}"


def failed(results: Sequence[str | Exception]) -> list[Exception]:
    return [result for result in results if isinstance(result, Exception)]


def command(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, **environment}
    return subprocess.run([*COMMAND, *options], cwd=ROOT, env=given, capture_output=True, text=True, check=False)


# --- a server in this test ---------------------------------------------------------------------------------------


class Scripted(ThreadingHTTPServer):
    """Answers with the given statuses and headers, one for each request, and then always 200. HANG is no answer."""

    def __init__(self, *replies: tuple[int, Mapping[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = list(replies)
        self.arrived: list[float] = []  # readings of time.monotonic()
        self.answered: list[float] = []
        self.over = threading.Event()
        self.connections = 0
        self.kind = "application/json"
        self.body: bytes | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.arrived.append(time.monotonic())
        status, headers = self.server.replies.pop(0) if self.server.replies else (200, {})
        if status == HANG:
            self.close_connection = self.server.over.wait()
            return
        message = {"role": "assistant", "content": "yes"}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        document = {**answer, "choices": choices} if status == 200 else {"error": {"message": "no"}}
        body = json.dumps(document).encode() if self.server.body is None else self.server.body
        self.server.answered.append(time.monotonic())
        self.send_response(status)
        for name, value in {"Content-Type": self.server.kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def scripted(*replies: tuple[int, Mapping[str, str]]) -> Iterator[Scripted]:
    with Scripted(*replies) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()


# --- many questions ----------------------------------------------------------------------------------------------


def test_answers_come_in_the_order_of_the_questions_even_if_one_of_the_first_is_ready_last(gateway: Subject) -> None:
    ready: list[None] = []

    def ask(client: ChatClient) -> Awaitable[list[str | Exception]]:
        return client.ask_all(QUESTIONS, done=lambda: ready.append(None))

    with gateway.upstream.held(times=1) as gate, ThreadPoolExecutor() as people:
        asking = people.submit(asked, gateway.service.url, ask, concurrent=3)
        wait_for(lambda: len(ready) == len(QUESTIONS) - 1, "all answers but one")
        gate.release()
        answers = asking.result()
    assert [mark(question) in str(answer) for question, answer in zip(QUESTIONS, answers, strict=True)] == [True] * 12


def test_never_more_questions_are_in_flight_than_may_be(gateway: Subject) -> None:
    upstream = gateway.upstream
    with upstream.held() as gate, ThreadPoolExecutor() as people:
        asking = people.submit(asked, gateway.service.url, lambda client: client.ask_all(QUESTIONS), concurrent=4)
        for share in (4, 8, 12):
            gate.wait_for(4)
            wait_until_still(lambda: upstream.register()["received"])
            assert (gate.held, upstream.register()["received"]) == (4, share)
            gate.release(4)
        assert failed(asking.result()) == []


def test_a_bad_question_loses_only_its_own_answer(gateway: Subject) -> None:
    no_json = [{"role": "user", "content": object()}]
    questions: list[Any] = [QUESTIONS[0], "", [], no_json, [{"role": "nobody", "content": "?"}], QUESTIONS[1]]
    answers = asked(gateway.service.url, lambda client: client.ask_all(questions, max_tokens=5), concurrent=2)
    assert mark(QUESTIONS[0]) in str(answers[0])
    assert mark(QUESTIONS[1]) in str(answers[-1])
    blank, no_messages, unwritable, nobody = answers[1:-1]
    assert mark("") in str(blank)  # a conversation may have an empty message
    assert isinstance(no_messages, openai.BadRequestError)
    assert isinstance(unwritable, TypeError)
    assert isinstance(nobody, openai.BadRequestError)


@pytest.mark.parametrize("body", [b"<p>Welcome to nginx", b'{"choices":[]}', b"[]", b"{", b""])
def test_a_reply_that_is_no_answer_is_the_error_of_its_question(body: bytes) -> None:
    with scripted() as server:
        server.body = body
        for kind in ("application/json", "text/html"):
            server.kind = kind
            [error] = failed(asked(server.url, lambda client: client.ask_all(["x"])))
            assert "something other than" in str(error) or isinstance(error, ValueError)
            [error] = failed(asked(server.url, lambda client: client.ask_in_batches(["x"])))
            assert "something other than" in str(error)


def test_a_gateways_batch_gives_the_same_results_in_order(gateway: Subject) -> None:
    prompts = [QUESTIONS[0], " ", *QUESTIONS[1:]] * 10  # 130: more than fit into one batch
    answers = asked(gateway.service.url, lambda client: client.ask_in_batches(prompts, max_tokens=5))
    assert len(answers) == len(prompts)
    for prompt, answer in zip(prompts, answers, strict=True):
        assert isinstance(answer, openai.APIError) if prompt == " " else mark(prompt) in str(answer)


def test_a_service_without_a_batch_route_is_an_error_for_each_prompt(server: ModelServer) -> None:
    answers = asked(server.url, lambda client: client.ask_in_batches(["a", "b"]), key=server.key)
    assert [type(answer) for answer in answers] == [openai.NotFoundError] * 2


def test_all_questions_go_over_the_same_few_connections() -> None:
    with scripted() as server:
        assert asked(server.url, lambda client: client.ask_all(QUESTIONS), concurrent=2) == ["yes"] * len(QUESTIONS)
        assert server.connections <= 2


# --- streams -----------------------------------------------------------------------------------------------------


async def pieces(client: ChatClient, into: list[str]) -> None:
    async for piece in client.stream(QUESTIONS[0], max_tokens=20):
        into.append(piece)  # noqa: PERF401  what arrives before an error must be seen


def test_a_stream_comes_in_pieces(gateway: Subject) -> None:
    read: list[str] = []
    asked(gateway.service.url, lambda client: pieces(client, read))
    assert len(read) > 5
    assert mark(QUESTIONS[0]) in "".join(read)


@pytest.mark.parametrize("through_the_gateway", [True, False])
def test_a_stream_that_breaks_off_is_an_error_after_its_pieces(
    gateway: Subject, server: ModelServer, through_the_gateway: bool
) -> None:
    read: list[str] = []
    url = gateway.service.url if through_the_gateway else server.url
    key = "anonymous" if through_the_gateway else server.key
    with gateway.upstream.fault({"cut_after_tokens": 5}), pytest.raises(openai.APIError):
        asked(url, lambda client: pieces(client, read), key=key)
    assert read


def test_a_stream_that_just_ends_is_an_error_too() -> None:
    read: list[str] = []
    with scripted() as server:
        server.kind = "text/event-stream"
        server.body = b'data: {"choices":[{"index":0,"delta":{"content":"half an"},"finish_reason":null}]}\n\n'
        with pytest.raises(openai.APIConnectionError, match="broke off"):
            asked(server.url, lambda client: pieces(client, read))
    assert read == ["half an"]


def test_a_stream_holds_its_place_to_its_end(gateway: Subject) -> None:
    upstream = gateway.upstream

    async def use(client: ChatClient) -> None:
        stream = client.stream(QUESTIONS[0])
        await anext(stream)
        other = asyncio.create_task(client.ask(QUESTIONS[1]))
        await asyncio.to_thread(wait_until_still, lambda: upstream.register()["received"])
        assert upstream.register()["received"] == 1
        await stream.aclose()
        assert mark(QUESTIONS[1]) in await other

    with upstream.held(hold_after_tokens=3, times=1):
        asked(gateway.service.url, use, concurrent=1)


# --- care for the server -----------------------------------------------------------------------------------------


def test_the_breaker_opens_when_the_service_is_dead_and_says_so_in_one_line() -> None:
    with dead_server() as url:
        answers = asked(url, lambda client: client.ask_all(QUESTIONS), concurrent=1)
    opened = [error for error in failed(answers) if isinstance(error, CircuitOpen)]
    assert len(failed(answers)) == len(QUESTIONS)
    assert isinstance(answers[-1], CircuitOpen)
    assert len(opened) >= len(QUESTIONS) - 1  # the first question is tried three times, the second one twice
    assert "\n" not in str(opened[-1])
    assert f"{url}/ has failed too often" in str(opened[-1])


def test_an_open_breaker_spares_the_service(gateway: Subject) -> None:
    with gateway.upstream.fault({"status": 500}):
        answers = asked(gateway.service.url, lambda client: client.ask_all(QUESTIONS), concurrent=3)
        assert [type(answer) for answer in answers].count(CircuitOpen) >= len(QUESTIONS) - 3
        assert 5 <= gateway.upstream.received() <= 7  # five failures, and what was in flight with the fifth


def test_questions_that_wait_for_a_place_are_not_sent_once_the_breaker_is_open(gateway: Subject) -> None:
    async def use(client: ChatClient) -> list[str | BaseException]:
        return await asyncio.gather(*map(client.ask, QUESTIONS), return_exceptions=True)

    with gateway.upstream.fault({"status": 500}):
        answers = asked(gateway.service.url, use, concurrent=2, max_retries=0)
        assert [type(answer) for answer in answers].count(CircuitOpen) >= 6
        assert 5 <= gateway.upstream.received() <= 6


def test_failures_that_are_not_in_a_row_do_not_open_the_breaker() -> None:
    ill: list[tuple[int, Mapping[str, str]]] = [(500, {})] * 4
    with scripted(*ill, (200, {}), *ill) as server:
        answers = asked(server.url, lambda client: client.ask_all(QUESTIONS), concurrent=1, max_retries=0)
    assert [type(answer) for answer in failed(answers)] == [openai.InternalServerError] * 8


def test_after_a_while_a_call_tries_the_service_and_its_answer_brings_it_back(gateway: Subject) -> None:
    async def use(client: ChatClient) -> list[State]:
        breaker = client.transport.breaker
        with gateway.upstream.fault({"status": 500}):
            assert isinstance((await client.ask_all(QUESTIONS))[-1], CircuitOpen)
        await wait_on_loop(lambda: breaker.state is State.HALF_OPEN)
        states = []
        for question in QUESTIONS[:2]:
            assert mark(question) in await client.ask(question)
            states.append(breaker.state)
        return states

    rules = Rules(failures=5, open_for=2.0, successes=2)
    states = asked(gateway.service.url, use, rules=rules, concurrent=1, max_retries=0)
    assert states == [State.HALF_OPEN, State.CLOSED]


def test_a_question_that_is_refused_does_not_open_the_breaker(gateway: Subject) -> None:
    questions: list[Any] = [[]] * 10
    answers = asked(gateway.service.url, lambda client: client.ask_all([*questions, QUESTIONS[0]]), concurrent=1)
    assert [type(answer) for answer in answers] == [openai.BadRequestError] * 10 + [str]


def test_a_failing_service_that_wants_to_be_left_alone_for_long_is_not_asked_again() -> None:
    with scripted((503, {"Retry-After": "60"})) as server, pytest.raises(openai.InternalServerError):
        asked(server.url, lambda client: client.ask("x"))
    assert len(server.arrived) == 1


def test_retry_after_is_waited_for_by_all_questions() -> None:
    with scripted((429, {"Retry-After": "1"})) as server:
        answers = asked(server.url, lambda client: client.ask_all(QUESTIONS[:3]), concurrent=1)
    assert answers == ["yes"] * 3
    assert len(server.arrived) == 4
    assert server.arrived[1] - server.answered[0] >= 1


def test_a_question_behind_a_refused_one_waits_too() -> None:
    async def use(client: ChatClient) -> str:
        with pytest.raises(openai.RateLimitError):
            await client.ask("x")
        return await client.ask("y")

    with scripted((429, {"Retry-After": "1"})) as server:
        assert asked(server.url, use, max_retries=0) == "yes"
    assert len(server.arrived) == 2
    assert server.arrived[1] - server.answered[0] >= 1


USED_UP = [
    {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"},
    {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1s"},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"},
    {"RateLimit": '"requests";r=0;t=1, "hour";r=9;t=3000', "x-ratelimit-remaining-requests": "0",
     "x-ratelimit-reset-requests": "50s"},
]  # fmt: skip


@pytest.mark.parametrize("headers", USED_UP, ids=[next(iter(headers)) for headers in USED_UP])
def test_an_answer_that_used_up_a_limit_holds_up_the_next_question(headers: Mapping[str, str]) -> None:
    with scripted((200, headers)) as server:
        assert asked(server.url, lambda client: client.ask_all(["x", "y"]), concurrent=1) == ["yes", "yes"]
    assert server.arrived[1] - server.answered[0] >= 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "9s"}, None),
        ({"retry-after": "2", "ratelimit": '"hour";r=0;t=3000'}, 2),
        ({"ratelimit": '"hour";r=0;t=3000, "tokens";r=0;t=7'}, 3000),
        ({"ratelimit": f'"hour";r={"0" * 5000};t=1'}, None),
        ({}, None),
    ],
)
def test_the_wait_is_the_servers_own(headers: Mapping[str, str], seconds: float | None) -> None:
    assert wait_of(httpx2.Headers(headers)) == seconds


def test_a_wait_of_hours_is_the_servers_own_error_at_once() -> None:
    refusal = (429, {"Retry-After": "3600"})
    with scripted(refusal, refusal) as server:
        answers = asked(server.url, lambda client: client.ask_all(["x", "y"]), concurrent=1)
    assert [type(answer) for answer in answers] == [openai.RateLimitError] * 2


def test_a_gateways_limit_is_kept_to_without_a_single_refusal(server: ModelServer) -> None:
    limits = {**OPEN_DOORS, "RATE_LIMIT_ANONYMOUS_RPM": "4", "RATE_LIMIT_WINDOW_SEC": "1"}
    with started(REFERENCE, server, limits) as subject:
        questions = QUESTIONS[:9]
        assert failed(asked(subject.service.url, lambda client: client.ask_all(questions), concurrent=1)) == []
        wait_for(lambda: len(subject.log.path.read_text().splitlines()) >= 9, "nine lines in the log")
        lines = [json.loads(line) for line in subject.log.path.read_text().splitlines()]
    assert [line["status"] for line in lines] == [200] * 9


# --- time-outs ---------------------------------------------------------------------------------------------------


def test_the_time_out_grows_with_the_prompt_and_a_hanging_call_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adaptive_timeout, "TO_BEGIN", 0.1)
    monkeypatch.setattr(adaptive_timeout, "PER_TOKEN_IN", 0.001)

    async def waits(client: ChatClient, question: str) -> float:
        began = time.monotonic()
        with pytest.raises(NoAnswerInTime) as caught:
            await client.ask(question, max_tokens=1)
        told = float(str(caught.value).split()[-2])
        assert time.monotonic() - began >= told
        return told

    async def use(client: ChatClient) -> list[float]:
        return list(await asyncio.gather(waits(client, "x"), waits(client, "x" * 4000)))

    with scripted((HANG, {}), (HANG, {})) as server:
        told = asked(server.url, use, timeout=AdaptiveTimeout(0.0, 300.0))
        wait_for(lambda: len(server.arrived) == 2, "both calls arrived, and no third one")
    assert told == [0.181, 1.38]  # (0.1 + 0.001 * tokens + 0.05) * 1.2, for one token and for a thousand


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"messages": [{"content": "x" * 4000}], "max_tokens": 1000}, 84),
        ({"messages": [{"content": "x" * 4000}], "max_completion_tokens": 1000}, 84),  # LangChain's name for it
        ({"messages": [{"content": [{"type": "text", "text": "x" * 4000}]}, "odd"], "max_tokens": 1000}, 84),
        ({"prompts": ["x" * 2000, {"prompt": "x" * 2000, "max_tokens": 500}]}, 114),
        ({"messages": "odd", "max_tokens": "odd"}, 72),
        ({}, 72),
        ([], 12.06),
    ],
)
def test_a_calls_work_is_read_from_its_body(body: Any, seconds: float) -> None:
    request = httpx2.Request("POST", "http://x", json=body)
    assert AdaptiveTimeout(0.0, 300.0).seconds(work_of(request)) == pytest.approx(seconds, abs=0.05)


# --- the command -------------------------------------------------------------------------------------------------


def test_the_command_compares_the_ways_and_is_quiet_without_a_terminal(gateway: Subject) -> None:
    done = command("--url", gateway.service.url, "--count", "12", "--batch", "--model", SIMULATOR)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = done.stdout.splitlines()
    assert first.startswith("one at a time    12 answers in ")
    assert second.startswith("10 at once       12 answers in ")
    assert third.startswith("in batches       12 answers in ")
    assert second.endswith(" times as many")
    assert third.endswith(" times as many")


def test_the_port_and_the_model_are_those_of_the_settings(gateway: Subject) -> None:
    port = gateway.service.url.rpartition(":")[2]
    done = command("--count", "1", PORT=port, MODEL="no-such-model")
    assert done.returncode == 1
    assert done.stderr.startswith("1 of 1 failed: 404 ")
    assert "no-such-model" in done.stderr


def test_a_dead_service_is_a_line_for_each_kind_of_error() -> None:
    with dead_server() as url:
        done = command("--url", url, "--count", "20")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1:] == []
    unreachable, left_alone = done.stderr.splitlines()
    assert unreachable.startswith(f"1 of 20 failed: {url}/v1 does not answer: ")
    assert left_alone.startswith(f"19 of 20 failed: {url}/ has failed too often")


def test_an_unknown_token_is_one_line(gateway: Subject) -> None:
    done = command("--url", gateway.service.url, "--count", "3", "--token", "nonsense")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("3 of 3 failed: 401 ")


@pytest.mark.parametrize(
    "options",
    [
        ["--url", "ftp://x"],
        ["--url", "http://[::1"],
        ["--url", "http://x:99999"],
        ["--url", "http://"],
        ["--count", "0"],
        ["--concurrent", "many"],
        ["--faster"],
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_one_line_that_names_it(options: list[str]) -> None:
    done = command(*options)
    assert done.returncode > 0
    [line] = done.stderr.splitlines()
    assert options[0] in line


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("https://x/llm/v1", "https://x/llm/v1"),
    ],
)
def test_a_url_may_be_written_as_people_write_it(given: str, url: str) -> None:
    assert base_url(given) == url


def test_a_terminal_sees_the_progress_and_ctrl_c_ends_the_command_without_a_traceback(gateway: Subject) -> None:
    options = ["--url", gateway.service.url, "--model", SIMULATOR, "--count", "3"]
    with gateway.upstream.held() as gate, terminal(*COMMAND, *options) as tty:
        gate.wait_for(1)
        assert "0/3" in tty.screen
        gate.release(1)
        tty.wait_for("1/3")
        tty.press_ctrl_c()
        assert tty.wait_for_the_end() == 130
        assert "stopped" in tty.screen
        assert "Traceback" not in tty.screen
