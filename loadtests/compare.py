"""`make load-compare A=… B=…`: the results of two load tests in one table, with their ratio.

In: two result.json files, or their folders. Out: the table; or one line on stderr and exit status 2 if a file is
missing, is not a result, or is of another scenario. Differences of a few percent are not named;
larger ones may be noise too.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadtests.report import OURS
from loadtests.timeline import printable

RESULT = "result.json"
HIGHER, LOWER = "higher", "lower"
NEARLY = 0.05  # of A: differences up to this are about the same
MEASURES = {
    "request_throughput": HIGHER,
    "request_goodput": HIGHER,
    "output_throughput": HIGHER,
    "goodput": HIGHER,  # the share, of ours
    "failed": LOWER,
    **{
        f"{column}_{name}_ms": LOWER for name in ("ttft", "tpot", "e2el") for column in ("mean", "median", "p95", "p99")
    },
}

Result = Mapping[str, Any]


class NotAResult(Exception):
    """One line that says what is wrong with a path."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make load-compare")
    parser.add_argument("a", metavar="A", help="a result.json, or its folder")
    parser.add_argument("b", metavar="B", help="another one, of the same scenario")
    options = parser.parse_args(arguments)
    try:
        print(compared(read("A", options.a), read("B", options.b)))
    except NotAResult as reason:
        print(reason, file=sys.stderr)
        return 2
    return 0


def read(name: str, path: str) -> Result:
    """The result at a path. Raises NotAResult."""
    file = Path(path) / RESULT if Path(path).is_dir() else Path(path)
    try:
        made = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotAResult(f"{name}={path}: there is no such file; make load-N prints the path of its report") from None
    except OSError as fault:
        raise NotAResult(f"{name}={path}: {fault.strerror}") from None
    except ValueError:
        raise NotAResult(f"{name}={path}: is not the result of a load test, not even JSON") from None
    if not _is_result(made):
        raise NotAResult(f"{name}={path}: is not the result of a load test; make load-N writes {RESULT}")
    return dict(made)


def _is_result(made: Any) -> bool:
    """All that `compared` reads is there, and has the right type."""
    ours = made.get(OURS) if isinstance(made, dict) else None
    if not isinstance(ours, dict) or not isinstance(ours.get("scenario"), int):
        return False
    if not all(isinstance(ours.get(part), dict) for part in ("settings", "service", "versions")):
        return False
    numbers = [ours.get("goodput") if name == "goodput" else made.get(name, "") for name in MEASURES]
    return isinstance(made.get("date"), str) and all(one is None or isinstance(one, int | float) for one in numbers)


def compared(a: Result, b: Result) -> str:
    """The table. Raises NotAResult if the two are not of the same scenario."""
    of_a, of_b = a[OURS]["scenario"], b[OURS]["scenario"]
    if of_a != of_b:
        raise NotAResult(
            f"A is of demo {of_a}, and B of demo {of_b}: only results of the same scenario can be compared"
        )
    lines = [f"demo {of_a}, A of {printable(a['date'])}, B of {printable(b['date'])}", ""]
    lines.append(f"{'':<20}{'A':>12}{'B':>12}{'B ÷ A':>9}   better")
    for name, better in MEASURES.items():
        if (measured := (_value(a, name), _value(b, name))) != (None, None):
            lines.append(_row(name, *measured, better))
    differences = [f"{name}: {one} in A, {other} in B" for name, one, other in _differences(a, b)]
    return "\n".join([*lines, "", *(differences or ["The same seed, settings and versions."])])


def _value(made: Result, name: str) -> float | None:
    value: float | None = made[OURS]["goodput"] if name == "goodput" else made[name]
    return value


def _row(name: str, a: float | None, b: float | None, better: str) -> str:
    ratio = "–" if a is None or b is None or not a else f"{b / a:.2f}"
    return f"{name:<20}{_shown(a):>12}{_shown(b):>12}{ratio:>9}   {better:<8}{_won(a, b, better)}".rstrip()


def _won(a: float | None, b: float | None, better: str) -> str:
    """The better one; nothing if they are about the same, or if one of them has no such number."""
    if a is None or b is None or abs(b - a) <= NEARLY * a:
        return ""
    return "B is better" if (b > a) == (better == HIGHER) else "A is better"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3g}" if value < 1 else f"{value:,.1f}"


def _differences(a: Result, b: Result) -> Iterator[tuple[str, str, str]]:
    """Whatever else may explain a ratio."""
    if a[OURS].get("seed") != b[OURS].get("seed"):
        yield "seed", str(a[OURS].get("seed")), str(b[OURS].get("seed"))
    if a[OURS].get("machine") != b[OURS].get("machine"):
        yield "machine", printable(str(a[OURS].get("machine"))), printable(str(b[OURS].get("machine")))
    for part in ("settings", "service", "versions"):
        one, other = a[OURS][part], b[OURS][part]
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name):
                shown_one, shown_other = (printable(str(each.get(name, "not set"))) for each in (one, other))
                yield printable(name), shown_one, shown_other


if __name__ == "__main__":
    sys.exit(main())
