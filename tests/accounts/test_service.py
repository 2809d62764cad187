"""Accounts over HTTP: every route of a running service, good and hostile tokens, outages, and every kind of end."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import string
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import pytest

from shared.accounts.tokens import Tokens
from shared.accounts.usage import UsageLedger
from tests.accounts.client import Answer, Client
from tests.accounts.conftest import make_token, on_database
from tests.fork_server import gateway
from tests.waiting import Stopwatch, wait_for
from workshop.grader.launch import SIMULATOR, ModelServer
from workshop.postgres_server import PrivatePostgres
from workshop.processes import CannotStart, Process, free_port

BUILD = "tests.accounts.app:build"
HOSTILE = 10_000
ROUTES = ["/", "/health", "/ready", "/usage", "/openapi.json", "/nowhere"]


class Service:
    """A running service, its database and its log."""

    def __init__(self, process: Process, port: int, database_url: str, log: Path) -> None:
        self.process = process
        self.port = port
        self.database_url = database_url
        self.log = log
        self.client = Client(port)

    def token(self, user: str = "ana", role: str | None = None, budget_usd: float | None = None) -> str:
        return make_token(self.database_url, user, role, budget_usd)

    def usage(self, token: str | None = None) -> Any:
        answer = self.client.get("/usage", token)
        assert answer.status == 200, answer
        return answer.json

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


class Start(Protocol):
    def __call__(self, database_url: str, **environment: str) -> Service: ...


@pytest.fixture
def start(server: ModelServer, tmp_path: Path) -> Iterator[Start]:
    """Starts services, and stops them when the test ends."""
    with contextlib.ExitStack() as running:

        def run(database_url: str, **environment: str) -> Service:
            port = free_port()
            log = tmp_path / f"logs-{port}.json"
            settings = {
                "OPENAI_BASE_URL": f"{server.url}/v1",
                "OPENAI_API_KEY": server.key,
                "MODEL": SIMULATOR,
                "HOST": "127.0.0.1",
                "LOG_FILE": str(log),
                "DATABASE_URL": database_url,
                **environment,
            }
            process = gateway(BUILD, port=port, environment=settings, output=tmp_path / f"printed-{port}.txt")
            service = Service(running.enter_context(process), port, database_url, log)
            running.callback(service.client.close)
            return service

        yield run


@pytest.fixture
def url(sqlite_file: Path) -> str:
    return f"sqlite:///{sqlite_file}"


def refused(answer: Answer) -> bool:
    """Whether this is the 401 that every route gives."""
    return (
        answer.status == 401
        and answer.headers["www-authenticate"] == "Bearer"
        and answer.error["type"] == "authentication_error"
        and answer.error["code"] == "invalid_api_key"
        and answer.error["request_id"] == answer.headers["x-request-id"]
    )


def test_a_bad_token_is_refused_on_every_route_and_a_good_one_or_none_is_not(database_url: str, start: Start) -> None:
    service = start(database_url)
    good, forged = service.token(), "wk_" + "a" * 43
    for path in ROUTES:
        expected = 404 if path == "/nowhere" else 200
        for token in (good, None, "anonymous"):
            assert service.client.get(path, token).status == expected, path
        for token in (forged, "garbage", good[:-1], f"{good}a"):
            assert refused(service.client.get(path, token)), path
    assert service.client.generate(good).status == 200
    assert service.client.generate().status == 200
    assert service.client.get("/generate", good).status == 405
    for path in ("/generate", "/tokens/revoke", "/nowhere"):
        assert refused(service.client.post(path, {"prompt": "Hola"}, forged)), path


def test_refused_calls_are_logged_and_nobody_reads_a_token_in_the_log(url: str, start: Start) -> None:
    service = start(url)
    good, forged = service.token(), "wk_" + "b" * 43
    service.client.generate(good)
    service.client.generate(forged)
    service.client.generate()
    wait_for(lambda: len(service.log_lines()) == 3)
    ana, nobody, stranger = service.log_lines()
    assert (ana["caller"], ana["status"]) == ("user:ana", 200)
    assert (nobody["status"], nobody["error"], nobody["outcome"]) == (401, "invalid_api_key", "failed")
    assert stranger["caller"] == "ip:127.0.0.1"
    printed = service.log.read_text() + "".join(path.read_text() for path in service.log.parent.glob("printed-*"))
    assert good not in printed
    assert forged not in printed


def test_if_tokens_are_required_strangers_see_only_the_open_routes(url: str, start: Start) -> None:
    service = start(url, API_KEYS_REQUIRED="true")
    good = service.token()
    for path in ("/", "/health", "/ready"):
        assert service.client.get(path).status == 200
    for token in (None, "anonymous"):
        for path in ("/usage", "/openapi.json", "/nowhere"):
            assert refused(service.client.get(path, token))
        assert refused(service.client.generate(token))
    assert service.client.generate(good).status == 200
    assert service.usage(good)["today"]["requests"] == 1


def test_usage_is_the_callers_own(database_url: str, start: Start) -> None:
    service = start(database_url, USAGE_FLUSH_SECONDS="0.05")
    ana, bob = service.token("ana", budget_usd=2), service.token("bob", role="admin")
    answers = [service.client.generate(ana).json["metadata"] for _ in range(3)]
    service.client.generate()
    usage = service.usage(ana)
    tokens = {kind: sum(answer["tokens"][kind] for answer in answers) for kind in ("input", "output", "total")}
    cost = round(sum(answer["cost_usd"] for answer in answers), 6)
    assert cost > 0
    assert usage["today"] == usage["month"] == {"requests": 3, "tokens": tokens, "cost_usd": cost}
    assert (usage["caller"], usage["role"], usage["limits"]) == ("user:ana", "user", {"of": "user:ana"})
    budget = usage["budget"]
    assert (budget["limit_usd"], budget["spent_usd"], budget["remaining_usd"]) == (2, cost, round(2 - cost, 6))
    assert 0 < budget["resets_at"] - time.time() <= 31 * 86400
    assert (service.usage(bob)["today"]["requests"], service.usage(bob)["budget"]) == (0, None)
    assert (service.usage()["caller"], service.usage()["today"]["requests"]) == ("ip:127.0.0.1", 1)


def test_a_failed_call_counts_as_a_request_and_a_refused_one_does_not(url: str, start: Start) -> None:
    service = start(url, MAX_CHARS="10")
    token = service.token()
    assert service.client.post("/generate", {"prompt": "much too long a prompt"}, token).status == 422
    refused(service.client.generate("garbage"))
    assert service.usage(token)["today"] == {
        "requests": 1,
        "tokens": {"input": 0, "output": 0, "total": 0},
        "cost_usd": 0.0,
    }


def test_a_spent_budget_refuses_with_openais_words_also_after_a_restart(database_url: str, start: Start) -> None:
    service = start(database_url)
    token = service.token(budget_usd=0.000001)
    assert service.client.generate(token).status == 200
    for each in (service, start(database_url)):
        answer = wait_for(lambda each=each: (got := each.client.generate(token)).status == 429 and got)  # type: ignore[misc]
        assert (answer.error["type"], answer.error["code"]) == ("insufficient_quota", "budget_exceeded")
        assert 0 < int(answer.headers["retry-after"]) <= 31 * 86400
        service.process.stop()


def test_an_administrator_revokes_and_a_user_may_not(url: str, start: Start) -> None:
    service = start(url)
    ana, root = service.token("ana"), service.token("root", role="admin")
    assert service.client.generate(ana).status == 200
    forbidden = service.client.post("/tokens/revoke", {"name": "root"}, ana)
    assert (forbidden.status, forbidden.error["type"]) == (403, "permission_error")
    assert service.client.post("/tokens/revoke", {"name": "root"}).status == 403
    assert service.client.post("/tokens/revoke", {"name": "ana"}, root).json == {"revoked": 1}
    assert refused(service.client.generate(ana))
    assert service.client.post("/tokens/revoke", {"name": "nobody"}, root).status == 404
    assert service.client.post("/tokens/revoke", {}, root).status == 422


def test_forwarded_addresses_name_strangers_only_behind_our_proxies(url: str, start: Start) -> None:
    trusting, careful = start(url, TRUSTED_PROXIES="127.0.0.0/8"), start(url)
    for service, caller in ((trusting, "ip:203.0.113.5"), (careful, "ip:127.0.0.1")):
        answer = service.client.get("/usage", X_Forwarded_For="6.6.6.6, 203.0.113.5")
        assert answer.json["caller"] == caller


@pytest.mark.parametrize(
    ("setting", "value"),
    [("TRUSTED_PROXIES", "10.0.0.0/99"), ("DATABASE_URL", "mysql://x"), ("TOKEN_CACHE_TTL", "-1")],
)
def test_a_bad_setting_stops_the_start_with_one_line(setting: str, value: str, url: str, start: Start) -> None:
    with pytest.raises(CannotStart, match=f"^{setting}"):
        start(**{"database_url": url, setting: value})


# --- hostile tokens ----------------------------------------------------------------------------------------------


def hostile_headers() -> Iterator[bytes]:
    """An endless series of headers: SQL, binary, Unicode, long ones, and almost correct ones."""
    chance = random.Random(7)
    sql = [
        b"' OR '1'='1",
        b"'; DROP TABLE users; --",
        b'" UNION SELECT hash FROM tokens --',
        b"%27%20OR%201=1",
        b"0x31",
    ]
    letters = string.ascii_letters + string.digits
    while True:
        yield b"Bearer " + chance.choice(sql) + b" %d" % chance.randrange(10**9)
        yield b"Bearer wk_" + "".join(chance.choices(letters, k=40)).encode() + b"'--"
        yield b"Bearer " + bytes(chance.choices(range(0x80, 0x100), k=43))
        yield b"Bearer " + bytes(chance.choices(range(1, 0x20), k=10)).replace(b"\r", b"\t").replace(b"\n", b"\t")
        yield b"Bearer wk_" + "ñ🤖٣Ω".encode() * chance.randrange(1, 20)
        yield b"Bearer " + b"A" * chance.randrange(1000, 20_000)
        yield b"Basic " + "".join(chance.choices(letters, k=30)).encode()
        yield b"Bearer\twk_" + b"a" * 43
        yield b""
        yield b"Bearer " * 200


@pytest.mark.prove
def test_ten_thousand_hostile_headers_are_refused_without_a_query(sqlite_file: Path, url: str, start: Start) -> None:
    service = start(url)
    token = service.token()
    assert service.client.generate(token).status == 200
    service.process.stop()  # writes its counts
    before = sqlite_file.read_bytes()
    service = start(url, USAGE_FLUSH_SECONDS="3600")
    service.client.get("/usage", token)
    # A directory in its place: a single query would make the answer 503.
    kept = sqlite_file.rename(sqlite_file.with_suffix(".kept"))
    for leftover in sqlite_file.parent.glob("accounts.db-*"):
        leftover.unlink()
    sqlite_file.mkdir()
    headers = hostile_headers()
    lengths: list[float] = []
    for number in range(HOSTILE):
        method, path, body = ("POST", "/generate", b'{"prompt":"Hola"}') if number % 2 else ("GET", "/health", b"")
        header = next(headers)
        began = time.perf_counter()
        answer = service.client.send(method, path, [(b"Authorization", header)], body)
        lengths.append(time.perf_counter() - began)
        assert answer.status == 400 or refused(answer), (header, answer)
    assert service.client.get("/health", token).status == 200, "the known caller is still known"
    sqlite_file.rmdir()
    kept.rename(sqlite_file)
    assert sqlite_file.read_bytes() == before
    first, last = sorted(lengths[:1000])[500], sorted(lengths[-1000:])[500]
    print(f"a refusal takes {first * 1e6:.0f} µs at first and {last * 1e6:.0f} µs at last")
    assert last < 5 * first


def test_forged_tokens_do_not_keep_a_known_caller_waiting(url: str, start: Start) -> None:
    service = start(url)
    token = service.token()
    service.client.generate(token)
    letters = string.ascii_letters + string.digits

    def forge(count: int) -> set[int]:
        client = Client(service.port)
        statuses = {client.get("/usage", "wk_" + "".join(random.choices(letters, k=43))).status for _ in range(count)}
        client.close()
        return statuses

    waits = []
    with ThreadPoolExecutor(4) as forgers:
        forging = [forgers.submit(forge, 250) for _ in range(4)]
        while not all(each.done() for each in forging):
            began = time.perf_counter()
            assert service.client.get("/health", token).status == 200
            waits.append(time.perf_counter() - began)
    assert set().union(*(each.result() for each in forging)) == {401}
    waits.sort()
    print(f"among forgers a known caller waits {waits[len(waits) // 2] * 1e3:.1f} ms, {waits[-1] * 1e3:.1f} at most")
    assert waits[len(waits) // 2] < 0.25


# --- outages and ends --------------------------------------------------------------------------------------------


def test_without_its_sqlite_file_new_tokens_get_503_and_known_ones_work(
    sqlite_file: Path, url: str, start: Start
) -> None:
    service = start(url, USAGE_FLUSH_SECONDS="0.05")
    known, new = service.token(), service.token()
    assert service.client.generate(known).status == 200
    folder = sqlite_file.parent / "away"
    folder.mkdir()
    wait_for(lambda: written(url) == 1)
    for file in sqlite_file.parent.glob("accounts.db*"):
        shutil.move(file, folder)
    sqlite_file.mkdir()
    for path in ("/generate", "/health", "/usage"):
        answer = service.client.generate(new) if path == "/generate" else service.client.get(path, new)
        assert (answer.status, answer.error["code"]) == (503, "database_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert str(sqlite_file) not in answer.error["message"]
    assert service.client.generate(known).status == 200
    assert service.client.generate().status == 200
    assert refused(service.client.generate("garbage"))
    assert service.client.get("/usage", known).status == 503
    sqlite_file.rmdir()
    for file in folder.iterdir():
        shutil.move(file, sqlite_file.parent)
    wait_for(lambda: service.client.generate(new).status == 200)
    assert service.usage(known)["today"]["requests"] == 3, "the usage of the meantime is not lost"


def test_without_its_postgresql_new_tokens_get_503_and_known_ones_work(postgres: PrivatePostgres, start: Start) -> None:
    service = start(postgres.new_database(), USAGE_FLUSH_SECONDS="0.05")
    known, new = service.token(), service.token()
    assert service.client.generate(known).status == 200
    postgres.stop()
    try:
        assert service.client.generate(new).status == 503
        assert service.client.generate(known).status == 200
        assert refused(service.client.generate("garbage"))
    finally:
        postgres.start()
    wait_for(lambda: service.client.generate(new).status == 200)
    assert service.usage(known)["today"]["requests"] == 3


def test_a_frozen_postgresql_delays_no_known_caller(postgres: PrivatePostgres, start: Start) -> None:
    service = start(postgres.new_database(), USAGE_FLUSH_SECONDS="0.05")
    known, new = service.token(), service.token()
    service.client.generate(known)
    postgres.freeze()
    try:
        with ThreadPoolExecutor(1) as waiting:
            client = Client(service.port)
            asked = waiting.submit(client.generate, new)
            lengths = []
            while not asked.done():
                stopwatch = Stopwatch(service.process.pid)
                assert service.client.generate(known).status == 200
                lengths.append(stopwatch.seconds)
            assert asked.result().status == 503
            assert max(lengths) < 1, "a known caller waited for the database"
            client.close()
    finally:
        postgres.thaw()
    wait_for(lambda: service.client.generate(new).status == 200)


def test_a_service_starts_without_its_database_and_finds_it_later(postgres: PrivatePostgres, start: Start) -> None:
    url = postgres.new_database()
    token = make_token(url, "ana")
    postgres.stop()
    try:
        service = start(url)
        assert service.client.generate().status == 200
        assert service.client.generate(token).status == 503
    finally:
        postgres.start()
    wait_for(lambda: service.client.generate(token).status == 200)


def written(url: str, caller: str = "user:ana") -> int:
    """The number of `caller`'s requests in the database."""
    used = on_database(url, lambda database: UsageLedger(database, 3600).used(caller))
    return used.month.requests


