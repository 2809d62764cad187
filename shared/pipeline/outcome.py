"""How a call ended: what it used, what it cost, and why it stopped.

Told once to everyone who asked with `Call.on_done`.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.pipeline.errors import CLIENT_CLOSED_REQUEST, ServiceError


@dataclass(slots=True, frozen=True)
class Usage:
    """Tokens of one call. `estimated`: the upstream did not count, so we did (four characters a token)."""

    input: int = 0
    output: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output


class Ending(StrEnum):
    """How a call can end."""

    FINISHED = "finished"  # the whole answer was handed to the client
    FAILED = "failed"  # an error before the first token
    CUT = "cut"  # a stream that broke after its first token
    LEFT = "left"  # the client went away


@dataclass(slots=True, frozen=True)
class Outcome:
    """The end of a call, told once to everyone who registered with `Call.on_done`."""

    ending: Ending
    usage: Usage = Usage()
    cost_usd: float = 0.0
    price_source: str = ""  # "model" or "default", see prices.py; "cache" when it cost nothing; empty without an answer
    model: str = ""  # the model that answered
    response_length: int = 0  # characters
    error: ServiceError | None = None
    cached: bool = False  # another call has paid for this answer
    finish_reason: str | None = None  # what the model said of why it stopped

    @property
    def spent(self) -> Usage:
        """The tokens that this call made the upstream use: what limits and budgets count. `usage` is the answer's."""
        return Usage() if self.cached else self.usage

    @property
    def status(self) -> int:
        """As the log has it. A stream that breaks has told its client 200 before, and counts as its error."""
        if self.error is not None:
            return self.error.http_status
        return CLIENT_CLOSED_REQUEST if self.ending is Ending.LEFT else 200
