"""A handoff has two sides: what each said, what was missing, and who hears of it at once when it is refused."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.transitions.domain.answers import answers
from services.transitions.domain.handoff import CHECKLIST
from services.transitions.domain.model import Deed, Notice, Stay
from services.transitions.domain.protocol import AckRule, ArrivalRule, DeadlineRule, Elapsed, Protocol
from tests.transitions.domain.builders import (
    PROTOCOL,
    Story,
    a_deed,
    a_move,
    a_stay,
    an_ack,
    deadline,
    episode,
    ny,
    planned,
    status,
)

TO_NURSING = a_stay(discharged="2026-01-09 15:00", to="03")
MOVED = a_stay(moves=(a_move("2026-01-06 10:10"),))
ALL_BUT_ONE = tuple(item for item in CHECKLIST if item != "situation_awareness")


def a_decline(at: str, **more: Any) -> Deed:
    return a_deed("handoff_declined", at, **more)


def a_delegation(at: str, **more: Any) -> Deed:
    return a_deed("handoff_delegated", at, **more)


def asking_for_all() -> Protocol:
    """The shipped protocol, where the facility must have been told every item."""
    opening = PROTOCOL.dispositions["snf"]
    assert opening is not None
    rules = tuple(replace(rule, met_by=AckRule(complete=True)) for rule in opening.deadlines)
    return replace(PROTOCOL, dispositions=PROTOCOL.dispositions | {"snf": replace(opening, deadlines=rules)})


def noticing_arrivals() -> Protocol:
    """The shipped protocol, where it is noticed that nobody has arrived after twelve hours."""
    opening = PROTOCOL.dispositions["snf"]
    assert opening is not None
    rule = DeadlineRule(
        "arrival_at_facility", Elapsed(ny("2026-01-01 12:00") - ny("2026-01-01 00:00")), "P2", ArrivalRule()
    )
    snf = replace(opening, deadlines=(*opening.deadlines, rule))
    return replace(PROTOCOL, dispositions=PROTOCOL.dispositions | {"snf": snf})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((), ("offered", "15:00", False, ())),
        ((an_ack("2026-01-09 16:00"),), ("accepted", "16:00", False, ())),
        ((an_ack("2026-01-09 16:00", read_back=False),), ("noted", "16:00", False, ())),
        ((an_ack("2026-01-09 16:00", checklist=CHECKLIST),), ("accepted", "16:00", True, ())),
        ((an_ack("2026-01-09 16:00", checklist=ALL_BUT_ONE),), ("accepted", "16:00", True, ("situation_awareness",))),
        ((an_ack("2026-01-09 16:00", checklist=()),), ("accepted", "16:00", True, CHECKLIST)),
        ((a_decline("2026-01-09 16:00"),), ("declined", "16:00", False, ())),
        ((a_delegation("2026-01-09 16:00"),), ("delegated", "16:00", False, ())),
        ((a_decline("2026-01-09 16:00"), an_ack("2026-01-09 17:00")), ("accepted", "17:00", False, ())),
        ((an_ack("2026-01-09 16:00"), a_decline("2026-01-09 17:00")), ("accepted", "16:00", False, ())),
        ((a_decline("2026-01-09 16:00", kind="handoff_ack_unit"),), ("offered", "15:00", False, ())),
    ],
    ids=[
        "nobody has answered", "accepted", "without read-back", "with every item", "one item missing", "nothing told",
        "declined", "delegated", "declined, then accepted", "declined when accepted", "of another kind",
    ],
)  # fmt: skip
def test_how_a_handoff_stands(said: tuple[Deed, ...], expected: tuple[Any, ...]) -> None:
    """Discharged at 15:00 to a nursing home; the last word counts, an acceptance for good."""
    found = episode(planned(TO_NURSING, *said), "facility_handoff").handoff
    assert found is not None
    at = ny(f"2026-01-09 {expected[1]}")
    assert (found.state, found.at, found.checked, found.missing) == (expected[0], at, *expected[2:])


@pytest.mark.parametrize(
    ("said", "settles"),
    [
        ((a_decline("2026-01-09 16:00"),), "missed"),
        ((a_delegation("2026-01-09 16:00"),), "missed"),
        ((a_delegation("2026-01-09 16:00"), an_ack("2026-01-09 17:00")), "met"),
        ((an_ack("2026-01-09 16:00", checklist=ALL_BUT_ONE),), "met"),
        ((an_ack("2026-01-09 16:00", checklist=CHECKLIST, read_back=False),), "missed"),
    ],
)
def test_what_settles_it(said: tuple[Deed, ...], settles: str) -> None:
    """Only a read-back does; an incomplete handoff is not a late one."""
    assert status(planned(TO_NURSING, *said), "handoff_ack_facility") == settles


def test_where_the_protocol_asks_for_every_item() -> None:
    """An acknowledgement with one missing is noted, and says so; one with all of them settles."""
    short, whole = (
        an_ack("2026-01-09 16:00", checklist=ALL_BUT_ONE),
        an_ack("2026-01-09 17:00", checklist=CHECKLIST),
    )
    plan = planned(TO_NURSING, short, whole, protocol=asking_for_all())
    assert deadline(plan, "handoff_ack_facility").settled == ("met", ny("2026-01-09 17:00"))
    found = answers([TO_NURSING], [short, whole], plan)
    assert [(found[d.action_id].effect, found[d.action_id].reason) for d in (short, whole)] == [
        ("noted", "checklist_incomplete"),
        ("counted", None),
    ]


def test_what_becomes_of_each_word() -> None:
    """A refusal and a delegation are part of the case; after the acceptance nothing waits for another word."""
    words = [
        a_decline("2026-01-09 16:00"),
        a_delegation("2026-01-09 16:30"),
        an_ack("2026-01-09 17:00"),
        a_decline("2026-01-09 18:00"),
    ]
    found = answers([TO_NURSING], words, planned(TO_NURSING, *words))
    assert [found[word.action_id].reason or found[word.action_id].effect for word in words] == [
        "counted", "counted", "counted", "nothing_waiting",
    ]  # fmt: skip


# --- refused ---------------------------------------------------------------------------------------------------------


def heard(story: Story, kind: str = "facility_handoff") -> list[tuple[Any, ...]]:
    return [(n.kind, n.severity, n.known_at, n.ended, n.ended_at) for n in story.row(kind).notices]


def test_a_refusal_is_heard_at_once_and_ends_with_an_acceptance() -> None:
    """Declined at 16:00, entered at 16:05; accepted by another at 17:00, entered at 17:10."""
    story = Story().hears("2026-01-09 15:00", TO_NURSING)
    story.hears("2026-01-09 16:05", a_decline("2026-01-09 16:00", entered="2026-01-09 16:05"))
    assert heard(story) == [("handoff_declined", "P2", ny("2026-01-09 16:05"), None, None)]
    story.hears("2026-01-09 17:10", an_ack("2026-01-09 17:00", entered="2026-01-09 17:10"))
    assert heard(story) == [
        ("handoff_declined", "P2", ny("2026-01-09 16:05"), "done", ny("2026-01-09 17:10"))
    ]


def test_a_refusal_is_no_matter_any_more_once_the_patient_has_left() -> None:
    """Declined between units at 10:40, discharged at 15:00; what came to light then stays so."""
    story = Story().hears("2026-01-06 10:10", MOVED).hears("2026-01-06 10:40", a_decline("2026-01-06 10:40"))
    left = a_stay(moves=(a_move("2026-01-06 10:10"),), discharged="2026-01-06 15:00")
    for at in ("2026-01-06 15:00", "2026-01-06 16:00"):
        story.hears(at, left)
        assert heard(story, "unit_handoff") == [
            ("handoff_declined", "P2", ny("2026-01-06 10:40"), "not_needed", ny("2026-01-06 15:00"))
        ]


def test_words_of_one_minute_are_told_apart() -> None:
    """Refused, heard without read-back and accepted at 16:00 by the clock: the acceptance ended it when it was entered."""
    story = (
        Story().hears("2026-01-09 15:00", TO_NURSING).hears("2026-01-09 16:01", a_decline("2026-01-09 16:00"))
    )
    story.hears("2026-01-09 16:10", an_ack("2026-01-09 16:00", entered="2026-01-09 16:10", read_back=False))
    story.hears("2026-01-09 16:30", an_ack("2026-01-09 16:00", entered="2026-01-09 16:30"))
    assert heard(story)[0][-2:] == ("done", ny("2026-01-09 16:30"))


def test_a_refusal_that_ended_by_an_error_comes_back_when_that_is_known() -> None:
    """Declined between units, discharged at 15:00, which is cancelled at 15:20: whoever is told again is told at 15:20."""
    story = Story().hears("2026-01-06 10:10", MOVED).hears("2026-01-06 10:40", a_decline("2026-01-06 10:40"))
    left = a_stay(moves=(a_move("2026-01-06 10:10"),), discharged="2026-01-06 15:00")
    story.hears("2026-01-06 15:00", left)
    for at in ("2026-01-06 15:20", "2026-01-06 16:00"):
        story.hears(at, MOVED)
        assert heard(story, "unit_handoff") == [
            ("handoff_declined", "P2", ny("2026-01-06 15:20"), None, None)
        ]


def test_a_withdrawn_refusal_was_never_one() -> None:
    """It is gone, and the case tells since when."""
    story = Story().hears("2026-01-09 15:00", TO_NURSING)
    word = a_decline("2026-01-09 16:00")
    story.hears("2026-01-09 16:00", word).forgets("2026-01-09 16:30", word)
    row = story.row("facility_handoff")
    assert (row.notices, row.known_at) == ((), ny("2026-01-09 16:30"))
    assert row.handoff is not None
    assert row.handoff.state == "offered"


def test_a_cancelled_discharge_takes_everything_back() -> None:
    """A13 after a refusal: no notice, no handoff, nobody responsible for a case that never was."""
    story = (
        Story().hears("2026-01-09 15:00", TO_NURSING).hears("2026-01-09 16:00", a_decline("2026-01-09 16:00"))
    )
    story.hears("2026-01-09 16:30", a_stay())
    row = story.row("facility_handoff")
    assert (row.status, row.notices, row.handoff, row.responsibility) == ("void", (), None, ())


def test_nothing_changes_when_nothing_is_new() -> None:
    """Planned again a day later, no row of the case is written."""
    story = (
        Story().hears("2026-01-09 15:00", TO_NURSING).hears("2026-01-09 16:00", a_decline("2026-01-09 16:00"))
    )
    assert story.hears("2026-01-09 16:30").last.episodes == ()


# --- arrival -----------------------------------------------------------------------------------------------------------


def arriving(admitted: str, facility: str = "SNF1", **more: Any) -> Stay:
    return a_stay("N1", admitted=admitted, at=facility, **more)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (arriving("2026-01-09 17:00"), "17:00"),
        (arriving("2026-01-09 14:00"), None),
        (arriving("2026-01-09 17:00", "H1"), None),
        (arriving("2026-01-09 17:00", state="cancelled"), None),
        (arriving("2026-01-09 17:00", state="planned"), None),
        (arriving("2026-01-09 17:00", gap=True, admit_learned_at=None), None),
    ],
    ids=["arrives", "was there before", "stays", "cancelled", "planned", "first seen in the middle"],
)
def test_an_admission_elsewhere_is_an_arrival(later: Stay, expected: str | None) -> None:
    """Discharged to a nursing home at 15:00. It acknowledges nothing."""
    plan = planned(TO_NURSING, later)
    found = episode(plan, "facility_handoff").handoff
    assert found is not None
    assert found.arrived_at == (ny(f"2026-01-09 {expected}") if expected else None)
    if later.facility == "SNF1":
        assert status(plan, "handoff_ack_facility") == "missed"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [((), "missed"), ((arriving("2026-01-09 17:00"),), "met"), ((arriving("2026-01-10 04:00"),), "met_late")],
)
def test_that_nobody_arrived_is_noticed_where_the_protocol_says_so(
    facts: tuple[Stay, ...], expected: str
) -> None:
    """Due at 3:00 the next morning; shipped, no disposition names it."""
    plan = planned(TO_NURSING, *facts, protocol=noticing_arrivals())
    assert status(plan, "arrival_at_facility") == expected
    assert [d.kind for d in episode(planned(TO_NURSING), "facility_handoff").deadlines] == [
        "handoff_ack_facility"
    ]


def test_notices_are_named_by_their_action() -> None:
    """Two refusals are two notices, whatever order they came in."""
    words = [a_decline("2026-01-09 16:00"), a_decline("2026-01-09 17:00")]
    found = episode(planned(TO_NURSING, *reversed(words)), "facility_handoff").notices
    assert [notice.at for notice in found] == [word.occurred_at for word in words]
    assert len({notice.notice_id for notice in found}) == 2
    assert all(isinstance(notice, Notice) for notice in found)
