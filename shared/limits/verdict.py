"""The answer of a limiter, and the interface of every limiter."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from shared.limits.allowance import Limits
from shared.limits.window import Reading

Settle = Callable[[int], None]  # takes the tokens that were really used


class Verdict(NamedTuple):
    """`limits` are those that applied, divided among workers if necessary. Call `settle` once, at the end."""

    limits: Limits
    reading: Reading
    settle: Settle


def nothing_to_settle(used: int) -> None:
    """For a request that was not admitted."""


class Limiter(Protocol):
    """Keeps counts by key."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict: ...

    async def look(self, key: str, limits: Limits) -> Verdict: ...
