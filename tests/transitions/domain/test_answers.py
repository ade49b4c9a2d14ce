"""What becomes of an action: counted for a case, or kept without effect and why."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.transitions.domain.answers import answers
from services.transitions.domain.model import Answer, Deed, Stay
from tests.transitions.domain.builders import (
    a_call,
    a_deed,
    a_move,
    a_stay,
    a_waiver,
    an_ack,
    ny,
    planned,
    visit_id,
)

HOME = a_stay(discharged="2026-01-09 15:00")
IN_HOSPITAL = a_stay()
TO_NURSING = a_stay(discharged="2026-01-09 15:00", to="03")
EXPIRED = a_stay(discharged="2026-01-09 15:00", to="20")
CANCELLED = a_stay(state="cancelled")
FOLDED = a_stay(state="folded")
MOVED = a_stay(moves=(a_move("2026-01-06 10:10"),))
BACK = a_stay("V2", admitted="2026-01-20 10:00")


def answer(deed: Deed, *facts: Stay | Deed) -> Answer:
    stays = [fact for fact in facts if isinstance(fact, Stay)]
    deeds = [fact for fact in facts if isinstance(fact, Deed)]
    plan = planned(*stays, *deeds, deed, as_of=ny("2026-06-01 00:00"))
    return answers(stays, [*deeds, deed], plan)[deed.action_id]


def said(deed: Deed, *facts: Stay | Deed) -> tuple[Any, ...]:
    found = answer(deed, *facts)
    return (found.effect, found.reason or found.kinds)


@pytest.mark.parametrize(
    ("deed", "stay", "expected"),
    [
        (a_call("2026-01-12 10:00"), HOME, ("counted", ("call_72h", "tcm_contact"))),
        (a_call("2026-01-12 10:00", channel="secure_message"), HOME, ("counted", ("tcm_contact",))),
        (a_call("2026-01-12 10:00", "no_answer"), HOME, ("counted", ())),
        (a_call("2026-01-12 10:00", "wrong_number"), HOME, ("noted", "no_attempt")),
        (a_call("2026-01-09 14:59"), HOME, ("noted", "before_discharge")),
        (a_call("2026-01-09 14:59"), IN_HOSPITAL, ("noted", "before_discharge")),
        (a_call("2026-01-12 10:00"), TO_NURSING, ("noted", "no_episode")),
        (a_call("2026-01-12 10:00"), EXPIRED, ("noted", "no_episode")),
        (a_call("2026-03-12 10:00"), HOME, ("noted", "episode_over")),
        (a_call("2026-01-12 10:00"), CANCELLED, ("noted", "visit_cancelled")),
        (a_call("2026-01-12 10:00"), FOLDED, ("noted", "visit_folded")),
        (a_call("2026-01-12 10:00", patient="70001"), HOME, ("counted", ("call_72h", "tcm_contact"))),
        (a_call("2026-01-12 10:00", patient="99999"), HOME, ("noted", "other_patient")),
        (a_call("2026-01-12 10:00", patient="60001"), replace(HOME, aliases=("60001",)),
         ("counted", ("call_72h", "tcm_contact"))),
        (an_ack("2026-01-06 10:40"), MOVED, ("counted", ("handoff_ack_unit",))),
        (an_ack("2026-01-06 12:00"), MOVED, ("counted", ("handoff_ack_unit",))),
        (an_ack("2026-01-06 10:40", read_back=False), MOVED, ("noted", "no_read_back")),
        (an_ack("2026-01-06 06:09"), MOVED, ("noted", "too_early")),
        (an_ack("2026-01-06 10:40"), IN_HOSPITAL, ("waiting", "no_discharge_yet")),
        (an_ack("2026-01-09 16:00"), HOME, ("noted", "no_episode")),
        (a_waiver("2026-01-10 10:00", "call_72h"), HOME, ("counted", ("call_72h",))),
        (a_waiver("2026-01-13 10:00", "call_72h"), HOME, ("counted", ("call_72h",))),
        (a_waiver("2026-01-10 10:00", "handoff_ack_facility"), HOME, ("noted", "kind_not_owed")),
        (a_waiver("2026-01-10 10:00", "pigeon"), HOME, ("noted", "kind_not_owed")),
        (a_waiver("2026-01-08 10:00", "call_72h"), IN_HOSPITAL, ("waiting", "no_discharge_yet")),
        (a_waiver("2026-03-10 10:00", "call_72h"), HOME, ("noted", "nothing_waiting")),
        (a_deed("item_taken", "2026-01-10 10:00", kind="call_72h"), HOME, ("counted", ("call_72h",))),
        (a_deed("item_taken", "2026-01-10 10:00", kind="pigeon"), HOME, ("noted", "kind_not_owed")),
        (a_deed("alert_acknowledged", "2026-01-13 10:00", kind="call_72h_missed"), HOME,
         ("counted", ("call_72h",))),
        (a_deed("alert_acknowledged", "2026-01-13 10:00", kind="pigeon_missed"), HOME,
         ("noted", "no_such_alert")),
        (a_deed("assessment_recorded", "2026-01-08 10:00"), IN_HOSPITAL, ("waiting", "no_discharge_yet")),
        (a_deed("assessment_recorded", "2026-01-08 10:00"), HOME, ("counted", ())),
        (a_deed("assessment_recorded", "2026-03-08 10:00"), HOME, ("noted", "episode_over")),
    ],
)  # fmt: skip
def test_what_becomes_of_one_action(deed: Deed, stay: Stay, expected: tuple[str, object]) -> None:
    """One visit, discharged on Friday 9 January at 15:00 or still going on, and one action on it."""
    assert said(deed, stay) == expected


def test_what_names_another_patient_settles_nothing() -> None:
    """The call is noted; the deadline it would have met is missed."""
    plan = planned(HOME, a_call("2026-01-12 10:00", patient="99999"))
    assert [d.settled for d in plan.episodes[0].deadlines if d.kind == "call_72h"] == [None]


def test_only_the_first_of_two_acknowledgements_counts() -> None:
    """Whichever order they are given in."""
    first, second = an_ack("2026-01-06 10:40"), an_ack("2026-01-06 10:50")
    assert said(first, MOVED, second) == ("counted", ("handoff_ack_unit",))
    assert said(second, MOVED, first) == ("noted", "nothing_waiting")


def test_only_the_first_of_two_waivers_counts() -> None:
    """The second finds nothing to waive."""
    first, second = a_waiver("2026-01-10 10:00", "call_72h"), a_waiver("2026-01-10 11:00", "call_72h")
    assert said(first, HOME, second) == ("counted", ("call_72h",))
    assert said(second, HOME, first) == ("noted", "nothing_waiting")


def test_a_call_during_a_readmission_is_noted() -> None:
    """Back in hospital on 20 January: the case is over, and nothing of the new stay is followed up yet."""
    assert said(a_call("2026-01-21 10:00"), HOME, BACK) == ("noted", "episode_over")


def test_a_readmission_s_alert_is_acknowledged_on_the_new_stay() -> None:
    """It names the new stay; the earlier one has no such alert."""
    ack = a_deed("alert_acknowledged", "2026-01-20 11:00", kind="readmission_detected", visit="V2")
    wrong = a_deed("alert_acknowledged", "2026-01-20 11:00", kind="readmission_detected")
    assert said(ack, HOME, BACK) == ("counted", ())
    assert said(wrong, HOME, BACK) == ("noted", "no_such_alert")


def test_a_number_used_again_is_followed_up_by_its_own_discharge() -> None:
    """A call between the two stays of one number is of the first, one after both of the second."""
    again = a_stay(admitted="2026-03-20 10:00", discharged="2026-03-22 10:00", generation=1)
    first, second = a_call("2026-01-12 10:00"), a_call("2026-03-23 10:00")
    assert answer(first, HOME, again, second).visit_id == visit_id("V1")
    assert answer(second, HOME, again, first).visit_id == visit_id("V1", 1)


def test_what_was_done_under_a_number_that_was_folded_counts_for_the_visit_it_went_on_as() -> None:
    """Both visits have one root since the A42; the folded one is not what the answer names."""
    before = replace(a_stay("V0", state="folded"), root_id=HOME.root_id)
    found = answer(a_call("2026-01-12 10:00"), before, HOME)
    assert (found.effect, found.kinds, found.visit_id) == (
        "counted",
        ("call_72h", "tcm_contact"),
        HOME.visit_id,
    )
    early = answer(a_call("2026-01-09 10:00"), before, HOME)
    assert (early.reason, early.visit_id) == ("before_discharge", HOME.visit_id)


def test_an_answer_changes_when_the_visit_does() -> None:
    """Counted after the discharge; when that is cancelled it was made during the stay."""
    call = a_call("2026-01-12 10:00")
    assert said(call, HOME)[0] == "counted"
    assert said(call, replace(HOME, state="admitted", discharged_at=None)) == ("noted", "before_discharge")


def test_every_action_of_a_known_visit_is_answered() -> None:
    """And none of a visit that is not the patient's."""
    mine, other = a_call("2026-01-12 10:00"), a_call("2026-01-12 10:00", visit="V9")
    found = answers([HOME], [mine, other], planned(HOME, mine, other))
    assert list(found) == [mine.action_id]
    assert ny("2026-01-12 10:00") == mine.occurred_at
