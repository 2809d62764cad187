"""What such a service is said to gain over a first version, beside what was measured.

In: a report. Out: the claims, for JSON, and as a Markdown table made only from those. The first version is "before",
demo 5 in production is "after". Where a claim has a ratio, the ratio counts: absolute times depend on the model.
"""

from typing import Any

from loadtests.before_after.authentication import EACH_CONNECTING, EMPTY, WARM
from loadtests.before_after.contenders import DEFAULTS, LAST, NAIVE

Report = dict[str, Any]


def claims(report: Report) -> list[Report]:
    """Each claim with what was measured, and whether that is as much."""
    rows = {row["name"]: row for row in report["contenders"]}
    before, after = rows[NAIVE], rows[LAST]
    slow, quick = before["many"], after["many"]
    ways = {way["name"]: way for way in report["authentication"]["ways"]}
    possible = report["repeats"]["many"]
    less, times = 1 - quick["mean_ms"] / slow["mean_ms"], quick["rps"] / slow["rps"]
    cpu = 1 - after["cpu_s_per_1000"] / before["cpu_s_per_1000"]
    return [
        _claim(
            "mean latency",
            "800 ms → 150 ms, 81 % less",
            f"{slow['mean_ms']:,.0f} ms → {quick['mean_ms']:,.0f} ms, {percent(less)} less",
            less >= 0.81,
        ),
        _claim(
            "requests per second",
            "50 → 500 and more, 10 times as many",
            f"{slow['rps']:,.0f} → {quick['rps']:,.0f}, {times:.1f} times as many",
            times >= 10,
        ),
        _claim(
            "memory",
            "grew without end → stable at 400 MB",
            f"{_grown(before['memory'])} → {_grown(after['memory'])}",
            not after["memory"]["grows"] and after["memory"]["last_mb"] <= 400,
        ),
        _claim(
            "errors in a peak",
            "5 to 10 % → less than 1 %",
            f"{percent(before['peak']['failed'], 1)} → {percent(after['peak']['failed'], 1)}",
            after["peak"]["failed"] < 0.01,
            f"with the default settings and no fallback {percent(rows[DEFAULTS]['peak']['failed'], 1)}",
        ),
        _claim(
            "cache hits",
            "0 % → 85 %",
            f"{percent(slow['hit_rate'])} → {percent(quick['hit_rate'])}",
            quick["hit_rate"] >= 0.85,
            f"no cache of answers can have more than {percent(possible)} of this traffic",
        ),
        _claim(
            "calls to the model", "80 % fewer", f"{percent(quick['saved'])} fewer", quick["saved"] >= 0.8, "as above"
        ),
        _claim(
            "latency of a cache hit",
            "500 ms → 50 ms",
            f"{after['miss_ms']:,.0f} ms → {after['hit_ms']:.1f} ms",
            after["hit_ms"] <= 50,
        ),
        _claim("CPU", "30 % less", f"{percent(cpu)} less per request", cpu >= 0.3),
        _claim(
            "checking a token",
            "50 to 100 ms → less than 1 ms",
            f"{ways[EMPTY]['p50_ms']:.1f} ms → {ways[WARM]['p50_ms']:.3f} ms",
            ways[WARM]["p50_ms"] < 1,
            f"with a new connection for each check, it took {ways[EACH_CONNECTING]['p50_ms']:.1f} ms",
        ),
    ]


def _claim(what: str, claimed: str, got: str, reached: bool, remark: str = "") -> Report:
    return {"what": what, "claimed": claimed, "got": got, "reached": reached, "remark": remark}


def _grown(memory: Report) -> str:
    if memory["grows"]:
        return f"{memory['last_mb']:.0f} MB, growing"
    return f"stable at {memory['last_mb']:.0f} MB"


def claims_table(report: Report) -> str:
    lines = ["| | claimed | measured: first version → demo 5 in production | reached | |", "|---|---|---|---|---|"]
    for claim in report["claims"]:
        reached = "yes" if claim["reached"] else "**no**"
        lines.append(f"| {claim['what']} | {claim['claimed']} | {claim['got']} | {reached} | {claim['remark']} |")
    return "\n".join(lines)


def percent(share: float, digits: int = 0) -> str:
    return f"{share * 100:.{digits}f} %"
