"""When is a feed quiet? Given what it usually sends, and since when nothing has come."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.admissions.domain.silence import (
    Silence,
    hours_of_habit,
    is_quiet,
    may_be_silent,
    silence,
)

ZONE = ZoneInfo("America/New_York")
BEGAN = datetime(2025, 9, 1, tzinfo=UTC)
MONDAY = datetime(2026, 1, 12, 15, 0, tzinfo=UTC)
"""Ten in the morning in New York."""


def every_hour(messages: int, *, since: datetime = BEGAN) -> dict[datetime, int]:
    hours = int((MONDAY - since) / timedelta(hours=1)) + 48
    return {since + timedelta(hours=n): messages for n in range(hours)}


@pytest.mark.parametrize(
    ("an_hour", "minutes", "expected", "quiet"),
    [
        (60, 20, 20.0, False),  # too short, whatever is missing
        (60, 30, 30.0, True),
        (20, 30, 10.0, True),
        (19, 30, 9.5, False),
        (6, 60, 6.0, False),  # six times the usual gap, and chance all the same
        (6, 100, 10.0, True),
        (1, 590, 590 / 60, False),
        (1, 600, 10.0, True),
        (0, 5000, 0.0, False),
    ],
)
def test_a_silence_is_judged_by_what_it_cost(an_hour: int, minutes: int, expected: float, quiet: bool):
    """So many messages an hour, none for so long; then so many are missing, and somebody looks or not."""
    found = silence(MONDAY, MONDAY + timedelta(minutes=minutes), every_hour(an_hour), BEGAN, ZONE)

    assert found.expected == pytest.approx(expected)
    assert is_quiet(found, None) is quiet


def test_a_night_is_not_a_silence():
    """Given a clinic that sends from seven to seven; then nothing is missing from eight in the evening to six."""
    local = {hour: hour.astimezone(ZONE).hour for hour in every_hour(0)}
    counts = {hour: 30 if 7 <= clock < 19 else 0 for hour, clock in local.items()}
    evening = datetime(2026, 1, 12, 20, 0, tzinfo=ZONE).astimezone(UTC)
    night = silence(evening, evening + timedelta(hours=10), counts, BEGAN, ZONE)
    morning = silence(evening, evening + timedelta(hours=11, minutes=30), counts, BEGAN, ZONE)

    assert (night.expected, is_quiet(night, None)) == (0, False)
    assert (morning.expected, is_quiet(morning, None)) == (15, True)


def test_the_clinic_opens_by_the_clock_on_the_wall():
    """Given the change to winter time; then the hours of summer tell the habit by local time."""
    clock = {hour: hour.astimezone(ZONE).hour for hour in every_hour(0)}
    counts = {hour: 60 if local == 7 else 0 for hour, local in clock.items()}
    monday = datetime(2025, 11, 3, 6, 0, tzinfo=ZONE).astimezone(UTC)

    assert silence(monday, monday + timedelta(hours=1), counts, BEGAN, ZONE).expected == 0
    assert silence(monday, monday + timedelta(hours=2), counts, BEGAN, ZONE).expected == 60


@pytest.mark.parametrize(("weeks", "expected"), [(1, None), (2, 60.0), (8, 60.0)])
def test_a_habit_needs_weeks(weeks: int, expected: float | None):
    """With less than two of them nothing is usual, and nothing is said."""
    first = MONDAY - timedelta(weeks=weeks)
    found = silence(MONDAY, MONDAY + timedelta(hours=1), every_hour(60, since=first), first, ZONE)

    assert found.expected == expected


def test_one_odd_week_is_no_habit():
    """Given a replay of a day's messages three weeks ago; then the median does not know of it."""
    counts = every_hour(2) | {MONDAY - timedelta(weeks=3): 5000}

    assert silence(MONDAY, MONDAY + timedelta(hours=1), counts, BEGAN, ZONE).expected == 2


@pytest.mark.parametrize(("hours", "quiet"), [(3, False), (5, True)])
def test_a_feed_may_have_a_limit_of_its_own(hours: int, quiet: bool):
    """`feed_silence: PT4H` holds though nothing is usual yet."""
    found = Silence(MONDAY, timedelta(hours=hours), None)

    assert is_quiet(found, timedelta(hours=4)) is quiet


@pytest.mark.parametrize(
    ("lasts", "asked"),
    [(timedelta(minutes=29), False), (timedelta(minutes=30), True), (timedelta(days=14), True), (timedelta(days=15), False)],
)  # fmt: skip
def test_who_has_long_been_gone_is_closed(lasts: timedelta, asked: bool):
    """Neither a moment nor a fortnight is a silence to look into."""
    assert may_be_silent(MONDAY, MONDAY + lasts) is asked


def test_the_hours_asked_for_are_those_of_the_same_weekday():
    """Two hours of silence, eight weeks of each."""
    hours = hours_of_habit(MONDAY, MONDAY + timedelta(hours=2), ZONE)

    assert len(hours) == 16
    assert {hour.astimezone(ZONE).strftime("%a %H") for hour in hours} == {"Mon 10", "Mon 11"}
