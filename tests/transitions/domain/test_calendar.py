"""Business days, ends of days and hours on a watch, against the tables and against an independent count."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.transitions.domain import calendar
from tests.transitions.domain.builders import a_deed, a_stay, deadline, episode, ny, planned

DAYS = [
    # discharge, first business day, second, D+7, D+14, D+29, D+30
    ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-12", "2026-01-19", "2026-02-03", "2026-02-04"),
    ("2026-01-08", "2026-01-09", "2026-01-12", "2026-01-15", "2026-01-22", "2026-02-06", "2026-02-07"),
    ("2026-01-09", "2026-01-12", "2026-01-13", "2026-01-16", "2026-01-23", "2026-02-07", "2026-02-08"),
    ("2026-01-10", "2026-01-12", "2026-01-13", "2026-01-17", "2026-01-24", "2026-02-08", "2026-02-09"),
    ("2026-01-11", "2026-01-12", "2026-01-13", "2026-01-18", "2026-01-25", "2026-02-09", "2026-02-10"),
    ("2026-01-15", "2026-01-16", "2026-01-20", "2026-01-22", "2026-01-29", "2026-02-13", "2026-02-14"),
    ("2026-01-16", "2026-01-20", "2026-01-21", "2026-01-23", "2026-01-30", "2026-02-14", "2026-02-15"),
    ("2026-06-18", "2026-06-22", "2026-06-23", "2026-06-25", "2026-07-02", "2026-07-17", "2026-07-18"),
    ("2026-07-01", "2026-07-02", "2026-07-06", "2026-07-08", "2026-07-15", "2026-07-30", "2026-07-31"),
    ("2026-07-03", "2026-07-06", "2026-07-07", "2026-07-10", "2026-07-17", "2026-08-01", "2026-08-02"),
    ("2026-11-24", "2026-11-25", "2026-11-27", "2026-12-01", "2026-12-08", "2026-12-23", "2026-12-24"),
    ("2026-11-25", "2026-11-27", "2026-11-30", "2026-12-02", "2026-12-09", "2026-12-24", "2026-12-25"),
    ("2026-12-24", "2026-12-28", "2026-12-29", "2026-12-31", "2027-01-07", "2027-01-22", "2027-01-23"),
    ("2026-12-31", "2027-01-04", "2027-01-05", "2027-01-07", "2027-01-14", "2027-01-29", "2027-01-30"),
    ("2027-12-23", "2027-12-27", "2027-12-28", "2027-12-30", "2028-01-06", "2028-01-21", "2028-01-22"),
    ("2027-12-30", "2028-01-03", "2028-01-04", "2028-01-06", "2028-01-13", "2028-01-28", "2028-01-29"),
]


@pytest.mark.parametrize("row", DAYS, ids=[row[0] for row in DAYS])
def test_days_after_a_discharge(row: tuple[str, ...]) -> None:
    """The two business days and the calendar days that the rules count with."""
    day, *expected = map(date.fromisoformat, row)
    got = [calendar.nth_business_day(day, n) for n in (1, 2)] + [day + timedelta(n) for n in (7, 14, 29, 30)]
    assert got == expected


@pytest.mark.parametrize("row", DAYS, ids=[row[0] for row in DAYS])
def test_the_contact_is_owed_to_the_end_of_the_second_business_day(row: tuple[str, ...]) -> None:
    """At whatever time of day the patient left (CPT 99495)."""
    for clock in ("00:05", "12:00", "23:55"):
        stay = a_stay(admitted=None, discharged=f"{row[0]} {clock}")
        assert deadline(planned(stay), "tcm_contact").due_at == ny(f"{row[2]} 24:00")


@pytest.mark.parametrize("row", DAYS, ids=[row[0] for row in DAYS])
def test_the_visit_is_owed_to_the_end_of_day_seven_or_fourteen(row: tuple[str, ...]) -> None:
    """By complexity (CPT 99496, 99495); the thirty days of the measure end with D + 30, where the case ends too."""
    stay = a_stay(admitted=None, discharged=f"{row[0]} 12:00", age_in_year=70)
    high = a_deed("complexity_assessed", f"{row[0]} 13:00", complexity="high")
    assert deadline(planned(stay), "visit_14d").due_at == ny(f"{row[4]} 24:00")
    assert deadline(planned(stay, high), "visit_7d").due_at == ny(f"{row[3]} 24:00")
    assert episode(planned(stay, as_of=ny("2029-01-01 00:00"))).closed == (
        "window_ended",
        ny(f"{row[6]} 24:00"),
    )


@pytest.mark.parametrize(
    ("discharged", "due"),
    [
        ("2026-03-06T15:00-05:00", "2026-03-09T20:00Z"),
        ("2026-10-30T15:00-04:00", "2026-11-02T19:00Z"),
        ("2026-03-08T01:30-05:00", "2026-03-11T06:30Z"),
        ("2026-11-01T01:30-04:00", "2026-11-04T05:30Z"),
    ],
)
def test_seventy_two_hours_run_on_a_watch(discharged: str, due: str) -> None:
    """Clocks moved in between change the hour on the wall, not the hours that pass."""
    left = datetime.fromisoformat(discharged).astimezone(UTC)
    stay = a_stay(admitted=None, discharged="2026-01-01 00:00")
    stay = type(stay)(
        **{name: getattr(stay, name) for name in stay.__struct_fields__} | {"discharged_at": left}
    )
    assert deadline(planned(stay), "call_72h").due_at == datetime.fromisoformat(due)


def test_new_years_day_on_a_saturday_is_kept_in_the_year_before() -> None:
    """5 U.S.C. 6103(b): the Friday before; 31 December 2027 belongs to 1 January 2028."""
    assert date(2027, 12, 31) in calendar.federal_holidays(2027)
    assert not calendar.is_business_day(date(2027, 12, 31))


def test_a_facility_may_close_on_other_days() -> None:
    """Its own closures count like holidays, and are named like them."""
    closed = frozenset({date(2026, 1, 12), date(2026, 1, 13)})
    assert calendar.nth_business_day(date(2026, 1, 9), 2, closed) == date(2026, 1, 15)
    assert calendar.holidays_between(date(2026, 1, 9), date(2026, 1, 15), closed) == tuple(sorted(closed))


def test_the_day_of_discharge_is_that_of_the_facility() -> None:
    """04:30 UTC on Saturday is Friday 23:30 in New York: Tuesday, not the day after."""
    stay = a_stay(admitted=None, discharged="2026-01-09 23:30")
    assert stay.discharged_at == datetime(2026, 1, 10, 4, 30, tzinfo=UTC)
    assert deadline(planned(stay), "tcm_contact").due_at == ny("2026-01-13 24:00")
    west = a_stay(admitted=None, discharged="2026-01-10 02:30", at="WEST")
    assert deadline(planned(west), "tcm_contact").due_at == datetime(2026, 1, 14, 8, tzinfo=UTC)


# --- an independent count -----------------------------------------------------------------------------------

ZONES = sorted(
    z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "posix/", "right/"))
)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th weekday of a month; from its end where n is negative."""
    days = [date(year, month, d) for d in range(1, 32) if _exists(year, month, d)]
    return [day for day in days if day.weekday() == weekday][n - 1 if n > 0 else n]


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _closed(day: date) -> bool:
    """The eleven days of 5 U.S.C. 6103(a) with their rule for weekends, written anew."""
    y = day.year
    fixed = [date(n, m, d) for n in (y, y + 1) for m, d in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))]
    shift = {5: timedelta(-1), 6: timedelta(1)}
    kept = {
        d + shift.get(d.weekday(), timedelta(0))
        for d in fixed
        if (d.month, d.day) != (6, 19) or d.year >= 2021
    }
    kept |= {
        _nth(y, 1, 0, 3),
        _nth(y, 2, 0, 3),
        _nth(y, 5, 0, -1),
        _nth(y, 9, 0, 1),
        _nth(y, 10, 0, 2),
        _nth(y, 11, 3, 4),
    }
    return day.weekday() >= 5 or day in kept


