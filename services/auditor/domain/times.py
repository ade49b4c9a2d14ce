"""Times of HL7 v2, spans of a protocol, and business days: only what the audit needs, written for the audit."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

_STAMP = re.compile(r"(\d{4,14})(\.\d{1,4})?([+-]\d{4})?$")
_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")
_DAY = timedelta(days=1)
_WEEKEND = 5
_DATE_DIGITS, _HOUR_DIGITS, _MINUTE_DIGITS, _SECOND_DIGITS = 8, 10, 12, 14


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as sent: the wall clock, the offset if one was sent, and whether only the date was."""

    wall: datetime
    offset: timezone | None
    date_only: bool


def stamp(text: str, *, zero_is_date: bool = False) -> Stamp | None:
    """Read `YYYYMMDD[HH[MM[SS[.S]]]][+ZZZZ]`; None for anything else, a year or month alone included."""
    found = _STAMP.match(text.strip().split("^")[0])
    if found is None or len(found[1]) < _DATE_DIGITS or len(found[1]) % 2:
        return None
    digits = found[1]
    hour = digits[_DATE_DIGITS:_HOUR_DIGITS] or "00"
    minute = digits[_HOUR_DIGITS:_MINUTE_DIGITS] or "00"
    second = digits[_MINUTE_DIGITS:_SECOND_DIGITS] or "00"
    next_day = hour == "24"
    try:
        day = datetime.strptime(digits[:_DATE_DIGITS], "%Y%m%d")  # noqa: DTZ007 - the zone comes from elsewhere
        wall = day.replace(hour=0 if next_day else int(hour), minute=int(minute), second=int(second))
        offset = None if found[3] is None else _offset(found[3])
    except ValueError:
        return None
    if found[2]:
        wall += timedelta(seconds=float(found[2]))
    padded = zero_is_date and (hour, minute, second) == ("00", "00", "00")
    return Stamp(wall + _DAY if next_day else wall, offset, len(digits) == _DATE_DIGITS or padded)


def instant(said: Stamp, fallback: timezone | None, zone: ZoneInfo) -> datetime:
    """The instant of a stamp: its own offset, else the message's, else the facility's zone."""
    offset = said.offset or fallback
    if offset is not None:
        return said.wall.replace(tzinfo=offset).astimezone(UTC)
    return on_the_wall(said.wall, zone)


def on_the_wall(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall clock: in a gap moved forward by it, in an overlap the earlier one (fold 0)."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _offset(text: str) -> timezone:
    minutes = int(text[1:3]) * 60 + int(text[3:5])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def span(text: str) -> timedelta:
    """An ISO 8601 duration of days, hours, minutes and seconds."""
    found = _SPAN.match(text)
    if found is None:
        raise ValueError(f"{text} is no duration such as PT72H")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def day_of(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def midnight_ending(day: date, zone: ZoneInfo) -> datetime:
    return on_the_wall(datetime.combine(day + _DAY, time()), zone)


def business_day(number: int, after: date, closures: frozenset[date]) -> date:
    """The n-th day after `after` that is Monday to Friday, no federal holiday and no closure of the facility."""
    day = after
    while number:
        day += _DAY
        if day.weekday() < _WEEKEND and day not in closures and not federal_holiday(day):
            number -= 1
    return day


def federal_holiday(day: date) -> bool:
    """Whether the day is one on which 5 U.S.C. 6103 closes offices, observed days included."""
    if day.weekday() >= _WEEKEND:
        return False
    around = {0: (day, day - _DAY), 4: (day, day + _DAY)}.get(day.weekday(), (day,))
    return any(_fixed(each) for each in around) or _floating(day)


def _fixed(day: date) -> bool:
    """The five holidays that have a date; on a Saturday kept on Friday, on a Sunday on Monday."""
    since = {(1, 1): 1, (6, 19): 2021, (7, 4): 1, (11, 11): 1, (12, 25): 1}
    return since.get((day.month, day.day), 9999) <= day.year


def _floating(day: date) -> bool:
    nth = (day.day - 1) // 7 + 1
    last_monday = day.weekday() == 0 and (day + 7 * _DAY).month != day.month
    return (
        (day.weekday() == 0 and (day.month, nth) in {(1, 3), (2, 3), (9, 1), (10, 2)})
        or (last_monday and day.month == 5)
        or (day.weekday() == 3 and (day.month, nth) == (11, 4))
    )
