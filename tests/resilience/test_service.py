"""A real gateway and real upstreams that fail: what reaches them, what the client gets, and what remains."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.admitted import admitted
from tests.closed_port import dead_server
from tests.leaving import asking
from tests.resilience.conftest import BUILD, SMALL, Start, codes
from tests.waiting import wait_for
from workshop.grader.launch import ModelServer, started
from workshop.grader.upstream import Upstream
from workshop.processes import CannotStart, free_port, gateway

ILL = {"status": 500}


# --- the breaker -------------------------------------------------------------------------------------------------


def test_an_upstream_that_is_down_is_left_alone(start: Start) -> None:
    with start() as gateway, gateway.subject.upstream.fault(ILL):
        assert codes(gateway.ask_many(5, at_once=1)) == ["upstream_error"] * 5
        refused = gateway.ask_many(20, at_once=4)
        assert codes(refused) == ["circuit_open"] * 20
        assert {answer.status for answer in refused} == {503}
        assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
        assert gateway.breaker()["rejected"] == 20
        assert gateway.subject.upstream.received() == 5


def test_after_a_while_it_is_probed_with_care_and_then_trusted_again(start: Start) -> None:
    with start(
        CIRCUIT_BREAKER_TIMEOUT_SEC="0.5", CIRCUIT_BREAKER_PROBES="2", CIRCUIT_BREAKER_SUCCESS_THRESHOLD="2"
    ) as gateway:
        upstream = gateway.subject.upstream
        with upstream.fault(ILL):
            gateway.ask_many(5, at_once=1)
            gateway.wait_until_it_is("half_open")
        with upstream.held() as gate, ThreadPoolExecutor(50) as people:
            asked = gateway.begin(people, 50)
            wait_for(lambda: sum(future.done() for future in asked) == 48, "all but the probes are refused")
            gate.wait_for(2)
            assert upstream.register()["received"] == 2
            gate.release()
            assert sorted(codes([future.result() for future in asked])) == ["circuit_open"] * 48 + ["ok"] * 2
        assert gateway.breaker()["state"] == "closed"
        assert codes([gateway.ask()]) == ["ok"]


def test_a_hanging_upstream_opens_the_breaker_too(start: Start) -> None:
    settings = {"TIMEOUT": "0.3", "TIMEOUT_MAX": "0.3", "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "3"}
    with start(**settings) as gateway, gateway.subject.upstream.fault({"hang": True}):
        assert codes(gateway.ask_many(3, at_once=3)) == ["deadline_exceeded"] * 3
        gateway.wait_until_it_is("open")
        assert codes(gateway.ask_many(5, at_once=5)) == ["circuit_open"] * 5
        assert gateway.subject.upstream.received() == 3


def test_streams_that_break_after_their_first_token_open_the_breaker_too(start: Start) -> None:
    with start(CIRCUIT_BREAKER_FAILURE_THRESHOLD="3") as gateway:
        with gateway.subject.upstream.fault({"cut_after_tokens": 3}):
            for _ in range(3):
                answer = gateway.subject.service.post("/generate/stream", {"prompt": "Hola"})
                assert answer.status == 200
                assert '"error"' in answer.text
        assert gateway.breaker()["state"] == "open"


def test_an_unknown_model_opens_no_breaker(start: Start) -> None:
    with start(CIRCUIT_BREAKER_FAILURE_THRESHOLD="1") as gateway:
        answers = [gateway.ask(model=f"invented-{number}") for number in range(3)]
        assert {answer.status for answer in answers} == {404}
        assert gateway.checks()["circuit_breakers"]["breakers"] == {}


# --- retries -----------------------------------------------------------------------------------------------------


def test_when_all_calls_fail_the_upstream_gets_few_extra_tries(start: Start) -> None:
    settings = {"MAX_RETRIES": "3", "RETRY_BUDGET": "0.2", "RETRY_BUDGET_RESERVE": "5"}
    never = {"CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000000", "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0"}
    with start(**settings, **never) as gateway, gateway.subject.upstream.fault(ILL):
        answers = gateway.ask_many(60, at_once=6)
        assert codes(answers) == ["upstream_error"] * 60
        assert 60 + 5 < gateway.subject.upstream.received() <= 60 * 1.2 + 5


# --- fallbacks ---------------------------------------------------------------------------------------------------


def test_another_model_answers_and_says_so(start: Start) -> None:
    with start(FALLBACKS=SMALL) as gateway:
        with gateway.subject.upstream.fault({"status": 503, "times": 1}):
            answer = gateway.ask()
            asked = [call["model"] for call in gateway.subject.upstream.register()["last"]]
        assert answer.status == 200, answer.summary
        assert asked == [None, SMALL]  # the server does not read the request that meets the fault
        assert answer.headers["x-fallback"] == answer.json["metadata"]["fallback"] == SMALL
        assert gateway.log_line(answer)["fallback"] == SMALL
        well = gateway.ask()
        assert "x-fallback" not in well.headers
        assert "fallback" not in well.json["metadata"] | gateway.log_line(well)


def test_another_upstream_answers_and_gets_its_own_key(
    start: Start, other: ModelServer, others_calls: Upstream
) -> None:
    host = other.url.removeprefix("http://")
    with start(FALLBACKS=f"{SMALL}@{other.url}/v1", FALLBACK_API_KEYS=other.key) as gateway:
        with gateway.subject.upstream.fault({"reset": True}):
            answer = gateway.ask()
            stream = gateway.subject.service.post("/generate/stream", {"prompt": "Hola", "max_tokens": 4})
        assert answer.status == 200, answer.summary
        assert answer.json["metadata"]["fallback"] == f"{SMALL}@{host}"
        assert stream.headers["x-fallback"] == f"{SMALL}@{host}"
        assert f'"fallback":"{SMALL}@{host}"' in stream.text
        assert others_calls.received() == 2
        assert gateway.breaker(f"{host}/{SMALL}")["calls"] == 2
        assert gateway.log_line(answer)["fallback"] == gateway.log_line(stream)["fallback"] == f"{SMALL}@{host}"
        assert other.key not in gateway.subject.log.text() + json.dumps(gateway.checks())


def test_a_service_with_a_dead_primary_and_a_fallback_stays_ready(start: Start, other: ModelServer) -> None:
    settings = {"FALLBACKS": f"@{other.url}/v1", "FALLBACK_API_KEYS": other.key}
    with dead_server() as url, start(OPENAI_BASE_URL=f"{url}/v1", **settings) as gateway:
        assert gateway.subject.service.get("/ready").status == 200
        assert codes(gateway.ask_many(8, at_once=1)) == ["ok"] * 8
        assert gateway.breaker()["state"] == "open"


def test_a_wrong_request_is_not_sent_to_fallbacks(start: Start) -> None:
    with start(FALLBACKS=SMALL) as gateway, gateway.subject.upstream.fault({"status": 400}):
        assert gateway.ask().status == 400
        assert gateway.subject.upstream.received() == 1


def test_if_no_upstream_answers_the_client_gets_the_primarys_error(start: Start, other: ModelServer) -> None:
    with start(FALLBACKS=f"{SMALL},nobody-has-it@{other.url}/v1", FALLBACK_API_KEYS=f",{other.key}") as gateway:
        plan = [{"status": 429, "retry_after": 7, "times": 1}, {"status": 500}]
        with gateway.subject.upstream.fault({"sequence": plan}):
            answer = gateway.ask()
        assert answer.status == 429
        assert answer.headers["retry-after"] == "7"
        assert "x-fallback" not in answer.headers


def test_a_fallbacks_answer_is_not_cached_as_the_primarys(start: Start) -> None:
    with start(FALLBACKS=SMALL) as gateway:
        with gateway.subject.upstream.fault({"status": 500, "times": 1}):
            answers = [gateway.ask(temperature=0) for _ in range(3)]
        assert [answer.headers["x-cache"] for answer in answers] == ["miss", "miss", "hit"]
        assert ["x-fallback" in answer.headers for answer in answers] == [True, False, False]


def test_every_call_that_shares_a_fallbacks_answer_names_the_fallback(start: Start) -> None:
    with start(FALLBACKS=SMALL) as gateway:
        with gateway.subject.upstream.held(status=500, times=1) as gate, ThreadPoolExecutor(4) as people:
            asked = gateway.begin(people, 4, temperature=0)
            gate.wait_for(1)
            wait_for(lambda: admitted(gateway.subject.service) == 4, "all four wait for the one answer")
            gate.release()
            answers = [one.result() for one in asked]
            assert gateway.subject.upstream.received() == 2
        assert {answer.headers["x-fallback"] for answer in answers} == {SMALL}
        assert {gateway.log_line(answer)["fallback"] for answer in answers} == {SMALL}


def test_malformed_fallbacks_stop_the_start() -> None:
    settings = {"FALLBACKS": "a@http://me:sk-4dd1ct@x.test/v1", "LOG_FILE": "-"}
    with pytest.raises(CannotStart) as reason:
        gateway(BUILD, port=free_port(), environment=settings).start()
    assert "sk-4dd1ct" not in str(reason.value)


# --- the queue ---------------------------------------------------------------------------------------------------


STALLED = {"stall_after_tokens": 2}  # a stream that lasts until its client leaves


def test_places_and_queue_are_bounded_and_all_other_calls_are_refused_early(start: Start) -> None:
    plan = [{**STALLED, "times": 3}, {"hold": True}]
    with start(HTTP_MAX_CONNECTIONS="3", QUEUE_MAX_SIZE="4") as gateway, ThreadPoolExecutor(4) as people:
        upstream = gateway.subject.upstream
        with upstream.fault({"sequence": plan}), ExitStack() as streams:
            for _ in range(3):
                streams.enter_context(gateway.subject.service.stream("/generate/stream", {"prompt": "Hola"}))
            waiting = gateway.begin(people, 4)
            wait_for(lambda: gateway.places() == (3, 4), "all places are taken, and the queue is full")
            refused = gateway.ask_many(5, at_once=5)
            assert codes(refused) == ["queue_full"] * 5
            assert {answer.status for answer in refused} == {503}
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
            assert upstream.register()["received"] == 3
            streams.close()
            wait_for(lambda: gateway.places() == (3, 1), "three of them have their places")
            upstream.clear()
            assert codes([future.result() for future in waiting]) == ["ok"] * 4
        assert gateway.places() == (0, 0)


def test_no_call_waits_for_a_place_for_ever(start: Start) -> None:
    with start(HTTP_MAX_CONNECTIONS="1", QUEUE_TIMEOUT="0.2") as gateway, gateway.subject.upstream.fault(STALLED):
        service = gateway.subject.service
        with service.stream("/generate/stream", {"prompt": "Hola"}):
            assert codes([gateway.ask()]) == ["queue_timeout"]


def test_a_service_that_is_full_is_still_ready(start: Start) -> None:
    with start(HTTP_MAX_CONNECTIONS="1") as gateway, gateway.subject.upstream.fault(STALLED):
        service = gateway.subject.service
        with service.stream("/generate/stream", {"prompt": "Hola"}):
            assert gateway.places() == (1, 0)
            assert service.get("/ready").status == 200


@pytest.mark.parametrize("path", ["/generate", "/generate/stream"])
def test_clients_that_leave_take_no_place_and_no_permit_with_them(path: str, start: Start) -> None:
    with start(
        HTTP_MAX_CONNECTIONS="2",
        CIRCUIT_BREAKER_FAILURE_THRESHOLD="1",
        CIRCUIT_BREAKER_TIMEOUT_SEC="0.5",
        CIRCUIT_BREAKER_SUCCESS_THRESHOLD="1",
    ) as gateway:
        service, upstream = gateway.subject.service, gateway.subject.upstream

        with upstream.held() as gate:
            with ExitStack() as leaving:
                for _ in range(6):
                    leaving.enter_context(asking(service.url, path, {"prompt": "Hola"}))
                gate.wait_for(2)
                wait_for(lambda: gateway.places() == (2, 4), "two are served, four wait")
            wait_for(lambda: gateway.places() == (0, 0), "all places are free")
            assert gateway.breaker()["failures_in_a_row"] == 0
        with upstream.fault(ILL):
            gateway.ask()
            gateway.wait_until_it_is("half_open")
        with upstream.held() as gate:
            with asking(service.url, path, {"prompt": "Hola"}):
                gate.wait_for(1)  # with the only permit
            wait_for(lambda: gateway.places() == (0, 0), "the probe is over")
        assert codes([gateway.ask()]) == ["ok"]
        assert gateway.breaker()["state"] == "closed"


def test_a_stream_keeps_its_place_until_it_ends(start: Start) -> None:
    with start(HTTP_MAX_CONNECTIONS="1") as gateway:
        service = gateway.subject.service
        with gateway.subject.upstream.fault(STALLED):
            with service.stream("/generate/stream", {"prompt": "Hola"}) as stream:
                assert stream.answer.status == 200
                assert gateway.places() == (1, 0)
            wait_for(lambda: gateway.places() == (0, 0), "the place is free")


# --- /health -----------------------------------------------------------------------------------------------------


def test_a_service_without_such_layers_has_no_checks(server: ModelServer) -> None:
    with started("demos.demo_1_guarded.app:build", server, {}) as subject:
        assert "checks" not in subject.service.get("/health").json


# --- adaptive --------------------------------------------------------------------------------------------------------


def test_an_adaptive_breaker_shows_its_thresholds(start: Start) -> None:
    with start(CIRCUIT_BREAKER_ADAPTIVE="true") as gateway:
        gateway.ask_many(100, at_once=4)
        shown = gateway.breaker()
        assert 3 <= shown["opens_after"] <= 5
        assert 0.9 < shown["usual_success_rate"] < 1
        with gateway.subject.upstream.fault({"status": 500}):
            assert codes(gateway.ask_many(shown["opens_after"] + 1, at_once=1))[-1] == "circuit_open"
    with start() as gateway:
        gateway.ask()
        assert "opens_after" not in gateway.breaker()
