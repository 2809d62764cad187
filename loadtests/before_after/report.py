"""The results for machines and for people: medians of the rounds, whether memory grows, what a peak does.

In: what each contender showed. Out: a dictionary for JSON, and Markdown made only from that dictionary.
"""

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from loadtests.before_after.claims import Report, claims, claims_table, percent
from loadtests.before_after.crowd import PATIENCE, Answer
from loadtests.before_after.questions import DIFFERENT, EXPONENT, SEED, ranks, repeats
from loadtests.before_after.race import Answered, Pace, Sample, Shown
from loadtests.bench.cores import machine
from loadtests.gate import percentile
from shared.memory.trend import LEAST_GROWTH, LEAST_SHARE

FREE = ("hit", "coalesced")  # answers that cost no call to the model
SETTLED = 1 / 3  # of the answers: until then, imports and pools still fill memory
POINTS = 40  # of a line of memory, in the JSON and in the picture

CONDITIONS = (
    "All contenders run on the same core, one worker each, and take turns; the load and the model have another core. "
    "The model is a simulator: an answer of 40 tokens takes it half a second (log-normal, sigma 0.2), and it takes any "
    "number of calls at once. The traffic is {different:,} different questions at temperature 0, drawn by Zipf's law "
    "with exponent {exponent:g} and seed {seed}: the same in each round and for everybody, and new to the caches when "
    "a round begins. {few_people} people ask {few_questions} questions, then {many_people} people the next "
    "{many_questions}, each as soon as the last one is answered. A cache hit is an answer that was kept; equal "
    "questions at the same time also share one call. CPU and memory are the service's, over both loads. Memory grows "
    "if a line through the last two thirds of its samples rises by more than {least_mb:g} MB and {least_share}. In the "
    "peak, measured once, requests come at random moments, {calm_rps:g} per second, and for {burst:g} s {burst_rps:g} "
    "per second. From second {bad_after:g} of these on, and for {bad:g} s, the model is {slower:g} s slower, and "
    "answers {failing} of its calls with a 503. An answer that is not a 200, or takes more than {patience:g} s, is an "
    "error. It is refused if the caller was told so, and did not wait in vain."
)


def report(results: Mapping[str, Shown], authentication: Mapping[str, Any], pace: Pace) -> Report:
    asked = ranks(pace.few.questions + pace.many.questions)
    made: Report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "pace": asdict(pace),
        "patience": PATIENCE,
        "traffic": {"different": DIFFERENT, "exponent": EXPONENT, "seed": SEED},
        "repeats": {"few": repeats(asked[: pace.few.questions]), "many": repeats(asked, pace.few.questions)},
        "contenders": [_row(name, shown) for name, shown in results.items()],
        "authentication": authentication,
    }
    made["claims"] = claims(made)
    return made | {"table": table(made), "claims_table": claims_table(made)}


def _row(name: str, shown: Shown) -> Report:
    answered = sum(len(load.answers) for load in (*shown.few, *shown.many)) / len(shown.many)
    return {
        "name": name,
        "version": shown.version,
        "few": _load(shown.few),
        "many": _load(shown.many),
        "hit_ms": _median_ms([*shown.few, *shown.many], "hit"),
        "miss_ms": _median_ms([*shown.few, *shown.many], "miss"),
        "cpu_s_per_1000": statistics.median(shown.cpu_seconds) / answered * 1000,
        "memory": _memory(shown.memory) | {"peak_mb": max(sample.mb for sample in shown.peak_memory)},
        "peak": _peak(shown.peak),
    }


def _load(rounds: Sequence[Answered]) -> Report:
    """Medians of the rounds."""
    found = [_one_round(load) for load in rounds]
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _one_round(load: Answered) -> dict[str, float]:
    good = sorted(answer.seconds * 1000 for answer in load.answers if answer.good)
    caches = Counter(answer.cache for answer in load.answers if answer.good)
    return {
        "rps": len(good) / load.seconds,
        **_latencies(good),
        "hit_rate": caches["hit"] / len(load.answers),
        "saved": sum(caches[name] for name in FREE) / len(load.answers),
        "failed": 1 - len(good) / len(load.answers),
    }


def _latencies(ordered: Sequence[float]) -> dict[str, float]:
    return {
        "mean_ms": statistics.fmean(ordered),
        "p50_ms": percentile(ordered, 50),
        "p95_ms": percentile(ordered, 95),
        "p99_ms": percentile(ordered, 99),
    }


