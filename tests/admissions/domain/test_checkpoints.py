"""What a message does that comes after the checkpoint of its visit number."""

from hypothesis import given, settings

from schemas.encounters import Visit, VisitState
from services.admissions.domain.checkpoints import filled, parted
from services.admissions.domain.feed import PART2, SECURITY_LABEL
from services.admissions.domain.fold import fold
from services.admissions.domain.model import AdtEvent, DiagnosisEntry
from tests.admissions.domain.builders import M1, PROFILE, an_event, on, visit
from tests.admissions.domain.histories import LONG, histories

ADMITTED = an_event("A01", "05 08:30", pv1_3="4W")
LEFT = an_event("A03", "09 15:00", pv1_44="05 08:30")
CLOSED = visit(ADMITTED, LEFT)
WITHOUT_ADMISSION = visit(an_event("A03", "09 15:00", pv1_3="4W"))


def late(*events: AdtEvent) -> Visit:
    """The closed visit after these messages."""
    return filled(CLOSED, events, PROFILE)


def test_what_was_never_said_is_filled() -> None:
    """Given a late update with the disposition, the physician and the diagnoses; then the closed visit has them."""
    found = late(
        an_event(
            "A08", "09 16:00", pv1_45="09 15:00", pv1_36="01", attending="ANN", dg1=[DiagnosisEntry("I50.9")]
        )
    )
    assert found.disposition is not None
    assert (found.disposition.code, found.attending) == ("01", "ANN")
    assert [one.code for one in found.diagnoses] == ["I50.9"]


def test_what_was_said_stays() -> None:
    """Given late messages with another bed, another discharge, a cancel of it and of the stay; then nothing changes."""
    for event in (
        an_event("A08", "09 16:00", pv1_3="ICU", pv1_45="09 11:00"),
        an_event("A03", "10 15:00", pv1_44="05 08:30"),
        an_event("A13", "20 09:00", pv1_44="05 08:30"),
        an_event("A11", "20 09:00", pv1_44="05 08:30"),
        an_event("A02", "07 09:00", pv1_3="ICU"),
        an_event("A08", "20 09:00", pv1_45=None),
    ):
        assert late(event) == CLOSED


def test_a_late_predecessor_fills_the_history() -> None:
    """Given a visit known by its discharge alone; then a late A01 gives it a beginning, and closes the gap."""
    assert (WITHOUT_ADMISSION.gap, WITHOUT_ADMISSION.admitted_at) == (True, None)
    found = filled(WITHOUT_ADMISSION, [ADMITTED], PROFILE)
    assert (found.gap, found.started_at, found.admitted_at) == (False, on("05 08:30"), on("05 08:30"))
    assert found.state is VisitState.DISCHARGED


def test_a_cancelled_visit_stays_cancelled() -> None:
    """Given a cancelled visit; then a late update says nothing of it."""
    cancelled = visit(ADMITTED, an_event("A11", "05 09:00"))
    assert filled(cancelled, [an_event("A08", "05 10:00", attending="ANN")], PROFILE) == cancelled


def test_a_label_is_taken_whenever_it_comes() -> None:
    """Given a closed visit, or a cancelled one; when a programme under 42 CFR Part 2 tells of it late, then it is labelled."""
    for before in (CLOSED, visit(ADMITTED, an_event("A11", "05 09:00"))):
        assert before.security_label is None
        assert (
            filled(before, [an_event("A08", "05 10:00", flags=(PART2,))], PROFILE).security_label
            == SECURITY_LABEL
        )


def controls(events: list[tuple[None, AdtEvent]]) -> list[str]:
    return [event.control_id for _, event in events]


def test_the_next_stay_under_the_number() -> None:
    """Given messages of a new stay, known by their PV1-44 or by coming after its start; then they are a stay of their own."""
    again = an_event("A01", "20 08:00", control="1")
    update = an_event("A08", "21 08:00", pv1_44="20 08:00", control="2")
    plain = an_event("A02", "21 09:00", pv1_3="ICU", control="3")
    old = an_event("A08", "10 08:00", control="4")
    older = an_event("A08", "21 08:00", pv1_44="05 08:30", control="5")
    parts, following = parted([CLOSED], [(None, each) for each in (old, plain, update, older, again)])
    assert sorted(controls(following)) == ["1", "2", "3"]
    assert sorted(controls(parts[0])) == ["4", "5"]


def test_an_admission_without_a_time_begins_a_stay_when_it_happened() -> None:
    """Given an A01 without PV1-44, months after the discharge; then it is the next stay; nothing else without one is."""
    for event, begins in (
        (an_event("A01", "20 08:00", pv1_44=None), True),
        (an_event("A01", "06 08:00", pv1_44=None), False),
        (an_event("A08", "20 08:00"), False),
        (an_event("A13", "20 08:00"), False),
        (an_event("A31", "20 08:00", pv1_44="20 08:00"), False),
    ):
        assert bool(parted([CLOSED], [(None, event)])[1]) == begins


def test_a_cancelled_number_used_again() -> None:
    """Given a visit cancelled long ago; then an admission after that is the next stay."""
    cancelled = visit(ADMITTED, an_event("A11", "05 09:00"))
    assert parted([cancelled], [(None, an_event("A01", "20 08:00"))])[1]
    assert not parted([cancelled], [(None, ADMITTED)])[1]


def test_each_of_several_stays_gets_its_own() -> None:
    """Given two closed stays under a number; then a late message goes to the one it speaks of."""
    stays = fold(
        [ADMITTED, LEFT, an_event("A01", "15 08:00"), an_event("A03", "17 08:00", pv1_44="15 08:00")], PROFILE
    )
    first, second = an_event("A08", "06 09:00"), an_event("A08", "16 09:00")
    parts, following = parted(stays, [(None, second), (None, first)])
    assert parts == [[(None, first)], [(None, second)]]
    assert not following


_STATE = {"state", "discharged_at", "discharge_learned_at", "cancelled_at", "transfers", "care_class", "inpatient", "flags"}  # fmt: skip


@settings(max_examples=5000 if LONG else 60, deadline=None)
@given(histories(max_size=6), histories(max_size=6))
def test_no_late_message_changes_what_stands(events: list[AdtEvent], more: list[AdtEvent]) -> None:
    """Whatever was said before and after the checkpoint: state and moves stay, what was said stays, order is nothing."""
    closed = [
        one for one in fold(events, PROFILE) if one.state in (VisitState.DISCHARGED, VisitState.CANCELLED)
    ]
    if not closed:
        return
    parts, following = parted(closed, [(M1, event) for event in more])
    assert sum(map(len, parts)) + len(following) == len(more)
    for before, part in zip(closed, parts, strict=True):
        late_events = [event for _, event in part]
        after = filled(before, late_events, PROFILE)
        assert after.model_dump(include=_STATE) == before.model_dump(include=_STATE)
        assert filled(before, late_events[::-1], PROFILE) == after
        assert filled(after, late_events, PROFILE) == after
        for name, value in before.model_dump(exclude={"gap", "disposition"}).items():
            assert not value or getattr(after, name) == getattr(before, name)
