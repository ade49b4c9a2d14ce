"""Time values: grammar, zones, precision, and the order in which an event's own time is looked for."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admissions.hl7.times import Stamp, Times, offset_in, parse
from tests.admissions.hl7.builders import ARRIVAL, NEW_YORK, a_message, a_profile, at, event_of


@pytest.mark.parametrize(
    ("value", "msh7", "expected"),
    [
        ("20260115143000-0500", "20260115150000", "2026-01-15T19:30:00"),
        ("20260115143000", "20260115150000-0600", "2026-01-15T20:30:00"),
        ("202601151430", "20260115150000", "2026-01-15T19:30:00"),
        ("202607151430", "20260715150000", "2026-07-15T18:30:00"),
        ("202603080230", "20260308040000", "2026-03-08T07:30:00"),
        ("202611010130", "20261101040000", "2026-11-01T05:30:00"),
        ("20260115143000.1234+0000", "20260115150000", "2026-01-15T14:30:00.123400"),
        ("202601150000", "20260115150000", "2026-01-15T05:00:00"),
        ("2026011514", "20260115150000", "2026-01-15T19:00:00"),
        ("20260115143000-0000", "20260115150000", "2026-01-15T14:30:00"),
        ("20260115143000+0530", "20260115150000", "2026-01-15T09:00:00"),
        ("202601151430-0500", "20260115150000", "2026-01-15T19:30:00"),
    ],
)
def test_a_value_becomes_the_instant_it_names(value: str, msh7: str, expected: str):
    """The offset of the value comes first, then that of MSH-7, then the facility's zone."""
    event = event_of(a_message("A03", msh={"f7": msh7}, event_type={"f2": msh7}, pv1={"f45": value}))

    assert datetime.fromisoformat(expected).replace(tzinfo=UTC) == event.discharge_at == event.occurred_at


def test_a_date_alone_names_no_instant():
    """Eight digits are a day: calendar rules can use it, hour rules need an anchor."""
    assert Stamp(day=date(2026, 1, 15)) == parse("20260115", NEW_YORK)


@pytest.mark.parametrize(
    ("value", "flag"),
    [("202603080230", "nonexistent_local_time"), ("202611010130", "ambiguous_local_time")],
)
def test_a_change_of_the_clocks_is_flagged(value: str, flag: str):
    """A skipped time moves forward by the gap, of two equal times the earlier counts, and both are flagged."""
    assert flag == parse(value, NEW_YORK).flag
    assert flag == parse(f"{value}00", NEW_YORK).flag
    assert parse(f"{value}00-0500", NEW_YORK).flag is None


@pytest.mark.parametrize("value", ["2026", "202601"])
def test_year_and_month_say_too_little(value: str):
    """Such a time is as good as missing, and flagged."""
    event = event_of(a_message("A03", pv1={"f45": value}))

    assert event.flags == ("imprecise_time:PV1-45",)
    assert at(2026, 1, 9, 20, 4) == event.occurred_at


@pytest.mark.parametrize(
    "value",
    [
        "yesterday", "2026-01-15", "20260115T143000", "20261301", "20260230120000", "202601152500", "20260115146000",
        "20260115143060", "20260115143000+05", "20260115143000-0560", "20260115143000-2500", "202", "2026011",
        "20260115143000.", "20260115143000.12a", "00000000000000", "2026W034143000", "٢٠٢٦٠١١٥١٤٣٠٠٠", "202613",
        "202601152430", "00010101000000+1400", "99991231235959-1200", "20260115 143000", "999912312400",
    ],
)  # fmt: skip
def test_an_unreadable_time_is_flagged_and_never_fatal(value: str):
    """The message is taken; the event falls back on the time of its recording."""
    event = event_of(a_message("A03", pv1={"f45": value}))

    assert "unreadable_time:PV1-45" in event.flags
    assert at(2026, 1, 9, 20, 4) == event.occurred_at
    assert not event.discharge_at


def test_twenty_four_hours_is_the_next_midnight():
    """Not valid by the standard, but what it means is plain."""
    event = event_of(a_message("A03", pv1={"f45": "202601092400"}))

    assert at(2026, 1, 10, 5) == event.discharge_at
    assert event.flags == ("hour_24",)


