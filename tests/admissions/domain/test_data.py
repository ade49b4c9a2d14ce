"""What messages say of a visit: empty keeps, null deletes, lists replace lists, the newer in event time wins."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import UNSET, structs

from services.admissions.domain.model import AdtEvent, DiagnosisEntry
from tests.admissions.domain.builders import PROFILE, an_event, on, visit, visits

A01 = an_event(
    "A01", "05 08:30", pv1_3="4W^401^A^HOSPA", hospital_service="MED", attending="ANN", admission_type="E"
)
A03 = an_event("A03", "09 15:00", pv1_36="01")
SILENT = an_event("A08", "10 09:00", pv1_2=UNSET)


def dg1(code: str, type: str | None = "F", **fields: str) -> DiagnosisEntry:  # noqa: A002
    return DiagnosisEntry(code, "I10C", type, **fields)


def codes(*events: AdtEvent) -> list[str]:
    return [diagnosis.code for diagnosis in visit(*events).diagnoses]


class TestEmptyAndNull:
    """An empty field states nothing; the explicit null deletes; what decides over care is not deleted by anybody."""

    def test_empty_keeps(self) -> None:
        """An update without a word leaves everything, the disposition too."""
        found = visit(A01, A03, SILENT)
        assert found == visit(A01, A03)
        assert found.disposition
        assert found.disposition.code == "01"

    def test_no_pv1_at_all(self) -> None:
        """A segment that is absent states nothing."""
        assert visit(A01, A03, structs.replace(SILENT, has_pv1=False)) == visit(A01, A03)

    @pytest.mark.parametrize("field", ["hospital_service", "attending", "admission_type", "location"])
    def test_null_deletes(self, field: str) -> None:
        """On any update."""
        assert getattr(visit(A01, structs.replace(SILENT, **{field: None})), field) is None

    def test_first_sighting(self) -> None:
        """Empty and null both mean unknown."""
        empty = an_event("A01", "05 08:30", pv1_3=UNSET, pv1_36=UNSET)
        null = structs.replace(empty, location=None, hospital_service=None, disposition=None)
        assert visit(empty) == visit(null)

    def test_null_disposition(self) -> None:
        """An A03 or A08 may delete it; from then on it is unknown."""
        found = visit(A01, A03, an_event("A08", "10 09:00", pv1_36=None, arrived="10 09:05")).disposition
        assert found
        assert (found.code, found.category, found.stated) == (None, "unknown", False)
        assert found.learned_at == on("10 09:05")

    def test_unmapped_disposition(self) -> None:
        """Something was stated, and nobody knows what."""
        found = visit(A01, an_event("A03", "09 15:00", pv1_36="Heaven knows")).disposition
        assert found
        assert (found.code, found.category, found.stated) == (None, "unknown", True)

    def test_null_class(self) -> None:
        """The class is then what the events imply."""
        assert visit(A01, an_event("A08", "06 09:00", pv1_2=None)).patient_class == "I"
        assert (
            visit(
                an_event("A04", "05 08:30", pv1_2="E"), an_event("A08", "06 09:00", pv1_2=None)
            ).patient_class
            == "O"
        )

    def test_a_bed_set_free(self) -> None:
        """PV1-3 null at the discharge says that nobody is there now, not that nobody was."""
        found = visit(A01, an_event("A03", "09 15:00", pv1_3=None)).location
        assert found
        assert found.unit == "4W"

    def test_only_a_facility(self) -> None:
        """A PV1-3 of a facility alone does not empty the bed."""
        found = visit(A01, an_event("A08", "06 09:00", pv1_3="^^^HOSPA")).location
        assert found
        assert found.unit == "4W"


class TestNewer:
    """A field is overwritten only by a message that is not older."""

    def test_by_event_time(self) -> None:
        """An older update that comes late fills gaps only."""
        newer = an_event("A08", "07 09:00", pv1_2=UNSET, attending="BOB")
        late = an_event("A08", "06 09:00", pv1_2=UNSET, attending="CAT", admit_source="7", arrived="08 09:00")
        found = visit(A01, newer, late)
        assert (found.attending, found.admit_source) == ("BOB", "7")

    def test_then_by_recording_creation_sequence_and_control_id(self) -> None:
        """EVN-2, MSH-7, MSH-13, MSH-10 (numbers by size, before words), in this order."""
        first = an_event("A08", "06 10:00", stated="06 09:00", attending="A", created="06 10:00", control="9")
        ladder: list[dict[str, Any]] = [
            {"recorded_at": on("06 10:01")},
            {"created_at": on("06 10:02")},
            {"sequence": 1},
            {"control_id": "10"},
            {"control_id": "A1"},
        ]
        for n, step in enumerate(ladder):
            later = structs.replace(first, event_id=f"{n:032}", fingerprint=f"{n:064}", attending="B", **step)
            assert visit(first, later).attending == "B", step
            assert visit(later, first).attending == "B", step
            first = structs.replace(later, attending="A", event_id=f"{n:031}x", fingerprint=f"{n:063}x")

    def test_times_by_recording(self) -> None:
        """PV1-44, PV1-45 and PV1-36 are those recorded last, whatever their event times."""
        right = an_event(
            "A08", "09 16:00", stated="06 09:00", pv1_44="05 09:30", pv1_45="09 14:30", pv1_36="03"
        )
        found = visit(A01, A03, right)
        assert found.disposition
        assert (found.started_at, found.discharged_at, found.disposition.code) == (
            on("05 09:30"), on("09 14:30"), "03"
        )  # fmt: skip

    def test_a_discharge_without_a_time(self) -> None:
        """A03 without PV1-45 keeps the one on record, else it is its event time."""
        bare = an_event("A03", "09 15:04", stated="09 15:01", pv1_45=UNSET)
        assert visit(A01, bare).discharged_at == on("09 15:01")
        assert visit(A01, A03, an_event("A03", "09 17:00", pv1_45=UNSET)).discharged_at == on("09 15:00")

    def test_an_admission_without_a_time(self) -> None:
        """Its event time."""
        found = visit(an_event("A01", "05 08:34", stated="05 08:30", pv1_44=UNSET))
        assert (found.started_at, found.admitted_at) == (on("05 08:30"), on("05 08:30"))

    def test_a_correction(self) -> None:
        """The same event told again with other content: the later one holds."""
        again = an_event("A03", "09 15:00", recorded="09 16:00", pv1_36="03")
        found = visit(A01, A03, again)
        assert found.disposition
        assert (found.discharged_at, found.disposition.code) == (on("09 15:00"), "03")


class TestDiagnoses:
    """A new set replaces the old one of its type; DG1-21 acts on single codes."""

    first = an_event("A01", "05 08:30", dg1=[dg1("I50.9", "A"), dg1("R06.0", "W")])

    def test_replaced_by_type(self) -> None:
        """Final ones stand beside admitting ones, until others of their type come."""
        final = an_event("A08", "10 09:00", dg1=[dg1("I13.2"), dg1("E11.22")])
        assert codes(self.first, final) == ["I13.2", "E11.22", "R06.0", "I50.9"]
        assert codes(self.first, final, an_event("A08", "11 09:00", dg1=[dg1("N18.5")])) == [
            "N18.5",
            "R06.0",
            "I50.9",
        ]

    def test_an_older_set_comes_late(self) -> None:
        """It replaces nothing newer."""
        newer = an_event("A08", "10 09:00", dg1=[dg1("I13.2")])
        older = an_event("A08", "09 09:00", dg1=[dg1("I10")])
        assert codes(self.first, newer, older)[0] == "I13.2"

    def test_by_action(self) -> None:
        """A adds, U updates, D deletes; the others stay."""
        steps = an_event(
            "A08",
            "06 09:00",
            dg1=[dg1("E11.9", "A", action="A"), dg1("I50.9", "A", action="D"), dg1("R06.0", "W", action="U")],
        )
        assert codes(self.first, steps) == ["R06.0", "E11.9"]

    def test_none_sent(self) -> None:
        """No DG1, no statement."""
        assert codes(self.first, SILENT) == codes(self.first)

    def test_order(self) -> None:
        """By rank as a number, the final before the working and the admitting, else as sent."""
        ranked = [
            dg1("A00", rank="10"),
            dg1("B00", rank="2"),
            dg1("C00", "A", rank="2"),
            dg1("D00"),
            dg1("E00"),
        ]
        assert codes(an_event("A01", "05 08:30", dg1=ranked)) == ["B00", "C00", "A00", "D00", "E00"]


class TestClass:
    """PV1-2, and what stands in for it."""

    @pytest.mark.parametrize(
        ("pv1_2", "observation", "care_class", "inpatient"),
        [
            ("I", False, "inpatient", True),
            ("B", False, "inpatient", True),
            ("E", False, "emergency", False),
            ("O", False, "outpatient", False),
            ("O", True, "observation", False),
            ("OBS", True, "observation", False),
            ("V", True, "observation", False),
            ("P", False, "preadmit", False),
            ("R", False, "recurring", False),
            ("N", False, "newborn", False),
            ("C", False, "other", False),
            ("Q", False, "other", False),
        ],
    )
    def test_what_it_means(self, pv1_2: str, *, observation: bool, care_class: str, inpatient: bool) -> None:
        """For follow-up, whatever words the feed uses."""
        found = visit(an_event("A01", "05 08:30", pv1_2=pv1_2, observation=observation))
        assert (found.patient_class, found.care_class, found.inpatient) == (pv1_2, care_class, inpatient)

    @pytest.mark.parametrize("empty", [UNSET, "U"])
    @pytest.mark.parametrize(("trigger", "implied"), [("A01", "I"), ("A06", "I"), ("A04", "O"), ("A07", "O")])
    def test_empty_or_unknown(self, trigger: str, implied: str, empty: str) -> None:
        """The class of the event."""
        assert visit(an_event(trigger, "05 08:30", pv1_2=empty)).patient_class == implied

    def test_the_event_that_changes_the_state_changes_the_class(self) -> None:
        """A conversion without PV1-2, there and back."""
        begun = an_event("A04", "05 02:00", pv1_2="E")
        admitted = an_event("A06", "05 08:00", pv1_2=UNSET)
        assert visit(begun, admitted).patient_class == "I"
        assert visit(begun, admitted, an_event("A07", "06 08:00", pv1_2=UNSET)).patient_class == "O"

    def test_a_repetition_changes_nothing(self) -> None:
        """A second A04 without a class leaves the emergency visit one, a second A01 the birth."""
        assert (
            visit(
                an_event("A04", "05 02:00", pv1_2="E"), an_event("A04", "05 03:00", pv1_2=UNSET)
            ).patient_class
            == "E"
        )
        assert (
            visit(
                an_event("A01", "05 02:00", pv1_2="B"), an_event("A01", "05 03:00", pv1_2="U")
            ).patient_class
            == "B"
        )

    def test_observation_is_remembered(self) -> None:
        """PV1-18 may be empty in later messages; another class or another PV1-18 ends it."""
        begun = an_event("A04", "05 08:30", pv1_2="O", observation=True)
        silent = an_event("A03", "06 08:30", pv1_2="O", observation=UNSET)
        assert visit(begun, silent).care_class == "observation"
        assert (
            visit(begun, an_event("A03", "06 08:30", pv1_2="O", observation=False)).care_class == "outpatient"
        )
        assert visit(begun, an_event("A06", "06 08:30", observation=UNSET)).care_class == "inpatient"
        assert visit(begun, an_event("A08", "06 08:30", pv1_2=UNSET)).care_class == "observation"

    def test_an_update_that_changes_the_class(self) -> None:
        """It should have its own event, and real feeds use the A08."""
        found = visit(A01, an_event("A08", "06 09:00", pv1_2="O", observation=True))
        assert (found.state, found.care_class, found.inpatient) == ("admitted", "observation", False)

    def test_a_plan_says_nothing_of_who_is_here(self) -> None:
        """The class and bed of a later appointment under the same number."""
        plan = an_event("A05", "06 09:00", pv1_2="P", pv1_3="DAY", attending="BOB")
        assert visit(A01, plan) == visit(A01)
        assert visit(an_event("A05", "01 09:00", pv1_2="P"), A01).patient_class == "I"


class TestAdmittedAt:
    """The start of the stay: PV1-44, or the conversion of a visit that had begun otherwise."""

    begun = an_event("A04", "05 02:00", pv1_2="E", pv1_3="ED^11")

    def test_conversion(self) -> None:
        """EVN-6 of the A06, as PV1-44 is still the arrival."""
        found = visit(self.begun, an_event("A06", "05 08:04", stated="05 08:00", pv1_44="05 02:00"))
        assert (found.started_at, found.admitted_at, found.emergency_phase) == (
            on("05 02:00"),
            on("05 08:00"),
            True,
        )

    @pytest.mark.parametrize("trigger", ["A01", "A06"])
    def test_conversion_without_its_own_time(self, trigger: str) -> None:
        """Where PV1-44 repeats the arrival the time of recording is nearest; else PV1-44 it is."""
        stale = an_event(trigger, "05 08:04", pv1_44="05 02:00")
        assert visit(self.begun, stale).admitted_at == on("05 08:04")
        own = an_event(trigger, "05 08:04", pv1_44="05 08:00")
        assert visit(self.begun, own).admitted_at == on("05 08:00")

    def test_the_department_speaks_up_in_between(self) -> None:
        """An update of the emergency department before the conversion does not outlast it."""
        update = an_event("A08", "05 04:00", pv1_2="E", pv1_44="05 02:00")
        found = visit(self.begun, update, an_event("A01", "05 08:04", pv1_44="05 02:00"))
        assert (found.care_class, found.admitted_at) == ("inpatient", on("05 08:04"))

    def test_of_a_visit_first_seen_by_an_update(self) -> None:
        """On the day a feed goes live."""
        update = an_event("A08", "05 04:00", pv1_2="E", pv1_44="05 02:00")
        found = visit(update, an_event("A01", "05 08:04", stated="05 08:00", pv1_44="05 02:00"))
        assert (found.admitted_at, found.emergency_phase, found.gap) == (on("05 08:00"), True, False)

    def test_emergency_sent_as_admission(self) -> None:
        """A01 of class E, then A06: the inpatient stay begins with the second."""
        found = visit(an_event("A01", "05 02:00", pv1_2="E"), an_event("A06", "05 08:00"))
        assert (found.admitted_at, found.emergency_phase) == (on("05 08:00"), True)

    def test_there_and_back(self) -> None:
        """A07 ends the inpatient stay; the next A06 begins another under the same visit."""
        admitted, out = an_event("A06", "05 08:00"), an_event("A07", "06 08:00", pv1_2="O")
        found = visit(self.begun, admitted, out)
        assert (found.state, found.inpatient, found.admitted_at) == ("registered", False, None)
        found = visit(self.begun, admitted, out, an_event("A06", "07 08:00"))
        assert (found.state, found.inpatient, found.admitted_at) == ("admitted", True, on("07 08:00"))

    def test_ended_as_outpatient(self) -> None:
        """A07, then A03: no inpatient stay."""
        found = visit(A01, an_event("A07", "06 08:00", pv1_2="O"), an_event("A03", "06 12:00", pv1_2="O"))
        assert (found.state, found.care_class, found.inpatient, found.admitted_at) == (
            "discharged", "outpatient", False, None
        )  # fmt: skip

    def test_status_changed_after_the_discharge(self) -> None:
        """A07 of a discharged visit leaves the state, and the class says what the stay was."""
        found = visit(A01, A03, an_event("A07", "10 08:00", pv1_2="O", observation=True))
        assert (found.state, found.care_class, found.inpatient) == ("discharged", "observation", False)

    def test_emergency_only(self) -> None:
        """Registered, discharged: no stay."""
        found = visit(self.begun, an_event("A03", "05 06:00", pv1_2="E"))
        assert (found.state, found.admitted_at, found.started_at) == ("discharged", None, on("05 02:00"))
        assert (found.emergency_phase, found.inpatient, found.discharged_at) == (False, False, on("05 06:00"))

    @pytest.mark.parametrize("pv1_2", ["O", "N", "E", "C"])
    def test_whoever_is_admitted(self, pv1_2: str) -> None:
        """An A01 admits newborns and observation patients too."""
        found = visit(an_event("A01", "05 08:30", pv1_2=pv1_2, observation=pv1_2 == "O"))
        assert (found.state, found.admitted_at, found.inpatient) == ("admitted", on("05 08:30"), False)

    def test_observation_by_registration(self) -> None:
        """Its discharge is that of a stay."""
        begun = an_event("A04", "05 08:30", pv1_2="O", observation=True)
        found = visit(begun, an_event("A03", "06 08:30", pv1_2="O", observation=True))
        assert (found.state, found.care_class, found.admitted_at) == (
            "discharged",
            "observation",
            on("05 08:30"),
        )

    def test_a_stay_first_seen_at_its_end(self) -> None:
        """PV1-44 of the A03; no message admits him, so that nobody takes it for a readmission."""
        found = visit(an_event("A03", "09 15:00", pv1_44="05 08:30"))
        assert (found.admitted_at, found.admit_learned_at, found.inpatient) == (on("05 08:30"), None, True)

    def test_a_plan(self) -> None:
        """The expected time stays the plan's own once the patient has come."""
        plan = an_event("A05", "01 09:00", pv1_44="05 07:00")
        assert (visit(plan).started_at, visit(plan).admitted_at) == (on("05 07:00"), None)
        assert visit(plan, an_event("A01", "05 08:34", pv1_44=UNSET)).started_at == on("05 08:34")


