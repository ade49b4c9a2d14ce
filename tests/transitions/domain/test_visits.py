"""The follow-up visit, the reconciliation that goes with it, the notice to the practice: domain.md 3.1, 3.2, 10.6."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.transitions.domain.model import Assessment, Deed, Diagnosis, PlannedDeadline, Stay
from tests.transitions.domain.builders import (
    Story,
    a_call,
    a_deed,
    a_stay,
    a_waiver,
    deadline,
    episode,
    kinds,
    ny,
    planned,
    status,
)

LEFT = "2026-01-09 15:00"
HOME = a_stay(discharged=LEFT)


def assessed(at: str, complexity: str, **more: str) -> Deed:
    return a_deed("complexity_assessed", at, complexity=complexity, **more)


def booked(at: str, for_: str, **more: str) -> Deed:
    return a_deed("appointment_booked", at, occurs_at=ny(for_), **more)


def visited(at: str, **more: Any) -> Deed:
    return a_deed("visit_completed", at, **more)


def reconciled(at: str, **more: str) -> Deed:
    return a_deed("medications_reconciled", at, **more)


def notified(at: str, **more: str) -> Deed:
    return a_deed("pcp_notified", at, **more)


HIGH, MODERATE = assessed("2026-01-10 09:00", "high"), assessed("2026-01-11 09:00", "moderate")


def warned(found: PlannedDeadline) -> list[str]:
    return [f"{warning.at:%d %H:%M} {warning.severity}" for warning in found.warnings]


# --- when -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "kind", "due"),
    [
        ((), "pcp_notify", "2026-01-11 24:00"),
        ((), "visit_14d", "2026-01-23 24:00"),
        ((), "med_rec", "2026-01-23 24:00"),
        ((HIGH,), "visit_7d", "2026-01-16 24:00"),
        ((HIGH,), "med_rec", "2026-01-16 24:00"),
        ((booked("2026-01-10 10:00", "2026-01-14 09:30"),), "visit_14d", "2026-01-23 24:00"),
        ((booked("2026-01-10 10:00", "2026-01-14 09:30"),), "med_rec", "2026-01-14 24:00"),
        ((booked("2026-01-08 10:00", "2026-01-14 09:30"),), "med_rec", "2026-01-14 24:00"),
        ((booked("2026-01-10 10:00", "2026-01-28 09:30"),), "med_rec", "2026-01-23 24:00"),
        ((booked("2026-01-08 10:00", "2026-01-09 11:00"),), "med_rec", "2026-01-23 24:00"),
        ((booked("2026-01-10 10:00", "2026-01-14 09:30"), booked("2026-01-12 10:00", "2026-01-20 09:30")),
         "med_rec", "2026-01-20 24:00"),
        ((booked("2026-01-10 10:00", "2026-01-14 09:30"), visited("2026-01-13 10:00")),
         "med_rec", "2026-01-13 24:00"),
        ((visited("2026-01-28 10:00"),), "med_rec", "2026-01-23 24:00"),
    ],
)  # fmt: skip
def test_due(facts: tuple[Deed, ...], kind: str, due: str) -> None:
    """Discharged home on Friday 9 January at 15:00."""
    assert deadline(planned(HOME, *facts), kind).due_at == ny(due)


@pytest.mark.parametrize(
    ("facts", "visit"),
    [
        ((), "visit_14d"),
        ((HIGH,), "visit_7d"),
        ((assessed("2026-01-08 09:00", "high"),), "visit_7d"),
        ((HIGH, MODERATE), "visit_14d"),
        ((MODERATE, HIGH), "visit_14d"),
    ],
)
def test_complexity_decides_which_visit(facts: tuple[Deed, ...], visit: str) -> None:
    """What a clinician said last, also before the discharge; moderate until then."""
    found = kinds(planned(HOME, *facts))["discharge"]
    assert [kind for kind in found if kind.startswith("visit")] == [visit]


def test_a_word_about_an_earlier_stay_does_not_speak_of_this_one() -> None:
    """The visit number is used again: complexity, appointment and visit of the first stay stay with it."""
    again = a_stay(admitted="2026-03-02 08:00", discharged="2026-03-06 15:00", generation=1)
    found = planned(
        HOME, again, HIGH, booked("2026-01-10 10:00", "2026-03-09 09:00"), as_of=ny("2026-03-06 16:00")
    )
    late = {d.kind: d.because for d in found.episodes[-1].deadlines}
    assert "assessed as" not in late["med_rec"]
    assert "when the visit is due" in late["med_rec"]
    assert not any("booked" in because for because in late.values())


# --- met ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "kind", "expected"),
    [
        ((), "visit_14d", "missed"),
        ((visited("2026-01-23 23:59"),), "visit_14d", "met"),
        ((visited("2026-01-24 00:00"),), "visit_14d", "met_late"),
        ((visited("2026-01-09 14:00"),), "visit_14d", "missed"),
        ((visited("2026-01-09 17:00"),), "visit_14d", "met"),
        ((visited("2026-01-09 17:00", discharging_practitioner=True),), "visit_14d", "missed"),
        ((visited("2026-01-10 09:00", discharging_practitioner=True),), "visit_14d", "met"),
        ((visited("2026-01-15 10:00", specialty="cardiology"),), "visit_14d", "met"),
        ((booked("2026-01-10 10:00", "2026-01-14 09:30"),), "visit_14d", "missed"),
        ((HIGH, visited("2026-01-16 23:59")), "visit_7d", "met"),
        ((HIGH, visited("2026-01-17 10:00")), "visit_7d", "met_late"),
        ((visited("2026-01-14 10:00"), reconciled("2026-01-14 18:00")), "med_rec", "met"),
        ((visited("2026-01-14 10:00"), reconciled("2026-01-15 00:00")), "med_rec", "met_late"),
        ((reconciled("2026-01-10 18:00"),), "med_rec", "met"),
        ((reconciled("2026-01-09 14:59"),), "med_rec", "missed"),
        ((visited("2026-01-14 10:00"),), "med_rec", "missed"),
        ((notified("2026-01-11 23:59"),), "pcp_notify", "met"),
        ((notified("2026-01-12 00:00"),), "pcp_notify", "met_late"),
        ((notified("2026-01-09 14:59"),), "pcp_notify", "missed"),
        ((a_call("2026-01-10 10:00", channel="in_person"),), "visit_14d", "missed"),
        ((a_waiver("2026-01-10 10:00", "visit_14d"),), "visit_14d", "waived"),
        ((a_waiver("2026-01-10 10:00", "med_rec"),), "med_rec", "waived"),
        ((a_waiver("2026-01-10 10:00", "pcp_notify"),), "pcp_notify", "waived"),
    ],
)  # fmt: skip
def test_settled_by(facts: tuple[Deed, ...], kind: str, expected: str) -> None:
    """Discharged home on Friday 9 January at 15:00; read when everything is over."""
    assert status(planned(HOME, *facts), kind) == expected


@pytest.mark.parametrize("kind", ["pcp_notify", "visit_14d", "med_rec"])
@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (a_stay(discharged=LEFT, died="2026-01-10 06:00"), "void"),
        (a_stay("V2", admitted="2026-01-10 06:00"), "superseded"),
    ],
)
def test_what_ends_the_episode_ends_them_all(kind: str, fact: Stay, expected: str) -> None:
    """Death makes void, a readmission supersedes."""
    stays = {stay.visit_id: stay for stay in (HOME, fact)}
    assert deadline(planned(*stays.values()), kind).settled == (expected, ny("2026-01-10 06:00"))


# --- a changed mind -------------------------------------------------------------------------------------------


def test_a_higher_complexity_moves_the_visit_forward() -> None:
    """Day 3: the visit within fourteen days is void, one within seven is owed, and the reconciliation with it."""
    story = Story().hears(LEFT, HOME).hears("2026-01-12 10:00", assessed("2026-01-12 10:00", "high"))
    assert (story.deadline("visit_14d").status, story.deadline("visit_7d").status) == ("void", "pending")
    assert story.deadline("visit_7d").due_at == story.deadline("med_rec").due_at == ny("2026-01-16 24:00")
    assert not story.deadline("visit_7d").late_known
    assert story.last.episodes == ()


def test_a_complexity_that_comes_too_late_is_nobodys_miss() -> None:
    """Day 8: the seven days were over before anybody could know that they counted."""
    story = Story().hears(LEFT, HOME).hears("2026-01-17 10:00", assessed("2026-01-17 10:00", "high"))
    visit = story.deadline("visit_7d")
    assert (visit.status, visit.late_known, visit.known_at) == ("missed", True, ny("2026-01-17 10:00"))
    assert story.deadline("med_rec").late_known


def test_a_lower_complexity_takes_the_miss_back() -> None:
    """Missed on day 7; on day 8 a clinician says it was moderate: fourteen days, nothing was missed."""
    story = Story().hears(LEFT, HOME, assessed(LEFT, "high")).until("2026-01-17 09:00")
    assert story.deadline("visit_7d").status == "missed"
    story.hears("2026-01-17 10:00", assessed("2026-01-17 10:00", "moderate"))
    assert (story.deadline("visit_7d").status, story.deadline("visit_14d").status) == ("void", "pending")
    assert story.deadline("med_rec").status == "pending"


def test_there_and_back_again_is_another_alert() -> None:
    """High, moderate, high: the visit within seven days is owed anew, under the same id."""
    story = Story().hears(LEFT, HOME, assessed(LEFT, "high"))
    first = story.deadline("visit_7d")
    story.hears("2026-01-10 10:00", assessed("2026-01-10 10:00", "moderate"))
    story.hears("2026-01-10 11:00", assessed("2026-01-10 11:00", "high"))
    again = story.deadline("visit_7d")
    assert (again.status, again.deadline_id) == ("pending", first.deadline_id)
    assert again.generation == first.generation + 1
    assert again.learned_at == ny("2026-01-10 11:00")


def test_an_appointment_that_nobody_kept_is_made_anew() -> None:
    """Reconciliation missed on the day of the appointment; a new one on day 11 gives it a new day."""
    story = (
        Story().hears(LEFT, HOME).hears("2026-01-10 10:00", booked("2026-01-10 10:00", "2026-01-14 09:30"))
    )
    assert story.until("2026-01-14 24:00").deadline("med_rec").status == "missed"
    story.hears("2026-01-15 09:00", booked("2026-01-15 09:00", "2026-01-20 09:30"))
    found = story.deadline("med_rec")
    assert (found.status, found.due_at, found.generation) == ("pending", ny("2026-01-20 24:00"), 1)


def test_an_appointment_moved_behind_the_visits_own_day_is_known_since_it_was_moved() -> None:
    """Missed on the day of the appointment; on day 11 it is booked so late that the visit's own day counts again."""
    rebooked = booked("2026-01-15 09:00", "2026-01-30 09:30")
    story = (
        Story().hears(LEFT, HOME).hears("2026-01-10 10:00", booked("2026-01-10 10:00", "2026-01-14 09:30"))
    )
    found = story.hears("2026-01-15 09:00", rebooked).deadline("med_rec")
    assert (found.status, found.due_at) == ("pending", ny("2026-01-23 24:00"))
    assert found.learned_at == found.known_at == ny("2026-01-15 09:00")


