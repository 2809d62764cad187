"""Days and months as usage and budgets count them: in UTC."""

import datetime
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Day:
    """One day. `ends` and `month_ends` are the first moments after it and after its month, in seconds since 1970."""

    date: datetime.date
    month: datetime.date  # the first day of the month
    ends: float
    month_ends: float


def day_of(now: float) -> Day:
    """The day in which `now` (seconds since 1970) falls."""
    today = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
    month = today.replace(day=1)
    next_month = (month + datetime.timedelta(days=31)).replace(day=1)
    return Day(today, month, _starts(today + datetime.timedelta(days=1)), _starts(next_month))


def _starts(day: datetime.date) -> float:
    return datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp()
