"""US dollars to whole millionths and back, so that sums are exact."""

MICRO = 1_000_000


def to_micro_usd(usd: float) -> int:
    return round(usd * MICRO)


def to_usd(micro_usd: int) -> float:
    return micro_usd / MICRO