def test_a_service_that_stops_loses_no_usage(database_url: str, start: Start) -> None:
    service = start(database_url, USAGE_FLUSH_SECONDS="3600")
    token = service.token()
    for _ in range(7):
        service.client.generate(token)
    assert written(database_url) == 0
    service.client.close()
    service.process.stop()
    assert written(database_url) == 7


def test_workers_together_lose_no_usage_either(database_url: str, start: Start) -> None:
    service = start(database_url, UVICORN_WORKERS="4", USAGE_FLUSH_SECONDS="0.05")
    token = service.token()

    def call(_: int) -> int:
        client = Client(service.port)  # a new connection, which any worker may accept
        try:
            return client.generate(token).status
        finally:
            client.close()

    with ThreadPoolExecutor(8) as callers:
        assert list(callers.map(call, range(200))) == [200] * 200
    service.process.stop()
    assert written(database_url) == 200


def test_a_killed_service_loses_one_interval_at_most(database_url: str, start: Start) -> None:
    interval, grace = 0.2, 0.5  # seconds; `grace` is for a write on a busy machine
    service = start(database_url, USAGE_FLUSH_SECONDS=str(interval))
    token = service.token()
    before, after = 20, 5
    assert [service.client.generate(token).status for _ in range(before)] == [200] * before
    stopwatch = Stopwatch(service.process.pid)
    wait_for(lambda: written(database_url) == before, "the service writes the usage")
    assert stopwatch.seconds < interval + grace
    assert [service.client.generate(token).status for _ in range(after)] == [200] * after
    os.kill(service.process.pid, signal.SIGKILL)
    wait_for(lambda: not listens(service.port))
    assert before <= written(database_url) <= before + after


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_token_revoked_by_another_process_ends_within_the_cache_ttl(url: str, start: Start) -> None:
    service = start(url, TOKEN_CACHE_TTL="0.5")
    token = service.token()
    assert service.client.generate(token).status == 200
    on_database(url, lambda database: Tokens(database).revoke("ana"))
    stopwatch = Stopwatch(service.process.pid)
    wait_for(lambda: refused(service.client.generate(token)))
    assert stopwatch.seconds < 0.5 + 1
