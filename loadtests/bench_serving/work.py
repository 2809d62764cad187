"""The CPU time of a request, by its use: in the engine, in its server, between client and server, and beside them.

In: the process from which a whole contender descends. Out: CPU seconds by part, as the kernel counts them: other users
of the machine hardly affect them. Knows how vLLM and Ray name their processes.
"""

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import Literal

import psutil

Part = Literal["engine", "server", "between", "beside"]
PARTS: dict[Part, str] = {
    "engine": "computes",
    "server": "speaks HTTP, knows the chat template, turns tokens into text",
    "between": "proxies and routers on the way",
    "beside": "Ray and Serve, whatever is asked",
}
# The first one found in the name of a process.
NAMES: tuple[tuple[str, Part], ...] = (
    ("VLLM::", "engine"),
    ("LLMRouter", "between"),
    ("OpenAiIngress", "between"),
    ("ProxyActor", "between"),
    ("HAProxy", "between"),
    ("haproxy", "between"),
    ("ServeReplica", "server"),
    ("vllm.entrypoints.openai.api_server", "server"),
)
SETTLE_SECONDS = 0.5


def cpu_seconds(pid: int) -> dict[Part, float]:
    """CPU time so far, of `pid` and all its descendants. Processes that have ended do not count."""
    used: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            name = " ".join(process.cmdline()) or process.name()
            used[part_of(name)] += time.clock_gettime(_clock(process.pid))
    return used


def resident_mb(pid: int) -> float:
    """Memory of all of them together, with shared pages counted in each."""
    total = 0
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 1e6


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop all of them for a while: even an idle process costs CPU, at the expense of its neighbour."""
    family = _family(pid)
    _signal(family, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(family, signal.SIGCONT)
        time.sleep(SETTLE_SECONDS)  # all their timers have run out


def _family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal(family: list[psutil.Process], number: signal.Signals) -> None:
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def part_of(name: str) -> Part:
    """The part to which a process with this name belongs."""
    return next((part for known, part in NAMES if known in name), "beside")


def _clock(pid: int) -> int:
    # What clock_getcpuclockid(3) returns, which Python does not offer.
    return (~pid << 3) | 2
