"""An answer goes in and out of a cache; what may be stored; what Prometheus sees."""

import asyncio
import json
from dataclasses import replace

import psutil
import pytest
from prometheus_client import REGISTRY

from shared.cache.cache import Cache
from shared.cache.policy import directives, keepable, repeatable
from shared.cache.serialization import pack, unpack
from shared.http_client.headers import by_name
from shared.pipeline.call import ChatRequest
from shared.pipeline.outcome import Usage
from shared.pipeline.reply import Completion

BODY = {
    "id": "chatcmpl-1",
    "model": "workshop-tiny",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "¡Hola!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
}
ANSWER = Completion("workshop-tiny", "¡Hola!", Usage(3, 4, estimated=True), "stop", json.dumps(BODY).encode())


@pytest.mark.parametrize("answer", [ANSWER, replace(ANSWER, finish_reason=None), replace(ANSWER, usage=Usage(0, 0))])
def test_an_answer_comes_back_as_it_was_but_marked_as_cached(answer: Completion) -> None:
    assert unpack("key", pack("key", answer)) == replace(answer, cached=True)


def test_an_answer_without_text_comes_back_empty() -> None:
    silent = b'{"choices":[{"message":{"content":null}}]}'
    back = unpack("key", pack("key", replace(ANSWER, text="", raw=silent)))
    assert back is not None
    assert back.text == ""


def test_an_answer_is_not_read_under_another_key() -> None:
    assert unpack("other", pack("key", ANSWER)) is None


@pytest.mark.parametrize(
    ("temperature", "same_again"), [(0.0, True), (0, True), (-0.0, True), (0.01, False), (1.0, False), (None, False)]
)
def test_only_temperature_zero_is_repeatable(temperature: float | None, same_again: bool) -> None:
    assert repeatable(ChatRequest("m", (), temperature=temperature)) is same_again


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("stop", True), ("length", True), ("content_filter", False), ("tool_calls", False), (None, False), ("", False)],
)
def test_only_answers_that_came_to_their_end_are_kept(reason: str | None, kept: bool) -> None:
    assert keepable(replace(ANSWER, finish_reason=reason)) is kept


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("no-cache", {"no-cache"}),
        (" No-Store ,max-age=0,, x", {"no-store", "max-age=0", "", "x"}),
        ("no-cachet", {"no-cachet"}),
    ],
)
def test_cache_control_is_read_directive_by_directive(header: str, said: set[str]) -> None:
    assert directives({"cache-control": header}) == said
    assert directives({}) == frozenset()


def test_cache_control_in_two_lines_is_one_list() -> None:
    lines = by_name([(b"cache-control", b"max-age=60"), (b"cache-control", b"no-store")])
    assert directives(lines) == {"max-age=60", "no-store"}


def test_the_counted_bytes_of_ten_thousand_answers_are_close_to_real_memory() -> None:
    async def scenario() -> None:
        cache = Cache("measured", ttl=60, max_entries=20_000, max_memory_mb=64)
        before = psutil.Process().memory_info().rss
        for number in range(10_000):
            await cache.put(f"{number:064d}", ANSWER)
        grown = psutil.Process().memory_info().rss - before
        assert grown < 1.5 * cache.memory.bytes

    asyncio.run(scenario())


def test_prometheus_counts_requests_and_evictions() -> None:
    def counted() -> list[float]:
        samples = [
            ("gateway_cache_requests_total", {"tier": "memory", "result": result})
            for result in ("hit", "miss", "coalesced", "bypass")
        ]
        samples.append(("inference_cache_evictions_total", {"cache": "told"}))
        return [REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in samples]

    async def scenario() -> None:
        cache = Cache("told", ttl=60, max_entries=2, max_memory_mb=1)
        for key in "abc":
            cache.statistics.miss("memory")
            await cache.put(key, ANSWER)
        await cache.get("c")
        await cache.get("a")
        cache.statistics.coalesce("memory")
        report = await cache.report()
        assert (report["hits"], report["misses"], report["evictions"], report["hit_rate"]) == (1, 3, 1, 0.25)

    before = counted()
    asyncio.run(scenario())
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 3, 1, 0, 1]


def test_an_entry_may_have_a_time_to_live_of_its_own() -> None:
    async def scenario() -> None:
        cache = Cache("own", ttl=60, max_entries=10, max_memory_mb=1)
        await cache.put("gone", ANSWER, ttl=0)
        await cache.put("there", ANSWER)
        assert await cache.get("gone") is None
        assert await cache.get("there") is not None

    asyncio.run(scenario())


def test_an_answer_too_large_to_keep_is_counted_and_not_kept() -> None:
    async def scenario() -> None:
        cache = Cache("small", ttl=60, max_entries=10, max_memory_mb=0.0005)
        await cache.put("key", ANSWER)
        assert await cache.get("key") is None
        assert (await cache.report())["refusals"] == 1

    asyncio.run(scenario())
