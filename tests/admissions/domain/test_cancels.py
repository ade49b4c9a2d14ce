"""Cancels: each undoes what was recorded not after its own moment, with the original or without it."""

import pytest
from msgspec import UNSET

from services.admissions.domain.feed import FeedProfile
from tests.admissions.domain.builders import an_event, on, state, visit

A01 = an_event("A01", "05 08:30", pv1_3="4W^401^A", attending="ANN")
A03 = an_event("A03", "09 15:00")
A13 = an_event("A13", "09 16:00")


class TestStay:
    """A11 takes the whole stay back; a later admission begins it anew."""

    def test_of_an_admission(self) -> None:
        """The moment of the cancel is kept."""
        found = visit(A01, an_event("A11", "05 09:30"))
        assert (found.state, found.cancelled_at) == ("cancelled", on("05 09:30"))

    def test_after_the_discharge(self) -> None:
        """The visit never happened."""
        found = visit(A01, A03, an_event("A11", "10 09:30"))
        assert (found.state, found.discharged_at, found.disposition) == ("cancelled", None, None)

    def test_never_seen(self) -> None:
        """A tombstone: an admission recorded by its moment stays suppressed."""
        tombstone = an_event("A11", "05 09:35", stated="05 09:30")
        assert state(tombstone) == "cancelled"
        assert state(tombstone, an_event("A01", "05 09:00")) == "cancelled"

    def test_the_time_of_recording_decides(self) -> None:
        """An admission of the morning that was typed after the cancel counts."""
        tombstone = an_event("A11", "05 09:30")
        assert state(tombstone, an_event("A01", "05 08:30", recorded="05 09:31")) == "admitted"
        assert state(tombstone, an_event("A01", "05 11:00", recorded="05 09:29")) == "cancelled"

    def test_its_own_moment_counts_not_its_recording(self) -> None:
        """EVN-6 where valued: what was typed between the two stands."""
        cancel = an_event("A11", "05 12:00", stated="05 09:30")
        assert state(an_event("A01", "05 10:00"), cancel) == "admitted"

    def test_admitted_again(self) -> None:
        """Nothing of the cancelled stay is left in the new one."""
        found = visit(
            A01,
            an_event("A02", "05 12:00", pv1_3="ICU"),
            an_event("A11", "06 09:00"),
            an_event("A01", "07 08:00", pv1_3="5E"),
        )
        assert (found.state, found.started_at, found.admitted_at) == (
            "admitted", on("07 08:00"), on("07 08:00")
        )  # fmt: skip
        assert (found.cancelled_at, found.transfers, found.attending) == (None, (), None)
        assert (found.location and found.location.unit, found.gap) == ("5E", False)

    def test_cancelled_twice(self) -> None:
        """The second cancel takes the second admission."""
        again = an_event("A01", "07 08:00")
        found = visit(A01, an_event("A11", "06 09:00"), again, an_event("A11", "08 09:00"))
        assert (found.state, found.cancelled_at) == ("cancelled", on("08 09:00"))

    def test_a_correction_in_one_second(self) -> None:
        """An editor sends cancel and admission with one EVN-2: the message written later stands."""
        cancel = an_event("A11", "05 09:30", created="05 09:31")
        again = an_event("A01", "05 08:00", recorded="05 09:30", created="05 09:32")
        assert state(A01, cancel, again) == "admitted"

    def test_what_came_after_without_an_admission(self) -> None:
        """A transfer, an update or a discharge of a cancelled visit does not bring it back."""
        cancel = an_event("A11", "06 09:00")
        for trigger in ("A02", "A03", "A08", "A13", "A21"):
            assert state(A01, cancel, an_event(trigger, "07 09:00")) == "cancelled"


