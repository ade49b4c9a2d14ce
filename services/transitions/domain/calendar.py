"""Local days and business days of a facility, and their ends as instants; knows nothing of episodes."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=256)
def federal_holidays(year: int) -> frozenset[date]:
    """Days of this year on which federal offices are closed (5 U.S.C. 6103 and E.O. 11582).

    A holiday on Saturday is kept on the Friday before, so New Year's Day may fall into the year before.
    """
    near = holidays.country_holidays("US", years=(year - 1, year, year + 1), observed=True)
    return frozenset(day for day in near if day.year == year)


def is_business_day(day: date, closures: frozenset[date] = frozenset()) -> bool:
    return day.weekday() < 5 and day not in closures and day not in federal_holidays(day.year)


@lru_cache(maxsize=8192)
def nth_business_day(day: date, n: int, closures: frozenset[date] = frozenset()) -> date:
    """The n-th business day after `day`, which itself never counts."""
    while n > 0:
        day += _DAY
        n -= is_business_day(day, closures)
    return day


@lru_cache(maxsize=8192)
def holidays_between(after: date, until: date, closures: frozenset[date] = frozenset()) -> tuple[date, ...]:
    """Weekdays in (after, until] on which nobody works: what makes a count longer than it looks."""
    days = (after + _DAY * n for n in range(1, (until - after).days + 1))
    return tuple(day for day in days if day.weekday() < 5 and not is_business_day(day, closures))


@lru_cache(maxsize=16384)
def local_date(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


@lru_cache(maxsize=8192)
def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant whose local date is later than `day`, in UTC."""
    midnight = datetime.combine(day + _DAY, time(), zone)
    after = midnight.astimezone(UTC)
    if after.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return after
    # Midnight does not exist: clocks were moved forward across it. The day ends where they were moved.
    before = min(after, midnight.replace(fold=1).astimezone(UTC)) - _SECOND
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if local_date(middle, zone) > day:
            after = middle
        else:
            before = middle
    return after


@lru_cache(maxsize=16384)
def at_local(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


@lru_cache(maxsize=4096)
def say_day(day: date, year: bool = True) -> str:
    """`Fri 9 Jan 2026`, whatever the locale."""
    said = f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"
    return f"{said} {day.year}" if year else said


def say_instant(instant: datetime, zone: ZoneInfo) -> str:
    """`Fri 9 Jan 2026, 15:00 EST`."""
    local = instant.astimezone(zone)
    return f"{say_day(local.date())}, {local.hour:02}:{local.minute:02} {local.tzname()}"