def test_a_visit_entered_the_day_after_makes_nothing_late() -> None:
    """Nobody had booked it; that it was yesterday we hear today."""
    seen = visited("2026-01-13 10:00", entered="2026-01-14 09:00")
    story = Story().hears(LEFT, HOME).hears("2026-01-14 09:00", seen)
    found = story.deadline("med_rec")
    assert (found.due_at, found.status, found.late_known) == (ny("2026-01-13 24:00"), "missed", True)
    assert story.deadline("visit_14d").status == "met"


def test_a_visit_as_booked_was_known_with_the_booking() -> None:
    """Booked on Saturday for Tuesday, kept, entered on Wednesday: the reconciliation was missed on Tuesday."""
    story = (
        Story().hears(LEFT, HOME).hears("2026-01-10 10:00", booked("2026-01-10 10:00", "2026-01-13 10:00"))
    )
    story.hears("2026-01-14 09:00", visited("2026-01-13 10:00", entered="2026-01-14 09:00"))
    found = story.deadline("med_rec")
    assert (found.status, found.late_known, found.known_at) == ("missed", False, ny("2026-01-13 24:00"))
    fresh = deadline(planned(HOME, *story.deeds.values()), "med_rec")
    assert fresh.learned_at == ny("2026-01-10 10:00")


