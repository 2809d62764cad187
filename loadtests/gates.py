"""What a load scenario must show: gates over the raw records of every request that it sent.

A scenario file calls `judge_with(...)`. When Locust quits, the gates are printed as one line of JSON, and they decide
its exit status. Knows nothing of what the requests were.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from locust import events
from locust.env import Environment

from loadtests.gate import Gate as Gate
from loadtests.gate import percentile as percentile


@dataclass(slots=True, frozen=True)
class Record:
    """One request as the client saw it. `answer` is the reply's JSON, None without one."""

    name: str
    latency_ms: float
    failure: str | None
    answer: Any = None


Judge = Callable[[Sequence[Record]], list[Gate]]
Summarise = Callable[[Sequence[Record]], dict[str, float]]
Remark = Callable[[], list[str]]

records: list[Record] = []


def judge_with(judge: Judge, summarise: Summarise | None = None, remark: Remark | None = None) -> None:
    """Have `judge` look at every record when the run ends, and `summarise` (`summary` by default) summarise them.

    `remark` returns lines for the person who reads the gates.
    """

    def keep(name: str, response_time: float, exception: Exception | None, response: Any, **_: Any) -> None:
        failure = str(exception) if exception else None
        records.append(Record(name, response_time, failure, _json(getattr(response, "text", None))))

    def close(environment: Environment, **_: Any) -> None:
        gates = judge(records)
        environment.process_exit_code = int(not all(gate.passed for gate in gates))
        report: dict[str, Any] = {
            "summary": (summarise or summary)(records),
            "gates": [asdict(gate) for gate in gates],
        }
        print(json.dumps(report | ({"remarks": remark()} if remark else {})))

    events.request.add_listener(keep)  # type: ignore[no-untyped-call]
    events.quitting.add_listener(close)  # type: ignore[no-untyped-call]


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        return None


def summary(records: Sequence[Record]) -> dict[str, float]:
    """Requests, failures, and the latencies' percentiles in milliseconds."""
    latencies = sorted(record.latency_ms for record in records) or [0.0]
    return {
        "requests": len(records),
        "failures": sum(record.failure is not None for record in records),
        "p50_ms": round(percentile(latencies, 50), 1),
        "p95_ms": round(percentile(latencies, 95), 1),
        "p99_ms": round(percentile(latencies, 99), 1),
    }
