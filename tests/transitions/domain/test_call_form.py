"""What a call's form sets going: a call back by a clinician, and a red flag that is heard at once."""

from typing import Any

import pytest

from services.transitions.domain.answers import answers
from services.transitions.domain.model import Deed, Stay
from tests.transitions.domain.builders import (
    Story,
    a_call,
    a_deed,
    a_stay,
    a_waiver,
    deadline,
    episode,
    ny,
    planned,
)

HOME = a_stay(discharged="2026-01-09 15:00")
ASKS = a_call("2026-01-12 10:00", callback=True)
FLAG = a_call("2026-01-12 10:00", red_flag=True)


def clinicians(at: str, outcome: str = "reached", channel: str = "phone", **more: Any) -> Deed:
    return a_call(at, outcome, channel, clinician=True, **more)


def test_nobody_asked() -> None:
    """A call without a form, and no call at all, open nothing."""
    for facts in ((), (a_call("2026-01-12 10:00"),)):
        kinds = {d.kind for d in episode(planned(HOME, *facts)).deadlines}
        assert "clinician_callback" not in kinds


@pytest.mark.parametrize("call", [ASKS, FLAG], ids=["asks for it", "red flag"])
def test_a_call_back_is_owed_from_the_call_on(call: Deed) -> None:
    """Within four hours of it, warned of an hour before; the settle window is no matter."""
    found = deadline(planned(HOME, call), "clinician_callback")
    assert (found.due_at, found.severity, found.hold_until) == (ny("2026-01-12 14:00"), "P2", None)
    assert found.because == "4 hours after the request for a call back of Mon 12 Jan 2026, 10:00 EST"
    assert [(w.at, w.severity) for w in found.warnings] == [(ny("2026-01-12 13:00"), "P3")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((), None),
        ((clinicians("2026-01-12 11:00"),), "met"),
        ((clinicians("2026-01-12 11:00", channel="in_person"),), "met"),
        ((clinicians("2026-01-12 14:00"),), "met_late"),
        ((clinicians("2026-01-12 11:00", "no_answer"),), None),
        ((clinicians("2026-01-12 11:00", channel="secure_message"),), None),
        ((a_call("2026-01-12 11:00"),), None),
        ((clinicians("2026-01-12 09:00"),), None),
        ((a_waiver("2026-01-12 11:00", "clinician_callback"),), "waived"),
        ((a_waiver("2026-01-12 09:00", "clinician_callback"),), None),
        ((a_stay("V2", admitted="2026-01-12 12:00"),), "superseded"),
    ],
    ids=[
        "nobody", "a clinician", "face to face", "at the due instant", "not reached", "by message", "a nurse",
        "before it was asked for", "waived", "waived before", "back in hospital",
    ],
)  # fmt: skip
def test_what_settles_a_call_back(answer: tuple[Deed | Stay, ...], expected: str | None) -> None:
    """Asked for at 10:00 on Monday."""
    found = deadline(planned(HOME, ASKS, *answer), "clinician_callback")
    assert (found.settled and found.settled[0]) == expected


def test_the_first_call_that_nobody_answered_counts_else_the_last() -> None:
    """Asked at 10:00, answered at 11:00, asked again at 16:00, and at 17:00."""
    facts: list[Deed] = [ASKS]
    for deed, due, expected in (
        (clinicians("2026-01-12 11:00"), "14:00", "met"),
        (a_call("2026-01-12 16:00", callback=True), "20:00", None),
        (a_call("2026-01-12 17:00", callback=True), "20:00", None),
        (clinicians("2026-01-12 18:00"), "21:00", "met"),
    ):
        facts.append(deed)
        found = deadline(planned(HOME, *facts), "clinician_callback")
        assert (found.due_at, found.settled and found.settled[0]) == (ny(f"2026-01-12 {due}"), expected)


def test_asked_again_it_is_another_obligation() -> None:
    """Met, and owed again: no alert of before is taken for it."""
    story = Story().hears("2026-01-09 15:00", HOME).hears("2026-01-12 10:00", ASKS)
    story.hears("2026-01-12 11:00", clinicians("2026-01-12 11:00"))
    assert story.deadline("clinician_callback").status == "met"
    story.hears("2026-01-12 16:00", a_call("2026-01-12 16:00", callback=True))
    found = story.deadline("clinician_callback")
    assert (found.status, found.due_at, found.generation) == ("pending", ny("2026-01-12 20:00"), 1)
    story.until("2026-01-12 20:00")
    assert story.deadline("clinician_callback").status == "missed"


def test_a_withdrawn_call_asked_for_nothing() -> None:
    """The call back is void."""
    story = Story().hears("2026-01-09 15:00", HOME).hears("2026-01-12 10:00", ASKS)
    story.forgets("2026-01-12 10:30", ASKS)
    assert story.deadline("clinician_callback").status == "void"


