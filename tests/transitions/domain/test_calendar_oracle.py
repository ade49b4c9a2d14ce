"""Due times in every zone, half of them about a change of clocks, against a calendar written a second time.

BATON_CALENDAR_CASES says how many (default 2,000; a million takes some minutes), BATON_CALENDAR_SEED which.
"""

import os
import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from schemas.reference.facilities import Facility
from services.transitions.domain import calendar
from services.transitions.domain.owed import Start, due_at
from services.transitions.domain.protocol import BusinessDays, DayEnds, Elapsed
from tests.transitions.domain import calendar_oracle as oracle

CASES = int(os.environ.get("BATON_CALENDAR_CASES", "2000"))
SEED = int(os.environ.get("BATON_CALENDAR_SEED", "20260109"))
ZONES = sorted(
    name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix", "right"))
)
FIRST, LAST = 1990, 2060


Rule = BusinessDays | DayEnds | Elapsed


def a_discharge(dice: random.Random) -> tuple[Facility, datetime]:
    """A facility somewhere, with some closures of its own, and an instant at which somebody leaves it."""
    name = (
        dice.choice(ZONES)
        if dice.random() < 0.7
        else dice.choice(("America/New_York", "America/Los_Angeles"))
    )
    year = dice.randrange(FIRST, LAST)
    at = datetime(year, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(365 * 86_400))
    changes = oracle.clock_changes(ZoneInfo(name), year)
    if changes and dice.random() < 0.5:
        near = datetime.combine(dice.choice(changes), time(), UTC)
        at = near + timedelta(seconds=dice.randrange(-4 * 86_400, 2 * 86_400))
    closures = frozenset(
        at.date() + timedelta(days=dice.randrange(12)) for _ in range(dice.choice((0, 0, 1, 3)))
    )
    return Facility(name=name, zone=name, extra_holidays=closures), at


def expected(facility: Facility, at: datetime, due: Rule) -> datetime:
    if isinstance(due, Elapsed):
        return datetime.fromtimestamp(at.timestamp() + due.within.total_seconds(), UTC)
    left = at.astimezone(facility.tz).date()
    if isinstance(due, DayEnds):
        return oracle.day_ends(left + timedelta(days=due.days), facility.tz)
    last = oracle.business_day(left, due.days, facility.extra_holidays)
    return oracle.day_ends(last, facility.tz)


@pytest.mark.timeout(0)
def test_due_times_agree_with_a_calendar_written_a_second_time() -> None:
    """Hours on a watch, ends of business days and of calendar days, wherever and whenever."""
    dice = random.Random(SEED)
    rules: list[Rule] = [
        BusinessDays(1), BusinessDays(2), BusinessDays(5), DayEnds(0), DayEnds(2), DayEnds(7), DayEnds(14), DayEnds(30),
        Elapsed(timedelta(hours=72)), Elapsed(timedelta(minutes=60)),
    ]  # fmt: skip
    for number in range(CASES):
        facility, at = a_discharge(dice)
        due = dice.choice(rules)
        found, _ = due_at(due, Start(at, "discharge", facility))
        assert found == expected(facility, at, due), (SEED, number, facility, at, due)


def test_holidays_agree_with_the_statute() -> None:
    """Every federal holiday from 2021 to 2060, and none besides."""
    for year in range(2021, LAST + 1):
        found = {day for day in calendar.federal_holidays(year) if day.weekday() < 5}
        assert found == {day for day in oracle.closed(year) if day.weekday() < 5}, year


def test_the_oracle_knows_the_table() -> None:
    """Rows of domain.md 3.3 that cross observed days and years."""
    none: frozenset[date] = frozenset()
    for left, second in (
        ("2026-07-01", "2026-07-06"),
        ("2027-12-30", "2028-01-04"),
        ("2026-01-16", "2026-01-21"),
    ):
        assert oracle.business_day(date.fromisoformat(left), 2, none) == date.fromisoformat(second)
    new_york = ZoneInfo("America/New_York")
    assert oracle.day_ends(date(2026, 3, 8), new_york) == datetime(2026, 3, 9, 4, tzinfo=UTC)
    assert len(oracle.clock_changes(new_york, 2026)) == 2
