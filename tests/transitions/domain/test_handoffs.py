"""Handoffs between units and facilities: who took over what, and what leaving does to a handoff nobody took."""

import pytest
from msgspec.structs import replace

from services.transitions.domain.model import Deed, Plan
from tests.transitions.domain.builders import (
    Story,
    a_deed,
    a_move,
    a_stay,
    a_waiver,
    an_ack,
    an_emergency_visit,
    deadline,
    episode,
    ny,
    planned,
    status,
    visit_id,
)

TO_ICU = a_move("2026-01-06 10:10", "ICU")
TO_WARD = a_move("2026-01-06 14:00", "4W")


def handoffs(plan: Plan, number: str = "V1") -> list[tuple[str | None, str, object]]:
    """(unit, what became of it, how it closed) of each handoff between units, in order."""
    found = [e for e in plan.episodes if e.kind == "unit_handoff" and e.visit_id == visit_id(number)]
    return [
        (
            e.unit,
            e.deadlines[0].settled[0] if e.deadlines[0].settled else e.deadlines[0].becomes,
            e.closed and e.closed[0],
        )
        for e in found
    ]


def test_a_transfer_is_owed_an_acknowledgement_within_the_hour() -> None:
    """Read back by the receiving unit; warned of twenty minutes before."""
    plan = planned(a_stay(moves=(TO_ICU,)))
    found = deadline(plan, "handoff_ack_unit")
    assert (found.due_at, found.severity, found.hold_until) == (ny("2026-01-06 11:10"), "P2", None)
    assert [(w.at, w.severity) for w in found.warnings] == [(ny("2026-01-06 10:50"), "P3")]
    assert (episode(plan, "unit_handoff").unit, episode(plan, "unit_handoff").closed) == ("ICU", None)


@pytest.mark.parametrize(
    ("ack", "expected"),
    [
        (an_ack("2026-01-06 10:40"), "met"),
        (an_ack("2026-01-06 11:10"), "met_late"),
        (an_ack("2026-01-06 12:00"), "met_late"),
        (an_ack("2026-01-06 06:10"), "met"),
        (an_ack("2026-01-06 06:09"), "missed"),
        (an_ack("2026-01-06 10:40", read_back=False), "missed"),
        (an_ack("2026-01-06 10:40", "handoff_ack_unit"), "met"),
        (an_ack("2026-01-06 10:40", "handoff_ack_facility"), "missed"),
        (an_ack("2026-01-06 10:40", entered="2026-01-06 13:00"), "met"),
        (a_deed("handoff_declined", "2026-01-06 10:40"), "missed"),
        (a_waiver("2026-01-06 10:40", "handoff_ack_unit"), "waived"),
        (a_waiver("2026-01-06 09:40", "handoff_ack_unit"), "missed"),
    ],
    ids=[
        "in time",
        "at the due instant",
        "late",
        "four hours before the move",
        "earlier than that",
        "without read-back",
        "of its kind",
        "of another kind",
        "entered late",
        "declined",
        "waived",
        "waived before there was anything to waive",
    ],
)
def test_what_settles_a_unit_handoff(ack: Deed, expected: str) -> None:
    """Transferred at 10:10."""
    assert status(planned(a_stay(moves=(TO_ICU,)), ack), "handoff_ack_unit") == expected


def test_an_acknowledgement_completes_the_episode_at_its_own_time() -> None:
    """Before the transfer too: the instant of the fact."""
    for at in ("2026-01-06 10:40", "2026-01-06 09:00", "2026-01-06 12:00"):
        assert episode(planned(a_stay(moves=(TO_ICU,)), an_ack(at)), "unit_handoff").closed == (
            "completed",
            ny(at),
        )


