"""The results of a race, for machines and for people: medians, and ratios within a round.

In: the rounds. Out: a dictionary for JSON, and a Markdown table made only from that dictionary.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from loadtests.bench.cores import machine
from loadtests.bench_serving.client import LONGEST
from loadtests.bench_serving.contenders import BY_HAND, PLAIN, TUNED
from loadtests.bench_serving.race import CONNECTIONS, Pace, Results, Shown, Turn
from loadtests.bench_serving.work import PARTS

AT_LEAST = 0.85  # of the throughput of vLLM alone
CONDITIONS = (
    f"`vllm bench serve` asks real questions, {CONNECTIONS} at a time, for answers of at most {LONGEST} tokens (38 on "
    "average), at temperature 0. The load generator, the servers and the engine share the machine. All have one "
    "replica, one engine process and the same engine arguments. vLLM alone took turns with each of them; the other "
    "one was frozen. “÷ alone” is a ratio within a round. First token: one request at a time, against vLLM alone. CPU "
    "is per request; “between” means proxies, routers and an ingress in Python, “beside” is the rest of Ray."
)

Report = dict[str, Any]


def report(results: Results, pace: Pace) -> Report:
    alone = [alone for shown in results.shown.values() for _, alone in shown.rounds]
    made: Report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "pace": asdict(pace),
        "connections": CONNECTIONS,
        "contenders": [
            _row(PLAIN, results.alone, alone) | {"over_alone": 1.0, "added_first_token_ms": 0.0, "added_cpu_ms": 0.0},
            *(_compared(name, shown) for name, shown in results.shown.items()),
        ],
    }
    made["table"] = table(made)
    return made


def _row(name: str, shown: Shown, turns: Sequence[Turn]) -> Report:
    return {
        "name": name,
        "buys": shown.buys,
        "rps": statistics.median(turn.busy.rps for turn in turns),
        "tokens_per_second": statistics.median(turn.busy.tokens_per_second for turn in turns),
        "first_token_ms": statistics.median(turn.single.first_token_ms for turn in turns),
        "busy_first_token_ms": statistics.median(turn.busy.first_token_ms for turn in turns),
        "busy_latency_ms": statistics.median(turn.busy.latency_ms for turn in turns),
        "busy_latency_p99_ms": statistics.median(turn.busy.latency_p99_ms for turn in turns),
        "failed": sum(turn.single.failed + turn.busy.failed for turn in turns),
        "cpu_ms": {part: statistics.median(turn.cpu_ms[part] for turn in turns) for part in PARTS},
        "start_seconds": shown.start_seconds,
        "memory_mb": shown.memory_mb,
    }


def _compared(name: str, shown: Shown) -> Report:
    """One way to serve, compared with vLLM alone in the same rounds."""
    shares = [its.busy.rps / alone.busy.rps for its, alone in shown.rounds]
    later = [its.single.first_token_ms - alone.single.first_token_ms for its, alone in shown.rounds]
    more = [sum(its.cpu_ms.values()) - sum(alone.cpu_ms.values()) for its, alone in shown.rounds]
    return _row(name, shown, [its for its, _ in shown.rounds]) | {
        "over_alone": statistics.median(shares),
        "over_alone_each_round": [round(share, 3) for share in shares],
        "added_first_token_ms": statistics.median(later),
        "added_cpu_ms": statistics.median(more),
    }


def verdict(report: Report) -> str:
    """The bar for people, with what is deployed here, and where the difference comes from."""
    return "\n".join(
        f"{'✓' if row['over_alone'] >= AT_LEAST else '✗'} {row['name']} ÷ vLLM alone, requests per second: "
        f"{row['over_alone']:.2f} (≥ {AT_LEAST})\n"
        f"  a request takes {row['added_cpu_ms']:.1f} ms more CPU, "
        f"its first token comes {row['added_first_token_ms']:.1f} ms later"
        for row in _deployed(report)
    )


def passed(report: Report) -> bool:
    """Does one of the two deployments meet the bar?"""
    return any(row["over_alone"] >= AT_LEAST for row in _deployed(report))


def _deployed(report: Report) -> list[Report]:
    return [row for row in report["contenders"] if row["name"] in {TUNED, BY_HAND}]


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