def _median_ms(rounds: Sequence[Answered], cache: str) -> float | None:
    times = [answer.seconds * 1000 for load in rounds for answer in load.answers if answer.cache == cache]
    return statistics.median(times) if times else None


def _memory(samples: Sequence[Sample]) -> Report:
    growth, settled = growth_mb(samples)
    step = max(1, -(-len(samples) // POINTS))
    shown = [*samples[:-1:step], samples[-1]]
    return {
        "first_mb": samples[0].mb,
        "last_mb": samples[-1].mb,
        "growth_mb": growth,
        "over_answers": settled,
        "grows": growth > max(LEAST_GROWTH / 1e6, LEAST_SHARE * samples[-1].mb),  # as demo 5 judges itself
        "answered": [sample.answered for sample in shown],
        "mb": [round(sample.mb, 1) for sample in shown],
    }


def growth_mb(samples: Sequence[Sample]) -> tuple[float, int]:
    """By how much a line through the settled samples rises, in megabytes, and over how many answers."""
    settled = [sample for sample in samples if sample.answered >= samples[-1].answered * SETTLED]
    answered = [float(sample.answered) for sample in settled]
    over = settled[-1].answered - settled[0].answered
    if not over:
        return 0.0, 0
    return statistics.linear_regression(answered, [sample.mb for sample in settled]).slope * over, over


def _peak(answers: Sequence[Answer]) -> Report:
    good = sorted(answer.seconds * 1000 for answer in answers if answer.good)
    refused = sum(answer.status != 0 and not answer.good for answer in answers)
    return {
        "requests": len(answers),
        "failed": 1 - len(good) / len(answers),
        "refused": refused / len(answers),
        "p50_ms": percentile(good, 50) if good else None,
        "p95_ms": percentile(good, 95) if good else None,
    }


def table(report: Report) -> str:
    """The contenders and the authentication for people, in Markdown."""
    pace = report["pace"]
    conditions = CONDITIONS.format(
        **{f"{load}_{name}": value for load in ("few", "many") for name, value in pace[load].items()},
        **pace["peak"] | {"failing": percent(pace["peak"]["failing"])},
        **report["traffic"],
        patience=report["patience"],
        least_mb=LEAST_GROWTH / 1e6,
        least_share=percent(LEAST_SHARE),
    )
    return "\n\n".join(
        [
            f"{report['date']}, {report['machine']}; medians of {pace['rounds']} rounds.",
            *(_loads(report, load) for load in ("few", "many")),
            _costs(report),
            conditions,
            _authentication(report["authentication"]),
        ]
    )


def _loads(report: Report, load: str) -> str:
    people, possible = report["pace"][load]["people"], report["repeats"][load]
    lines = [
        f"| {people} people at a time | requests/s | mean | p50 | p95 | p99 "
        f"| cache hits (possible: {percent(possible)}) | errors |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in report["contenders"]:
        found = row[load]
        times = [f"{found[name]:,.0f} ms" for name in ("mean_ms", "p50_ms", "p95_ms", "p99_ms")]
        cells = [f"{found['rps']:,.0f}", *times, percent(found["hit_rate"]), percent(found["failed"], 1)]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _costs(report: Report) -> str:
    lines = [
        "| | CPU per 1,000 requests | memory, first → last | grows | most memory in the peak | errors in the peak "
        "| of these refused | p50 of the others | p95 |",
        "|---|--:|--:|---|--:|--:|--:|--:|--:|",
    ]
    for row in report["contenders"]:
        memory, peak = row["memory"], row["peak"]
        cells = [
            f"{row['cpu_s_per_1000']:.2f} s",
            f"{memory['first_mb']:.0f} → {memory['last_mb']:.0f} MB",
            f"{memory['growth_mb']:+.1f} MB in {memory['over_answers']:,} requests" if memory["grows"] else "no",
            f"{memory['peak_mb']:.0f} MB",
            percent(peak["failed"], 1),
            percent(peak["refused"] / peak["failed"]) if peak["failed"] else "–",
            *("–" if peak[name] is None else f"{peak[name]:,.0f} ms" for name in ("p50_ms", "p95_ms")),
        ]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _authentication(found: Mapping[str, Any]) -> str:
    lines = [f"| checking a token in {found['database']}, {found['callers']} callers | p50 | p99 |", "|---|--:|--:|"]
    lines += [f"| {way['name']} | {way['p50_ms']:.3f} ms | {way['p99_ms']:.3f} ms |" for way in found["ways"]]
    return "\n".join(lines)