def test_a_withdrawn_booking_is_no_booking() -> None:
    """Back to the day by which the visit is due."""
    entry = booked("2026-01-10 10:00", "2026-01-14 09:30")
    story = Story().hears(LEFT, HOME).hears("2026-01-10 10:00", entry).forgets("2026-01-11 10:00", entry)
    assert story.deadline("med_rec").due_at == ny("2026-01-23 24:00")


def test_while_nobody_knows_where_to_all_of_it_is_provisional() -> None:
    """Unknown disposition: owed as after a discharge home, paging nobody."""
    found = planned(a_stay(discharged=LEFT, to="??"))
    assert {d.kind for d in episode(found).deadlines} > {"pcp_notify", "visit_14d", "med_rec"}
    assert {(d.provisional, d.severity) for d in episode(found).deadlines} == {(True, "P3")}


# --- warnings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "kind", "expected"),
    [
        ((), "visit_14d", ["16 14:00 P3", "20 14:00 P3", "22 14:00 P3"]),
        ((HIGH,), "visit_7d", ["12 14:00 P3", "14 14:00 P3", "15 14:00 P3"]),
        ((booked("2026-01-10 10:00", "2026-01-22 09:30"),), "visit_14d", ["20 14:00 P3", "22 14:00 P3"]),
        ((booked("2026-01-16 10:00", "2026-01-22 09:30"),), "visit_14d",
         ["16 14:00 P3", "20 14:00 P3", "22 14:00 P3"]),
        ((booked("2026-01-10 10:00", "2026-01-24 09:30"),), "visit_14d",
         ["16 14:00 P3", "20 14:00 P3", "22 14:00 P3"]),
        ((booked("2026-01-10 10:00", "2026-01-22 09:30"), booked("2026-01-17 10:00", "2026-01-19 09:30")), "visit_14d",
         ["20 14:00 P3", "22 14:00 P3"]),
        ((booked("2026-01-10 10:00", "2026-01-22 09:30"), booked("2026-01-15 10:00", "2026-01-24 09:30")), "visit_14d",
         ["16 14:00 P3", "20 14:00 P3", "22 14:00 P3"]),
        ((), "med_rec", ["23 21:00 P3"]),
        ((booked("2026-01-10 10:00", "2026-01-14 09:30"),), "med_rec", ["14 21:00 P3"]),
        ((), "pcp_notify", []),
    ],
)  # fmt: skip
def test_warnings(facts: tuple[Deed, ...], kind: str, expected: list[str]) -> None:
    """In UTC, five hours ahead: no appointment by D + 3 or D + 7, then D + 5 and 6, or 11 and 13; the visit's day."""
    assert warned(deadline(planned(HOME, *facts), kind)) == expected