class TestPlanned:
    """A plan that stands before the arrival is evidence; nothing else is."""

    def test_evidence(self) -> None:
        """A05 or A14, unless cancelled, or made when the patient was here already."""
        plan = an_event("A05", "01 09:00", pv1_2="P")
        assert visit(plan, A01).preadmitted
        assert not visit(plan, an_event("A38", "02 09:00"), A01).preadmitted
        assert not visit(A01, an_event("A05", "06 09:00", pv1_2="P")).preadmitted
        assert visit(an_event("A14", "01 09:00"), A01).preadmitted


class TestMoves:
    """An A02 between admitted places that changes unit, facility or service is a handoff; so is a conversion."""

    @pytest.mark.parametrize(
        ("pv1_3", "pv1_6", "service", "handoff"),
        [
            ("ICU^02^A^HOSPA", "4W^401^A^HOSPA", UNSET, True),
            ("ICU^02^A^HOSPA", UNSET, UNSET, True),
            ("4W^402^B^HOSPA", "4W^401^A^HOSPA", UNSET, False),
            ("4W^402^B^HOSPA", UNSET, UNSET, False),
            ("4W^401^A^HOSPB", "4W^401^A^HOSPA", UNSET, True),
            ("4W^401^A", "4W^401^A^HOSPA", UNSET, False),
            ("4W^401^A^HOSPA", "4W^401^A^HOSPA", "SUR", True),
            ("4W^402^B^HOSPA", "4W^401^A^HOSPA", "MED", False),
            ("ICU^02", "^401^A", UNSET, True),
            (UNSET, "4W^401^A^HOSPA", UNSET, False),
            ("ICU", "ICU", UNSET, False),
        ],
    )
    def test_what_is_a_handoff(self, pv1_3: str, pv1_6: str, service: str, *, handoff: bool) -> None:
        """PV1-6 where it names a unit, else where the patient was last heard of."""
        moved = an_event("A02", "06 10:10", pv1_3=pv1_3, pv1_6=pv1_6, hospital_service=service)
        assert bool(visit(A01, moved).transfers) is handoff

    def test_what_it_tells(self) -> None:
        """From where to where, when, and who takes over."""
        moved = an_event("A02", "06 10:14", stated="06 10:10", pv1_3="ICU^02^A^HOSPA", hospital_service="CCM")
        found = visit(A01, moved)
        (move,) = found.transfers
        assert (move.at, move.trigger, move.origin.unit, move.destination.unit, move.service) == (
            on("06 10:10"), "A02", "4W", "ICU", "CCM"
        )  # fmt: skip
        assert found.location == move.destination

    def test_the_place_may_be_unknown_before(self) -> None:
        """Nothing shows that the unit changed."""
        assert visit(an_event("A01", "05 08:30"), an_event("A02", "06 10:10", pv1_3="ICU")).transfers == ()

    def test_who_is_not_admitted(self) -> None:
        """Follows to the new place without a handoff."""
        moved = an_event("A02", "05 10:00", pv1_2="E", pv1_3="ED2", pv1_6="ED")
        found = visit(TestAdmittedAt.begun, moved)
        assert found.location
        assert (found.transfers, found.location.unit) == ((), "ED2")

    def test_after_the_discharge(self) -> None:
        """Late: the place is noted, nobody takes over."""
        found = visit(A01, A03, an_event("A02", "09 16:00", pv1_3="ICU", pv1_6="4W"))
        assert (found.state, found.transfers, found.flags) == ("discharged", (), ("late_transfer",))

    def test_a_move_nobody_told_of(self) -> None:
        """Another PV1-3 on an update or the discharge is followed, and is no handoff."""
        found = visit(A01, an_event("A08", "06 09:00", pv1_3="ICU"))
        assert found.location
        assert (found.transfers, found.location.unit) == ((), "ICU")

    def test_two_in_a_row(self) -> None:
        """Each is one, in event order."""
        first = an_event("A02", "06 10:10", pv1_3="ICU", pv1_6="4W")
        second = an_event("A02", "07 10:10", pv1_3="5E", pv1_6="ICU")
        assert [move.destination.unit for move in visit(A01, second, first).transfers] == ["ICU", "5E"]

    def test_corrected(self) -> None:
        """A second A02 of the same instant replaces the first, and may turn it into a change of beds."""
        first = an_event("A02", "06 10:14", stated="06 10:10", pv1_3="ICU", arrived="06 10:15")
        other = an_event("A02", "06 10:20", stated="06 10:10", pv1_3="5E", arrived="06 10:21")
        bed = an_event("A02", "06 10:20", stated="06 10:10", pv1_3="4W^402")
        (move,) = visit(A01, first, other).transfers
        assert (move.origin.unit, move.destination.unit, move.learned_at) == ("4W", "5E", on("06 10:21"))
        assert visit(A01, first, bed).transfers == ()

    @pytest.mark.parametrize("trigger", ["A01", "A06"])
    def test_conversion(self, trigger: str) -> None:
        """From a registered visit seen before, also within one unit; not from one never seen."""
        admitted = an_event(
            trigger, "05 08:00", stated="05 08:00", pv1_44="05 02:00", pv1_3="4W", pv1_6="ED^11"
        )
        (move,) = visit(TestAdmittedAt.begun, admitted).transfers
        assert (move.at, move.trigger, move.origin.unit, move.destination.unit) == (
            on("05 08:00"), "A06", "ED", "4W"
        )  # fmt: skip
        stays = structs.replace(admitted, location=UNSET, prior_location=UNSET)
        assert len(visit(TestAdmittedAt.begun, stays).transfers) == 1
        assert visit(admitted).transfers == ()

    def test_expected_and_admitted(self) -> None:
        """An update just before the A01 is no visit to hand over from; the emergency department is."""
        admitted = an_event("A01", "05 08:30", pv1_3="4W")
        for pv1_2 in ("P", "O", UNSET):
            assert visit(an_event("A08", "05 08:25", pv1_2=pv1_2, pv1_3="DAY"), admitted).transfers == ()
        assert len(visit(an_event("A08", "05 08:25", pv1_2="E", pv1_3="ED"), admitted).transfers) == 1

    def test_first_seen_by_an_update(self) -> None:
        """From then on the visit is known, and its next transfer is a handoff."""
        update = an_event("A08", "06 09:00", pv1_3="4W")
        assert len(visit(update, an_event("A02", "06 10:10", pv1_3="ICU")).transfers) == 1


