"""The results of a race, for machines and for people: medians, ratios within a round, and the bars of the design.

In: the rounds, and what sizes cost. Out: a dictionary for JSON, and Markdown made only from that dictionary.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from loadtests.bench.cores import machine
from loadtests.bench.race import CONNECTIONS, Pace, Results, Shown
from loadtests.bench.sizes import STREAMS, Sizes

CONDITIONS = (
    "All contenders run on the same core, with one worker or thread each, on `/v1/chat/completions`; upstreams and "
    "load have another core. *Governed* means that a gateway checks keys, keeps limits, writes a log of requests in "
    "JSON and counts for Prometheus, by its own means; [Results]({results}) says what each of them does. Pass-throughs "
    "and plain peers only relay. This gateway runs with every layer: the caller has a token, limits are too high to "
    "matter, the cache is bypassed because no temperature is set, and one trace in ten is kept and sent. A chunk's CPU "
    "is measured with {streams} streams of {chunks} chunks, {apart_ms} ms apart, so that each chunk arrives alone: "
    "savings on chunks that arrive together do not show here. Memory is the larger of two values, after the load and "
    "after {streams_in_all} streams. Portkey waits 25 ms before it relays the first chunk of a stream."
)
RESULTS = "docs/results.md"

Report = dict[str, Any]
Row = dict[str, Any]

OURS, UNWATCHED = "this gateway", "the same, unwatched"
PASSTHROUGH, SAME_CLIENT = "bare pass-through", "bare pass-through, our client"
ENVOY, ENVOY_GOVERNED = "Envoy", "Envoy, governed"
SMG, SMG_GOVERNED = "SMG", "SMG, governed"
VLLM_ROUTER, PORTKEY = "vLLM router", "Portkey gateway"
LITELLM, LITELLM_GOVERNED = "LiteLLM proxy", "LiteLLM proxy, governed"


def report(results: Results, pace: Pace, sizes: Sizes) -> Report:
    """The report of a race in which our gateway took part."""
    gateway = results.shown[OURS]
    made: Report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "upstream": {
            "p50_us": statistics.median(direct.p50_us for direct in results.direct),
            "p99_us": statistics.median(direct.p99_us for direct in results.direct),
            "first_token_ms": statistics.median(results.direct_first_token_ms),
        },
        "pace": asdict(pace),
        "contenders": [_row(name, shown, gateway, results) for name, shown in results.shown.items()],
        "sizes": sizes.rows,
        "absent": [*results.absent, *sizes.absent],
    }
    made["bars"] = bars(made)
    made["table"] = table(made)
    made["governed_table"] = governed_table(made)
    made["sizes_table"] = sizes_table(made["sizes"])
    return made


def _row(name: str, shown: Shown, gateway: Shown, results: Results) -> Row:
    return {
        "name": name,
        "version": shown.version,
        "governed": shown.governance.complete,
        "governance": asdict(shown.governance),
        "connections": {str(connections): _load(shown, connections) for connections in CONNECTIONS},
        "ours_over_it": {str(connections): _ratio(gateway, shown, connections) for connections in CONNECTIONS},
        "our_cpu_over_its": {
            "request": _median_ratio(gateway.request_cpu_us, shown.request_cpu_us),
            "chunk": _median_ratio(gateway.chunk_cpu_us, shown.chunk_cpu_us),
        },
        "request_cpu_us": statistics.median(shown.request_cpu_us),
        "added_p50_us": _added(results, shown, "p50_us"),
        "added_p99_us": _added(results, shown, "p99_us"),
        "chunk_cpu_us": statistics.median(shown.chunk_cpu_us),
        "added_first_token_ms": _median_difference(shown.first_token_ms, results.direct_first_token_ms),
        "memory_mb": shown.memory_mb,
        "start_cpu_s": min(shown.start_cpu_s),  # the first start may compile
    }


def _load(shown: Shown, connections: int) -> Mapping[str, float]:
    rounds = shown.loads[connections]
    return {
        "rps": statistics.median(one.rps for one in rounds),
        "p50_us": statistics.median(one.p50_us for one in rounds),
        "p99_us": statistics.median(one.p99_us for one in rounds),
    }


def _ratio(gateway: Shown, other: Shown, connections: int) -> float:
    return _median_ratio([one.rps for one in gateway.loads[connections]], [one.rps for one in other.loads[connections]])


def _median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _added(results: Results, shown: Shown, what: str) -> float:
    return _median_difference(
        [getattr(one, what) for one in shown.loads[1]], [getattr(direct, what) for direct in results.direct]
    )


def _median_difference(through: list[float], directly: list[float]) -> float:
    return statistics.median(a - b for a, b in zip(through, directly, strict=True))


# --- the bars ---


def bars(report: Report) -> list[dict[str, Any]]:
    """The targets of our gateway, the first of the contenders. A bar that could not be measured is not met."""
    by_name = {row["name"]: row for row in report["contenders"]}
    ours = report["contenders"][0]
    at_16 = ours["connections"]["16"]

    def times(other: str, at_least: float) -> dict[str, Any]:
        row = by_name.get(other)
        got = None if row is None else row["ours_over_it"]["16"]
        return _bar(f"requests/s at 16 connections ÷ {other}", got, at_least, "≥", "×")

    def cpu(what: str, at_most: float) -> dict[str, Any]:
        row = by_name.get(PASSTHROUGH)
        got = None if row is None else row["our_cpu_over_its"][what]
        return _bar(f"CPU per {what} ÷ {PASSTHROUGH}, aiohttp", got, at_most, "≤", "×")

    return [
        times(SMG_GOVERNED, 1),
        times(ENVOY_GOVERNED, 0.35),
        times(SAME_CLIENT, 0.75),
        times(PORTKEY, 5),
        times(LITELLM, 60),
        times(UNWATCHED, 0.93),
        cpu("request", 1.2),
        cpu("chunk", 1.1),
        _bar("added latency, p50 at 1 connection", ours["added_p50_us"] / 1000, 0.25, "≤", " ms"),
        _bar("p99 ÷ p50, at 16 connections", at_16["p99_us"] / at_16["p50_us"], 3, "≤", "×"),
        _bar("added time to first token, p50", ours["added_first_token_ms"], 1, "≤", " ms"),
        _bar("resident memory", max(ours["memory_mb"].values()), 110, "≤", " MB"),
        _bar(f"memory of each of {STREAMS[-1]:,} open streams", _stream_kb(report), 20, "≤", " KB"),
        _bar("CPU time until it listens", ours["start_cpu_s"], 0.6, "≤", " s"),
    ]


def _stream_kb(report: Report) -> float | None:
    rows = (row for row in report["sizes"]["streams"] if row["name"] == OURS and row["size"] == STREAMS[-1])
    return next((row["kb_each"] for row in rows), None)


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


# --- the tables, in Markdown ---


def table(report: Report) -> str:
    """All contenders."""
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
    lines += ["", CONDITIONS.format(**pace, results=RESULTS)]
    return "\n".join(lines)


def governed_table(report: Report) -> str:
    """The contenders that govern, and how."""
    lines = [
        "| governed | requests/s at 16 | p50 | p99 | CPU per request | CPU per chunk | memory | callers | limits | log "
        "| metrics | traces |",
        "|---|--:|--:|--:|--:|--:|--:|---|---|---|---|---|",
    ]
    for row in report["contenders"]:
        if row["governed"]:
            at_16, governance = row["connections"]["16"], row["governance"]
            cells = [
                f"{row['name'].removesuffix(', governed')} ({row['version']})",
                f"{at_16['rps']:,.0f}",
                f"{at_16['p50_us'] / 1000:.1f} ms",
                f"{at_16['p99_us'] / 1000:.1f} ms",
                f"{row['request_cpu_us']:,.0f} µs",
                f"{row['chunk_cpu_us']:,.0f} µs",
                f"{max(row['memory_mb'].values()):.0f} MB",
                *(said or "none" for said in governance.values()),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def sizes_table(sizes: Mapping[str, list[Row]]) -> str:
    """What sizes cost: one table each for bodies, callers, workers and open streams."""
    return "\n\n".join(
        "\n".join(_sized(sizes[part], head, unit, cell))
        for part, head, unit, cell in (
            ("bodies", "CPU per request, by the size of its body", " KB", _cpu),
            ("callers", "CPU per request, by the number of callers (and of the first of each)", "", _cpu_and_first),
            ("workers", "CPU per request, by the number of workers on the one core", "", _cpu),
            ("streams", "memory of an open stream, by their number", "", _kilobytes),
        )
        if sizes[part]
    )


def _sized(rows: list[Row], head: str, unit: str, cell: Callable[[Row], str]) -> Iterator[str]:
    columns = sorted({row["size"] for row in rows})
    cells = {(row["name"], row["size"]): cell(row) for row in rows}
    yield f"| {head} | {' | '.join(f'{size:,}{unit}' for size in columns)} |"
    yield f"|---|{'--:|' * len(columns)}"
    for name in dict.fromkeys(row["name"] for row in rows):
        yield f"| {name} | {' | '.join(cells.get((name, size), 'not measured') for size in columns)} |"


def _cpu(row: Row) -> str:
    return f"{row['cpu_us']:,.0f} µs"


def _cpu_and_first(row: Row) -> str:
    first = row["first_cpu_us"]
    return _cpu(row) if first is None else f"{_cpu(row)} ({first:,.0f} µs)"


def _kilobytes(row: Row) -> str:
    return f"{row['kb_each']:.0f} KB"
