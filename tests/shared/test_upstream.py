"""The upstream client against a real server: whole answers, streams, and every fault that the server can simulate."""

import asyncio
import json
import re
import socket

import pytest
from pydantic import SecretStr

from shared.pipeline.call import Call
from shared.pipeline.errors import UpstreamBadReply, UpstreamError, UpstreamFault, UpstreamTimeout, UpstreamUnavailable
from shared.pipeline.outcome import Ending
from shared.pipeline.reply import Completion, TokenStream
from shared.service import Service
from shared.settings import BadSetting, Settings
from shared.upstream import client
from shared.upstream.pools import Upstreams
from shared.upstream.retry_after import parse_retry_after
from tests.shared.conftest import make_call, opened
from workshop.grader.launch import ModelServer
from workshop.grader.upstream import Upstream as Faults


def test_a_whole_answer_has_its_text_and_the_upstreams_own_count(server: ModelServer) -> None:
    async def ask() -> object:
        async with opened(server) as upstream:
            return await upstream(make_call())

    reply = asyncio.run(ask())
    assert isinstance(reply, Completion)
    assert reply.text.startswith("SIMULATED")
    assert reply.usage.output == json.loads(reply.raw)["usage"]["completion_tokens"] > 0
    assert not reply.usage.estimated


def test_a_stream_has_its_first_token_when_it_is_handed_out_and_ends_after_done(server: ModelServer) -> None:
    async def ask() -> tuple[bytes, str, int]:
        async with opened(server) as upstream:
            stream = await upstream(make_call(stream=True))
            assert isinstance(stream, TokenStream)
            chunks = [chunk async for chunk in stream]
            await stream.aclose()
            usage = chunks[-1].usage
            assert usage is not None
            return stream.first.wire, "".join(chunk.text for chunk in chunks), usage.output

    first, text, tokens = asyncio.run(ask())
    assert b'"role"' in first
    assert b"SIMULATED" in first
    assert text.startswith("SIMULATED")
    assert tokens == 20


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        ({"status": 500}, UpstreamFault),
        ({"reset": True}, UpstreamUnavailable),
        ({"garbage": "text"}, UpstreamBadReply),
        ({"garbage": "empty"}, UpstreamError),
    ],
)
def test_before_the_first_frame_a_streams_fault_is_an_error_like_any_other(
    plan: dict[str, object], error: type[UpstreamError], server: ModelServer, faults: Faults
) -> None:
    async def ask() -> None:
        async with opened(server) as upstream:
            await upstream(make_call(stream=True))

    with faults.fault(plan), pytest.raises(error):
        asyncio.run(ask())


def test_a_stream_that_breaks_off_raises_after_the_frames_that_came(server: ModelServer, faults: Faults) -> None:
    async def ask() -> int:
        came = 0
        async with opened(server) as upstream:
            stream = await upstream(make_call(stream=True))
            assert isinstance(stream, TokenStream)
            try:
                async for chunk in stream:
                    came += chunk.wire.count(b"data: ")
            except UpstreamUnavailable:
                return came
            finally:
                await stream.aclose()
        pytest.fail("a cut stream ended as if it were complete")

    with faults.fault({"cut_after_tokens": 5}):
        assert asyncio.run(ask()) >= 5


def service_of(server: ModelServer) -> Service:
    settings = Settings(openai_base_url=f"{server.url}/v1", openai_api_key=SecretStr(server.key))
    return Service(settings, "test", layers=[], upstreams=Upstreams(settings))


async def _streamed(server: ModelServer, take: int | None, max_tokens: int = 20) -> Call:
    """A stream through a whole service, read to its end, or left after `take` frames."""
    service = service_of(server)
    await service.upstreams.open()
    call = make_call(stream=True, max_tokens=max_tokens)
    stream = await service.answer(call)
    assert isinstance(stream, TokenStream)
    try:
        taken = 0
        async for _ in stream:
            taken += 1
            if taken == take:
                break
    except UpstreamError:
        pass
    await stream.aclose()
    await service.upstreams.close()
    return call


def test_a_stream_is_settled_once_at_its_end_with_its_usage_and_cost(server: ModelServer) -> None:
    call = asyncio.run(_streamed(server, take=None))
    assert call.outcome is not None
    assert call.outcome.ending is Ending.FINISHED
    assert call.outcome.usage.output == 20
    assert call.outcome.cost_usd > 0


def test_a_cut_stream_is_settled_with_what_was_shown(server: ModelServer, faults: Faults) -> None:
    with faults.fault({"cut_after_tokens": 5}):
        call = asyncio.run(_streamed(server, take=None))
    assert call.outcome is not None
    assert call.outcome.ending is Ending.CUT
    assert call.outcome.usage.estimated
    assert call.outcome.usage.output > 0


@pytest.mark.parametrize("take", [1, 3])
def test_a_client_that_leaves_pays_for_what_it_was_shown(take: int, server: ModelServer, faults: Faults) -> None:
    # More than fits into that many blocks: a busy reader gets many tokens at once.
    call = asyncio.run(_streamed(server, take, max_tokens=2000))
    assert call.outcome is not None
    assert call.outcome.ending is Ending.LEFT
    assert call.outcome.usage.input > 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_each_of_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers) == seconds


def test_an_upstream_that_hangs_does_not_delay_the_word_that_another_is_ready(server: ModelServer) -> None:
    async def readiness() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as hangs:  # it takes connections, and nobody reads them
            port = hangs.getsockname()[1]
            settings = Settings(
                openai_base_url=f"http://127.0.0.1:{port}/v1",
                fallbacks=f"@{server.url}/v1",
                fallback_api_keys=SecretStr(server.key),
            )
            upstreams = Upstreams(settings)
            await upstreams.open()
            try:
                return await upstreams.ready()
            finally:
                await upstreams.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "PROBE_SECONDS", 3600.0)
        assert asyncio.run(readiness())


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://model:eight/v1"])
def test_a_malformed_url_is_a_bad_setting(url: str) -> None:
    with pytest.raises(BadSetting, match=rf"^OPENAI_BASE_URL={re.escape(url)}: "):
        client.Upstream(Settings(), base_url=url)


def test_a_name_that_nobody_answers_for_takes_no_longer_than_a_connection_may() -> None:
    async def unanswered(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def ask() -> None:
        asyncio.get_running_loop().getaddrinfo = unanswered  # type: ignore[method-assign, assignment]
        upstream = client.Upstream(Settings(http_connect_timeout=0.05), base_url="http://gone.example:8400/v1")
        await upstream.open()
        try:
            await upstream(make_call())
        finally:
            await upstream.close()

    with pytest.raises(UpstreamTimeout, match="no connection to the upstream in time"):
        asyncio.run(ask())
