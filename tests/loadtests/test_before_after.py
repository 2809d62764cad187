"""Before and after: the traffic repeats itself as often as it should, each answer counts once, and the page is true."""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtests.before_after.__main__ import RESULTS
from loadtests.before_after.authentication import EACH_CONNECTING, EMPTY, WARM, measure
from loadtests.before_after.claims import Report, claims, claims_table
from loadtests.before_after.contenders import DEFAULTS, LAST, NAIVE, setups
from loadtests.before_after.crowd import Answer, Crowd
from loadtests.before_after.peak import Peak
from loadtests.before_after.plot import plot
from loadtests.before_after.questions import DIFFERENT, EXPONENT, bodies, ranks, repeats
from loadtests.before_after.race import Answered, Load, Pace, Sample, Shown
from loadtests.before_after.report import growth_mb, report, table
from loadtests.bench.target import Target
from tests.closed_port import dead_server
from workshop.reference import BEFORE_AFTER, with_before_after

Respond = Callable[[bytes], Awaitable[tuple[int, str]]]

# --- the traffic ------------------------------------------------------------------------------------------------------


def test_the_same_questions_come_in_the_same_order() -> None:
    assert ranks(500) == ranks(500)
    assert ranks(500) == ranks(900)[:500]
    assert ranks(500) != ranks(500, seed=4)


def test_questions_repeat_themselves_as_often_as_zipf_says() -> None:
    count = 900
    weights = [1 / rank**EXPONENT for rank in range(1, DIFFERENT + 1)]
    chances = [weight / sum(weights) for weight in weights]
    different = sum(1 - (1 - chance) ** count for chance in chances)
    drawn = statistics.fmean(repeats(ranks(count, seed)) for seed in range(40))
    assert drawn == pytest.approx(1 - different / count, abs=0.01)
    asked = ranks(20_000)
    assert asked.count(0) / len(asked) == pytest.approx(chances[0], rel=0.1)
    assert max(asked) < DIFFERENT


def test_a_question_repeats_if_it_was_asked_before_also_by_those_who_came_first() -> None:
    assert repeats([1, 2, 1, 3, 1]) == pytest.approx(2 / 5)
    assert repeats([1, 2, 1, 3, 1, 4], since=2) == pytest.approx(2 / 4)
    assert repeats([]) == 0


def test_a_question_has_one_body_in_each_run_and_is_one_that_a_cache_may_keep() -> None:
    first, other, again = bodies([5, 6, 5], "round 0")
    assert first == again != other
    assert bodies([5], "round 1") != [first]
    assert json.loads(first)["temperature"] == 0


def test_a_peak_has_its_rates_and_is_the_same_for_everybody() -> None:
    peak = Peak(calm=20, calm_rps=30, burst=10, burst_rps=400)
    moments = peak.moments()
    assert moments == peak.moments()
    assert all(earlier < later for earlier, later in pairwise(moments))
    before, burst, after = (
        sum(begin <= moment < end for moment in moments) for begin, end in ((0, 20), (20, 30), (30, 50))
    )
    assert before + burst + after == len(moments)
    assert before == pytest.approx(600, rel=0.15)
    assert burst == pytest.approx(4000, rel=0.05)
    assert after == pytest.approx(600, rel=0.15)


