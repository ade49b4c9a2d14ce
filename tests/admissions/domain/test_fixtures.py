"""The story of eleven messages, told from F1 to F11, and the visits after each of them."""

from schemas.encounters import Visit
from services.admissions.domain.identity import merge_facts, people
from services.admissions.domain.model import DiagnosisEntry, VisitKey
from services.admissions.domain.person import absorb, person
from tests.admissions.domain.builders import M1, M2, M3, M4, an_event, on, said, visit, visits

V200, V300 = VisitKey("HOSPA", "V200"), VisitKey("HOSPA", "V300")
ADMITTED_AT = "05 13:30"

F1 = an_event(
    "A01", ADMITTED_AT, recorded="05 13:34", created="05 13:35", stated=ADMITTED_AT, pv1_3="4W^401^A^HOSPA",
    admission_type="E", hospital_service="MED", dg1=[DiagnosisEntry("I50.9", "I10C", "A")],
)  # fmt: skip
F2 = an_event(
    "A02", "06 15:14", stated="06 15:10", created="06 15:15", pv1_3="ICU^02^A^HOSPA", pv1_6="4W^401^A^HOSPA",
    pv1_44=ADMITTED_AT, hospital_service="MED",
)  # fmt: skip
F3 = an_event(
    "A03", "09 20:00", recorded="09 20:04", stated="09 20:00", pv1_3="4W^401^A^HOSPA", pv1_36="01",
    pv1_44=ADMITTED_AT, hospital_service="MED",
)  # fmt: skip
F4 = an_event(
    "A13", "09 21:04", stated="09 21:00", pv1_3="4W^401^A^HOSPA", pv1_44=ADMITTED_AT, pv1_45="09 20:00"
)
F5 = an_event(
    "A03", "09 23:10", recorded="09 23:14", stated="09 23:10", pv1_3="4W^401^A^HOSPA", pv1_44=ADMITTED_AT
)
F6 = an_event(
    "A08", "11 13:59", pv1_3="4W^401^A^HOSPA", pv1_36="03", pv1_44=ADMITTED_AT, pv1_45="09 23:10",
    dg1=[DiagnosisEntry("I13.2", "I10C", "F"), DiagnosisEntry("E11.22", "I10C", "F")],
)  # fmt: skip
F7 = an_event("A40", "12 12:59", patient=M2, prior_patient=M1, visit=None)
F8 = an_event(
    "A06", "20 13:04", stated="20 13:00", pv1_3="4W^401^A^HOSPA", pv1_6="ED^11^^HOSPA", pv1_44="20 07:00",
    patient=M3, prior_patient=M3, visit=V200,
)  # fmt: skip
F9 = an_event(
    "A21", "23 22:04", stated="23 22:00", pv2_47="25 23:00", pv1_44="20 07:00", patient=M3, visit=V200
)
F10 = an_event(
    "A03",
    "16 20:00",
    recorded="16 20:04",
    stated="16 20:00",
    pv1_36="01",
    pv1_44="12 15:00",
    patient=M4,
    visit=V300,
)
F11 = an_event(
    "A31",
    "18 16:59",
    arrived="18 17:00",
    patient=M4,
    visit=None,
    person=said(death_at=on("18 11:00"), dead=True),
)


def told(found: Visit) -> tuple[str, object, object]:
    return found.state.value, found.admitted_at, found.discharged_at


def test_f1_admitted() -> None:
    """From 08:30 local time."""
    assert told(visit(F1)) == ("admitted", on(ADMITTED_AT), None)


def test_f2_another_unit() -> None:
    """One handoff, from the event time on."""
    (move,) = visit(F1, F2).transfers
    assert (move.at, move.origin.unit, move.destination.unit) == (on("06 15:10"), "4W", "ICU")


def test_f3_home() -> None:
    """PV1-3 shows the first unit again though no transfer back was sent: no handoff of that."""
    found = visit(F1, F2, F3)
    assert told(found) == ("discharged", on(ADMITTED_AT), on("09 20:00"))
    assert found.disposition
    assert found.location
    assert (found.disposition.category, found.location.unit, len(found.transfers)) == ("home", "4W", 1)


def test_f4_not_home_after_all() -> None:
    """The stale PV1-45 is ignored."""
    assert told(visit(F1, F2, F3, F4)) == ("admitted", on(ADMITTED_AT), None)


def test_f5_discharged_again() -> None:
    """Where to is unknown: the 01 of F3 went with it."""
    found = visit(F1, F2, F3, F4, F5)
    assert told(found) == ("discharged", on(ADMITTED_AT), on("09 23:10"))
    assert found.disposition
    assert (found.disposition.code, found.disposition.stated) == (None, False)


def test_f6_to_a_nursing_facility() -> None:
    """And the final diagnoses, first of all."""
    found = visit(F1, F2, F3, F4, F5, F6)
    assert found.disposition
    assert (found.disposition.code, found.disposition.learned_at) == ("03", F6.received_at)
    assert [diagnosis.code for diagnosis in found.diagnoses] == ["I13.2", "E11.22", "I50.9"]
    assert found.discharge_learned_at == F5.received_at


def test_f7_one_person() -> None:
    """Everything of the first number stands under the second."""
    assert people(merge_facts(F7)).records == {M1: M2}


def test_f8_the_emergency_visit() -> None:
    """Inpatient since the conversion; MRG in an A06 merges nobody; never seen before, so nobody hands over."""
    found = visit(F8)
    assert told(found) == ("admitted", on("20 13:00"), None)
    assert (found.started_at, found.gap, found.transfers, merge_facts(F8)) == (on("20 07:00"), True, (), ())
    assert found.admit_learned_at == F8.received_at


def test_f9_on_leave() -> None:
    """Expected back; nothing discharged."""
    found = visit(F8, F9)
    assert told(found) == ("on_leave", on("20 13:00"), None)
    assert (found.leave_started_at, found.expected_return_at) == (on("23 22:00"), on("25 23:00"))


def test_f10_home_without_an_admission() -> None:
    """Discharged, with a gap."""
    found = visit(F10)
    assert told(found) == ("discharged", on("12 15:00"), on("16 20:00"))
    assert found.disposition
    assert (found.gap, found.disposition.code) == (True, "01")


def test_f11_died_after_the_discharge() -> None:
    """The person died; the visit is none of its business."""
    assert visits(F11) == ()
    death = person(absorb(absorb(None, F10), F11))["death"]
    assert (death.at, death.learned_at) == (on("18 11:00"), on("18 17:00"))