class TestDischarge:
    """A13 takes back every discharge recorded by its moment."""

    def test_of_a_discharge(self) -> None:
        """The same visit is live again."""
        found = visit(A01, A03, A13)
        assert (found.state, found.discharged_at, found.disposition) == ("admitted", None, None)
        assert (found.admitted_at, found.gap) == (on("05 08:30"), False)

    @pytest.mark.parametrize(
        ("pv1_2", "expected"), [("E", "registered"), ("O", "registered"), ("R", "registered")]
    )
    def test_of_a_visit_without_admission(self, pv1_2: str, expected: str) -> None:
        """It goes back to where its class belongs."""
        begun = an_event("A04", "05 08:30", pv1_2=pv1_2)
        assert (
            state(begun, an_event("A03", "05 12:00", pv1_2=pv1_2), an_event("A13", "05 13:00", pv1_2=pv1_2))
            == expected
        )

    def test_the_class_as_it_is_known_then(self) -> None:
        """Where the A13 itself says nothing of the class, the visit does."""
        begun = an_event("A04", "05 08:30", pv1_2="E")
        left = an_event("A03", "05 12:00", pv1_2=UNSET)
        assert state(begun, left, an_event("A13", "05 13:00", pv1_2=UNSET)) == "registered"
        assert state(left, an_event("A13", "05 13:00", pv1_2=UNSET)) == "admitted"

    def test_from_leave(self) -> None:
        """A discharge from leave that is cancelled ends the leave."""
        assert state(A01, an_event("A21", "07 17:00"), A03, A13) == "admitted"

    def test_never_seen(self) -> None:
        """The A13's own PV1 begins the visit, with a gap; its PV1-45 is the time it takes back."""
        found = visit(an_event("A13", "09 16:00", pv1_44="05 08:30", pv1_45="09 15:00", pv1_3="4W"))
        assert (found.state, found.gap, found.discharged_at) == ("admitted", True, None)
        assert (found.started_at, found.location and found.location.unit) == (on("05 08:30"), "4W")

    def test_the_location_is_the_one_of_now(self) -> None:
        """It may differ from the one before the mistake."""
        found = visit(A01, A03, an_event("A13", "09 16:00", pv1_3="5E"))
        assert found.location
        assert (found.location.unit, found.transfers) == ("5E", ())

    def test_its_stale_disposition_is_nobody_s(self) -> None:
        """PV1-36 of the A13 and of the discharge it took count no more."""
        gone = an_event("A03", "09 15:00", pv1_36="01")
        found = visit(A01, gone, an_event("A13", "09 16:00", pv1_36="01"), an_event("A03", "09 18:10"))
        assert found.disposition
        assert (found.disposition.code, found.disposition.stated) == (None, False)

    def test_an_update_in_between_is_as_stale(self) -> None:
        """What an A08 said of the destination belonged to the discharge that was taken back."""
        update = an_event("A08", "09 15:30", pv1_36="03")
        found = visit(A01, A03, update, A13, an_event("A03", "09 18:10"))
        assert found.disposition
        assert found.disposition.code is None

    def test_a_far_discharge_leaves_no_trace(self) -> None:
        """A PV1-45 typed a year ahead does not let the rest of that message outlast everything else."""
        wrong = an_event("A03", "2027-01-09 15:00", recorded="09 15:02", pv1_3="4W")
        moved = an_event("A02", "10 10:00", pv1_3="ICU", pv1_6="4W")
        found = visit(A01, wrong, A13, moved)
        assert found.location
        assert (found.state, found.location.unit) == ("admitted", "ICU")

    def test_the_echo_of_a_cancelled_discharge(self) -> None:
        """An update that still carries the cancelled PV1-45 discharges nobody, whatever it saw of the cancel."""
        echo = an_event("A08", "09 17:00", pv1_45="09 15:00", pv1_36="01")
        assert state(A01, A03, A13, echo) == "admitted"
        assert state(A01, an_event("A13", "09 16:00", pv1_45="09 15:00"), echo) == "admitted"
        assert visit(A01, A03, A13, echo, an_event("A03", "09 18:10")).disposition.code is None  # type: ignore[union-attr]

    def test_the_same_time_said_again(self) -> None:
        """An A03 after the cancel may well name the time that was cancelled; then updates may echo it."""
        echo = an_event("A08", "09 19:00", pv1_45="09 15:00", pv1_36="03")
        found = visit(A01, A03, A13, an_event("A03", "09 15:00", recorded="09 18:00"), echo)
        assert found.disposition
        assert (found.state, found.discharged_at, found.disposition.code) == (
            "discharged",
            on("09 15:00"),
            "03",
        )

    def test_a_correction_in_one_second(self) -> None:
        """Cancel and new discharge with one EVN-2: the message written later stands."""
        cancel = an_event("A13", "09 16:00", created="09 16:01")
        again = an_event("A03", "09 13:30", recorded="09 16:00", created="09 16:02")
        assert visit(A01, A03, cancel, again).discharged_at == on("09 13:30")

    def test_what_was_recorded_later_stands(self) -> None:
        """A cancel that names an earlier moment does not reach a discharge recorded since."""
        late = an_event("A13", "09 19:00", stated="09 16:00")
        assert state(A01, A03, an_event("A03", "09 18:10"), late) == "discharged"