def test_a_handoff_of_a_discharge_to_a_facility() -> None:
    """Owed within four hours, warned of an hour before, met by the receiving facility's read-back."""
    plan = planned(a_stay(discharged="2026-01-09 15:00", to="03"))
    found = deadline(plan, "handoff_ack_facility")
    assert (found.due_at, found.severity) == (ny("2026-01-09 19:00"), "P2")
    assert [(w.at, w.severity) for w in found.warnings] == [(ny("2026-01-09 18:00"), "P3")]
    met = planned(a_stay(discharged="2026-01-09 15:00", to="03"), an_ack("2026-01-09 13:00"))
    assert status(met, "handoff_ack_facility") == "met"


def test_the_acknowledgement_goes_to_the_latest_handoff_that_has_none() -> None:
    """Two transfers; the first ack is for the second, the second for the first, which is over by then."""
    stay = a_stay(moves=(TO_ICU, TO_WARD))
    one, two = an_ack("2026-01-06 14:10"), an_ack("2026-01-06 14:20")
    assert handoffs(planned(stay, one)) == [("ICU", "missed", "left"), ("4W", "met", "completed")]
    assert handoffs(planned(stay, one, two)) == [("ICU", "missed", "left"), ("4W", "met", "completed")]


def test_an_acknowledgement_ahead_of_the_move_goes_to_what_is_still_open_first() -> None:
    """13:30 lies before the second transfer, but the first handoff has none yet."""
    stay = a_stay(moves=(TO_ICU, TO_WARD))
    assert handoffs(planned(stay, an_ack("2026-01-06 13:30"))) == [
        ("ICU", "met_late", "completed"),
        ("4W", "missed", None),
    ]
    both = planned(stay, an_ack("2026-01-06 10:30"), an_ack("2026-01-06 13:30"))
    assert [what for _, what, _ in handoffs(both)] == ["met", "met"]


def test_a_kind_chooses_between_unit_and_facility() -> None:
    """Transferred an hour before leaving for a nursing home; the facility's answer names its kind."""
    stay = a_stay(moves=(a_move("2026-01-09 14:00"),), discharged="2026-01-09 14:30", to="03")
    plain = planned(stay, an_ack("2026-01-09 14:10"))
    assert (status(plain, "handoff_ack_unit"), status(plain, "handoff_ack_facility")) == ("met", "missed")
    named = planned(stay, an_ack("2026-01-09 14:10", "handoff_ack_facility"))
    assert (status(named, "handoff_ack_unit"), status(named, "handoff_ack_facility")) == ("void", "met")


# --- moving on and leaving ------------------------------------------------------------------------------------


def test_overtaken_while_pending_it_is_superseded() -> None:
    """A second transfer twenty minutes later."""
    plan = planned(a_stay(moves=(TO_ICU, a_move("2026-01-06 10:30", "CATH"))))
    assert handoffs(plan) == [("ICU", "superseded", "left"), ("CATH", "missed", None)]
    assert plan.episodes[0].deadlines[0].settled == ("superseded", ny("2026-01-06 10:30"))


def test_overtaken_once_missed_it_stays_missed() -> None:
    """Nobody has to act on it any more."""
    first = planned(a_stay(moves=(TO_ICU, TO_WARD))).episodes[0]
    assert first.closed == ("left", ny("2026-01-06 14:00"))
    assert (first.deadlines[0].settled, first.deadlines[0].becomes, first.deadlines[0].owed) == (
        None,
        "missed",
        False,
    )


@pytest.mark.parametrize(
    ("left", "expected"),
    [("2026-01-06 10:40", "void"), ("2026-01-06 11:10", "void"), ("2026-01-06 11:11", "missed")],
)
def test_a_discharge_voids_only_what_was_not_yet_due(left: str, expected: str) -> None:
    """Due at 11:10; messages of that very minute come before its timer."""
    plan = planned(a_stay(moves=(TO_ICU,), discharged=left))
    assert status(plan, "handoff_ack_unit") == expected
    assert episode(plan, "unit_handoff").closed == ("left", ny(left))