@pytest.mark.parametrize(
    ("value", "seconds"), [("202601090000", 0), ("20260109000000", 0), ("2026010900", 0)]
)
def test_midnight_is_midnight_unless_the_feed_pads_its_dates(value: str, seconds: int):
    """0000 is the midnight that begins the day; with zero_time_means_date_only it is no time at all."""
    message = a_message("A03", pv1={"f45": value})

    assert at(2026, 1, 9, 5, 0, seconds) == event_of(message).discharge_at
    assert at(2026, 1, 9, 20, 4) == event_of(message, a_profile(zero_time_means_date_only=True)).discharge_at


def test_a_date_only_discharge_takes_the_time_of_its_recording():
    """PV1-45 names the day, EVN-2 falls on it: the hour comes from there."""
    event = event_of(
        a_message(
            "A03", event_type={"f2": "20260109171500"}, msh={"f7": "20260109171600"}, pv1={"f45": "20260109"}
        )
    )

    assert at(2026, 1, 9, 22, 15) == event.discharge_at
    assert event.flags == ("date_only:PV1-45",)


def test_the_stated_time_anchors_before_the_recorded_one():
    """EVN-6 is nearer to the event than EVN-2, and EVN-2 than MSH-7."""
    event = event_of(
        a_message(
            "A03",
            event_type={"f2": "20260109171500-0500", "f6": "20260109161000-0500"},
            pv1={"f45": "20260109"},
        )
    )

    assert at(2026, 1, 9, 21, 10) == event.discharge_at


def test_a_date_without_an_anchor_is_the_last_minute_of_its_day():
    """Nothing of this message happened on that day: 23:59 in the zone of the facility."""
    event = event_of(a_message("A03", pv1={"f45": "20260107"}))

    assert at(2026, 1, 8, 4, 59) == event.discharge_at


def test_the_anchors_day_is_that_of_the_facility():
    """02:00 UTC on the 10th is still the 9th in New York."""
    event = event_of(a_message("A03", event_type={"f2": "20260110020000+0000"}, pv1={"f45": "20260109"}))

    assert at(2026, 1, 10, 2) == event.discharge_at


def test_an_offset_is_kept_as_an_instant():
    """23:30 on Friday in New York, sent in UTC, is the instant of Saturday 04:30 UTC."""
    event = event_of(a_message("A03", pv1={"f45": "20260110043000+0000"}))

    assert at(2026, 1, 10, 4, 30) == event.discharge_at


def test_an_engine_in_another_zone_can_be_distrusted():
    """A Pacific hospital behind an Eastern engine: with trust_msh7_offset off its own zone counts."""
    message = a_message("A03", pv1={"f45": "20260109120000"})
    trusting = a_profile(zone="America/Los_Angeles")
    distrusting = a_profile(zone="America/Los_Angeles", trust_msh7_offset=False)

    assert at(2026, 1, 9, 17) == event_of(message, trusting).discharge_at
    assert at(2026, 1, 9, 20) == event_of(message, distrusting).discharge_at


@pytest.mark.parametrize(
    ("component", "expected"),
    [("D", at(2026, 1, 9, 20, 4)), ("H", at(2026, 1, 9, 19)), ("M", at(2026, 1, 9, 19, 30)), ("S", at(2026, 1, 9, 19, 30, 15)),
     ("X", at(2026, 1, 9, 19, 30, 15)), ("", at(2026, 1, 9, 19, 30, 15))],
)  # fmt: skip
def test_the_precision_component_only_lowers(component: str, expected: datetime):
    """TS.2 of 2.1 to 2.5.1 may say that the digits promise too much."""
    event = event_of(a_message("A03", pv1={"f45": f"20260109143015-0500^{component}"}))

    assert expected == event.discharge_at


@pytest.mark.parametrize("component", ["Y", "L"])
def test_a_precision_of_year_or_month_leaves_nothing_usable(component: str):
    """L is the month."""
    assert not event_of(a_message("A03", pv1={"f45": f"20260109143015^{component}"})).discharge_at


