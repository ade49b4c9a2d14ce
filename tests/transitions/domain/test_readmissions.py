"""What a later arrival is taken for, what it ends, and that all comes back when it never was."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.transitions.domain.model import Diagnosis, Stay
from tests.transitions.domain.builders import (
    Story,
    a_call,
    a_stay,
    an_ack,
    an_emergency_visit,
    an_observation_stay,
    deadline,
    episode,
    ny,
    planned,
    status,
    visit_id,
)

HF = ("I50.9",)
HOME = a_stay(discharged="2026-01-09 15:00", diagnoses=HF)
NOT_A_READMISSION: list[str] = []


def verdicts(*stays: Stay) -> list[str]:
    return [verdict.verdict for _, verdict in planned(*stays).readmissions]


def arrives(when: str, number: str = "V2", **more: Any) -> Stay:
    return a_stay(number, admitted=when, **more)


VECTORS = {
    "same day, same hospital, same diagnosis": (
        HOME, arrives("2026-01-09 20:00", diagnoses=("I50.1",)), ["same_day_combined"]),
    "same day, same hospital, another diagnosis": (
        HOME, arrives("2026-01-09 20:00", diagnoses=("J18.9",)), ["readmit_suspected_unplanned"]),
    "same day, same hospital, one condition in two categories": (
        HOME, arrives("2026-01-09 20:00", diagnoses=("I11.0",)), ["same_day_combined"]),
    "same day, a code of another system": (
        HOME, arrives("2026-01-09 20:00", diagnoses=(Diagnosis("428.0", "I9C"),)), ["readmit_suspected_unplanned"]),
    "same day, a diagnosis taken back": (
        HOME, arrives("2026-01-09 20:00", diagnoses=(Diagnosis("I50.1", "I10", until=ny("2026-01-09 21:00")),)),
        ["readmit_suspected_unplanned"]),
    "on leave over the weekend": (
        replace(HOME, state="on_leave", discharged_at=None), arrives("2026-01-20 09:00"), NOT_A_READMISSION),
    "same day, diagnosis unknown": (HOME, arrives("2026-01-09 20:00"), ["readmit_suspected_unplanned"]),
    "another hospital the next day": (HOME, arrives("2026-01-10 09:00", at="H2"), ["transfer_chain"]),
    "another hospital two days later": (
        HOME, arrives("2026-01-11 00:01", at="H2"), ["readmit_suspected_unplanned"]),
    "day thirty": (HOME, arrives("2026-02-08 23:59"), ["readmit_suspected_unplanned"]),
    "day thirty-one": (HOME, arrives("2026-02-09 00:00"), NOT_A_READMISSION),
    "elective, pre-admitted": (
        HOME, arrives("2026-01-20 09:00", admission_type="C", preadmitted=True), ["readmit_suspected_planned"]),
    "elective alone": (HOME, arrives("2026-01-20 09:00", admission_type="3"), ["readmit_suspected_planned"]),
    "pre-admitted alone": (HOME, arrives("2026-01-20 09:00", preadmitted=True), ["readmit_suspected_planned"]),
    "a surgical service alone": (
        HOME, arrives("2026-01-20 09:00", hospital_service="SUR"), ["readmit_suspected_unplanned"]),
    "pre-admitted, but an emergency": (
        HOME, arrives("2026-01-20 09:00", admission_type="E", preadmitted=True), ["readmit_suspected_unplanned"]),
    "declared twin": (
        a_stay(discharged="2026-01-09 15:00", to="81"), arrives("2026-01-20 09:00"), ["readmit_suspected_planned"]),
    "declared twin, an emergency": (
        a_stay(discharged="2026-01-09 15:00", to="81"), arrives("2026-01-20 09:00", admission_type="1"),
        ["readmit_suspected_unplanned"]),
    "declared twin and pre-admitted, an emergency all the same": (
        a_stay(discharged="2026-01-09 15:00", to="86"),
        arrives("2026-01-20 09:00", admission_type="E", preadmitted=True), ["readmit_suspected_planned"]),
    "infusion series": (
        HOME, arrives("2026-01-12 09:00", care_class="outpatient", inpatient=False, state="registered"),
        NOT_A_READMISSION),
    "observation": (HOME, an_observation_stay("V2", admitted="2026-01-12 09:00"), ["obs_revisit"]),
    "emergency": (HOME, an_emergency_visit(arrived="2026-01-12 09:00"), ["ed_revisit"]),
    "the discharge is cancelled": (replace(HOME, state="admitted"), arrives("2026-01-20 09:00"), NOT_A_READMISSION),
    "the new admission is cancelled": (HOME, arrives("2026-01-20 09:00", state="cancelled"), NOT_A_READMISSION),
    "only planned so far": (HOME, arrives("2026-01-20 09:00", state="planned"), NOT_A_READMISSION),
    "no longer inpatient": (
        HOME, arrives("2026-01-20 09:00", inpatient=False, care_class="outpatient", state="registered"),
        NOT_A_READMISSION),
    "the first stay ended in death": (
        a_stay(discharged="2026-01-09 15:00", to="20"), arrives("2026-01-20 09:00"), NOT_A_READMISSION),
    "a stay first seen through an update": (
        HOME, arrives("2026-01-20 09:00", gap=True, admit_learned_at=None), NOT_A_READMISSION),
    "first seen through an update, then changed to inpatient (A06)": (
        HOME, arrives("2026-01-20 09:00", gap=True), ["readmit_suspected_unplanned"]),
    "sent to another hospital, which is not ours": (
        a_stay(discharged="2026-01-09 15:00", to="02", at="H1"), arrives("2026-01-10 09:00", at="H1"),
        ["transfer_chain"]),
    "sent to a nursing home": (
        a_stay(discharged="2026-01-09 15:00", to="03"), arrives("2026-01-10 09:00", at="SNF1"), NOT_A_READMISSION),
    "back from a nursing home's own stay": (
        a_stay(discharged="2026-01-09 15:00", to="03"), arrives("2026-01-20 09:00"), ["readmit_suspected_unplanned"]),
    "after an observation stay": (
        an_observation_stay("V1", discharged="2026-01-09 15:00"), arrives("2026-01-12 09:00"), NOT_A_READMISSION),
    "after leaving against advice": (
        a_stay(discharged="2026-01-09 15:00", to="07"), arrives("2026-01-12 09:00"), ["readmit_suspected_unplanned"]),
    "still a patient": (a_stay(discharged="2026-01-09 15:00", to="30"), arrives("2026-01-12 09:00"), NOT_A_READMISSION),
}  # fmt: skip


@pytest.mark.parametrize(("index", "later", "expected"), VECTORS.values(), ids=VECTORS)
def test_what_a_later_arrival_is_taken_for(index: Stay, later: Stay, expected: list[str]) -> None:
    """Discharged home on 9 January at 15:00 from H1, unless said; in any order."""
    assert verdicts(index, later) == verdicts(later, index) == expected


def test_only_a_suspected_readmission_is_told_to_a_person() -> None:
    """Against the discharge, at the start of the new stay, known with its arrival."""
    _, found = planned(HOME, arrives("2026-01-20 09:00")).readmissions[0]
    assert (found.visit_id, found.at, found.notice) == (visit_id("V2"), ny("2026-01-20 09:00"), True)
    assert found.known_at == ny("2026-01-20 09:00")
    for later in (arrives("2026-01-10 09:00", at="H2"), an_emergency_visit(arrived="2026-01-12 09:00")):
        assert not planned(HOME, later).readmissions[0][1].notice


def test_an_index_against_advice_is_flagged() -> None:
    """Still reported."""
    index = a_stay(discharged="2026-01-09 15:00", to="07")
    assert planned(index, arrives("2026-01-12 09:00")).readmissions[0][1].index_ama


@pytest.mark.parametrize(
    ("when", "codes", "asked"),
    [
        ("2026-01-09 20:00", (), True),
        ("2026-01-09 20:00", (Diagnosis("weak heart", None),), True),
        ("2026-01-09 20:00", ("J18.9",), False),
        ("2026-01-10 20:00", (), False),
    ],
    ids=["unknown", "free text", "another diagnosis", "the next day"],
)
def test_back_on_the_same_day_for_who_knows_what_is_for_a_person_to_judge(
    when: str, codes: tuple[str | Diagnosis, ...], asked: bool
) -> None:
    """It counts as a readmission until somebody knows: the two might be one stay."""
    assert planned(HOME, arrives(when, diagnoses=codes)).readmissions[0][1].needs_review is asked


@pytest.mark.parametrize(
    ("index", "later", "alarmed"),
    [
        (a_stay(discharged="2026-01-09 15:00", to="20"), arrives("2026-01-20 09:00"), True),
        (a_stay(discharged="2026-01-09 15:00", to="20"), arrives("2026-01-09 20:00"), True),
        (a_stay(discharged="2026-01-09 15:00", died="2026-01-12 03:00"), arrives("2026-01-20 09:00"), True),
        (a_stay(discharged="2026-01-09 15:00", died="2026-01-12 03:00"), arrives("2026-01-11 09:00"), False),
        (a_stay(discharged="2026-01-09 15:00", died="2026-01-12 00:00"), arrives("2026-01-12 08:00"), False),
        (a_stay(discharged="2026-01-09 15:00", to="20", died="2026-01-25 15:00"), arrives("2026-01-20 09:00"), True),
        (a_stay(discharged="2026-01-09 15:00", to="20"), arrives("2026-01-20 09:00", state="cancelled"), False),
        (HOME, arrives("2026-01-20 09:00"), False),
    ],
    ids=["expired", "expired, same day", "died at home", "died in the new stay", "on the day of death", "two deaths", "cancelled",
         "alive"],
)  # fmt: skip
def test_who_is_admitted_after_death_is_somebody_else(index: Stay, later: Stay, alarmed: bool) -> None:
    """Two people share a number, or the death was told wrongly: an alarm, no readmission, nothing owed; in any order.

    A date of death without a time says nothing of the hour: who is admitted on that day may have died in the stay.
    """
    for order in ((index, later), (later, index)):
        plan = planned(*order)
        assert plan.alarms == (((visit_id("V2"), "admitted_after_death"),) if alarmed else ())
        assert not (alarmed and plan.readmissions)


@pytest.mark.parametrize(
    "later",
    [
        arrives("2026-01-11 09:00"),
        arrives("2026-01-10 09:00", at="H2"),
        arrives("2026-01-09 20:00", diagnoses=HF),
    ],
    ids=["readmitted", "transfer chain", "combined"],
)
def test_a_new_inpatient_start_ends_the_follow_up(later: Stay) -> None:
    """Open deadlines are superseded at its start, the episode is closed as readmitted."""
    assert later.admitted_at
    found = episode(planned(HOME, later))
    assert found.closed == ("readmitted", later.admitted_at)
    assert {d.settled for d in found.deadlines} == {("superseded", later.admitted_at)}
    assert found.readmission


def test_it_ends_an_open_facility_handoff_too() -> None:
    """Unless it was acknowledged before, or had been missed."""
    index = a_stay(discharged="2026-01-09 15:00", to="03")
    soon, later = arrives("2026-01-09 17:00"), arrives("2026-01-12 09:00")
    assert status(planned(index, soon), "handoff_ack_facility") == "superseded"
    assert status(planned(index, later), "handoff_ack_facility") == "missed"
    acked = planned(index, later, an_ack("2026-01-09 16:00"))
    assert episode(acked, "facility_handoff").closed == ("completed", ny("2026-01-09 16:00"))


@pytest.mark.parametrize(
    "later",
    [an_emergency_visit(arrived="2026-01-11 09:00"), an_observation_stay("V2", admitted="2026-01-11 09:00")],
)
def test_a_revisit_ends_nothing(later: Stay) -> None:
    """Emergency and observation visits are noted, the calls stay owed."""
    found = episode(planned(HOME, later), number="V1")
    assert found.closed is None
    assert found.readmission
    assert status(planned(HOME, later), "call_72h") == "missed"


def test_a_call_after_the_new_start_changes_nothing() -> None:
    """Whoever lies in hospital was not called at home; a call before it counts."""
    later = arrives("2026-01-11 09:00")
    assert status(planned(HOME, later, a_call("2026-01-11 10:00")), "call_72h") == "superseded"
    assert status(planned(HOME, later, a_call("2026-01-11 08:00")), "call_72h") == "met"


def test_only_the_days_of_the_discharging_facility_count() -> None:
    """00:30 in New York is 21:30 the day before in Los Angeles: still day 30 there."""
    at = "2026-02-09 00:30"
    assert verdicts(HOME, arrives(at, at="WEST")) == NOT_A_READMISSION
    assert verdicts(replace(HOME, facility="WEST"), arrives(at)) == ["readmit_suspected_unplanned"]


def test_each_return_counts_against_the_stay_before_it() -> None:
    """Home, back, home, back again."""
    second = arrives("2026-01-12 09:00", discharged="2026-01-14 09:00")
    third = arrives("2026-01-20 09:00", "V3")
    plan = planned(third, HOME, second)
    assert [(index, r.visit_id) for index, r in plan.readmissions] == [
        (visit_id("V1"), visit_id("V2")),
        (visit_id("V2"), visit_id("V3")),
    ]
    assert episode(plan, number="V2").closed == ("readmitted", ny("2026-01-20 09:00"))


def test_a_stay_in_a_nursing_home_between_hides_nothing() -> None:
    """The index is the hospital stay; the follow-up of the nursing home ends as well."""
    nursing = arrives("2026-01-09 17:00", "S1", at="SNF1", discharged="2026-01-20 10:00")
    plan = planned(a_stay(discharged="2026-01-09 15:00", to="03"), nursing, arrives("2026-01-22 09:00"))
    assert [(index, r.verdict) for index, r in plan.readmissions] == [
        (visit_id("V1"), "readmit_suspected_unplanned")
    ]
    assert episode(plan, number="S1").closed == ("readmitted", ny("2026-01-22 09:00"))


# --- the emergency department on the way in -------------------------------------------------------------------


def test_an_emergency_visit_that_becomes_a_stay_is_told_once() -> None:
    """A04 class E, three hours later A06 on the same visit."""
    story = Story().hears("2026-01-09 15:00", HOME)
    story.hears("2026-01-12 09:00", an_emergency_visit("V2", arrived="2026-01-12 09:00"))
    first = story.row().readmission
    assert first
    assert first.verdict == "ed_revisit"
    converted = a_stay(
        "V2", admitted="2026-01-12 12:00", emergency_phase=True, started_at=ny("2026-01-12 09:00")
    )
    story.hears("2026-01-12 12:00", converted)
    found = story.row().readmission
    assert found
    assert (found.verdict, found.notice, found.known_at) == (
        "readmit_suspected_unplanned",
        True,
        ny("2026-01-12 12:00"),
    )


@pytest.mark.parametrize(
    ("left", "admitted", "expected"),
    [
        ("2026-01-12 11:00", "2026-01-12 11:20", ["readmit_suspected_unplanned"]),
        ("2026-01-12 11:00", "2026-01-12 15:00", ["readmit_suspected_unplanned"]),
        ("2026-01-12 11:00", "2026-01-12 15:01", ["ed_revisit", "readmit_suspected_unplanned"]),
        (None, "2026-01-12 15:01", ["readmit_suspected_unplanned"]),
    ],
)
def test_an_emergency_visit_under_its_own_number_joins_the_stay(
    left: str | None, admitted: str, expected: list[str]
) -> None:
    """Within four hours it is one stay, and its own verdict disappears."""
    emergency = an_emergency_visit(arrived="2026-01-12 09:00", discharged=left)
    assert verdicts(HOME, emergency, arrives(admitted)) == expected


# --- when it never was ----------------------------------------------------------------------------------------


def test_a_readmission_that_a_merge_brings_to_light_is_known_since_the_merge() -> None:
    """Given an admission under another record, when that is merged in a week later, then it is known since then."""
    index = a_stay(discharged="2026-01-09 15:00")
    back = a_stay("V2", admitted="2026-01-20 09:00")
    story = Story().hears("2026-01-09 15:00", index).merges("2026-01-27 10:00", back)
    found = story.row().readmission
    assert found is not None
    assert (found.at, found.known_at) == (ny("2026-01-20 09:00"), ny("2026-01-27 10:00"))
    later = story.hears("2026-01-28 10:00", replace(back, learned_at=ny("2026-01-28 10:00"))).row()
    assert later.readmission == found


def test_a_readmission_that_a_cancelled_stay_had_hidden_is_known_since_the_cancel() -> None:
    """Given a stay between, when it turns out never to have been, then the return counts against the first from then on."""
    index = a_stay(discharged="2026-01-09 15:00")
    between = a_stay("V2", admitted="2026-01-12 09:00", discharged="2026-01-14 12:00")
    back = a_stay("V3", admitted="2026-01-20 09:00")
    story = (
        Story()
        .hears("2026-01-09 15:00", index)
        .hears("2026-01-14 12:00", between)
        .hears("2026-01-20 09:00", back)
        .hears("2026-01-21 08:00", replace(between, state="cancelled", learned_at=ny("2026-01-21 08:00")))
    )
    found = story.row().readmission
    assert found is not None
    assert (found.visit_id, found.known_at) == (back.visit_id, ny("2026-01-21 08:00"))


def test_a_cancelled_admission_gives_everything_back() -> None:
    """The old due instants; what is past by then is known late and pages nobody."""
    story = Story().hears("2026-01-09 15:00", HOME).hears("2026-01-11 09:00", arrives("2026-01-11 09:00"))
    assert set(story.statuses().values()) == {"superseded"}
    story.hears("2026-01-13 09:00", arrives("2026-01-11 09:00", state="cancelled"))
    call, contact = story.deadline("call_72h"), story.deadline("tcm_contact")
    assert (call.status, call.due_at, call.late_known, call.generation) == (
        "missed",
        ny("2026-01-12 15:00"),
        True,
        1,
    )
    assert (contact.status, contact.due_at, contact.late_known) == ("pending", ny("2026-01-13 24:00"), False)
    row = story.row()
    assert (row.status, row.closed_at, row.close_reason, row.readmission) == ("open", None, None, None)


def test_a_miss_before_the_readmission_is_owed_again_without_a_page() -> None:
    """Missed on Monday, readmitted on Tuesday, never admitted after all."""
    story = Story().hears("2026-01-09 15:00", HOME).hears("2026-01-13 08:00", arrives("2026-01-13 08:00"))
    call = story.deadline("call_72h")
    assert (call.status, call.owed, call.known_at) == ("missed", False, ny("2026-01-13 08:00"))
    story.hears("2026-01-13 09:00", arrives("2026-01-13 08:00", state="cancelled"))
    call = story.deadline("call_72h")
    assert (call.status, call.owed, call.late_known, call.generation) == ("missed", True, True, 1)


def test_a_call_made_after_the_return_turns_out_to_be_none_and_asks_for_nothing_anew() -> None:
    """Missed on Monday, called on Tuesday; then we hear that the patient had come back before that call."""
    story = Story().hears("2026-01-09 15:00", HOME).hears("2026-01-13 12:00", a_call("2026-01-13 12:00"))
    assert story.deadline("call_72h").status == "met_late"
    call = story.hears("2026-01-14 08:00", arrives("2026-01-13 08:00")).deadline("call_72h")
    assert (call.status, call.owed, call.generation) == ("missed", False, 0)


def test_a_readmission_learned_late_takes_back_the_miss() -> None:
    """The call was missed on Monday; on Tuesday we hear that the patient had come back on Sunday."""
    story = Story().hears("2026-01-09 15:00", HOME)
    late = replace(arrives("2026-01-11 09:00"), admit_learned_at=ny("2026-01-13 09:00"))
    story.hears("2026-01-13 09:00", late)
    call = story.deadline("call_72h")
    assert (call.status, call.settled_at, call.known_at) == (
        "superseded", ny("2026-01-11 09:00"), ny("2026-01-13 09:00"))  # fmt: skip


def test_an_implausible_stay_is_told_to_nobody() -> None:
    """It is on the list, and pages nobody."""
    plan = planned(HOME, arrives("2026-01-20 09:00", implausible=True))
    assert not plan.readmissions[0][1].notice


def test_the_superseded_deadline_had_its_own_time() -> None:
    """Superseding moves no due time."""
    assert deadline(planned(HOME, arrives("2026-01-11 09:00")), "call_72h").due_at == ny("2026-01-12 15:00")


def test_an_admission_announced_ahead_ends_nothing_before_it_begins() -> None:
    """The A01 for Wednesday arrives on Sunday: the call of Monday is still owed, and missed."""
    story = Story().hears("2026-01-09 15:00", HOME)
    ahead = replace(arrives("2026-01-14 09:00"), admit_learned_at=ny("2026-01-11 09:00"))
    story.hears("2026-01-11 09:00", ahead).until("2026-01-13 12:00")
    call = story.deadline("call_72h")
    assert (call.status, call.owed, story.row().status) == ("missed", True, "open")
    story.until("2026-01-14 09:00")
    call = story.deadline("call_72h")
    assert (call.status, call.owed, story.row().close_reason) == ("missed", False, "readmitted")