def test_a_cancelled_discharge_pages_nobody_again() -> None:
    """Missed at 11:10, left at 15:00, back at 16:00: missed and quiet, however often it is planned again."""
    story = Story().hears("2026-01-06 10:10", a_stay(moves=(TO_ICU,))).until("2026-01-06 12:00")
    assert (story.deadline("handoff_ack_unit").status, story.deadline("handoff_ack_unit").owed) == (
        "missed",
        True,
    )
    story.hears("2026-01-06 15:00", a_stay(moves=(TO_ICU,), discharged="2026-01-06 15:00"))
    assert story.row("unit_handoff").close_reason == "left"
    for at in ("2026-01-06 16:00", "2026-01-06 16:30"):
        story.hears(at, a_stay(moves=(TO_ICU,)))
        found = story.deadline("handoff_ack_unit")
        assert (story.row("unit_handoff").status, found.status, found.owed) == ("open", "missed", False)
        assert (found.generation, found.late_known) == (0, False)
    assert story.last.deadlines == ()


def test_a_cancelled_transfer_voids_its_handoff_and_gives_the_first_one_back() -> None:
    """A12 of the second transfer, twenty minutes after it: the first is owed again, its time is up, no page."""
    story = Story().hears("2026-01-06 10:10", a_stay(moves=(TO_ICU,)))
    story.hears("2026-01-06 10:30", a_stay(moves=(TO_ICU, a_move("2026-01-06 10:30", "CATH"))))
    story.hears("2026-01-06 11:30", a_stay(moves=(TO_ICU,)))
    by_unit = {row.unit: row for row in story.rows}
    assert (by_unit["CATH"].status, by_unit["CATH"].deadlines["handoff_ack_unit"].status) == ("void", "void")
    back = by_unit["ICU"].deadlines["handoff_ack_unit"]
    assert (back.status, back.late_known, back.generation, back.owed) == ("missed", True, 1, True)


def test_a_death_on_the_ward_ends_its_handoff() -> None:
    """Before the discharge is reported."""
    plan = planned(a_stay(moves=(TO_ICU,), died="2026-01-06 10:30"))
    assert episode(plan, "unit_handoff").closed == ("died", ny("2026-01-06 10:30"))
    assert status(plan, "handoff_ack_unit") == "void"


def test_a_move_after_leaving_is_no_handoff() -> None:
    """A transfer recorded with a time after the discharge."""
    plan = planned(a_stay(moves=(a_move("2026-01-09 16:00"),), discharged="2026-01-09 15:00"))
    assert [e.kind for e in plan.episodes] == ["discharge"]


def test_the_conversion_of_an_emergency_visit_is_a_handoff() -> None:
    """A06 moves the patient from the emergency department to a ward."""
    plan = planned(a_stay(moves=(a_move("2026-01-05 08:30", "4W", trigger="A06"),)))
    assert deadline(plan, "handoff_ack_unit").due_at == ny("2026-01-05 09:30")


def test_units_the_facility_does_not_page_for() -> None:
    """A miss outside `handoff_units` is work, not a page."""
    for unit, severity in (("ICU", "P2"), ("4W", "P3")):
        plan = planned(a_stay(moves=(a_move("2026-01-06 10:10", unit),), at="PICKY"))
        assert deadline(plan, "handoff_ack_unit").severity == severity


def test_a_handoff_goes_to_the_team_of_the_place_it_goes_to() -> None:
    """A transfer to another facility."""
    plan = planned(a_stay(moves=(a_move("2026-01-06 10:10", "A", facility="SNF1"),)))
    assert (episode(plan, "unit_handoff").facility, episode(plan, "unit_handoff").team) == (
        "SNF1",
        "snf-team",
    )


def test_a_handoff_learned_late_is_late_known() -> None:
    """The A02 arrives two hours after the fact."""
    story = Story().hears(
        "2026-01-06 12:10", a_stay(moves=(a_move("2026-01-06 10:10", learned="2026-01-06 12:10"),))
    )
    found = story.deadline("handoff_ack_unit")
    assert (found.status, found.late_known, found.known_at) == ("missed", True, ny("2026-01-06 12:10"))


