"""The cost of a call: tokens / 1e6 × price.

In: a model's name and its token usage. Out: US dollars, rounded to 6 decimals, and where the price came from.
Prices of commercial models come from the genai-prices package's offline table; nothing is fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from shared.pipeline.outcome import Usage

TOKENS = 1_000_000


@dataclass(slots=True, frozen=True)
class Price:
    """US dollars per million tokens. `extra`: how much more a token of this part costs, by its name in Usage."""

    input: float
    output: float
    extra: Mapping[str, float] = field(default_factory=dict)


# The embedded models cost nothing to run. They have gpt-4o-mini's price so that cost lessons work offline.
NOMINAL = Price(input=0.15, output=0.60)
EMBEDDED = {"workshop-tiny": NOMINAL, "workshop-sim": NOMINAL}


class Prices(Protocol):
    """Something that can say what a call costs."""

    def cost(self, model: str, usage: Usage) -> tuple[float, str]: ...


# region: cost
@dataclass(slots=True, frozen=True)
class PriceList:
    """Known models at their own price, the others at `default`."""

    default: Price

    def cost(self, model: str, usage: Usage) -> tuple[float, str]:
        """(US dollars, source): source is "model" for a known price and "default" for PRICE_*_PER_1M."""
        # region: cost-of-a-call
        known = known_price(model)
        price = known or self.default
        dollars = usage.input / TOKENS * price.input + usage.output / TOKENS * price.output
        for part, extra in price.extra.items():
            dollars += getattr(usage, part) / TOKENS * extra
        return round(max(0.0, dollars), 6), "model" if known else "default"
        # endregion: cost-of-a-call


# endregion: cost


# The parts of a usage that have prices of their own: the name in Usage, the name in the price list, and of what it is.
PARTS = (
    ("cache_read", "cache_read_tokens", "input_tokens"),
    ("cache_write", "cache_write_tokens", "input_tokens"),
    ("audio_input", "input_audio_tokens", "input_tokens"),
    ("audio_output", "output_audio_tokens", "output_tokens"),
)


@lru_cache(maxsize=1024)
def known_price(model: str) -> Price | None:
    """The list price of `model`, or None. Cached: a look-up takes 50 µs, longer than the rest of the accounting."""
    if model in EMBEDDED:
        return EMBEDDED[model]
    try:
        plain = {kind: _per_million(model, kind) for kind in ("input_tokens", "output_tokens")}
        extra = {name: _per_million(model, kind, part) - plain[kind] for name, part, kind in PARTS}
    except LookupError:
        return None
    return Price(plain["input_tokens"], plain["output_tokens"], {name: more for name, more in extra.items() if more})


def _per_million(model: str, *kinds: str) -> float:
    """US dollars for a million tokens that are of all these kinds. Raises LookupError for an unknown model."""
    # A thousand tokens each, not a million: some models charge more for a long context.
    return float(calc_price(PricedUsage(**dict.fromkeys(kinds, 1000)), model).total_price) * 1000
