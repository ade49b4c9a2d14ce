"""Contacts and attempts: what satisfies which deadline, what only counts as trying, what comes too late."""

from datetime import timedelta

import pytest

from services.transitions.domain.model import Deed
from tests.transitions.domain.builders import Story, a_call, a_stay, a_waiver, deadline, ny, planned, status

HOME = a_stay(discharged="2026-01-09 15:00")
TUESDAY_NIGHT = ny("2026-01-13 24:00")


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([a_call("2026-01-12 10:00")], "met"),
        ([a_call("2026-01-10 10:00")], "met"),
        ([a_call("2026-01-12 10:00", "left_message"), a_call("2026-01-13 09:00", "no_answer")], "attempted"),
        ([a_call("2026-01-12 10:00", "no_answer"), a_call("2026-01-12 10:05", "no_answer")], "missed"),
        ([a_call("2026-01-09 11:00")], "missed"),
        ([a_call("2026-01-13 23:30")], "met"),
        ([a_call("2026-01-14 00:10")], "met_late"),
        ([], "missed"),
        ([a_call("2026-01-12 10:00", "left_message")], "missed"),
        ([a_call("2026-01-12 10:00", "wrong_number"), a_call("2026-01-12 14:00", "no_answer")], "missed"),
        ([a_call("2026-01-12 10:00", "refused")], "met"),
        ([a_call("2026-01-12 10:00", channel="secure_message", party="caregiver")], "met"),
        (
            [a_call("2026-01-12 10:00", "no_answer"), a_call("2026-01-12 12:00", "language_barrier")],
            "attempted",
        ),
        ([a_call("2026-01-12 10:00", "no_answer"), a_call("2026-01-12 11:59", "no_answer")], "missed"),
        ([a_call("2026-01-09 15:00")], "met"),
        ([a_call("2026-01-14 00:00")], "met_late"),
    ],
    ids=[
        "Monday reached",
        "Saturday reached",
        "a message and no answer on two days",
        "one burst of redialling",
        "before the discharge",
        "Tuesday 23:30 reached",
        "Wednesday 00:10 reached",
        "nobody tried",
        "one voicemail",
        "a wrong number is no attempt",
        "refused after talking",
        "a caregiver by message",
        "two hours apart",
        "a minute less",
        "at the discharge instant",
        "at the due instant",
    ],
)
def test_contact_within_two_business_days(calls: list[Deed], expected: str) -> None:
    """Discharged on Friday 9 January at 15:00: owed until the end of Tuesday."""
    plan = planned(HOME, *calls)
    assert deadline(plan, "tcm_contact").due_at == TUESDAY_NIGHT
    assert status(plan, "tcm_contact") == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (a_call("2026-01-12 14:59"), "met"),
        (a_call("2026-01-12 10:00", channel="in_person"), "met"),
        (a_call("2026-01-12 10:00", channel="secure_message"), "missed"),
        (a_call("2026-01-12 10:00", channel="other"), "missed"),
        (a_call("2026-01-12 10:00", "refused"), "missed"),
        (a_call("2026-01-12 10:00", party="caregiver"), "met"),
        (a_call("2026-01-12 15:00"), "met_late"),
    ],
)
def test_the_72_hour_call_takes_a_voice_or_a_face(call: Deed, expected: str) -> None:
    """Reached by phone or in person, patient or caregiver."""
    assert status(planned(HOME, call), "call_72h") == expected


def test_attempts_in_vain_do_not_settle_the_72_hour_call() -> None:
    """Only the contact within two business days knows `attempted`."""
    plan = planned(HOME, a_call("2026-01-10 10:00", "no_answer"), a_call("2026-01-11 10:00", "no_answer"))
    assert (status(plan, "call_72h"), status(plan, "tcm_contact")) == ("missed", "attempted")


def test_attempted_stays_attempted_when_the_patient_is_reached_later() -> None:
    """The attempts in time stand for themselves."""
    tries = [a_call("2026-01-12 10:00", "no_answer"), a_call("2026-01-13 10:00", "left_message")]
    found = deadline(planned(HOME, *tries, a_call("2026-01-15 10:00")), "tcm_contact")
    assert (found.settled, found.becomes) == (None, "attempted")


def test_a_late_entry_counts_by_its_own_time() -> None:
    """Entered on Thursday, done on Monday: met on Monday."""
    found = deadline(planned(HOME, a_call("2026-01-12 10:00", entered="2026-01-15 09:00")), "tcm_contact")
    assert found.settled == ("met", ny("2026-01-12 10:00"))


def test_what_is_dated_ahead_has_not_happened() -> None:
    """A few minutes are a clock that is wrong; more is a typing error or a hope."""
    assert (
        status(planned(HOME, a_call("2026-01-12 10:04", entered="2026-01-12 10:00")), "tcm_contact") == "met"
    )
    assert (
        status(planned(HOME, a_call("2026-01-12 10:00", entered="2026-01-10 10:00")), "tcm_contact")
        == "missed"
    )