@settings(max_examples=200, deadline=None)
@given(st.dates(date(2000, 1, 1), date(2060, 1, 1)), st.integers(1, 12))
@example(date(2027, 12, 30), 2)
def test_business_days_agree_with_an_independent_count(day: date, n: int) -> None:
    """Exactly n open days lie between, and the last is open."""
    last = calendar.nth_business_day(day, n)
    between = [day + timedelta(k) for k in range(1, (last - day).days + 1)]
    assert sum(not _closed(d) for d in between) == n
    assert not _closed(last)


@settings(max_examples=700, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(1975, 1, 1), date(2037, 12, 1)))
@example("America/Havana", date(2026, 3, 7))
@example("America/Sao_Paulo", date(2017, 10, 14))
@example("America/Sao_Paulo", date(2018, 2, 17))
@example("Pacific/Apia", date(2011, 12, 29))
@example("Pacific/Apia", date(2011, 12, 30))
@example("America/St_Johns", date(2006, 10, 28))
@example("Asia/Beirut", date(2022, 3, 26))
def test_a_day_ends_at_the_first_instant_of_a_later_date(zone: str, day: date) -> None:
    """In every zone, over every change of its clocks: one second before, no later date has come yet."""
    tz = ZoneInfo(zone)
    end = calendar.end_of_day(day, tz)
    assert end.astimezone(tz).date() > day
    assert (end - timedelta(seconds=1)).astimezone(tz).date() <= day
    noon = datetime.combine(day, time(12), tz).astimezone(UTC)
    assert timedelta(0) < end - noon <= timedelta(hours=26) or day == date(2011, 12, 30)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_seventy_two_hours_are_seventy_two_hours_everywhere(zone: str, wall: datetime) -> None:
    """The instants differ by exactly that span, whatever the wall shows."""
    left = wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    stay = a_stay(admitted=None, discharged="2026-01-01 00:00")
    stay = type(stay)(
        **{name: getattr(stay, name) for name in stay.__struct_fields__} | {"discharged_at": left}
    )
    assert deadline(planned(stay, as_of=left), "call_72h").due_at.timestamp() - left.timestamp() == 72 * 3600