class TestFacility:
    """PV1-3.4 outlasts the sender's name in messages that do not repeat it."""

    def test_one_engine_many_hospitals(self) -> None:
        """Only a facility that was stated replaces one that was."""
        begun = an_event("A01", "05 08:30", pv1_3="4W^^^HOSPB", facility="HOSPB", sending_facility="ENGINE")
        silent = an_event("A03", "09 15:00", facility="ENGINE", sending_facility="ENGINE")
        moved = an_event("A02", "06 09:00", pv1_3="ICU^^^HOSPC", facility="HOSPC", sending_facility="ENGINE")
        assert visit(begun, silent).facility == "HOSPB"
        assert visit(begun, moved, silent).facility == "HOSPC"
        assert visit(silent).facility == "ENGINE"


class TestLeave:
    """On leave, expected back."""

    def test_expected_return(self) -> None:
        """PV2-47 of the A21 or of a later update; gone with the leave."""
        away = an_event("A21", "07 17:00", pv2_47="09 18:00")
        found = visit(A01, away)
        assert (found.leave_started_at, found.expected_return_at) == (on("07 17:00"), on("09 18:00"))
        later = an_event("A08", "08 09:00", pv2_47="10 18:00")
        assert visit(A01, away, later).expected_return_at == on("10 18:00")
        again = an_event("A21", "12 17:00")
        found = visit(A01, away, an_event("A22", "09 18:00"), again)
        assert (found.leave_started_at, found.expected_return_at) == (on("12 17:00"), None)


