"""The client of demos 1 to 3, which is OpenAI's SDK, beside the client of the later ones: both must say the same.

The upstream is a socket that answers with bytes, whatever they are.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from shared.pipeline.call import Call
from shared.pipeline.errors import UpstreamError
from shared.pipeline.reply import Completion, Reply
from shared.settings import BadSetting, Settings
from shared.upstream.client import Upstream
from shared.upstream.openai_wire import LARGEST_REPLY
from shared.upstream.sdk import OpenAIClient
from tests.shared.conftest import make_call
from workshop.processes import free_port

Client = OpenAIClient | Upstream
Make = Callable[[Settings], Client]


def sdk(settings: Settings) -> Client:
    return OpenAIClient(settings)


def relay(settings: Settings) -> Client:
    return Upstream(settings, base_url=settings.openai_base_url)


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def said(status: str, message: str, *headers: str) -> bytes:
    return http(status, json.dumps({"error": {"message": message, "code": "a_code"}}).encode(), *headers)


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
    "429 that says nothing": http("429 Too Many Requests"),
    "400": said("400 Bad Request", "no such thing"),
    "404 of an API": said("404 Not Found", "no such model"),
    "404 of a proxy": http("404 Not Found", b"<html>"),
    "401": said("401 Unauthorized", "who are you?"),
    "408": said("408 Request Timeout", "too slow"),
    "422": said("422 Unprocessable Entity", "wrong"),
    "500": said("500 Internal Server Error", "a bug"),
    "503": said("503 Service Unavailable", "full", "Retry-After: 9"),
    "504": http("504 Gateway Timeout", b"<html>"),
    "302": http("302 Found", b"", "Location: http://127.0.0.1:9/elsewhere"),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no JSON": http("200 OK", b"<html>"),
    "other JSON": http("200 OK", b'{"choices": [{}]}'),
    "null": http("200 OK", b"null"),
    "given up": http("200 OK", ANSWER.replace(b'"stop"', b'"abort"')),
    "half a body": http("200 OK", ANSWER)[:-20],
    "no gzip": http("200 OK", ANSWER, "Content-Encoding: gzip"),
    "nothing": b"",
}


@asynccontextmanager
async def answering(answer: bytes, seen: list[bytes] | None = None) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        body = await reader.readexactly(length)
        if seen is not None:
            seen.append(head + body)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def asked(make: Make, url: str, call: Call | None = None, key: str = "sk-test") -> Reply:
    client = make(Settings(openai_base_url=url, openai_api_key=SecretStr(key)))
    await client.open()
    try:
        return await client(call or make_call())
    finally:
        await client.close()


async def refusal(make: Make, answer: bytes) -> UpstreamError:
    async with answering(answer) as url:
        with pytest.raises(UpstreamError) as raised:
            await asked(make, url)
    return raised.value


@pytest.mark.parametrize("fault", FAULTS)
def test_both_clients_say_the_same_of_a_fault(fault: str) -> None:
    one, other = (asyncio.run(refusal(make, FAULTS[fault])) for make in (sdk, relay))
    for what in ("http_status", "error_code", "retryable", "retry_after", "upstream_status", "message"):
        assert getattr(one, what) == getattr(other, what), what


@pytest.mark.parametrize("make", [sdk, relay])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(make: Make) -> None:
    packed = gzip.compress(bytes(LARGEST_REPLY + 1))
    assert "larger than" in asyncio.run(refusal(make, http("200 OK", packed, "Content-Encoding: gzip"))).message


@pytest.mark.parametrize("make", [sdk, relay])
def test_where_nobody_listens_is_an_upstream_that_cannot_be_reached(make: Make) -> None:
    with pytest.raises(UpstreamError) as raised:
        asyncio.run(asked(make, f"http://127.0.0.1:{free_port()}/v1"))
    assert (raised.value.http_status, raised.value.retryable) == (503, True)


@pytest.mark.parametrize("make", [sdk, relay])
def test_an_answer_is_kept_as_it_came(make: Make) -> None:
    async def ask() -> Reply:
        async with answering(http("200 OK", ANSWER)) as url:
            return await asked(make, url)

    reply = asyncio.run(ask())
    assert isinstance(reply, Completion)
    assert (reply.model, reply.text, reply.usage.output, reply.raw) == ("real", "Hola", 2, ANSWER)


@pytest.mark.parametrize("make", [sdk, relay])
@pytest.mark.parametrize("key", ["sk-test", ""])
def test_the_upstream_is_sent_the_key_if_there_is_one_and_the_requests_id(key: str, make: Make) -> None:
    seen: list[bytes] = []

    async def ask() -> None:
        async with answering(http("200 OK", ANSWER), seen) as url:
            await asked(make, url, key=key)

    asyncio.run(ask())
    head = seen[0].partition(b"\r\n\r\n")[0].lower()
    assert (b"authorization: bearer sk-test" in head) == bool(key)
    assert bool(key) or b"authorization" not in head
    assert b"x-request-id: " in head


@pytest.mark.parametrize("make", [sdk, relay])
def test_no_proxy_of_the_environment_is_asked(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async def ask() -> Reply:
        async with answering(http("200 OK", ANSWER)) as url:
            return await asked(make, url)

    assert isinstance(asyncio.run(ask()), Completion)


def test_a_request_is_no_line_in_the_operational_log(caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> Reply:
        async with answering(http("200 OK", ANSWER)) as url:
            return await asked(sdk, url)

    with caplog.at_level("INFO"):
        asyncio.run(ask())
    assert not [
        record for record in caplog.records if record.name.partition(".")[0] in {"httpx2", "httpcore2", "openai"}
    ]


def test_a_url_that_is_none_is_a_bad_setting() -> None:
    with pytest.raises(BadSetting, match=r"^OPENAI_BASE_URL=http://model:eight/v1: Invalid port"):
        OpenAIClient(Settings(openai_base_url="http://model:eight/v1"))