class TestUpdatesThatDischarge:
    """A08 with PV1-45 on an admitted visit, and its explicit null."""

    leaves = an_event("A08", "09 15:30", pv1_45="09 15:00", pv1_36="01")
    null = an_event("A08", "09 17:00", pv1_45=None)

    def test_implicit_discharge(self) -> None:
        """From empty to valued, who is admitted has left."""
        found = visit(A01, self.leaves)
        assert (found.state, found.discharged_at) == ("discharged", on("09 15:00"))
        assert state(A01, an_event("A21", "08 09:00"), self.leaves) == "discharged"

    def test_only_who_is_admitted(self) -> None:
        """An emergency visit waits for its A03."""
        assert state(an_event("A04", "09 10:00", pv1_2="E"), self.leaves) == "registered"

    def test_where_the_feed_does_not_mean_it(self) -> None:
        """Then it is a time that waits for its discharge, and corrects one that came."""
        profile = FeedProfile(feed="HOSPA", a08_implies_discharge=False)
        assert state(A01, self.leaves, profile=profile) == "admitted"
        later = an_event("A08", "09 18:00", pv1_45="09 14:30")
        assert visit(A01, A03, later, profile=profile).discharged_at == on("09 14:30")
        assert state(self.leaves, profile=profile) == "discharged"

    def test_a_corrected_time(self) -> None:
        """The PV1-45 recorded last is the one that counts."""
        assert visit(A01, A03, an_event("A08", "10 09:00", pv1_45="09 14:00")).discharged_at == on("09 14:00")

    def test_explicit_null(self) -> None:
        """It takes the discharge back, an implied one too."""
        assert state(A01, A03, self.null) == "admitted"
        assert state(A01, self.leaves, self.null) == "admitted"
        assert state(an_event("A04", "05 08:30", pv1_2="E"), an_event("A03", "09 15:00", pv1_2="E"),
                     an_event("A08", "09 17:00", pv1_2="E", pv1_45=None)) == "registered"  # fmt: skip

    def test_null_where_the_feed_does_not_mean_it(self) -> None:
        """The discharge stands, with its time."""
        profile = FeedProfile(feed="HOSPA", null_discharge_undoes=False)
        found = visit(A01, A03, self.null, profile=profile)
        assert (found.state, found.discharged_at) == ("discharged", on("09 15:00"))

    def test_null_as_a_habit(self) -> None:
        """Who nulls PV1-45 in every message before the discharge loses nothing of what was said meanwhile."""
        planned = an_event("A08", "08 09:00", pv1_36="03")
        found = visit(A01, planned, an_event("A08", "08 10:00", pv1_45=None), A03)
        assert found.disposition
        assert (found.state, found.disposition.code) == ("discharged", "03")

    def test_an_a31_never(self) -> None:
        """Neither ends a visit nor brings it back."""
        assert state(A01, an_event("A31", "09 15:30", pv1_45="09 15:00")) == "admitted"
        assert state(A01, A03, an_event("A31", "09 17:00", pv1_45=None)) == "discharged"

    def test_all_of_it_is_undone_by_a13(self) -> None:
        """The discharge, and every update recorded by then that echoed it."""
        assert state(A01, A03, self.leaves, an_event("A13", "09 16:00")) == "admitted"
        assert state(A01, self.leaves, an_event("A13", "09 16:00")) == "admitted"


