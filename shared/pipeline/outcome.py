"""How a call ended: what it used, what it cost, and why it stopped.

Each callback that was registered with `Call.on_done` gets it once.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.pipeline.errors import CLIENT_CLOSED_REQUEST, ServiceError


@dataclass(slots=True, frozen=True)
class Usage:
    """Tokens of one call. `estimated`: the upstream did not count, so we estimated (four characters per token).

    `output` includes reasoning that no client sees. The last four are parts of `input` and `output` that have prices of
    their own: input that the upstream had in its cache, input that it put there, and audio.
    """

    input: int = 0
    output: int = 0
    estimated: bool = False
    cache_read: int = 0
    cache_write: int = 0
    audio_input: int = 0
    audio_output: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output


class Ending(StrEnum):
    """How a call can end."""

    FINISHED = "finished"  # the client got the whole answer
    FAILED = "failed"  # an error before the first token
    CUT = "cut"  # a stream that broke after its first token
    LEFT = "left"  # the client went away


@dataclass(slots=True, frozen=True)
class Outcome:
    """The end of a call. Each callback that was registered with `Call.on_done` gets it once."""

    ending: Ending
    usage: Usage = Usage()
    cost_usd: float = 0.0
    price_source: str = ""  # "model" or "default", see prices.py; "cache" when it cost nothing; empty without an answer
    model: str = ""  # the model that answered
    response_length: int = 0  # characters
    error: ServiceError | None = None
    cached: bool = False  # another call has paid for this answer
    finish_reason: str | None = None  # the model's reason to stop

    @property
    def spent(self) -> Usage:
        """Tokens that the upstream used for this call. Limits and budgets count these; `usage` is the answer's."""
        return Usage() if self.cached else self.usage

    @property
    def status(self) -> int:
        """The status for the log. A stream that breaks counts as its error, although the client got a 200."""
        if self.error is not None:
            return self.error.http_status
        return CLIENT_CLOSED_REQUEST if self.ending is Ending.LEFT else 200
