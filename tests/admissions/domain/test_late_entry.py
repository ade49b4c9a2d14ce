"""What happened is often entered later; an update recorded in between did not know of it."""

from itertools import permutations
from typing import Any

import pytest

from schemas.encounters import Visit
from services.admissions.domain.fold import fold
from services.admissions.domain.model import AdtEvent
from tests.admissions.domain.builders import PROFILE, an_event, on

A04 = an_event("A04", "09 08:00", recorded="09 08:01", pv1_2="E", pv1_3="ED")
A06 = an_event("A06", "09 12:00", stated="09 11:00", pv1_3="4W", pv1_6="ED", pv1_44="09 08:00")


def update(at: str, pv1_2: str, unit: str, **fields: Any) -> AdtEvent:
    return an_event("A08", at, pv1_2=pv1_2, pv1_3=unit, pv1_44="09 08:00", **fields)


def told(*events: AdtEvent) -> Visit:
    """The visit, the same in every order."""
    (found,) = fold(events, PROFILE)
    for shuffled in permutations(events):
        assert fold(shuffled, PROFILE) == (found,)
    return found


def where(*events: AdtEvent) -> str | None:
    found = told(*events).location
    return found.unit if found else None


class TestAdmission:
    """An A06, or an A01 of somebody registered, that is entered an hour after it happened."""

    between = update("09 11:30", "E", "ED")

    def test_class_and_place(self) -> None:
        """The update of the hour between knew only the emergency visit."""
        found = told(A04, self.between, A06)
        assert found.location
        assert (found.patient_class, found.inpatient, found.location.unit) == ("I", True, "4W")
        assert found.admitted_at == on("09 11:00")

    def test_the_time_stays(self) -> None:
        """Also after the next update, which knows of it."""
        found = told(A04, self.between, A06, update("09 13:00", "I", "4W"))
        assert (found.patient_class, found.admitted_at) == ("I", on("09 11:00"))
        assert [(move.at, move.origin.unit) for move in found.transfers] == [(on("09 11:00"), "ED")]

    def test_an_a01_of_somebody_registered(self) -> None:
        """Is an A06."""
        a01 = an_event("A01", "09 08:00", recorded="09 12:00", stated="09 11:00", pv1_3="4W")
        found = told(A04, self.between, a01, update("09 13:00", "I", "4W"))
        assert (found.patient_class, found.admitted_at) == ("I", on("09 11:00"))

    def test_a_first_a01(self) -> None:
        """Of a visit that an update told of first."""
        a01 = an_event("A01", "09 08:00", recorded="09 12:00", pv1_3="4W")
        found = told(update("09 08:30", "E", "ED"), a01)
        assert found.location
        assert (found.state, found.patient_class, found.location.unit) == ("admitted", "I", "4W")

    def test_recorded_afterwards(self) -> None:
        """Then the update counts, whatever it says."""
        found = told(A04, A06, update("09 12:30", "E", "ED"))
        assert found.location
        assert (found.patient_class, found.location.unit) == ("E", "ED")

    def test_back_to_outpatient(self) -> None:
        """An A07 entered late, likewise."""
        a07 = an_event("A07", "10 12:00", stated="10 11:00", pv1_2="O", pv1_3="CLINIC")
        found = told(an_event("A01", "09 08:00", pv1_3="4W"), update("10 11:30", "I", "4W"), a07)
        assert found.location
        assert (found.state, found.patient_class, found.location.unit) == ("registered", "O", "CLINIC")

    def test_what_else_an_update_says(self) -> None:
        """Counts as ever: only class and place were decided meanwhile."""
        found = told(A04, update("09 11:30", "E", "ED", attending="BOB"), A06)
        assert found.attending == "BOB"

    def test_observation(self) -> None:
        """PV1-18 goes with the class."""
        watched = an_event(
            "A08", "09 11:30", pv1_2="O", pv1_44="09 08:00", observation=True
        )  # recorded before the A06
        assert told(A04, watched, A06).care_class == "inpatient"

    def test_the_class_of_a_transfer(self) -> None:
        """A transfer moves, it does not admit: recorded before the A06 it knows the old class, and its own place."""
        moved = an_event("A02", "09 11:30", pv1_2="E", pv1_3="ED2", pv1_6="ED")
        found = told(A04, moved, A06)
        assert found.location
        assert (found.patient_class, found.location.unit) == ("I", "ED2")

    def test_a_cancelled_admission_decides_nothing(self) -> None:
        """What was taken back outranks nobody."""
        a11 = an_event("A11", "09 14:00")
        again = an_event("A04", "09 14:30", pv1_2="E", pv1_3="ED")
        assert told(A04, self.between, A06, a11, again).patient_class == "E"


class TestTransfer:
    """An A02 that is entered an hour after it happened."""

    a01 = an_event("A01", "09 08:00", pv1_3="4W", hospital_service="MED")
    late = an_event("A02", "09 12:00", stated="09 11:00", pv1_3="ICU", pv1_6="4W", hospital_service="SUR")

    def test_the_place(self) -> None:
        """The patient is where the transfer took him, in its service."""
        found = told(self.a01, update("09 11:30", "I", "4W", hospital_service="MED"), self.late)
        assert found.location
        assert (found.location.unit, found.hospital_service) == ("ICU", "SUR")

    def test_no_handoff_back(self) -> None:
        """The next transfer starts from there."""
        home = an_event("A02", "10 09:00", pv1_3="4W")
        moves = told(self.a01, update("09 11:30", "I", "4W"), self.late, home).transfers
        assert [(move.origin.unit, move.destination.unit) for move in moves] == [("4W", "ICU"), ("ICU", "4W")]

    def test_recorded_afterwards(self) -> None:
        """An update that knows the transfer says where the patient is now."""
        assert where(self.a01, self.late, update("09 12:30", "I", "4W")) == "4W"

    def test_the_facility(self) -> None:
        """PV1-3.4 goes with the place."""
        late = an_event("A02", "09 12:00", stated="09 11:00", pv1_3="ICU^^^HOSPB", facility="HOSPB")
        between = an_event("A08", "09 11:30", pv1_3="4W^^^HOSPA")
        assert told(self.a01, between, late).facility == "HOSPB"

    @pytest.mark.parametrize("trigger", ["A03", "A13", "A21"])
    def test_what_was_recorded_between(self, trigger: str) -> None:
        """Not an update alone: a discharge from the old bed did not know of the move either."""
        assert where(self.a01, an_event(trigger, "09 11:30", pv1_3="4W"), self.late) == "ICU"

    def test_cancelled(self) -> None:
        """A transfer taken back moved nobody."""
        back = an_event("A12", "09 13:00", pv1_3=None)
        between = update("09 11:30", "I", "5E")
        assert where(self.a01, between, self.late, back, update("09 13:30", "I", "5E")) == "5E"
