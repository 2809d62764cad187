"""Whose CPU time a request takes: of the engine, of the server that it has, of what is between, of what runs beside.

In: the process that all of a contender descends from. Out: CPU seconds by part, as the kernel counts them: they hardly
depend on who else uses the machine. Knows what processes of vLLM and Ray call themselves.
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
    "server": "speaks HTTP, knows the chat template, makes text of tokens",
    "between": "proxies and routers on the way",
    "beside": "Ray and Serve, whatever is asked",
}
# The first that is found in how a process calls itself.
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
    """So far, of `pid` and all that descends from it. Of processes that ended, nothing."""
    used: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            name = " ".join(process.cmdline()) or process.name()
            used[part_of(name)] += time.clock_gettime(_clock(process.pid))
    return used


def resident_mb(pid: int) -> float:
    """Of all of them together, shared pages counted in each."""
    total = 0
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 1e6


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop all of them for a while: what idles is not free, and its neighbour would have to pay for it."""
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
    """Of a process that calls itself so."""
    return next((part for known, part in NAMES if known in name), "beside")


def _clock(pid: int) -> int:
    # What clock_getcpuclockid(3) returns, which Python does not offer.
    return (~pid << 3) | 2
