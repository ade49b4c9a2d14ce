"""Days, business days and their ends, written again: slow, plain, and sharing nothing with what it judges but the zones.

Holidays come from the text of 5 U.S.C. 6103 and the Juneteenth act (2021), observed days from E.O. 11582. The end of a
day is looked for minute by minute on the clock of the zone.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th such weekday of a month; -1 is the last."""
    days = [day for day in (date(year, month, 1) + k * DAY for k in range(31)) if day.month == month]
    return [day for day in days if day.weekday() == weekday][n if n < 0 else n - 1]


@cache
def closed(year: int) -> set[date]:
    """The days on which federal offices are closed in this year, weekends apart."""
    legal = []
    for each in (year, year + 1):
        legal += [
            date(each, 1, 1),
            _nth(each, 1, MONDAY, 3),
            _nth(each, 2, MONDAY, 3),
            _nth(each, 5, MONDAY, -1),
            *([date(each, 6, 19)] if each >= 2021 else []),
            date(each, 7, 4),
            _nth(each, 9, MONDAY, 1),
            _nth(each, 10, MONDAY, 2),
            date(each, 11, 11),
            _nth(each, 11, THURSDAY, 4),
            date(each, 12, 25),
        ]
    kept = set()
    for day in legal:
        kept.add(day - DAY if day.weekday() == SATURDAY else day + DAY if day.weekday() == SUNDAY else day)
    return {day for day in kept if day.year == year}


def business_day(after: date, n: int, closures: frozenset[date]) -> date:
    """The n-th business day after a day."""
    for k in range(1, 400):
        day = after + k * DAY
        n -= day.weekday() <= FRIDAY and day not in closed(day.year) and day not in closures
        if n == 0:
            return day
    raise AssertionError("nobody works here")


@cache
def day_ends(day: date, zone: ZoneInfo) -> datetime:
    """The first minute at which it is a later date there."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    away = noon.astimezone(zone).utcoffset() or timedelta(0)
    # About where midnight is, and a few hours before: a change of clocks moves it by less.
    at = noon.replace(hour=0) + DAY - (away // MINUTE) * MINUTE - 3 * HOUR
    while not any(_date(at + k * MINUTE, zone) > day for k in (0, 1, 30, 59, 60)):
        at += HOUR
    while _date(at, zone) <= day:
        at += MINUTE
    return at


def _date(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


@cache
def clock_changes(zone: ZoneInfo, year: int) -> list[date]:
    """The days of a year that are longer or shorter than others."""
    noons = [datetime(year, 1, 1, 12, tzinfo=UTC) + k * DAY for k in range(366)]
    offsets = [noon.astimezone(zone).utcoffset() for noon in noons]
    return [
        noon.date()
        for noon, before, now in zip(noons[1:], offsets, offsets[1:], strict=False)
        if before != now
    ]
