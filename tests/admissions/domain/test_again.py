"""Admissions of a visit number that was discharged: history, a new stay, a discharge taken back, or a riddle."""

import pytest
from msgspec import UNSET, structs

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from tests.admissions.domain.builders import PROFILE, an_event, on, state, states, visit, visits

A01 = an_event("A01", "05 08:30")
A03 = an_event("A03", "09 15:00", pv1_44="05 08:30")


class TestDuplicate:
    """The same message again."""

    def test_replayed_under_another_number(self) -> None:
        """Same content with other MSH-7 and MSH-10 within seven days: nothing happens, not even an un-discharge."""
        replay = structs.replace(
            A01, event_id="f" * 32, control_id="X", created_at=on("09 18:00"), received_at=on("09 18:01")
        )
        assert visit(A01, A03, replay) == visit(A01, A03)

    def test_the_replay_may_come_first(self) -> None:
        """What it says was known from the first arrival of either."""
        replay = structs.replace(A03, event_id="f" * 32, control_id="X", created_at=on("10 18:00"))
        early = structs.replace(replay, received_at=on("09 15:00"))
        assert visit(A01, A03, early).discharge_learned_at == on("09 15:00")
        assert visit(A01, early, A03) == visit(A01, A03, early)

    def test_later_than_the_window(self) -> None:
        """It is a message of its own again."""
        feed = FeedProfile.model_validate(PROFILE.model_dump() | {"dup_window": "PT1H"})
        null = an_event("A08", "09 17:00", pv1_45=None)
        again = an_event("A03", "09 15:00", recorded="09 18:00", pv1_44="05 08:30")
        replay = structs.replace(
            again, event_id="f" * 32, created_at=on("09 20:00"), recorded_at=on("09 20:00")
        )
        undone = an_event("A08", "09 19:00", pv1_45=None)
        assert state(A01, A03, null, again, undone, replay) == "admitted"
        assert state(A01, A03, null, again, undone, replay, profile=feed) == "discharged"


class TestHistory:
    """An admission that came late fills in, and the visit stays discharged."""

    @pytest.mark.parametrize("trigger", ["A01", "A04", "A06"])
    def test_its_own_admission(self, trigger: str) -> None:
        """With the PV1-44 on record; the gap is closed unless a conversion leaves it open."""
        late = an_event(trigger, "05 08:30", recorded="09 15:06", pv1_44="05 08:30")
        found = visit(A03, late)
        assert (found.state, found.started_at, found.gap) == ("discharged", on("05 08:30"), trigger == "A06")

    def test_no_admit_time_on_record(self) -> None:
        """It brings the first one."""
        found = visit(an_event("A03", "09 15:00"), an_event("A01", "05 08:30", recorded="09 15:06"))
        assert (found.state, found.admitted_at) == ("discharged", on("05 08:30"))
        assert (found.gap, found.flags) == (False, ())

    def test_the_first_admission_even_without_a_time(self) -> None:
        """What has no other admission on record can only be history."""
        late = an_event("A01", "09 15:06", pv1_44=UNSET, pv1_2=UNSET)
        found = visit(an_event("A03", "09 15:00", pv1_2=UNSET), late)
        assert (found.state, found.patient_class, found.gap) == ("discharged", "I", False)

    def test_another_admit_time_before_any_admission(self) -> None:
        """The admission itself knows best."""
        found = visit(A03, an_event("A01", "05 07:00", recorded="09 15:06"))
        assert (found.state, found.started_at) == ("discharged", on("05 07:00"))

    def test_a_repetition_that_knows_of_the_discharge(self) -> None:
        """An A01 with the PV1-45 on record takes nothing back."""
        found = visit(A01, A03, an_event("A01", "05 08:30", recorded="09 18:00", pv1_45="09 15:00"))
        assert (found.state, found.flags) == ("discharged", ())

    def test_a_conversion_entered_late(self) -> None:
        """The EVN-6 of an A06 before the discharge says when it was."""
        found = visit(
            an_event("A04", "05 02:00", pv1_2="E"),
            an_event("A03", "07 10:00", pv1_44="05 02:00"),
            an_event("A06", "07 10:30", stated="05 08:00", pv1_44="05 02:00"),
        )
        assert (found.state, found.admitted_at, found.flags) == ("discharged", on("05 08:00"), ())