# --- the load ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def service(respond: Respond) -> AsyncIterator[Target]:
    """A service that answers each body with a status and an X-Cache."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                status, cache = await respond(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 %d -\r\nX-Cache: %s\r\nContent-Length: 0\r\n\r\n" % (status, cache.encode()))
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    async with server:
        yield Target("somebody", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/generate")


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def test_people_ask_each_question_once_and_wait_for_their_answer() -> None:
    asked: list[bytes] = []
    at_once: list[int] = []
    waiting = 0

    async def respond(body: bytes) -> tuple[int, str]:
        nonlocal waiting
        asked.append(body)
        waiting += 1
        at_once.append(waiting)
        await asyncio.sleep(0)
        waiting -= 1
        return (503, "bypass") if body == b"7" else (200, "hit")

    async def run() -> list[Answer]:
        async with service(respond) as target, Crowd(target) as crowd:
            await crowd.in_turn(numbered(40), people=4)
            return crowd.answers

    answers = asyncio.run(run())
    assert sorted(asked) == sorted(numbered(40))
    assert max(at_once) <= 4
    assert [answer.status for answer in answers].count(200) == 39
    assert {(answer.status, answer.cache) for answer in answers if not answer.good} == {(503, "bypass")}


def test_a_burst_does_not_wait_for_answers() -> None:
    everybody = asyncio.Barrier(30)

    async def respond(body: bytes) -> tuple[int, str]:
        await everybody.wait()  # nobody is answered before the last one has asked
        return 200, ""

    async def run() -> list[Answer]:
        async with service(respond) as target, Crowd(target) as crowd:
            await crowd.at_moments(numbered(30), [number / 300 for number in range(30)])
            return crowd.answers

    answers = asyncio.run(run())
    assert len(answers) == 30
    assert all(answer.good for answer in answers)


def test_time_counts_from_the_moment_at_which_a_request_was_due() -> None:
    async def respond(body: bytes) -> tuple[int, str]:
        return 200, ""

    async def run() -> list[Answer]:
        async with service(respond) as target, Crowd(target) as crowd:
            await crowd.at_moments(numbered(2), [-5, 0])  # the first one is late already
            return crowd.answers

    late, other = sorted(asyncio.run(run()), key=lambda answer: answer.asked)
    assert late.seconds >= 5 > other.seconds


def test_people_leave_when_their_patience_ends() -> None:
    async def respond(body: bytes) -> tuple[int, str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> list[Answer]:
        async with service(respond) as target, Crowd(target, patience=0.1) as crowd:
            await crowd.at_moments(numbered(3), [0, 0, 0])
            return crowd.answers

    answers = asyncio.run(run())
    assert [answer.status for answer in answers] == [0, 0, 0]
    assert all(answer.seconds >= 0.1 for answer in answers)


def test_a_service_that_is_gone_answers_nothing() -> None:
    async def run() -> list[Answer]:
        with dead_server() as url:
            async with Crowd(Target("nobody", f"{url}/generate")) as crowd:
                await crowd.in_turn(numbered(2), people=1)
                return crowd.answers

    assert [answer.status for answer in asyncio.run(run())] == [0, 0]


# --- the report -------------------------------------------------------------------------------------------------------

PACE = Pace(rounds=3, few=Load(people=2, questions=100), many=Load(people=8, questions=100))
FLAT = [Sample(number * 10, 100) for number in range(31)]


def loads(latency: float, seconds: float, hits: int = 0) -> list[Answered]:
    """Three rounds of 100 answers, of which so many came from the cache; in the second, others used the machine."""
    caches = ["hit"] * hits + ["coalesced"] * min(hits // 4, (100 - hits) // 2)
    caches += ["miss" if hits else ""] * (100 - len(caches))
    return [
        Answered(
            [Answer(0, (0.002 if cache == "hit" else latency) * slower, 200, cache) for cache in caches],
            seconds * slower,
        )
        for slower in (1, 9, 1)
    ]


def shown(latency: float, seconds: float, *, hits: int = 0, cpu: float = 1, failed: int = 0) -> Shown:
    load = loads(latency, seconds, hits)
    peak = [Answer(0, 1, 200)] * (1000 - failed) + [Answer(0, 0.001, 503)] * failed
    return Shown("1.0", load, load, [cpu, 9 * cpu, cpu], FLAT, peak, [Sample(300, 130)])


def authentication(pooled: float = 60, warm: float = 0.002) -> dict[str, Any]:
    times = {EACH_CONNECTING: 80, EMPTY: pooled, WARM: warm}
    return {
        "database": "PostgreSQL",
        "callers": 300,
        "ways": [{"name": name, "p50_ms": ms, "p99_ms": 2 * ms} for name, ms in times.items()],
    }


def race(first: Shown | None = None, last: Shown | None = None, **others: Any) -> Report:
    """By default, all that is claimed is reached."""
    first = first or shown(0.8, 2.0, cpu=2, failed=80)
    last = last or shown(0.5, 0.2, hits=86)
    return report({NAIVE: first, DEFAULTS: last, LAST: last}, others.get("authentication", authentication()), PACE)


def claim(made: Report, what: str) -> Report:
    found: Report = next(each for each in made["claims"] if each["what"] == what)
    return found


def test_a_load_is_the_median_of_its_rounds() -> None:
    many = race()["contenders"][0]["many"]
    assert many["mean_ms"] == many["p50_ms"] == many["p99_ms"] == pytest.approx(800)
    assert many["rps"] == pytest.approx(50)


def test_percentiles_are_those_of_good_answers() -> None:
    answers = [Answer(0, number / 1000, 200) for number in range(1, 102)] + [Answer(0, 99, 503)] * 9
    load = [Answered(answers, 10)]
    many = race(replace(shown(0.8, 2), many=load))["contenders"][0]["many"]
    assert [many[name] for name in ("mean_ms", "p50_ms", "p95_ms", "p99_ms")] == pytest.approx([51, 51, 96, 100])
    assert many["rps"] == pytest.approx(10.1)
    assert many["failed"] == pytest.approx(9 / 110)


def test_hits_are_answers_that_were_kept_and_saved_calls_also_those_that_were_shared() -> None:
    many = race(last=shown(0.5, 1, hits=60))["contenders"][1]["many"]
    assert many["hit_rate"] == pytest.approx(0.60)
    assert many["saved"] == pytest.approx(0.75)


def test_cpu_is_the_median_of_the_rounds_for_a_thousand_requests() -> None:
    assert race(shown(0.8, 2, cpu=4))["contenders"][0]["cpu_s_per_1000"] == pytest.approx(20)  # 200 questions a round


def test_memory_that_warms_up_does_not_grow_and_memory_that_rises_does() -> None:
    warms_up = [Sample(number * 10, min(100 + number * 5, 150)) for number in range(61)]
    leaks = [Sample(number * 10, 100 + number * 0.5 + number % 3) for number in range(61)]
    idle = [Sample(0, 90), Sample(0, 100)]
    assert growth_mb(warms_up)[0] == pytest.approx(0)
    growth, over = growth_mb(leaks)
    assert growth == pytest.approx(20, rel=0.05)
    assert over == 400
    assert growth_mb(idle) == (0, 0)
    for samples, grows in ((warms_up, False), (leaks, True), (idle, False)):
        memory = race(replace(shown(0.8, 2), memory=samples))["contenders"][0]["memory"]
        assert memory["grows"] is grows
        assert (memory["answered"][-1], memory["mb"][-1]) == (samples[-1].answered, samples[-1].mb)
        assert len(memory["mb"]) <= 41


def test_in_a_peak_who_is_refused_is_told_apart_from_who_waits_in_vain() -> None:
    peak = [Answer(0, 0.1, 200)] * 70 + [Answer(0, 0.001, 503)] * 10 + [Answer(0, 10, 0)] * 20
    made = race(replace(shown(0.8, 2), peak=peak))
    assert made["contenders"][0]["peak"] == pytest.approx(
        {"requests": 100, "failed": 0.3, "refused": 0.1, "p50_ms": 100, "p95_ms": 100}
    )
    assert "| 30.0 % | 33 % | 100 ms | 100 ms |" in made["table"]


def test_a_peak_in_which_nobody_is_answered_has_no_latency() -> None:
    made = race(replace(shown(0.8, 2), peak=[Answer(0, 10, 0)] * 5))
    assert "| 100.0 % | 0 % | – | – |" in made["table"]


def test_each_claim_can_be_reached() -> None:
    made = race()
    assert [claim["what"] for claim in made["claims"] if not claim["reached"]] == []
    assert claim(made, "requests per second")["got"] == "50 → 500, 10.0 times as many"
    assert "**no**" not in made["claims_table"]


@pytest.mark.parametrize(
    ("missed", "last"),
    [
        ("mean latency", shown(0.5, 0.2, hits=60)),
        ("requests per second", shown(0.5, 0.21, hits=86)),
        ("memory", replace(shown(0.5, 0.2, hits=86), memory=[replace(one, mb=401) for one in FLAT])),
        ("memory", replace(shown(0.5, 0.2, hits=86), memory=[Sample(n, 100 + n / 10) for n in range(300)])),
        ("errors in a peak", shown(0.5, 0.2, hits=86, failed=10)),
        ("cache hits", shown(0.5, 0.2, hits=84)),
        ("calls to the model", shown(0.5, 0.2, hits=60)),
        ("CPU", shown(0.5, 0.2, hits=86, cpu=1.5)),
    ],
)
def test_each_claim_can_be_missed(missed: str, last: Shown) -> None:
    made = race(last=last)
    assert not claim(made, missed)["reached"]
    (row,) = (row for row in made["claims_table"].splitlines() if row.startswith(f"| {missed} |"))
    assert "**no**" in row


def test_a_slow_check_of_a_token_misses_its_claim_and_the_row_says_what_it_took_before() -> None:
    made = race(authentication=authentication(pooled=3, warm=1.2))
    token = claim(made, "checking a token")
    assert not token["reached"]
    assert token["got"] == "3.0 ms → 1.200 ms"
    assert "80.0 ms" in token["remark"]


def test_a_check_of_a_token_asks_the_database_until_the_cache_knows_it(tmp_path: Path) -> None:
    ways = {way["name"]: way for way in asyncio.run(measure(f"sqlite:///{tmp_path / 'accounts.db'}", callers=20))}
    assert list(ways) == [EACH_CONNECTING, EMPTY, WARM]
    assert all(0 < way["p50_ms"] <= way["p99_ms"] for way in ways.values())
    assert ways[WARM]["p50_ms"] < ways[EMPTY]["p50_ms"] / 5


# --- what is kept -----------------------------------------------------------------------------------------------------


def kept() -> Report:
    made: Report = json.loads((RESULTS / "before_after.json").read_text())
    return made


def test_the_kept_tables_are_made_from_the_kept_numbers() -> None:
    made = kept()
    assert table(made) == made["table"]
    assert claims(made) == made["claims"]
    assert claims_table(made) == made["claims_table"]


def test_the_kept_results_have_every_contender() -> None:
    assert [row["name"] for row in kept()["contenders"]] == list(setups(""))


def test_the_page_has_the_kept_tables() -> None:
    page = BEFORE_AFTER.read_text()
    assert with_before_after(page) == page, "run make reference"
    assert kept()["table"] in page
    assert kept()["claims_table"] in page


def test_the_kept_picture_is_made_from_the_kept_numbers_and_shows_every_contender() -> None:
    made = kept()
    picture = (RESULTS / "before_after.svg").read_text()
    assert picture == plot(made)
    texts = [text.text for text in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    for row in made["contenders"]:
        assert texts.count(row["name"]) == 4, "three bars and a line"
