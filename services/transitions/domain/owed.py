"""From a rule and a start to a due time, its derivation in words and its warnings; knows nothing of what was done."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from msgspec import Struct

from schemas.reference.facilities import Facility
from services.transitions.domain import calendar
from services.transitions.domain.model import Deed, WarningAt
from services.transitions.domain.protocol import (
    AfterStart,
    BeforeDue,
    BusinessDays,
    DayEnds,
    DeadlineRule,
    Elapsed,
    OnBusinessDay,
    OnDay,
    OnLastDay,
)

WORK = "P3"
_MOMENT = timedelta(microseconds=1)


class Start(Struct, frozen=True, gc=False):
    """What the clock runs from: `what` names it in a sentence."""

    at: datetime
    what: str
    facility: Facility


def due_at(due: Elapsed | BusinessDays | DayEnds, start: Start) -> tuple[datetime, str]:
    """The exclusive upper bound of what is due like this, and how it came about."""
    return _due_at(due, start.at, start.what, start.facility.tz, start.facility.extra_holidays)


@lru_cache(maxsize=16384)
def _due_at(
    due: Elapsed | BusinessDays | DayEnds, at: datetime, what: str, zone: ZoneInfo, closures: frozenset[date]
) -> tuple[datetime, str]:
    if isinstance(due, Elapsed):
        when = calendar.say_instant(at, zone)
        return at + due.within, f"{_say_span(due.within)} after the {what} of {when}"
    day = calendar.local_date(at, zone)
    if isinstance(due, DayEnds):
        last = day + timedelta(days=due.days)
        because = f"to the end of {calendar.say_day(last)}, {_count(due.days, 'day')} after the {what} of "
        return calendar.end_of_day(last, zone), because + calendar.say_day(day)
    last = calendar.nth_business_day(day, due.days, closures)
    because = (
        f"{_count(due.days, 'business day')} after the {what} of {calendar.say_day(day)}, "
        f"to the end of {calendar.say_day(last)}"
    )
    return calendar.end_of_day(last, zone), because + _say_closed(
        calendar.holidays_between(day, last, closures)
    )


def warnings(
    rule: DeadlineRule,
    start: Start,
    due: datetime,
    *,
    tried: list[datetime],
    bookings: Sequence[Deed],
    page: bool,
) -> tuple[WarningAt, ...]:
    """Every instant at which it is true that time is running out. One outside the deadline's span says nothing.

    `bookings` are the appointments in the order they were told. Without `page` none is louder than work for the list.
    """
    if not rule.warnings:
        return ()
    found = []
    zone, closures = start.facility.tz, start.facility.extra_holidays
    for warning in rule.warnings:
        at = _warns_at(warning.when, start.at, due, zone, closures)
        spared = (warning.unless_attempted and tried and tried[0] < at) or (
            warning.unless_booked and _booked(bookings, start, due, at)
        )
        if start.at < at < due and not spared:
            found.append(WarningAt(at, cap(warning.severity, page=page)))
    found.sort(key=lambda warning: warning.at)
    return tuple(found)


def _booked(bookings: Sequence[Deed], start: Start, due: datetime, at: datetime) -> bool:
    """Whether there was a date in time at that instant; whoever moved it later was not without one."""
    last = next((deed for deed in reversed(bookings) if deed.at < at), None)
    return last is not None and last.occurs_at is not None and start.at <= last.occurs_at < due


def severity(rule: DeadlineRule, *, facility: Facility, unit: str | None, high_risk: bool, page: bool) -> str:
    """How loud a miss is."""
    level = rule.severity
    if rule.elsewhere and facility.handoff_units != "all" and unit not in facility.handoff_units:
        level = rule.elsewhere
    elif rule.low_risk and not high_risk:
        level = rule.low_risk
    return cap(level, page=page)


def cap(level: str, *, page: bool) -> str:
    """P1 is the loudest; what rests on something unconfirmed never pages."""
    return level if page else max(level, WORK)


@lru_cache(maxsize=16384)
def _warns_at(
    when: BeforeDue | AfterStart | OnBusinessDay | OnDay | OnLastDay,
    begun: datetime,
    due: datetime,
    zone: ZoneInfo,
    closures: frozenset[date],
) -> datetime:
    match when:
        case BeforeDue():
            return due - when.lead
        case AfterStart():
            return begun + when.wait
        case OnBusinessDay():
            day = calendar.nth_business_day(calendar.local_date(begun, zone), when.day, closures)
            return calendar.at_local(day, when.clock, zone)
        case OnDay():
            day = calendar.local_date(begun, zone) + timedelta(days=when.day)
            return calendar.at_local(day, when.clock, zone)
        case OnLastDay():
            return calendar.at_local(calendar.local_date(due - _MOMENT, zone), when.clock, zone)
        case _:
            assert_never(when)


def _say_closed(days: tuple[date, ...]) -> str:
    if not days:
        return ""
    names = [calendar.say_day(day, year=False) for day in days]
    if len(names) == 1:
        return f"; {names[0]} is a holiday"
    return f"; {', '.join(names[:-1])} and {names[-1]} are holidays"


def _say_span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds % 3600 == 0 and seconds > 3600:
        return _count(seconds // 3600, "hour")
    if seconds % 60 == 0:
        return _count(seconds // 60, "minute")
    return _count(seconds, "second")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