class TestTransfer:
    """A12 takes back the latest transfer and says where the patient is."""

    moved = an_event("A02", "06 10:10", pv1_3="ICU", pv1_6="4W")
    back = an_event("A12", "06 11:00", pv1_3="4W")

    def test_of_a_transfer(self) -> None:
        """No handoff is left."""
        found = visit(A01, self.moved, self.back)
        assert found.location
        assert (found.transfers, found.location.unit, found.state) == ((), "4W", "admitted")

    def test_without_a_location(self) -> None:
        """Then the patient is where he was before."""
        found = visit(A01, self.moved, an_event("A12", "06 11:00"))
        assert found.location
        assert found.location.unit == "4W"

    def test_never_seen(self) -> None:
        """Only the location changes; of an unknown visit it shows the state."""
        found = visit(A01, an_event("A12", "06 11:00", pv1_3="5E"))
        assert found.location
        assert (found.transfers, found.location.unit, found.gap) == ((), "5E", False)
        alone = visit(self.back)
        assert (alone.state, alone.gap, alone.transfers) == ("admitted", True, ())

    def test_only_the_latest(self) -> None:
        """Of two transfers the first stays; a second A12 takes that one."""
        second = an_event("A02", "06 12:00", pv1_3="5E", pv1_6="ICU")
        cancel = an_event("A12", "06 13:00", pv1_3="ICU")
        assert [move.at for move in visit(A01, self.moved, second, cancel).transfers] == [on("06 10:10")]
        assert visit(A01, self.moved, second, cancel, an_event("A12", "06 14:00", pv1_3="4W")).transfers == ()

    def test_the_same_cancel_in_two_messages(self) -> None:
        """One event time, one event: the transfer before is safe."""
        second = an_event("A02", "06 12:00", pv1_3="5E", pv1_6="ICU")
        cancels = [an_event("A12", at, stated="06 13:00", pv1_3="ICU") for at in ("06 13:01", "06 13:05")]
        assert len(visit(A01, self.moved, second, *cancels).transfers) == 1

    def test_a_transfer_recorded_later(self) -> None:
        """It stands, and the patient is where it took him."""
        cancel = an_event("A12", "06 11:00", pv1_3="4W")
        later = an_event("A02", "06 12:00", stated="06 10:30", pv1_3="5E", pv1_6="4W")
        found = visit(A01, self.moved, cancel, later)
        assert found.location
        assert ([move.at for move in found.transfers], found.location.unit) == ([on("06 10:30")], "5E")


