"""The cache in Redis: gateways share it, an outage causes no error, and its content is never trusted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from tests.cache.conftest import Gateway, Start, new_prompt
from tests.processes import listening_at
from tests.waiting import Stopwatch, wait_for
from workshop.redis_server import RedisServer

STEADFAST = {"REDIS_TIMEOUT": "30"}  # Redis is up, or refuses connections: only the machine may be slow


@pytest.fixture(scope="module")
def _redis() -> Iterator[RedisServer]:
    with RedisServer() as redis:
        yield redis


@pytest.fixture
def redis(_redis: RedisServer) -> RedisServer:
    """Running, and empty."""
    if not _redis.answers():
        _redis.start()
    with Redis.from_url(_redis.url) as client:
        client.flushall()
    return _redis


@pytest.fixture
def client(redis: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis.url) as client:
        yield client


@pytest.fixture(scope="module")
def _gateway(_redis: RedisServer, start: Start) -> Iterator[Gateway]:
    with start(CACHE_BACKEND="redis", REDIS_URL=_redis.url, **STEADFAST) as gateway:
        yield gateway


@pytest.fixture
def gateway(_gateway: Gateway, redis: RedisServer) -> Gateway:
    wait_for(lambda: _gateway.statistics()["backend"] == "redis", "the gateway uses Redis")
    _gateway.subject.upstream.clear()
    _gateway.subject.upstream.forget_calls()
    return _gateway


def names(client: Redis) -> list[bytes]:
    found: list[bytes] = list(client.scan_iter("llm-cache:*"))
    return sorted(found)


def test_an_answer_is_kept_in_redis_with_its_time_to_live(gateway: Gateway, client: Redis) -> None:
    prompt = new_prompt()
    first, second = gateway.ask(prompt), gateway.ask(prompt)
    assert [gateway.cache_of(first), gateway.cache_of(second)] == ["miss", "hit"]
    assert second.json["output"] == first.json["output"]
    assert second.json["metadata"]["tokens"] == first.json["metadata"]["tokens"]
    gateway.ask(prompt, path="/summarize")
    lives = {name.split(b":")[2]: client.ttl(name) for name in names(client)}
    assert lives.keys() == {b"responses", b"summaries"}
    assert 1790 < lives[b"responses"] <= 1800
    assert 3590 < lives[b"summaries"] <= 3600


def test_the_statistics_count_what_is_in_redis(gateway: Gateway, client: Redis) -> None:
    client.set("somebody:elses", b"x" * 10_000)
    for _ in range(3):
        gateway.ask(new_prompt())
    wait_for(lambda: gateway.statistics()["entries"] == 3, "the count is taken again")
    size = sum(len(name) + client.strlen(name) for name in names(client))
    assert gateway.statistics()["bytes"] == size


def test_fifty_equal_requests_at_once_make_one_upstream_call(gateway: Gateway) -> None:
    prompt = new_prompt()
    answers = gateway.at_once(50, lambda: gateway.ask(prompt))
    assert gateway.subject.upstream.received() == 1
    assert sorted(gateway.cache_of(answer) for answer in answers) == ["coalesced"] * 49 + ["miss"]


def test_two_gateways_share_one_cache_and_callers_still_do_not(
    gateway: Gateway, redis: RedisServer, start: Start
) -> None:
    with start(CACHE_BACKEND="redis", REDIS_URL=redis.url, **STEADFAST) as other:
        prompt = new_prompt()
        assert gateway.sees(prompt) == "miss"
        assert other.sees(prompt) == "hit"
        assert other.sees(prompt, caller="bob") == "miss"
        assert gateway.sees(prompt, caller="bob") == "hit"


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"{}",
        b"[]",
        b'["1"]',
        b"\x80\x04\x95",
        b'[1,"KEY","workshop-sim","stop",1,1,false,{}]',
        b'[1,"KEY","workshop-sim","stop","many",1,false,{"choices":[{"message":{"content":"no"}}]}]',
        b'[1,"KEY","workshop-sim","stop",1,1,false,{"choices":[{"message":{"content":7}}]}]',
        b'[1,"KEY","workshop-sim","stop",1,1,false,{"choices":7}]',
        b'[0,"KEY","workshop-sim","stop",1,1,false,{"choices":[{"message":{"content":"no"}}]}]',
        b'[1,"other","workshop-sim","stop",1,1,false,{"choices":[{"message":{"content":"no"}}]}]',
    ],
)
def test_garbage_in_redis_is_a_miss(gateway: Gateway, client: Redis, garbage: bytes) -> None:
    prompt = new_prompt()
    first = gateway.ask(prompt)
    [name] = names(client)
    client.set(name, garbage.replace(b"KEY", name.rpartition(b":")[2]))
    again = gateway.ask(prompt)
    assert gateway.cache_of(again) == "miss"
    assert again.json["output"] == first.json["output"]
    assert gateway.sees(prompt) == "hit"  # the garbage has been replaced


def test_an_answer_under_another_answers_key_is_a_miss(gateway: Gateway, client: Redis) -> None:
    mine, theirs = new_prompt(), new_prompt()
    gateway.ask(theirs, caller="bob")
    [bobs] = names(client)
    answer = client.get(bobs)
    assert isinstance(answer, bytes)
    gateway.ask(mine)
    [anas] = [name for name in names(client) if name != bobs]
    client.set(anas, answer)
    assert gateway.sees(mine) == "miss"


def test_a_key_of_another_type_is_a_miss_and_redis_is_not_given_up(gateway: Gateway, client: Redis) -> None:
    prompt = new_prompt()
    gateway.ask(prompt)
    [name] = names(client)
    client.delete(name)
    client.lpush(name, "a list")
    assert gateway.sees(prompt) == "miss"
    assert gateway.statistics()["backend"] == "redis"


def test_a_full_redis_keeps_nothing_more_and_is_not_given_up(gateway: Gateway, client: Redis) -> None:
    before = gateway.statistics()["refusals"]
    client.config_set("maxmemory", 1)
    try:
        prompt = new_prompt()
        assert [gateway.sees(prompt) for _ in range(2)] == ["miss", "miss"]
    finally:
        client.config_set("maxmemory", 0)
    assert gateway.statistics()["refusals"] == before + 2
    assert gateway.statistics()["backend"] == "redis"


def test_redis_is_killed_and_comes_back_without_an_error(gateway: Gateway, redis: RedisServer) -> None:
    prompt = new_prompt()
    assert gateway.sees(prompt) == "miss"
    redis.kill()
    assert gateway.sees(prompt) == "miss"  # only the entries in Redis are lost
    assert gateway.sees(prompt) == "hit"
    assert gateway.statistics()["backend"] == "memory"
    assert gateway.statistics()["entries"] == 1
    redis.start()
    wait_for(lambda: gateway.statistics()["backend"] == "redis", "Redis is used again")
    assert [gateway.sees(prompt) for _ in range(2)] == ["miss", "hit"]


def test_a_frozen_redis_does_not_hold_anybody_up(start: Start, redis: RedisServer) -> None:
    prompt = new_prompt()
    with start(CACHE_BACKEND="redis", REDIS_URL=redis.url) as gateway:
        redis.freeze()
        try:
            stopwatch = Stopwatch(listening_at(gateway.subject.service.url).pid)
            with ThreadPoolExecutor(20) as people:
                answers = list(people.map(lambda _: gateway.ask(prompt), range(20)))
            assert stopwatch.seconds < 1
            assert {answer.status for answer in answers} == {200}
            assert gateway.sees(prompt) == "hit"
            assert gateway.statistics()["backend"] == "memory"
        finally:
            redis.thaw()
        wait_for(lambda: gateway.statistics()["backend"] == "redis", "Redis is used again")


def test_redis_without_an_address_stops_the_start(start: Start) -> None:
    with pytest.raises(Exception, match="REDIS_URL"), start(CACHE_BACKEND="redis"):
        pass