@pytest.mark.parametrize(
    ("kind", "severity"), [("pcp_notify", "P3"), ("visit_14d", "P2"), ("visit_7d", "P2"), ("med_rec", "P3")]
)
def test_severity_of_a_miss(kind: str, severity: str) -> None:
    """A missed visit pages, the others are work."""
    facts = (HIGH,) if kind == "visit_7d" else ()
    assert deadline(planned(HOME, *facts), kind).severity == severity


# --- words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "kind", "because"),
    [
        ((), "pcp_notify", "to the end of Sun 11 Jan 2026, 2 days after the discharge of Fri 9 Jan 2026"),
        ((), "visit_14d",
         ("to the end of Fri 23 Jan 2026, 14 days after the discharge of Fri 9 Jan 2026; "
         "complexity taken as moderate until a clinician assesses it")),
        ((HIGH, booked("2026-01-10 10:00", "2026-01-14 09:30")), "visit_7d",
         ("to the end of Fri 16 Jan 2026, 7 days after the discharge of Fri 9 Jan 2026; "
         "complexity assessed as high; booked for Wed 14 Jan 2026, 09:30 EST")),
        ((HIGH, booked("2026-01-10 10:00", "2026-01-20 09:30")), "visit_7d",
         ("to the end of Fri 16 Jan 2026, 7 days after the discharge of Fri 9 Jan 2026; "
         "complexity assessed as high; booked for Tue 20 Jan 2026, 09:30 EST, which is too late")),
        ((), "med_rec",
         ("to the end of Fri 23 Jan 2026, 14 days after the discharge of Fri 9 Jan 2026, when the visit is due; "
         "complexity taken as moderate until a clinician assesses it")),
        ((booked("2026-01-10 10:00", "2026-01-14 09:30"),), "med_rec",
         "to the end of Wed 14 Jan 2026, the day for which the visit is booked"),
        ((booked("2026-01-10 10:00", "2026-01-14 09:30"), visited("2026-01-13 10:00")), "med_rec",
         "to the end of Tue 13 Jan 2026, the day of the visit"),
    ],
)  # fmt: skip
def test_each_says_how_it_came_about(facts: tuple[Deed, ...], kind: str, because: str) -> None:
    """One plain sentence."""
    assert deadline(planned(HOME, *facts), kind).because == because


