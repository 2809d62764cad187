"""The client of demos 1 to 3 (OpenAI's SDK) and the client of the later demos must report the same.

The upstream is a socket that answers with any given bytes.
"""

import asyncio
import gzip
import json
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from shared.pipeline.errors import UpstreamError
from shared.pipeline.reply import Completion, Reply
from shared.settings import BadSetting, Settings
from shared.upstream.client import Upstream
from shared.upstream.openai_wire import LARGEST_REPLY
from shared.upstream.sdk import OpenAIClient
from tests.shared.conftest import make_call
from tests.stress.raw_upstream import Peer, Play, bytes_play, raw_upstream
from tests.stress.replies import http
from workshop.processes import free_port

Client = OpenAIClient | Upstream
Make = Callable[[Settings], Client]


def sdk(settings: Settings) -> Client:
    return OpenAIClient(settings)


def relay(settings: Settings) -> Client:
    return Upstream(settings, base_url=settings.openai_base_url)


def said(status: str, message: str, *headers: str) -> bytes:
    body = json.dumps({"error": {"message": message, "code": "a_code"}}).encode()
    return http(body, status=status, headers=headers)


ANSWER = json.dumps(
    {
        "model": "real",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hola"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        "of_their_own": [1],
    }
).encode()

FAULTS = {
    "429": said("429 Too Many Requests", "slower", "Retry-After: 3"),
    "429 that says nothing": http(b"", status="429 Too Many Requests"),
    "400": said("400 Bad Request", "no such thing"),
    "404 of an API": said("404 Not Found", "no such model"),
    "404 of a proxy": http(b"<html>", status="404 Not Found"),
    "401": said("401 Unauthorized", "who are you?"),
    "408": said("408 Request Timeout", "too slow"),
    "422": said("422 Unprocessable Entity", "wrong"),
    "500": said("500 Internal Server Error", "a bug"),
    "503": said("503 Service Unavailable", "full", "Retry-After: 9"),
    "504": http(b"<html>", status="504 Gateway Timeout"),
    "302": http(b"", status="302 Found", headers=["Location: http://127.0.0.1:9/elsewhere"]),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no JSON": http(b"<html>"),
    "other JSON": http(b'{"choices": [{}]}'),
    "null": http(b"null"),
    "given up": http(ANSWER.replace(b'"stop"', b'"abort"')),
    "half a body": http(ANSWER)[:-20],
    "no gzip": http(ANSWER, headers=["Content-Encoding: gzip"]),
    "nothing": b"",
}


async def ask(make: Make, url: str, key: str = "sk-test") -> Reply:
    client = make(Settings(openai_base_url=url, openai_api_key=SecretStr(key)))
    await client.open()
    try:
        return await client(make_call())
    finally:
        await client.close()


def answer_of(make: Make, play: Play, key: str = "sk-test") -> Reply:
    with raw_upstream() as upstream:
        upstream.plays[make_call().request_id] = play
        return asyncio.run(ask(make, f"{upstream.url}/v1", key))


def refusal(make: Make, answer: bytes) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        answer_of(make, bytes_play(answer))
    return raised.value


@pytest.mark.parametrize("fault", FAULTS)
def test_both_clients_report_a_fault_alike(fault: str) -> None:
    one, other = (refusal(make, FAULTS[fault]) for make in (sdk, relay))
    for what in ("http_status", "error_code", "retryable", "retry_after", "upstream_status", "message"):
        assert getattr(one, what) == getattr(other, what), what


@pytest.mark.parametrize("make", [sdk, relay])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(make: Make) -> None:
    packed = gzip.compress(bytes(LARGEST_REPLY + 1))
    assert "larger than" in refusal(make, http(packed, headers=["Content-Encoding: gzip"])).message


@pytest.mark.parametrize("make", [sdk, relay])
def test_a_refused_connection_is_an_unreachable_upstream(make: Make) -> None:
    with pytest.raises(UpstreamError) as raised:
        asyncio.run(ask(make, f"http://127.0.0.1:{free_port()}/v1"))
    assert (raised.value.http_status, raised.value.retryable) == (503, True)


@pytest.mark.parametrize("make", [sdk, relay])
def test_the_bytes_of_an_answer_are_kept(make: Make) -> None:
    reply = answer_of(make, bytes_play(http(ANSWER)))
    assert isinstance(reply, Completion)
    assert (reply.model, reply.text, reply.usage.output, reply.raw) == ("real", "Hola", 2, ANSWER)


@pytest.mark.parametrize("make", [sdk, relay])
def test_calls_one_after_the_other_use_one_connection(make: Make) -> None:
    came_from: list[int] = []  # the port at the gateway's end, for each call

    async def play(peer: Peer) -> None:
        peer.stays = True
        came_from.append(peer.writer.get_extra_info("peername")[1])
        await peer.send(http(ANSWER))

    async def ask_three_times(url: str) -> None:
        client = make(Settings(openai_base_url=url))
        await client.open()
        try:
            for _ in range(3):
                await client(make_call())
        finally:
            await client.close()

    with raw_upstream() as upstream:
        upstream.plays[make_call().request_id] = play
        asyncio.run(ask_three_times(f"{upstream.url}/v1"))
    assert len(came_from) == 3
    assert len(set(came_from)) == 1


@pytest.mark.parametrize("make", [sdk, relay])
@pytest.mark.parametrize("key", ["sk-test", ""])
def test_the_upstream_is_sent_the_key_if_there_is_one_and_the_requests_id(key: str, make: Make) -> None:
    heads: list[bytes] = []

    async def play(peer: Peer) -> None:
        heads.append(peer.head.lower())
        await peer.send(http(ANSWER))

    answer_of(make, play, key)
    [head] = heads
    assert (b"authorization: bearer sk-test" in head) == bool(key)
    assert bool(key) or b"authorization" not in head
    assert b"x-request-id: " in head


@pytest.mark.parametrize("make", [sdk, relay])
def test_no_proxy_of_the_environment_is_asked(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert isinstance(answer_of(make, bytes_play(http(ANSWER))), Completion)


def test_requests_leave_no_line_in_the_operational_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        answer_of(sdk, bytes_play(http(ANSWER)))
    assert not [
        record for record in caplog.records if record.name.partition(".")[0] in {"httpx2", "httpcore2", "openai"}
    ]


def test_a_malformed_url_is_a_bad_setting() -> None:
    with pytest.raises(BadSetting, match=r"^OPENAI_BASE_URL=http://model:eight/v1: Invalid port"):
        OpenAIClient(Settings(openai_base_url="http://model:eight/v1"))