def test_a_call_entered_late_asks_late() -> None:
    """Made at 10:00, entered at 15:00: nobody could have called back in time, so nobody is paged for it."""
    story = Story().hears("2026-01-09 15:00", HOME)
    story.hears("2026-01-12 15:00", a_call("2026-01-12 10:00", entered="2026-01-12 15:00", callback=True))
    found = story.deadline("clinician_callback")
    assert (found.status, found.late_known) == ("missed", True)


# --- red flags -------------------------------------------------------------------------------------------------------


LEFT_AT_THREE = a_stay(discharged="2026-01-09 15:00", learned="2026-01-09 15:05")


def heard(*facts: Deed | Stay) -> list[tuple[str, str, str | None]]:
    return [(n.kind, n.severity, n.ended) for n in episode(planned(*facts)).notices]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((a_call("2026-01-12 10:00"),), []),
        ((ASKS,), []),
        ((FLAG,), [("red_flag", "P1", None)]),
        ((FLAG, a_call("2026-01-12 11:00")), [("red_flag", "P1", None)]),
        ((FLAG, clinicians("2026-01-12 11:00", "no_answer")), [("red_flag", "P1", None)]),
        ((FLAG, clinicians("2026-01-12 11:00")), [("red_flag", "P1", "done")]),
        ((FLAG, a_stay("V2", admitted="2026-01-12 12:00")), [("red_flag", "P1", "not_needed")]),
        ((clinicians("2026-01-12 10:00", red_flag=True),), [("red_flag", "P1", None)]),
        ((a_call("2026-02-20 10:00", red_flag=True),), [("red_flag", "P1", None)]),
        ((a_call("2026-01-09 10:00", red_flag=True),), [("red_flag", "P1", None)]),
        ((a_call("2026-01-09 10:00", red_flag=True), clinicians("2026-01-09 11:00")), [("red_flag", "P1", "done")]),
        ((a_call("2026-01-04 10:00", red_flag=True),), []),
    ],
    ids=[
        "no form", "a call back alone", "red flag", "a nurse calls again", "a clinician does not reach them",
        "a clinician does", "back in hospital", "heard by a clinician", "after the thirty days", "before the discharge",
        "before the discharge, and answered", "before the stay",
    ],
)  # fmt: skip
def test_a_red_flag(facts: tuple[Deed | Stay, ...], expected: list[tuple[str, str, str | None]]) -> None:
    """It stands until a clinician has spoken with the patient, even where the case has ended by the calendar."""
    assert heard(HOME, *facts) == expected


def test_a_red_flag_heard_during_the_stay_is_told_when_the_patient_leaves() -> None:
    """Given a warning sign heard in the morning, when the patient goes home at three, then it is told as of then."""
    flag = a_call("2026-01-09 10:00", red_flag=True)
    story = Story().hears("2026-01-09 10:00", a_stay(), flag).hears("2026-01-09 15:05", LEFT_AT_THREE)
    [found] = story.row().notices
    assert (found.at, found.known_at) == (ny("2026-01-09 10:00"), ny("2026-01-09 15:05"))


def test_a_red_flag_is_known_when_it_is_entered() -> None:
    """Heard at 10:00, entered at 10:20; done at 11:00, entered at 11:05."""
    story = Story().hears("2026-01-09 15:00", HOME)
    story.hears("2026-01-12 10:20", a_call("2026-01-12 10:00", entered="2026-01-12 10:20", red_flag=True))
    story.hears("2026-01-12 11:05", clinicians("2026-01-12 11:00", entered="2026-01-12 11:05"))
    [found] = story.row().notices
    assert (found.at, found.known_at, found.ended, found.ended_at) == (
        ny("2026-01-12 10:00"),
        ny("2026-01-12 10:20"),
        "done",
        ny("2026-01-12 11:05"),
    )


def test_a_red_flag_heard_before_its_case_was_known_is_known_with_the_case() -> None:
    """On Tuesday the discharge home turns out to have been one to a facility: from then on it is that case's."""
    there = a_stay(discharged="2026-01-09 15:00", to="03", disposition_learned="2026-01-13 08:00")
    story = (
        Story()
        .hears("2026-01-09 15:00", HOME)
        .hears("2026-01-12 10:00", FLAG)
        .hears("2026-01-13 08:00", there)
    )
    [found] = story.row("facility_handoff").notices
    assert (found.at, found.known_at) == (ny("2026-01-12 10:00"), ny("2026-01-13 08:00"))


def test_the_alert_of_a_red_flag_is_taken_by_its_kind() -> None:
    """The acknowledgement counts; without a red flag there is no such alert."""
    ack = a_deed("alert_acknowledged", "2026-01-12 10:10", kind="red_flag")
    for facts, expected in (([FLAG], None), ([ASKS], "no_such_alert")):
        found = answers([HOME], [*facts, ack], planned(HOME, *facts, ack))
        assert found[ack.action_id].reason == expected