class TestPlan:
    """A38 and A27 take back a plan, never a patient who has come."""

    @pytest.mark.parametrize(("plan", "cancel"), [("A05", "A38"), ("A14", "A27")])
    def test_of_a_plan(self, plan: str, cancel: str) -> None:
        """Cancelled; a plan made after that stands again."""
        first, undo = an_event(plan, "02 08:00"), an_event(cancel, "03 08:00")
        assert state(first, undo) == "cancelled"
        assert visit(first, undo).cancelled_at == on("03 08:00")
        assert state(first, undo, an_event(plan, "04 08:00")) == "planned"
        assert state(undo, an_event(plan, "04 08:00", stated="02 12:00")) == "planned"

    @pytest.mark.parametrize(("plan", "cancel"), [("A05", "A38"), ("A14", "A27")])
    def test_never_seen(self, plan: str, cancel: str) -> None:
        """A tombstone: the plan recorded before it stays suppressed, an admission does not."""
        undo = an_event(cancel, "03 08:00")
        assert state(undo) == "cancelled"
        assert state(undo, an_event(plan, "02 08:00")) == "cancelled"
        assert state(undo, an_event(plan, "02 08:00", stated="04 08:00")) == "cancelled"
        assert state(undo, an_event("A01", "05 08:30")) == "admitted"
        assert state(undo, an_event("A01", "05 08:30", recorded="02 08:00")) == "admitted"

    def test_a_plan_of_the_other_kind(self) -> None:
        """It is taken back too, but only what was recorded by then."""
        undo = an_event("A27", "03 08:00")
        assert state(undo, an_event("A05", "02 08:00", stated="04 08:00")) == "cancelled"
        assert state(undo, an_event("A05", "03 09:00", stated="02 08:00")) == "planned"

    def test_a_plan_told_twice(self) -> None:
        """One A38 is enough, and the plan is no evidence any more."""
        found = visit(an_event("A05", "01 08:00"), an_event("A05", "02 08:00"), an_event("A38", "03 08:00"))
        assert (found.state, found.preadmitted) == ("cancelled", False)

    def test_who_has_come(self) -> None:
        """Stays."""
        assert state(an_event("A05", "02 08:00"), A01, an_event("A38", "06 08:00")) == "admitted"


class TestLeave:
    """A52 and A53 reverse the leave state only."""

    away = an_event("A21", "07 17:00", pv2_47="09 18:00")
    home = an_event("A22", "09 18:00")

    def test_cancelled_leave(self) -> None:
        """As if it had not begun; of a leave never seen only the flag is cleared."""
        assert state(A01, self.away, an_event("A52", "07 18:00")) == "admitted"
        assert state(A01, an_event("A52", "07 18:00")) == "admitted"

    def test_cancelled_return(self) -> None:
        """On leave since it began; of a return never seen the flag is set, with no start."""
        found = visit(A01, self.away, self.home, an_event("A53", "09 19:00"))
        assert (found.state, found.leave_started_at) == ("on_leave", on("07 17:00"))
        unseen = visit(A01, an_event("A53", "09 19:00"))
        assert (unseen.state, unseen.leave_started_at) == ("on_leave", None)

    def test_the_original_never_seen_nor_the_visit(self) -> None:
        """The message's own PV1 begins it."""
        assert state(an_event("A52", "07 18:00")) == "admitted"
        assert state(an_event("A53", "07 18:00")) == "on_leave"

    def test_a_leave_recorded_later_stands(self) -> None:
        """Whatever its event time."""
        later = an_event("A21", "07 19:00", stated="07 16:00")
        assert state(A01, self.away, an_event("A52", "07 18:00"), later) == "on_leave"


def test_attending() -> None:
    """A54 changes who attends; A55 restores who did before."""
    changed = an_event("A54", "06 10:00", attending="BOB")
    assert visit(A01, changed).attending == "BOB"
    assert visit(A01, changed, an_event("A55", "06 11:00")).attending == "ANN"
    assert visit(A01, an_event("A55", "06 11:00")).attending == "ANN"


@pytest.mark.parametrize("trigger", ["A25", "A26", "A32", "A33", "A62", "A37"])
def test_cancels_without_effect(trigger: str) -> None:
    """What they cancel has none either."""
    assert visit(A01, an_event(trigger, "06 10:00")) == visit(A01)


def test_repeating_any_of_it_changes_nothing() -> None:
    """Each event counts once, however often it comes."""
    history = [A01, TestTransfer.moved, TestTransfer.back, A03, A13, TestUpdatesThatDischarge.null]
    assert visit(*history, *history) == visit(*history)
