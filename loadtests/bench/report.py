"""The results of a race, for machines and for people: medians, ratios within a round, and the bars of the design.

In: the rounds. Out: a dictionary for JSON, and a Markdown table made only from that dictionary.
"""

import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from loadtests.bench.cores import machine
from loadtests.bench.race import CONNECTIONS, Pace, Results, Shown

CONDITIONS = (
    "All contenders run on the same core, with one worker each, on `/v1/chat/completions`; upstreams and load have "
    "another core. This gateway runs with every layer: the caller has a token, limits are too high to matter, the "
    "cache is bypassed because no temperature is set, and one trace in ten is kept and sent. A chunk's CPU is "
    "measured with {streams} streams of {chunks} chunks, {apart_ms} ms apart, so that each chunk arrives alone: "
    "savings on chunks that arrive together do not show here. Memory is the larger of two values, after the load and "
    "after {streams_in_all} streams. Portkey waits 25 ms before it relays the first chunk of a stream."
)

Report = dict[str, Any]

UNWATCHED = "the same, unwatched"
PASSTHROUGH, PORTKEY, LITELLM = "bare pass-through", "Portkey gateway", "LiteLLM proxy"


def report(results: Results, ours: str, pace: Pace) -> Report:
    """The report of a race in which `ours` took part."""
    gateway = results.shown[ours]
    contenders = [
        {
            "name": name,
            "version": shown.version,
            "connections": {str(connections): _load(shown, connections) for connections in CONNECTIONS},
            "ours_over_it": {str(connections): _ratio(gateway, shown, connections) for connections in CONNECTIONS},
            "request_cpu_us": statistics.median(shown.request_cpu_us),
            "added_p50_us": _added(results, shown, "p50_us"),
            "added_p99_us": _added(results, shown, "p99_us"),
            "chunk_cpu_us": statistics.median(shown.chunk_cpu_us),
            "added_first_token_ms": _median_difference(shown.first_token_ms, results.direct_first_token_ms),
            "memory_mb": shown.memory_mb,
        }
        for name, shown in results.shown.items()
    ]
    made: Report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "upstream": {
            "p50_us": statistics.median(direct.p50_us for direct in results.direct),
            "p99_us": statistics.median(direct.p99_us for direct in results.direct),
            "first_token_ms": statistics.median(results.direct_first_token_ms),
        },
        "pace": asdict(pace),
        "contenders": contenders,
        "absent": results.absent,
    }
    made["bars"] = bars(made)
    made["table"] = table(made)
    return made


def _load(shown: Shown, connections: int) -> Mapping[str, float]:
    rounds = shown.loads[connections]
    return {
        "rps": statistics.median(one.rps for one in rounds),
        "p50_us": statistics.median(one.p50_us for one in rounds),
        "p99_us": statistics.median(one.p99_us for one in rounds),
    }


def _ratio(gateway: Shown, other: Shown, connections: int) -> float:
    pairs = zip(gateway.loads[connections], other.loads[connections], strict=True)
    return statistics.median(ours.rps / theirs.rps for ours, theirs in pairs)


def _added(results: Results, shown: Shown, what: str) -> float:
    return _median_difference(
        [getattr(one, what) for one in shown.loads[1]], [getattr(direct, what) for direct in results.direct]
    )


def _median_difference(through: list[float], directly: list[float]) -> float:
    return statistics.median(a - b for a, b in zip(through, directly, strict=True))


def bars(report: Report) -> list[dict[str, Any]]:
    """The targets of our gateway, the first of the contenders. A bar that could not be measured is not met."""
    by_name = {row["name"]: row for row in report["contenders"]}
    ours = report["contenders"][0]

    def times(other: str, at_least: float) -> dict[str, Any]:
        row = by_name.get(other)
        got = None if row is None else row["ours_over_it"]["16"]
        return _bar(f"requests/s at 16 connections ÷ {other}", got, at_least, "≥", "×")

    return [
        times(LITELLM, 20),
        times(PORTKEY, 2.5),
        times(PASSTHROUGH, 0.5),
        times(UNWATCHED, 0.85),
        _bar("added latency, p50 at 1 connection", ours["added_p50_us"] / 1000, 1, "≤", " ms"),
        _bar("CPU per relayed chunk", ours["chunk_cpu_us"], 100, "≤", " µs"),
        _bar("added time to first token, p50", ours["added_first_token_ms"], 2, "≤", " ms"),
        _bar("resident memory", max(ours["memory_mb"].values()), 120, "≤", " MB"),
    ]


def _bar(name: str, got: float | None, limit: float, relation: str, unit: str) -> dict[str, Any]:
    met = got is not None and (got >= limit if relation == "≥" else got <= limit)
    return {"name": name, "bar": f"{relation} {limit:g}{unit}", "got": got, "unit": unit, "met": met}


def verdict(report: Report) -> str:
    """The bars for people, one line each."""
    lines = []
    for bar in report["bars"]:
        got = "not measured" if bar["got"] is None else f"{bar['got']:.2f}{bar['unit']}"
        lines.append(f"{'✓' if bar['met'] else '✗'} {bar['name']}: {got} ({bar['bar']})")
    return "\n".join(lines)


def table(report: Report) -> str:
    """The contenders for people, in Markdown."""
    pace, upstream = report["pace"], report["upstream"]
    lines = [
        f"{report['date']}, {report['machine']}; medians of {pace['rounds']} rounds, ratios within a round. "
        f"The upstream, called directly: {upstream['p50_us'] / 1000:.2f} ms (p99 {upstream['p99_us'] / 1000:.2f} ms).",
        "",
        "| one core each | requests/s at 1 | at 16 | at 64 | ours ÷ theirs, at 16 | CPU per request | added p50 "
        "| added p99 | CPU per chunk | added time to first token | memory |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in report["contenders"]:
        rates = [f"{row['connections'][str(connections)]['rps']:,.0f}" for connections in CONNECTIONS]
        cells = [
            *rates,
            f"{row['ours_over_it']['16']:.2f}",
            f"{row['request_cpu_us']:,.0f} µs",
            f"{row['added_p50_us'] / 1000:.2f} ms",
            f"{row['added_p99_us'] / 1000:.2f} ms",
            f"{row['chunk_cpu_us']:,.0f} µs",
            f"{row['added_first_token_ms']:.2f} ms",
            f"{max(row['memory_mb'].values()):.0f} MB",
        ]
        lines.append(f"| {row['name']} ({row['version']}) | {' | '.join(cells)} |")
    lines += [f"\n{line}" for line in report["absent"]]
    lines += ["", CONDITIONS.format(**pace)]
    return "\n".join(lines)