@pytest.mark.parametrize(
    ("trigger", "stated", "expected"),
    [
        ("A01", "20260105090000-0500", at(2026, 1, 5, 13, 30)),
        ("A04", "20260105090000-0500", at(2026, 1, 5, 13, 30)),
        ("A06", "20260105090000-0500", at(2026, 1, 5, 14, 0)),
        ("A06", "", at(2026, 1, 5, 13, 30)),
        ("A03", "20260105090000-0500", at(2026, 1, 9, 20, 0)),
        ("A13", "20260105090000-0500", at(2026, 1, 5, 14, 0)),
        ("A02", "20260105090000-0500", at(2026, 1, 5, 14, 0)),
        ("A08", "20260105090000-0500", at(2026, 1, 5, 14, 0)),
        ("A08", "", at(2026, 1, 9, 20, 4)),
        ("A21", "", at(2026, 1, 9, 20, 4)),
        ("A40", "", at(2026, 1, 9, 20, 4)),
    ],
)
def test_an_event_time_is_looked_for_in_the_order_of_its_trigger(
    trigger: str, stated: str, expected: datetime
):
    """PV1-44 for admissions, PV1-45 for discharges, EVN-6 first for the rest and for A06, then EVN-2."""
    event = event_of(a_message(trigger, event_type={"f6": stated}, pv1={"f45": "20260109150000-0500"}))

    assert expected == event.occurred_at


def test_without_any_time_the_arrival_counts():
    """EVN-2 and MSH-7 both empty."""
    event = event_of(a_message("A08", msh={"f7": ""}, event_type={"f2": ""}))

    assert (event.occurred_at, event.recorded_at, event.created_at) == (ARRIVAL, ARRIVAL, ARRIVAL)


def test_without_a_recording_time_the_header_counts():
    """EVN-2 empty: MSH-7 says when the message was made."""
    assert at(2026, 1, 9, 20, 5) == event_of(a_message("A08", event_type={"f2": ""})).recorded_at


@pytest.mark.parametrize(
    ("pv1", "implausible"),
    [
        ({"f45": "20260105080000-0500"}, True),
        ({"f45": "20260110200000-0500"}, True),
        ({"f44": "20251101000000-0500", "f45": "20251201000000-0500"}, True),
        ({"f45": "20260110140000-0500"}, False),
        ({"f45": "20260109150000-0500"}, False),
    ],
)
def test_an_implausible_discharge_is_kept_and_flagged(pv1: dict[str, str], implausible: bool):
    """Before the admission, a day ahead of its recording, or a month behind it."""
    event = event_of(a_message("A03", pv1=pv1))

    assert implausible == ("implausible_time" in event.flags)
    assert isinstance(event.discharge_at, datetime)


def test_plausibility_does_not_depend_on_the_day_of_reading():
    """An old message replayed today says what it said then."""
    message = a_message("A03", pv1={"f45": "20260109150000-0500"})

    assert event_of(message, received_at=at(2031, 1, 1)).flags == event_of(message).flags == ()


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from([12, 14]),
)
def test_any_time_with_an_offset_is_read_exactly(local: datetime, minutes: int, digits: int):
    """What was written comes back, to the precision it was written with."""
    local = local.replace(microsecond=0, second=local.second if digits == 14 else 0)
    sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
    raw = f"{local:%Y%m%d%H%M%S}"[:digits] + f"{sign}{size // 60:02}{size % 60:02}"

    expected = local.replace(tzinfo=timezone(timedelta(minutes=minutes))).astimezone(UTC)
    assert Stamp(expected) == parse(raw, NEW_YORK)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2037, 1, 1))
    | st.datetimes(datetime(2026, 3, 7, 22), datetime(2026, 3, 9, 2))
    | st.datetimes(datetime(2026, 4, 4, 22), datetime(2026, 4, 6, 2))
    | st.datetimes(datetime(2026, 10, 31, 22), datetime(2026, 11, 2, 2)),
    # Lord Howe Island changes by half an hour, Casablanca in Ramadan.
    st.sampled_from(["America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_the_short_way_and_the_long_way_agree(local: datetime, zone: str):
    """The common form has a fast path, on days without a change of clocks; a fraction of zero takes the grammar."""
    raw = f"{local:%Y%m%d%H%M%S}"

    assert parse(f"{raw}.0000", ZoneInfo(zone)) == parse(raw, ZoneInfo(zone))


@given(st.text(max_size=26))
def test_no_text_breaks_the_reading_of_times(raw: str):
    """Whatever stands in the field, the answer is a stamp."""
    assert isinstance(parse(raw, NEW_YORK), Stamp)
    assert offset_in(raw) is None or parse(raw[-5:], NEW_YORK).flag


def test_null_and_empty_are_told_apart():
    """The explicit null deletes, an empty field says nothing."""
    times = Times(NEW_YORK, "^", [])

    assert times.read('""', "PV1-45") is None
    assert times.read("", "PV1-45") is times.read("  ", "PV1-45")
    assert times.flags == []
