"""What a race showed, for machines and for people: medians, and ratios within a round.

In: the rounds. Out: a dictionary for JSON, and a table in Markdown made from nothing but it.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from loadtests.bench.cores import machine
from loadtests.bench_serving.client import LONGEST, Load
from loadtests.bench_serving.contenders import PLAIN, TUNED
from loadtests.bench_serving.race import CONNECTIONS, Pace, Results, Shown
from loadtests.bench_serving.work import PARTS, Part

AT_LEAST = 0.85  # of the throughput of vLLM alone
CONDITIONS = (
    f"`vllm bench serve` asks real questions, {CONNECTIONS} at a time, answers of at most {LONGEST} tokens (38 in the "
    "mean), temperature 0. The load generator, the servers and the engine share the machine. One replica, one engine "
    "process, the same engine arguments for all. vLLM alone took turns with each of them, the other one frozen; "
    "“÷ alone” is within a round. First token: one request at a time, against vLLM alone. CPU: of a request; “between” "
    "are proxies, routers and an ingress in Python, “beside” is the rest of Ray."
)

Report = dict[str, Any]


def report(results: Results, pace: Pace) -> Report:
    shown = results.shown.values()
    alone = [load for one in shown for load in one.busy_alone]
    single = [load for one in shown for load in one.single_alone]
    made: Report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "pace": asdict(pace),
        "connections": CONNECTIONS,
        "contenders": [
            _row(PLAIN, results.alone, alone, single) | {"over_alone": 1.0, "added_first_token_ms": 0.0},
            *(_compared(name, one) for name, one in results.shown.items()),
        ],
    }
    made["table"] = table(made)
    return made


def _row(name: str, shown: Shown, busy: Sequence[Load], single: Sequence[Load]) -> Report:
    return {
        "name": name,
        "buys": shown.buys,
        "rps": _median(busy, lambda load: load.rps),
        "tokens_per_second": _median(busy, lambda load: load.tokens_per_second),
        "first_token_ms": _median(single, lambda load: load.first_token_ms),
        "busy_first_token_ms": _median(busy, lambda load: load.first_token_ms),
        "busy_latency_ms": _median(busy, lambda load: load.latency_ms),
        "busy_latency_p99_ms": _median(busy, lambda load: load.latency_p99_ms),
        "failed": sum(load.failed for load in [*busy, *single]),
        "cpu_ms": _parts(shown.cpu_ms),
        "start_seconds": shown.start_seconds,
        "memory_mb": shown.memory_mb,
    }


def _compared(name: str, shown: Shown) -> Report:
    """A way to serve, beside vLLM alone in the same rounds."""
    busy = list(zip(shown.busy, shown.busy_alone, strict=True))
    single = list(zip(shown.single, shown.single_alone, strict=True))
    return _row(name, shown, shown.busy, shown.single) | {
        "over_alone": statistics.median(one.rps / alone.rps for one, alone in busy),
        "over_alone_each_round": [round(one.rps / alone.rps, 3) for one, alone in busy],
        "added_first_token_ms": statistics.median(one.first_token_ms - alone.first_token_ms for one, alone in single),
    }


def _median(loads: Sequence[Load], what: Callable[[Load], float]) -> float:
    return statistics.median(what(load) for load in loads)


def _parts(rounds: Sequence[Mapping[Part, float]]) -> dict[Part, float]:
    return {part: statistics.median(one[part] for one in rounds) for part in PARTS}


def verdict(report: Report) -> str:
    """The bar for people, and what CPU time says of it."""
    rows = {row["name"]: row for row in report["contenders"]}
    ours, alone = rows[TUNED], rows[PLAIN]
    got = ours["over_alone"]
    more = sum(ours["cpu_ms"].values()) - sum(alone["cpu_ms"].values())
    return (
        f"{'✓' if got >= AT_LEAST else '✗'} Ray Serve ÷ vLLM alone, requests a second: {got:.2f} (≥ {AT_LEAST})\n"
        f"  a request takes {more:.1f} ms more CPU, its first token comes {ours['added_first_token_ms']:.1f} ms later"
    )


def table(report: Report) -> str:
    """The contenders for people, in Markdown."""
    pace = report["pace"]
    lines = [
        f"{report['date']}, {report['machine']}; medians of {pace['rounds']} rounds, ratios within a round.",
        "",
        "| | requests/s | ÷ alone | first token, one alone | added | latency p50 / p99 | CPU: engine | server | "
        "between | beside | start | memory |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in report["contenders"]:
        itself = row["name"] == PLAIN
        cells = [
            f"{row['rps']:.1f}",
            f"{row['over_alone']:.2f}",
            f"{row['first_token_ms']:.1f} ms",
            "" if itself else f"{row['added_first_token_ms']:+.1f} ms",
            f"{row['busy_latency_ms']:.0f} / {row['busy_latency_p99_ms']:.0f} ms",
            *(f"{row['cpu_ms'][part]:.1f} ms" for part in PARTS),
            f"{row['start_seconds']:.0f} s",
            f"{row['memory_mb'] / 1000:.1f} GB",
        ]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    lines += [f"\n{row['name']}: {row['failed']} requests failed" for row in report["contenders"] if row["failed"]]
    lines += ["", CONDITIONS]
    return "\n".join(lines)
