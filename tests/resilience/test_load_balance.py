"""Several upstreams for one model: how they are read, which one gets a call, and what happens when one is ill."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from shared.layers.load_balance import HEADER, LoadBalance
from shared.pipeline.call import Call, ChatRequest, Target
from shared.pipeline.errors import CircuitOpen, UpstreamFault
from shared.pipeline.outcome import Ending
from shared.pipeline.reply import Reply
from shared.settings import BadSetting, Settings
from shared.settings.checks import contradictions
from shared.upstream.members import read_upstreams
from shared.upstream.pools import Upstreams
from tests.resilience.conftest import Start, codes
from tests.resilience.stage import Upstream as Waiting
from tests.resilience.stage import call_of, finish, send, settle_down, token_stream
from tests.shared.conftest import completion
from workshop.grader.launch import ModelServer
from workshop.grader.upstream import Upstream

THREE = "http://a:1/v1, http://b:2/v1 weight=2\nhttps://c.test/v1/"


def layer(upstreams: str = "http://a/v1,http://b/v1", how: str = "least_busy", **parts: object) -> LoadBalance:
    settings = Settings.model_validate({"upstreams": upstreams, "load_balancing": how})
    return LoadBalance(settings, **parts)  # type: ignore[arg-type]


def asking(prompt: str) -> Call:
    return Call(ChatRequest("m", ({"role": "user", "content": prompt},)), "/generate", "id")


async def chosen(layer: LoadBalance, call: Call, reply: Callable[[Call], Reply] = lambda _: completion()) -> str:
    """The upstream that answered."""

    asked: list[str] = []

    async def next(call: Call) -> Reply:
        asked.append(call.target.upstream)
        return reply(call)

    await layer(call, next)
    return asked[-1]


# --- how they are read -----------------------------------------------------------------------------------------------


def test_each_has_a_name_a_url_a_weight_and_a_key() -> None:
    members = read_upstreams(Settings.model_validate({"upstreams": THREE, "upstream_api_keys": "k1,,k3"}))
    assert [(each.name, each.base_url, each.weight) for each in members] == [
        ("a:1", "http://a:1/v1", 1),
        ("b:2", "http://b:2/v1", 2),
        ("c.test", "https://c.test/v1", 1),
    ]
    assert [each.api_key.get_secret_value() for each in members] == ["k1", "", "k3"]


def test_without_keys_of_their_own_they_get_the_primarys() -> None:
    members = read_upstreams(Settings.model_validate({"upstreams": THREE, "openai_api_key": "sk-1"}))
    assert {each.api_key.get_secret_value() for each in members} == {"sk-1"}


@pytest.mark.parametrize(
    ("upstreams", "keys", "said"),
    [
        ("http://a/v1 weight=", "", "UPSTREAMS: entry 1 is not a base URL, with weight=N after it or without"),
        ("http://a/v1,b", "", "UPSTREAMS: entry 2 needs a URL that starts with http:// or https://"),
        ("http://a/v1 weight=0", "", "UPSTREAMS: entry 1 has the weight 0"),
        ("http://u:secret@a/v1", "", "UPSTREAMS: entry 1 has a user or a password in its URL"),
        ("http://a/v1", "k1,k2", "UPSTREAM_API_KEYS: has 2 keys, and UPSTREAMS 1 entries"),
        ("http://a/v1", "k\u20ac", "UPSTREAM_API_KEYS: key 1 has characters that an HTTP header cannot hold"),
    ],
)
def test_what_cannot_be_used_is_one_line_without_the_secret(upstreams: str, keys: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read_upstreams(Settings.model_validate({"upstreams": upstreams, "upstream_api_keys": keys}))
    assert str(refused.value).startswith(said)
    assert "secret" not in str(refused.value)


def test_a_fallback_at_the_same_address_with_the_same_key_is_the_same_upstream() -> None:
    given = {
        "upstreams": "http://a/v1,http://b/v1",
        "upstream_api_keys": "k1,k2",
        "fallbacks": "x@http://a/v1,y@http://b/v1",
    }
    pools = Upstreams(Settings.model_validate({**given, "fallback_api_keys": "k1,other"})).pools
    assert [*pools] == ["a", "b", "b-2"]


def test_a_primary_beside_them_is_pointed_out() -> None:
    settings = Settings.model_validate({"upstreams": THREE, "openai_base_url": "http://x/v1"})
    assert [*contradictions(settings)] == ["OPENAI_BASE_URL is ignored from demo 4 on: UPSTREAMS is set"]


# --- which one gets a call -------------------------------------------------------------------------------------------


def test_the_less_busy_one_gets_the_next_call() -> None:
    async def run() -> Counter[str]:
        balance, upstream = layer(), Waiting()
        for _ in range(20):
            send(balance, upstream, call_of())
            await settle_down()
        return Counter(call.target.upstream for call, _ in upstream.inside)

    assert asyncio.run(run()) == {"a": 10, "b": 10}


def test_twice_the_weight_is_twice_the_calls() -> None:
    async def run(how: str) -> Counter[str]:
        balance, upstream = layer("http://a/v1,http://b/v1 weight=2", how), Waiting()
        for number in range(300):
            send(balance, upstream, asking(f"question {number}"))
            await settle_down()
        return Counter(call.target.upstream for call, _ in upstream.inside)

    for how in ("least_busy", "round_robin", "prefix"):
        assert asyncio.run(run(how))["b"] == pytest.approx(200, abs=10), how


def test_a_stream_counts_until_its_end() -> None:
    async def run() -> None:
        balance, call = layer(), call_of(stream=True)
        await chosen(balance, call, lambda _: token_stream())
        assert sorted(balance.checks()["load_balance"]["under_way"].values()) == [0, 1]
        finish(call, Ending.FINISHED)
        assert sum(balance.checks()["load_balance"]["under_way"].values()) == 0

    asyncio.run(run())


def test_prompts_with_one_beginning_go_to_one_upstream_while_it_is_not_much_busier() -> None:
    async def run() -> None:
        balance = layer("http://a/v1,http://b/v1,http://c/v1", "prefix")
        beginnings = [f"You are assistant number {number}. " * 100 for number in range(60)]
        homes = [{await chosen(balance, asking(f"{begin} {end}")) for end in range(5)} for begin in beginnings]
        assert all(len(home) == 1 for home in homes)
        assert set.union(*homes) == {"a", "b", "c"}

        upstream = Waiting()
        for number in range(30):
            send(balance, upstream, asking(f"{beginnings[0]} {number}"))
            await settle_down()
        crowd = Counter(call.target.upstream for call, _ in upstream.inside)
        assert max(crowd.values()) <= 1.25 * 31 / 3
        assert [name for name, _ in crowd.most_common(1)] == [*homes[0]]

    asyncio.run(run())


def test_an_upstream_that_asks_to_wait_comes_last() -> None:
    async def run() -> set[str]:
        balance = layer(wait=lambda name, call: 3.0 if name == "a" else 0.0)
        return {await chosen(balance, call_of()) for _ in range(20)}

    assert asyncio.run(run()) == {"b"}


# --- when one is ill -------------------------------------------------------------------------------------------------


def test_a_breakers_refusal_sends_the_call_to_another_one_and_the_last_refusal_says_when() -> None:
    def of_a(call: Call) -> Reply:
        if call.target.upstream == "a":
            raise CircuitOpen("left alone", retry_after=9)
        return completion()

    def of_both(call: Call) -> Reply:
        raise CircuitOpen("left alone", retry_after=9 if call.target.upstream == "a" else 4)

    async def run() -> None:
        balance = layer()
        assert {await chosen(balance, call_of(), of_a) for _ in range(20)} == {"b"}
        for _ in range(10):
            with pytest.raises(CircuitOpen) as refused:
                await chosen(balance, call_of(), of_both)
            assert refused.value.retry_after == 4
        assert set(balance.checks()["load_balance"]["under_way"].values()) == {0}

    asyncio.run(run())


def test_a_retry_goes_elsewhere_and_keeps_the_model() -> None:
    def failing(call: Call) -> Reply:
        raise UpstreamFault("500")

    async def run() -> None:
        for _ in range(20):
            balance, call = layer(), call_of()
            call.target = Target(model="other")
            with pytest.raises(UpstreamFault):
                await chosen(balance, call, failing)
            first = call.target
            assert {first.upstream, await chosen(balance, call)} == {"a", "b"}
            assert first.model == call.target.model == "other"

    asyncio.run(run())


def test_a_fallback_elsewhere_is_not_its_concern() -> None:
    async def run() -> str:
        call = call_of()
        call.target = Target("else.where")
        return await chosen(layer(), call)

    assert asyncio.run(run()) == "else.where"


# --- in the service --------------------------------------------------------------------------------------------------


def two(server: ModelServer, other: ModelServer) -> dict[str, str]:
    return {
        "UPSTREAMS": f"{server.url}/v1,{other.url}/v1",
        "UPSTREAM_API_KEYS": f"{server.key},{other.key}",
        "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "3",
        "MAX_RETRIES": "2",
    }


def test_both_answer_each_with_its_own_key_and_the_reply_names_it(
    start: Start, server: ModelServer, other: ModelServer, others_calls: Upstream
) -> None:
    with start(**two(server, other)) as gateway:
        answers = gateway.ask_many(40, at_once=8)
        assert codes(answers) == ["ok"] * 40
        named = Counter(answer.headers[HEADER.lower()] for answer in answers)
        assert {f"http://{name}" for name in named} == {server.url, other.url}
        assert others_calls.received() == named[other.url.removeprefix("http://")]
        assert gateway.log_line(answers[0])["upstream"] == answers[0].headers[HEADER.lower()]


def test_an_answer_is_cached_whichever_upstream_gave_it(start: Start, server: ModelServer, other: ModelServer) -> None:
    with start(**two(server, other)) as gateway:
        answers = [gateway.ask("What is a cache?", temperature=0) for _ in range(4)]
        assert [answer.headers["x-cache"] for answer in answers] == ["miss", "hit", "hit", "hit"]


def test_one_that_fails_costs_no_caller_an_answer_and_is_left_alone(
    start: Start, server: ModelServer, other: ModelServer, others_calls: Upstream
) -> None:
    with start(**two(server, other)) as gateway, others_calls.fault({"status": 500}):
        assert codes(gateway.ask_many(60, at_once=4)) == ["ok"] * 60
        assert gateway.checks()["circuit_breakers"]["open"] == 1
        asked = others_calls.received()
        assert codes(gateway.ask_many(20, at_once=4)) == ["ok"] * 20
        assert others_calls.received() == asked


def test_the_models_are_those_of_an_upstream_that_answers(start: Start, server: ModelServer) -> None:
    with start(UPSTREAMS=f"http://127.0.0.1:9/v1,{server.url}/v1", UPSTREAM_API_KEYS=f"x,{server.key}") as gateway:
        assert gateway.subject.service.get("/v1/models").status == 200