class TestImplausible:
    """Kept, flagged, and not paged about."""

    def test_discharge_before_admission(self) -> None:
        """Whichever of them is wrong."""
        assert visit(A01, an_event("A03", "04 15:00", recorded="09 15:00")).flags == ("implausible_time",)

    def test_the_flag_of_the_time_that_stands(self) -> None:
        """A corrected time takes the flag away."""
        odd = an_event(
            "A03", "2027-01-09 15:00", recorded="09 15:02", flags=("implausible_time", "charset_guessed")
        )
        assert visit(A01, odd).flags == ("implausible_time",)
        assert visit(A01, odd, an_event("A08", "09 16:00", pv1_45="09 15:00")).flags == ()


def test_no_event_no_visit() -> None:
    """Nothing comes of nothing."""
    assert visits() == ()


def test_the_visit_s_key() -> None:
    """From PV1-19, or the account that stands in for it."""
    found = visit(A01)
    assert (found.number, found.authority, found.facility, found.generation) == ("V100", "HOSPA", "HOSPA", 0)


def test_settling_begins_with_the_latest_word_on_the_discharge() -> None:
    """The latest arrival of an A03, A13 or A11, standing or not."""
    left = an_event("A03", "09 15:00", arrived="09 15:05")
    back = an_event("A13", "09 16:00", arrived="09 16:05")
    update = an_event("A08", "09 17:00", arrived="09 17:05")
    assert visit(A01, left, back, update).settle_from == on("09 16:05")
    assert visit(A01).settle_from is None
    assert visit(A01, left, an_event("A11", "10 09:00")).settle_from == on("10 09:00") + timedelta(minutes=1)