def test_two_transfers_of_one_instant_are_two_handoffs() -> None:
    """Each keeps its own case."""
    stay = a_stay(moves=(a_move("2026-01-06 10:10", "ICU"), a_move("2026-01-06 10:10", "CATH")))
    story = Story().hears("2026-01-06 10:10", stay)
    assert len({row.episode_id for row in story.rows}) == 2


def test_what_lies_ahead_has_not_ended_anything_yet() -> None:
    """The A03 is sent at 10:20 for 16:00: until then the handoff of 10:10 is owed, and missed at 11:10."""
    leaving = a_stay(moves=(TO_ICU,), discharged="2026-01-06 16:00", learned="2026-01-06 10:20")
    story = Story().hears("2026-01-06 10:20", leaving).until("2026-01-06 15:00")
    assert (story.row("unit_handoff").status, story.deadline("handoff_ack_unit").owed) == ("open", True)
    story.until("2026-01-06 16:00")
    row = story.row("unit_handoff")
    assert (row.close_reason, row.closed_at) == ("left", ny("2026-01-06 16:00"))
    assert (story.deadline("handoff_ack_unit").status, story.deadline("handoff_ack_unit").owed) == (
        "missed",
        False,
    )


# --- true only in hindsight -----------------------------------------------------------------------------------


def test_a_move_that_a_late_admission_makes_a_handoff_is_known_late() -> None:
    """Given an emergency visit that moved at ten, when at two the A06 of nine arrives, then its handoff is work, no page."""
    before = an_emergency_visit("V1", arrived="2026-01-06 07:00")
    before = replace(before, learned_at=ny("2026-01-06 10:00"))
    moves = (a_move("2026-01-06 10:00"),)
    after = a_stay(admitted="2026-01-06 09:00", moves=moves, learned_at=ny("2026-01-06 14:00"))
    story = Story().hears("2026-01-06 10:00", before).hears("2026-01-06 14:00", after)
    handoff = story.deadline("handoff_ack_unit")
    assert (handoff.status, handoff.owed, handoff.late_known) == ("missed", True, True)
    assert handoff.learned_at == ny("2026-01-06 14:00")


def test_a_move_that_is_read_behind_a_later_word_is_known_since_it_arrived() -> None:
    """Given an inpatient whose update of noon was read, when only then his move of ten is, which had arrived at ten on another
    partition, then the handoff nobody acknowledged is a page.
    """
    before = a_stay(admitted="2026-01-06 07:00", learned_at=ny("2026-01-06 12:00"))
    after = replace(before, moves=(a_move("2026-01-06 10:00"),), revision=2)
    handoff = Story().hears("2026-01-06 12:00", before, after).deadline("handoff_ack_unit")
    assert (handoff.status, handoff.late_known) == ("missed", False)
    handoff = (
        Story()
        .hears("2026-01-06 12:00", before)
        .hears("2026-01-06 12:00", after)
        .deadline("handoff_ack_unit")
    )
    assert (handoff.status, handoff.late_known) == ("missed", False)


def test_a_discharge_that_a_late_admission_makes_one_is_known_late() -> None:
    """Given an emergency visit that went home on Friday, when an A06 is entered on Tuesday, then the call is work, no page."""
    before = an_emergency_visit("V1", arrived="2026-01-09 07:00", discharged="2026-01-09 15:00")
    after = a_stay(
        admitted="2026-01-09 09:00", discharged="2026-01-09 15:00", learned_at=ny("2026-01-13 10:00")
    )
    story = Story().hears("2026-01-09 15:00", before).hears("2026-01-13 10:00", after)
    call, contact = story.deadline("call_72h"), story.deadline("tcm_contact")
    assert (call.status, call.late_known) == ("missed", True)
    assert (contact.status, contact.late_known) == ("pending", False)