def test_a_waiver_in_time_settles() -> None:
    """Waived before it was due; settled at the waiver."""
    found = deadline(planned(HOME, a_waiver("2026-01-12 09:00", "call_72h")), "call_72h")
    assert (found.settled, found.owed) == (("waived", ny("2026-01-12 09:00")), False)


def test_a_waiver_after_the_miss_only_ends_the_work() -> None:
    """It stays missed, and nobody has to act any more."""
    found = deadline(planned(HOME, a_waiver("2026-01-13 09:00", "call_72h")), "call_72h")
    assert (found.settled, found.becomes, found.owed) == (None, "missed", False)


def test_a_waiver_cannot_be_given_in_hindsight() -> None:
    """Dated before the due time, entered after it: a decision counts from when it was entered."""
    waiver = a_waiver("2026-01-12 09:00", "call_72h", entered="2026-01-14 09:00")
    assert deadline(planned(HOME, waiver), "call_72h").settled is None


def test_what_was_first_settles() -> None:
    """A call before the waiver meets, a call after it changes nothing."""
    waiver = a_waiver("2026-01-12 09:00", "call_72h")
    assert status(planned(HOME, a_call("2026-01-12 08:00"), waiver), "call_72h") == "met"
    assert status(planned(HOME, a_call("2026-01-12 10:00"), waiver), "call_72h") == "waived"


def test_a_call_belongs_to_the_latest_discharge_before_it() -> None:
    """A visit number used again: the call after the second discharge is not about the first."""
    first = a_stay(discharged="2026-01-09 15:00")
    second = a_stay(admitted="2026-03-01 10:00", discharged="2026-03-03 10:00", generation=1)
    plan = planned(first, second, a_call("2026-03-04 10:00"), as_of=ny("2026-03-20 00:00"))
    found = {e.opened_at: {d.kind: d.settled or d.becomes for d in e.deadlines} for e in plan.episodes}
    assert found[ny("2026-01-09 15:00")]["call_72h"] == "missed"
    assert found[ny("2026-03-03 10:00")]["call_72h"] == ("met", ny("2026-03-04 10:00"))


def test_a_call_for_another_visit_counts_for_nothing() -> None:
    """Deeds are bound to a visit number."""
    assert status(planned(HOME, a_call("2026-01-12 10:00", visit="V2")), "call_72h") == "missed"


# --- warnings -----------------------------------------------------------------------------------------------


def test_when_it_is_said_that_time_is_running_out() -> None:
    """The offsets of every shipped deadline after a discharge home."""
    plan = planned(HOME)
    assert [(w.at, w.severity) for w in deadline(plan, "call_72h").warnings] == [
        (ny("2026-01-11 15:00"), "P3"),
        (ny("2026-01-12 09:00"), "P3"),
    ]
    assert [(w.at, w.severity) for w in deadline(plan, "tcm_contact").warnings] == [
        (ny("2026-01-12 15:00"), "P3"),
        (ny("2026-01-13 12:00"), "P2"),
    ]


def test_who_has_tried_is_spared_the_first_warning() -> None:
    """An attempt before 15:00 of the first business day; one after it, or a wrong number, changes nothing."""
    second = ny("2026-01-13 12:00")
    for call, expected in [
        (a_call("2026-01-12 14:00", "no_answer"), [second]),
        (a_call("2026-01-12 15:00", "no_answer"), [ny("2026-01-12 15:00"), second]),
        (a_call("2026-01-12 14:00", "wrong_number"), [ny("2026-01-12 15:00"), second]),
    ]:
        assert [w.at for w in deadline(planned(HOME, call), "tcm_contact").warnings] == expected


def test_the_settle_window_runs_from_the_latest_report() -> None:
    """Ten minutes after the arrival of the A03, not after the discharge itself."""
    stay = a_stay(discharged="2026-01-09 15:00", learned="2026-01-09 15:05", settle="2026-01-09 16:00")
    assert deadline(planned(stay), "call_72h").hold_until == ny("2026-01-09 16:00") + timedelta(minutes=10)


def test_a_withdrawn_call_leaves_a_later_one_that_nobody_had_to_be_asked_for() -> None:
    """Called in time and again after it; the first was another patient's: late it was, but nothing had been raised."""
    first, second = a_call("2026-01-11 10:00"), a_call("2026-01-13 10:00")
    story = Story().hears("2026-01-09 15:00", HOME).hears("2026-01-11 10:00", first)
    before = story.hears("2026-01-13 10:00", second).deadline("call_72h")
    after = story.forgets("2026-01-14 10:00", first).deadline("call_72h")
    assert (before.status, after.status) == ("met", "met_late")
    assert after.generation == before.generation + 1