class TestDiagnosesInTime:
    """Since when each diagnosis was said, and until when; in event time, whatever arrived first."""

    FIRST = an_event("A01", "05 08:30", dg1=(dg1("I50.9", "W"), dg1("N18.30", "W")))
    AGAIN = an_event("A08", "07 09:00", dg1=(dg1("I50.9", "W"), dg1("E11.9", "W")))
    GONE = an_event("A08", "10 09:00", dg1=(dg1("E11.9", "W", action="D"),))

    def test_a_new_set_keeps_the_time_of_what_it_repeats(self) -> None:
        """And says until when the others were said."""
        for events in ((self.FIRST, self.AGAIN), (self.AGAIN, self.FIRST)):
            found = visit(*events)
            assert [(each.code, each.stated_at) for each in found.diagnoses] == [
                ("I50.9", on("05 08:30")), ("E11.9", on("07 09:00"))]  # fmt: skip
            assert [(each.code, each.stated_at, each.withdrawn_at) for each in found.former_diagnoses] == [
                ("N18.30", on("05 08:30"), on("07 09:00"))]  # fmt: skip

    def test_a_deleted_one_is_known_until_then(self) -> None:
        """DG1-21 says D."""
        former = visit(self.FIRST, self.AGAIN, self.GONE).former_diagnoses[-1]
        assert (former.code, former.stated_at, former.withdrawn_at) == (
            "E11.9",
            on("07 09:00"),
            on("10 09:00"),
        )

    def test_said_again_it_begins_again(self) -> None:
        """What was taken back in between was not so."""
        back = an_event("A08", "12 09:00", dg1=(dg1("E11.9", "W", action="A"),))
        found = visit(self.FIRST, self.AGAIN, self.GONE, back)
        assert [each.stated_at for each in found.diagnoses if each.code == "E11.9"] == [on("12 09:00")]
        assert "E11.9" in [each.code for each in found.former_diagnoses]


def test_what_a_part_2_programme_told_of_stays_labelled() -> None:
    """Given one message with the flag, even one that was taken back, or a feed of such a programme; then the visit has the label."""
    flagged = an_event("A02", "06 10:00", pv1_3="DETOX", flags=("42CFRPart2",))
    undone = an_event("A12", "06 11:00", pv1_3="4W")
    assert visit(A01, A03).security_label is None
    assert visit(A01, flagged, A03).security_label == "R/42CFRPart2"
    assert visit(A01, flagged, undone, A03).security_label == "R/42CFRPart2"
    assert (
        visit(A01, profile=PROFILE.model_copy(update={"part2_source": True})).security_label == "R/42CFRPart2"
    )