# --- risk -----------------------------------------------------------------------------------------------------


def with_cancer(learned: str) -> Stay:
    """The same stay with a final diagnosis that came later: a metastasis takes LACE from 7 to 12."""
    found = (Diagnosis(code="C78.00", system="I10", type="F"),)
    return replace(HOME, diagnoses=found, admission_type="E", learned_at=ny(learned), revision=2)


def test_a_risk_that_rises_moves_the_visit_forward() -> None:
    """Final diagnoses on day 2: seven days instead of fourteen, and it says why."""
    story = Story().hears(LEFT, replace(HOME, admission_type="E"))
    assert story.deadline("visit_14d").status == "pending"
    story.hears("2026-01-11 10:00", with_cancer("2026-01-11 10:00"))
    visit = story.deadline("visit_7d")
    assert (visit.status, visit.due_at, visit.late_known) == ("pending", ny("2026-01-16 24:00"), False)
    assert story.deadline("visit_14d").status == "void"
    assert "until a clinician assesses it" in visit.because


def test_a_risk_known_too_late_is_no_miss_of_the_staff() -> None:
    """Final diagnoses on day 9: the seven days were over before anybody could know."""
    story = Story().hears(LEFT, replace(HOME, admission_type="E"))
    story.hears("2026-01-18 10:00", with_cancer("2026-01-18 10:00"))
    assert (story.deadline("visit_7d").status, story.deadline("visit_7d").late_known) == ("missed", True)


def test_a_programme_entered_late_is_known_since_it_was_entered() -> None:
    """Food was short on day 3, which we hear on day 8: that seven days counted was known to nobody before."""
    short = a_deed(
        "assessment_recorded",
        "2026-01-12 10:00",
        entered="2026-01-17 10:00",
        assessment=Assessment(food_insecure=True),
    )
    visit = Story().hears(LEFT, HOME).hears("2026-01-17 10:00", short).deadline("visit_7d")
    assert (visit.status, visit.late_known, visit.learned_at) == ("missed", True, ny("2026-01-17 10:00"))


def test_a_risk_that_another_record_brings_is_known_since_then() -> None:
    """A merge on day 8 brings to light a stay of the autumn before: two hospitalisations in a year, and nobody knew."""
    autumn = a_stay("V0", admitted="2025-10-01 08:00", discharged="2025-10-04 15:00")
    visit = Story().hears(LEFT, HOME).merges("2026-01-17 10:00", autumn).deadline("visit_7d")
    assert (visit.status, visit.late_known, visit.learned_at) == ("missed", True, ny("2026-01-17 10:00"))


def test_a_clinician_outranks_the_score() -> None:
    """LACE says high, the clinician says moderate: fourteen days."""
    facts = (with_cancer(LEFT), assessed("2026-01-10 09:00", "moderate"))
    assert "visit_14d" in kinds(planned(*facts))["discharge"]