class TestNewStay:
    """PV1-44 after the discharge: the number is used again."""

    def test_a_second_stay(self) -> None:
        """The old visit is unchanged; the new one has no gap and a discharge of its own."""
        again = an_event("A01", "20 10:00", pv1_3="5E")
        first, second = visits(A01, A03, again)
        assert first == visit(A01, A03)
        assert (second.generation, second.state, second.started_at) == (1, "admitted", on("20 10:00"))
        left = an_event("A03", "25 11:00", pv1_44="20 10:00", pv1_36="03")
        first, second = visits(A01, A03, again, left)
        assert (second.discharged_at, second.gap) == (on("25 11:00"), False)
        assert first == visit(A01, A03)

    @pytest.mark.parametrize("trigger", ["A01", "A04", "A06"])
    def test_by_any_admission(self, trigger: str) -> None:
        """Whatever it is."""
        assert len(visits(A01, A03, an_event(trigger, "20 10:00", pv1_44="20 10:00"))) == 2

    def test_a_series(self) -> None:
        """Month after month, one number."""
        series = [
            an_event(trigger, f"2026-{month:02}-03 {hour}:00", pv1_2="R")
            for month in range(1, 13)
            for trigger, hour in (("A04", "08"), ("A03", "12"))
        ]
        found = visits(*series)
        assert [each.generation for each in found] == list(range(12))
        assert {(each.state.value, each.care_class.value, each.gap) for each in found} == {
            ("discharged", "recurring", False)
        }

    def test_messages_find_their_stay(self) -> None:
        """By PV1-44, else by the time they speak of; a plan is for the next."""
        again = an_event("A01", "20 10:00")
        late_code = an_event("A08", "21 10:00", pv1_44="05 08:30", pv1_36="03")
        no_admit_time = an_event("A08", "21 10:00", pv1_45="09 15:00", pv1_36="20")
        of_the_new = an_event("A02", "21 10:00", pv1_3="ICU")
        plan = an_event("A05", "15 10:00")
        first, second = visits(A01, A03, again, late_code, of_the_new, plan)
        assert first.disposition
        assert second.location
        assert (first.disposition.code, second.location.unit) == ("03", "ICU")
        assert (first.preadmitted, second.preadmitted) == (False, True)
        assert visits(A01, A03, again, no_admit_time)[0].disposition.code == "20"  # type: ignore[union-attr]

    def test_a_cancel_takes_its_own_stay(self) -> None:
        """A11 and A13 of one stay leave the other alone."""
        again, left = an_event("A01", "20 10:00"), an_event("A03", "25 10:00", pv1_44="20 10:00")
        assert states(visits(A01, A03, again, an_event("A11", "21 10:00"))) == ["discharged", "cancelled"]
        assert states(visits(A01, A03, again, an_event("A11", "21 10:00", pv1_44="05 08:30"))) == [
            "cancelled", "admitted",
        ]  # fmt: skip
        assert states(visits(A01, A03, again, left, an_event("A13", "25 11:00"))) == [
            "discharged",
            "admitted",
        ]
        assert states(visits(A01, A03, again, an_event("A13", "21 11:00", pv1_44="05 08:30"))) == [
            "admitted", "admitted",
        ]  # fmt: skip

    def test_the_discharge_may_be_entered_late(self) -> None:
        """After the new admission, or corrected after it."""
        again = an_event("A01", "20 10:00")
        late = an_event("A03", "09 15:00", recorded="21 10:00", pv1_44="05 08:30")
        assert states(visits(A01, again, late)) == ["discharged", "admitted"]
        bare = an_event("A03", "09 15:00", recorded="21 10:00")
        assert states(visits(A01, again, bare)) == ["discharged", "admitted"]
        wrong = an_event("A03", "2027-01-09 15:00", recorded="09 15:02", pv1_44="05 08:30")
        cancel = an_event("A13", "21 09:00", pv1_44="05 08:30")
        assert states(visits(A01, wrong, again, cancel, late)) == ["discharged", "admitted"]

    def test_a_discharge_typed_too_early(self) -> None:
        """A year before the only admission is a mistake in one visit, not the end of another."""
        wrong = an_event("A03", "2025-01-09 15:00", recorded="09 15:02")
        found = visit(A01, wrong)
        assert (found.state, found.flags) == ("discharged", ("implausible_time",))
        assert visit(A01, wrong, an_event("A08", "09 16:00", pv1_45="09 15:00")).discharged_at == on(
            "09 15:00"
        )

    def test_only_of_a_discharged_visit(self) -> None:
        """A corrected PV1-44 of somebody who is still here begins no new stay."""
        found = visit(A01, A03, an_event("A13", "09 16:00"), an_event("A01", "10 08:30"))
        assert (found.state, found.started_at) == ("admitted", on("10 08:30"))
        update = an_event("A08", "06 10:00", pv1_2="R", pv1_45="05 12:00")
        assert (
            len(
                visits(an_event("A04", "05 08:30", pv1_2="R"), update, an_event("A04", "12 08:30", pv1_2="R"))
            )
            == 1
        )

    def test_after_a_discharge_that_came_first(self) -> None:
        """The old stay keeps its gap."""
        found = visits(A03, an_event("A01", "20 10:00"))
        assert [(each.state.value, each.gap) for each in found] == [("discharged", True), ("admitted", False)]


