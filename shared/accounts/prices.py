"""The cost of a call: tokens / 1e6 × price.

In: a model's name and its token usage. Out: US dollars, rounded to 6 decimals, and where the price came from.
Prices of commercial models come from the genai-prices package's offline table; nothing is fetched.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from shared.pipeline.outcome import Usage

TOKENS = 1_000_000


@dataclass(slots=True, frozen=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float


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
        return round(dollars, 6), "model" if known else "default"
        # endregion: cost-of-a-call


# endregion: cost


@lru_cache(maxsize=1024)
def known_price(model: str) -> Price | None:
    """The list price of `model`, or None. Cached: a look-up takes 50 µs, longer than the rest of the accounting."""
    if model in EMBEDDED:
        return EMBEDDED[model]
    try:
        # A thousand tokens each, not a million: some models charge more for a long context.
        thousand = calc_price(PricedUsage(input_tokens=1000, output_tokens=1000), model)
    except LookupError:
        return None
    return Price(input=float(thousand.input_price) * 1000, output=float(thousand.output_price) * 1000)
