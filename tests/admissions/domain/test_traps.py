"""What a naive implementation gets wrong: each history in every order, with every message twice."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from msgspec import UNSET, structs

from schemas.encounters import Visit
from services.admissions.domain.model import AdtEvent
from tests.admissions.domain.builders import an_event, on, visit, visits

A01 = an_event("A01", "05 08:30", pv1_3="4W")
A03 = an_event("A03", "09 10:00", pv1_44="05 08:30", pv1_36="01")
A13 = an_event("A13", "09 11:00", pv1_44="05 08:30", pv1_45="09 10:00")
AGAIN = an_event("A03", "09 16:00", pv1_44="05 08:30")


def in_any_order(*events: AdtEvent) -> tuple[Visit, ...]:
    """The visits, the same whatever order and repetition the events come in."""
    first = visits(*events)
    for shuffled in permutations(events):
        assert visits(*shuffled, *shuffled[:2]) == first
    return first


def one(*events: AdtEvent) -> Visit:
    (found,) = in_any_order(*events)
    return found


def test_the_discharge_before_the_admission() -> None:
    """The visit ends discharged, with its admission, and the gap is closed."""
    found = one(A03, an_event("A01", "06 10:00", recorded="09 10:01", pv1_44="05 08:30"))
    assert (found.state, found.admitted_at, found.gap) == ("discharged", on("05 08:30"), False)


def test_a_cancelled_discharge() -> None:
    """Admitted, without EVN-6 too, and whatever PV1-45 the A13 carries."""
    found = one(A01, A03, A13)
    assert (found.state, found.discharged_at, found.disposition) == ("admitted", None, None)


def test_discharged_again() -> None:
    """At the second time."""
    found = one(A01, A03, A13, AGAIN)
    assert (found.state, found.discharged_at) == ("discharged", on("09 16:00"))


def test_the_cancel_comes_last() -> None:
    """It is older than the second discharge."""
    late = an_event("A13", "09 17:00", stated="09 11:00", arrived="09 17:01")
    found = one(A01, A03, AGAIN, late)
    assert (found.state, found.discharged_at) == ("discharged", on("09 16:00"))


def test_the_tombstone() -> None:
    """No admission comes of an A01 whose cancel was here before it."""
    found = one(
        an_event("A11", "05 09:31", stated="05 09:30"), an_event("A01", "05 09:00", arrived="05 09:40")
    )
    assert found.state == "cancelled"


def test_the_number_of_last_year() -> None:
    """A recurring outpatient: the old visit is unchanged."""
    series = [
        an_event("A04", "2025-01-03 08:00", pv1_2="R"),
        an_event("A03", "2025-01-03 12:00", pv1_2="R"),
        an_event("A04", "2026-01-03 08:00", pv1_2="R"),
    ]
    old, new = in_any_order(*series)
    assert old == visit(*series[:2])
    assert (new.generation, new.state) == (1, "registered")


def test_the_emergency_visit_admitted() -> None:
    """The inpatient start is that of the conversion, and there was an emergency phase."""
    begun = an_event("A04", "05 02:00", pv1_2="E")
    found = one(begun, an_event("A06", "05 08:04", stated="05 08:00", pv1_44="05 02:00"))
    assert (found.admitted_at, found.emergency_phase) == (on("05 08:00"), True)


def test_a_storm_of_updates() -> None:
    """One state, and nothing that changes from one to the next."""
    storm = [
        an_event("A08", f"06 {n // 60:02}:{n % 60:02}", pv1_3="4W", pv1_44="05 08:30") for n in range(300)
    ]
    assert {visit(A01, *storm[: n + 1]) == visit(A01) for n in range(0, 300, 50)} == {True}
    assert visit(*storm[::-1], A01) == visit(A01)


def test_stale_person_update() -> None:
    """An A31 with class I and an old bed."""
    stale = an_event("A31", "10 09:00", pv1_3="9Z", attending="NOBODY", pv1_45=None)
    assert one(A01, A03, stale) == visit(A01, A03)


def test_nulled_after_the_cancel() -> None:
    """The visit is admitted, and stays so."""
    assert one(A01, A03, A13, an_event("A08", "09 12:00", pv1_45=None)).state == "admitted"


def test_an_update_without_a_disposition() -> None:
    """The one on record stays."""
    left = structs.replace(A03, disposition=an_event("A03", "09 10:00", pv1_36="03").disposition)
    found = one(A01, left, an_event("A08", "10 09:00", pv1_36=UNSET)).disposition
    assert found
    assert found.code == "03"


def test_a_weekend_leave() -> None:
    """No discharge; the same visit, admitted since it was."""
    found = one(A01, an_event("A21", "09 17:00"), an_event("A22", "11 18:00"))
    assert (found.state, found.discharged_at, found.admitted_at) == ("admitted", None, on("05 08:30"))


def test_a_change_of_beds() -> None:
    """No handoff."""
    begun = an_event("A01", "05 08:30", pv1_3="4W^12")
    assert one(begun, an_event("A02", "06 10:00", pv1_3="4W^14", pv1_6="4W^12")).transfers == ()


def test_a_cancelled_transfer() -> None:
    """No handoff is left."""
    moved = an_event("A02", "06 10:00", pv1_3="4W", pv1_6="ICU")
    begun = an_event("A01", "05 08:30", pv1_3="ICU")
    assert len(one(begun, moved).transfers) == 1
    found = one(begun, moved, an_event("A12", "06 10:30", pv1_3="ICU"))
    assert found.location
    assert (found.transfers, found.location.unit) == ((), "ICU")


def test_no_inpatient_after_all() -> None:
    """A07 to observation."""
    found = one(A01, an_event("A07", "06 09:00", pv1_2="O", observation=True))
    assert (found.state, found.inpatient, found.care_class) == ("registered", False, "observation")


@pytest.mark.parametrize("stated", [None, "09 15:05"])
def test_a_corrected_discharge_time(stated: str | None) -> None:
    """14:00, cancelled, 13:30: the cancel is later than both discharges, and reaches only the first."""
    found = one(
        A01,
        an_event("A03", "09 14:00", recorded="09 14:02"),
        an_event("A13", "09 15:05", stated=stated),
        an_event("A03", "09 13:30", recorded="09 15:06"),
    )
    assert (found.state, found.discharged_at) == ("discharged", on("09 13:30"))


def test_a_discharge_next_year() -> None:
    """A PV1-45 typed one year ahead, cancelled, and the right one."""
    found = one(
        A01,
        an_event("A03", "2027-01-09 14:00", recorded="09 14:02", flags=("implausible_time",)),
        an_event("A13", "09 15:05"),
        an_event("A03", "09 14:00", recorded="09 15:06"),
    )
    assert (found.state, found.discharged_at, found.flags) == ("discharged", on("09 14:00"), ())


def test_the_feed_goes_live() -> None:
    """The first message of an inpatient is an A08, the next an A03: no handoff, nobody readmitted."""
    update = an_event("A08", "06 09:00", pv1_44="05 08:30", pv1_3="4W")
    first = one(update)
    assert (first.state, first.gap, first.admitted_at) == ("admitted", True, on("05 08:30"))
    found = one(update, A03)
    assert (found.state, found.gap, found.transfers, found.admit_learned_at) == ("discharged", True, (), None)


def test_control_ids_are_no_identity() -> None:
    """Two different messages under one MSH-10 are two."""
    other = an_event("A08", "06 09:00", attending="BOB", control=A01.control_id)
    assert one(A01, other).attending == "BOB"


class TestRecorded:
    """Real feeds correct by cancelling: the whole of one correction, in every order."""

    HISTORIES: Sequence[tuple[str, Sequence[AdtEvent]]] = (
        ("admitted", (A01, A03, A13, AGAIN, an_event("A13", "09 17:00"))),
        ("discharged", (A01, A03, A13, AGAIN, an_event("A08", "10 09:00", pv1_36="03"))),
        ("cancelled", (A01, A03, A13, AGAIN, an_event("A11", "10 09:00"))),
        ("admitted", (A01, an_event("A11", "05 09:00"), an_event("A01", "05 08:45", recorded="05 09:10"))),
    )

    @pytest.mark.parametrize(("expected", "history"), HISTORIES)
    def test_ends_as_it_should(self, expected: str, history: Sequence[AdtEvent]) -> None:
        """Whatever came first."""
        assert one(*history).state == expected


def test_other_feeds_habits_do_not_raise() -> None:
    """A visit of which only cancels and leftovers are known is still a visit."""
    for trigger in ("A12", "A22", "A27", "A38", "A52", "A53"):
        assert one(an_event(trigger, "06 09:00", pv1_2=UNSET)).number == "V100"