class TestResumed:
    """The PV1-44 on record, no PV1-45, recorded after the discharge: an un-discharge in the clothes of an A01."""

    @pytest.mark.parametrize("pv1_45", [UNSET, None])
    def test_handled_as_a13(self, pv1_45: None) -> None:
        """And worth a word on data quality."""
        again = an_event("A01", "05 08:30", recorded="09 18:00", pv1_45=pv1_45)
        found = visit(A01, A03, again)
        assert (found.state, found.discharged_at) == ("admitted", None)
        assert found.flags == ("undischarged_by_admission",)

    def test_of_an_emergency_visit(self) -> None:
        """It is registered again."""
        begun, left = an_event("A04", "05 08:30", pv1_2="E"), an_event("A03", "05 12:00", pv1_2="E")
        assert state(begun, left, an_event("A04", "05 08:30", recorded="05 13:00", pv1_2="E")) == "registered"

    def test_only_what_was_recorded_before(self) -> None:
        """The discharge recorded after it stands."""
        again = an_event("A01", "05 08:30", recorded="09 18:00")
        second = an_event("A03", "09 17:00", recorded="09 18:01", pv1_44="05 08:30")
        assert visit(A01, A03, again, second).discharged_at == on("09 17:00")

    def test_the_emergency_visit_goes_on_as_a_stay(self) -> None:
        """A03 of the emergency department, then A01 with the arrival as PV1-44."""
        found = visit(
            an_event("A04", "05 02:00", pv1_2="E"),
            an_event("A03", "05 06:00", pv1_2="E"),
            an_event("A01", "05 02:00", recorded="05 06:30"),
        )
        assert (found.state, found.inpatient) == ("admitted", True)

    def test_not_after_a_cancel(self) -> None:
        """Then it is a plain repetition."""
        again = an_event("A01", "05 08:30", recorded="09 18:00")
        assert visit(A01, A03, an_event("A13", "09 16:00"), again).flags == ()


class TestRiddle:
    """Anything else waits for a person, and changes nothing."""

    @pytest.mark.parametrize(
        "riddle",
        [
            an_event("A01", "06 08:30", recorded="09 18:00", pv1_3="ICU"),
            an_event("A01", "09 18:00", pv1_44=UNSET, pv1_3="ICU"),
            an_event("A06", "09 18:00", pv1_44="07 08:30", pv1_3="ICU"),
            an_event("A04", "06 08:30", recorded="09 18:00", pv1_2="E"),
        ],
    )
    def test_parked(self, riddle: AdtEvent) -> None:
        """The visit is as it was, but for the flag."""
        found, before = visit(A01, A03, riddle), visit(A01, A03)
        assert found.flags == ("repeated_admission",)
        assert found.model_copy(update={"flags": ()}) == before

    def test_not_of_a_visit_that_is_live(self) -> None:
        """Before the discharge, or after a cancel of it, another PV1-44 is a correction."""
        early = an_event("A01", "06 08:30", recorded="07 18:00")
        assert visit(A01, early, an_event("A03", "09 15:00")).admitted_at == on("06 08:30")
        late = an_event("A01", "06 08:30", recorded="09 18:00")
        assert visit(A01, A03, an_event("A13", "09 16:00"), late).admitted_at == on("06 08:30")
