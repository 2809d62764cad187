"""Malformed notifications: any part of one is replaced by anything."""

import random
from typing import Any

from tests.webhooks.sender import alert, notification

ANYTHING: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, -(10**30), 1e308, float("nan"), float("-inf"), "", " ", [], {}, [[]], [None]),
    *("\x00", "a\x00b", "\ud800", "ñ€😀", "x" * 5000, "\r\n\x1b[31m", "'; DROP TABLE alerts; --"),
    *("0000-00-00T00:00:00Z", "9999-12-31T23:59:59.999999999-23:59", "0001-01-01T00:00:00+14:00", "1e400", "NaN"),
    *("1969-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "firing", "resolved", "alerts"),
    *({"alertname": None}, {"alertname": ["x"]}, {"": ""}, {"a": {"b": {"c": []}}}, [{}, {}], [alert("X")] * 3),
]


def messed_up(dice: random.Random) -> Any:
    """A notification with one to three parts replaced."""
    document: Any = notification(alert("A"), alert("B", "resolved", fingerprint="c6eadffa33fcdf37"))
    for _ in range(dice.randint(1, 3)):
        document = _with_a_change(document, dice)
    return document


def _with_a_change(part: Any, dice: random.Random) -> Any:
    if isinstance(part, dict) and part and dice.random() < 0.9:
        name = dice.choice([*part, "startsAt", "alerts", "type"])
        return {**part, name: _with_a_change(part.get(name), dice)}
    if isinstance(part, list) and part and dice.random() < 0.9:
        at = dice.randrange(len(part))
        return [*part[:at], _with_a_change(part[at], dice), *part[at + 1 :]]
    return dice.choice(ANYTHING)
