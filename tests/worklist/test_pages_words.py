"""What the pages say, from literals: no database, no browser."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.reference.facilities import load_facilities
from services.worklist import pages_words as words
from services.worklist.contact import Contact
from services.worklist.views import ActionView

NOW = datetime(2026, 1, 12, 15, 12, tzinfo=UTC)
ZONE = "America/New_York"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0.5, "less than a minute left"),
        (1, "1 min left"),
        (59.9, "59 min left"),
        (60, "1 h left"),
        (130, "2 h 10 min left"),
        (13 * 60 + 5, "13 h left"),
        (24 * 60, "1 day left"),
        (45 * 60, "1 day 21 h left"),
        (11 * 24 * 60 + 60, "11 days left"),
        (0, "less than a minute overdue"),
        (-95, "1 h 35 min overdue"),
    ],
)
def test_time_left_in_two_units(minutes: float, said: str):
    """Time left is told in its two largest units; at the due time itself none is left."""
    actual = words.left(NOW + timedelta(minutes=minutes), NOW)

    assert actual == said


def test_lag_is_told_short():
    """Lag is told in tenths, then in seconds, then as any time."""
    assert [words.behind(each) for each in (0.04, 12.3, 200)] == ["0.0 s", "12 s", "3 min"]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-01-12T20:00+00:00", "today 15:00"),
        ("2026-01-13T13:05+00:00", "tomorrow 08:05"),
        ("2026-01-14T05:00+00:00", "tomorrow 24:00"),
        ("2026-01-13T05:00+00:00", "today 24:00"),
        ("2026-01-12T04:59+00:00", "yesterday 23:59"),
        ("2026-01-16T20:00+00:00", "Fri 16 Jan 15:00"),
        ("2025-12-30T20:00+00:00", "Tue 30 Dec 2025 15:00"),
        ("2026-03-08T07:30+00:00", "Sun 8 Mar 03:30"),
    ],
)
def test_midnight_ends_a_day(at: str, said: str):
    """An instant reads on the clock of its zone, and a deadline at midnight as 24:00 of the day it ends."""
    actual = words.when(datetime.fromisoformat(at), NOW, ZONE)

    assert actual == said


@pytest.mark.parametrize(
    ("hour", "said"),
    [
        (13, "call until 20:00, now 08:12 there"),
        (12, "not before 08:00, now 07:12 there"),
        (1, "not before 08:00, now 20:12 there"),
    ],
)
def test_contact_hours_are_those_of_the_patient(hour: int, said: str):
    """A patient may be called from 08:00 to 20:00 on their clock, and the page says what that clock shows."""
    now = NOW.replace(hour=hour) if hour != 1 else NOW.replace(day=13, hour=1)

    actual = words.reach(Contact(load_facilities(None)).hours(None, now), now)

    assert actual == said


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Testcase, Alpha", "Testcase, Alpha"),
        (None, "No name sent"),
        ("", "No name sent"),
        ("\u202egnirts", "gnirts"),
        ("A\x00B\nC", "ABC"),
        ("<b>Bo</b>", "<b>Bo</b>"),
    ],
)
def test_names_cannot_turn_the_line_around(sent: str | None, shown: str):
    """A name is shown as sent, without control characters; escaping is the template's."""
    assert words.name(sent) == shown


def test_a_wall_shows_two_letters_at_most():
    """Initials are two letters, and nothing where no name was sent."""
    assert [words.initials(each) for each in ("Testcase, Alpha Beta", "Li", None)] == ["T. A.", "L.", ""]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("call_72h", "Call within 72 hours"),
        ("call_72h_missed", "Call within 72 hours: missed"),
        ("tcm_contact_due_soon", "Contact in 2 business days: due soon"),
        ("weekly_weight_check", "Weekly weight check"),
    ],
)
def test_kinds_of_a_protocol_of_ones_own_read_as_words(kind: str, said: str):
    """Shipped kinds have names; what a hospital adds reads as the words of its code."""
    assert words.kind(kind) == said


@pytest.mark.parametrize(
    ("born", "said"),
    [(date(1950, 1, 13), "75 y"), (date(1950, 1, 12), "76 y"), (date(2025, 11, 1), "2 mo"), (None, "")],
)
def test_age_in_years_of_a_child_in_months(born: date | None, said: str):
    """Age is in full years, below two years in months."""
    assert words.age(born, NOW) == said


def test_the_bar_gives_the_last_hours_room():
    """The bar of time left is full from three days on, empty at the due time, and never runs backwards."""
    shares = [words.share_left(NOW + timedelta(hours=hours), NOW) for hours in (-5, 0, 1, 12, 71, 72, 500)]

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def _action(**body: Any) -> ActionView:
    return ActionView(
        action_id="a1", type="contact_attempted", state="confirmed", case="CAAAAAAA", by="rn1", at=NOW, occurred_at=NOW,
        body=body,
    )  # fmt: skip


def test_a_call_in_one_line():
    """A call is told by what came of it; a red flag is never left out, and the answers follow."""
    call = _action(
        outcome="reached", party="patient", channel="phone", form={"red_flag": True, "condition": "worse"}
    )

    assert words.deed(call) == "Call or message: reached, patient, phone, RED FLAG"
    assert words.answers(call) == "red flag: yes; condition: worse"


def test_what_is_kept_and_what_is_not_sent_are_told_apart():
    """An action that waits for its visit and one that waits for Kafka read differently."""
    assert words.effect("waiting") != words.status("waiting")


def test_telephone_links_hold_digits_only():
    """A number becomes a link however it was written; what is no number becomes none."""
    assert [words.tel(each) for each in ("+1 (555) 555-0100", "555.0199 x", "unknown")] == [
        "+15555550100",
        "5550199",
        "",
    ]
