"""A programme through time: what was said after the discharge, what a person decided, and the steps of the work."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from services.transitions.domain.model import Deed, Diagnosis, Stay
from tests.transitions.domain.builders import a_deed, a_move, a_stay, episode, ny, planned
from tests.transitions.domain.risk.test_programme import (
    CARE_COORDINATION,
    CASE_MANAGEMENT,
    FOUR,
    LATER,
    LEFT,
    NEEDS_REVIEW,
    OPIOID,
    RELIABLE,
    THREE,
    assessed,
    home,
    of,
)  # fmt: skip


def confirmed(decision: str, at: str) -> Deed:
    return a_deed("programme_confirmed", at, decision=decision)


def standing(*codes: str, since: str | None = None, until: str | None = None) -> tuple[Diagnosis, ...]:
    begun, over = ny(since) if since else None, ny(until) if until else None
    return tuple(Diagnosis(code, "I10C", "F", begun, over) for code in codes)


def with_codes(*several: Iterable[Diagnosis]) -> Stay:
    return replace(home(), diagnoses=tuple(each for codes in several for each in codes))


AFTER = "2026-01-11 09:00"
GONE = with_codes(standing("I10", "E11.9", "E78.5"), standing("N18.30", until=AFTER))


def test_a_condition_taken_back_proposes_the_lower_programme() -> None:
    """P24: an A08 deletes N18.30 after the discharge; nothing changes before somebody says so."""
    found = of(GONE)
    assert (found.decision, found.reasons, found.proposed) == (
        CASE_MANAGEMENT,
        ("chronic_4plus",),
        NEEDS_REVIEW,
    )
    assert (found.since, found.missing) == (ny(LEFT), ("specialists", "supports"))
    assert "chronic_4plus" not in found.not_met
    assert of(GONE, assessed(**RELIABLE)).proposed == CARE_COORDINATION


def test_a_condition_taken_back_before_the_discharge_never_counted() -> None:
    """By event time, whenever it is heard of."""
    found = of(with_codes(standing("I10", "E11.9", "E78.5"), standing("N18.30", until="2026-01-08 09:00")))
    assert (found.decision, found.proposed) == (NEEDS_REVIEW, None)


def test_a_person_leads_down() -> None:
    """From the instant of the confirmation, by whom."""
    found = of(GONE, confirmed(CARE_COORDINATION, "2026-01-12 10:00"))
    assert (found.decision, found.since, found.proposed) == (CARE_COORDINATION, ny("2026-01-12 10:00"), None)
    assert (found.confirmed_by, found.confirmed_at) == ("rn1", ny("2026-01-12 10:00"))


def test_a_person_may_lead_down_although_reasons_stand() -> None:
    """Their judgement holds until a reason appears that they did not know."""
    down = confirmed(CARE_COORDINATION, "2026-01-12 10:00")
    assert of(home(FOUR), down).decision == CARE_COORDINATION
    more = with_codes(standing(*FOUR.split()), standing(OPIOID, since="2026-01-13 09:00"))
    found = of(more, down)
    assert (found.decision, found.reasons, found.since) == (
        CASE_MANAGEMENT, ("chronic_4plus", "sud"), ny("2026-01-13 09:00"))  # fmt: skip
    assert found.confirmed_by is None


def test_case_management_confirmed_by_a_person_stands() -> None:
    """Confirmed on the tenth; what is taken back on the eleventh proposes nothing: whoever confirmed it may lead down."""
    found = of(GONE, confirmed(CASE_MANAGEMENT, "2026-01-10 10:00"))
    assert (found.decision, found.confirmed_by) == (CASE_MANAGEMENT, "rn1")


def test_a_step_up_is_taken_by_itself() -> None:
    """With the event time of what was said later."""
    later = with_codes(standing("I10", "E11.9", "E78.5"), standing("N18.30", since=AFTER))
    assert (of(later).decision, of(later).since) == (CASE_MANAGEMENT, ny(AFTER))
    found = of(home(THREE), assessed(AFTER, housing_unstable=True))
    assert (found.decision, found.since, found.reasons) == (
        CASE_MANAGEMENT, ny(AFTER), ("sdoh:housing_instability",))  # fmt: skip


def test_between_the_two_lower_outcomes_it_follows_the_facts() -> None:
    """Found out after the discharge, and found out better."""
    found = of(home(THREE), assessed(AFTER, **RELIABLE))
    assert (found.decision, found.since) == (CARE_COORDINATION, ny(AFTER))
    better = assessed("2026-01-12 09:00", supports="unreliable")
    assert of(home(THREE), assessed(AFTER, **RELIABLE), better).decision == NEEDS_REVIEW


def test_what_is_found_out_after_the_end_changes_nothing() -> None:
    """The patient came back on the twelfth; that is another episode."""
    back = a_stay("V2", admitted="2026-01-12 09:00")
    later = assessed("2026-01-13 09:00", housing_unstable=True)
    assert of(home(THREE), back, later).decision == NEEDS_REVIEW


def test_a_transfer_has_no_programme() -> None:
    """It is judged at the discharge."""
    found = episode(planned(a_stay(moves=(a_move("2026-01-06 10:10"),)), as_of=LATER), "unit_handoff")
    assert (found.programme, found.lace) == (None, None)


# --- the steps of case management -----------------------------------------------------------------------------


def steps(*facts: Stay | Deed) -> dict[str, tuple[Any, ...]]:
    return {step.step: (step.at, step.by, step.owner, step.due_at) for step in of(*facts).steps}


def test_the_steps_of_case_management() -> None:
    """Assessed, planned, followed, adjusted: by whom, when, and who looks at it next."""
    plan = a_deed("care_plan_recorded", "2026-01-10 11:00", owner="cm1", review_at=ny("2026-01-16 17:00"))
    again = a_deed("care_plan_recorded", "2026-01-17 11:00", owner="cm2", review_at=ny("2026-01-24 17:00"))
    talk = a_deed(
        "contact_attempted", "2026-01-12 09:00", outcome="reached", channel="phone", party="patient"
    )
    nothing = (None, None, None, None)
    assert steps(home(FOUR)) == dict.fromkeys(("assess", "plan", "follow", "adjust", "hand_over"), nothing)
    assert steps(home(FOUR), assessed(), plan, talk, again) == {
        "assess": (ny("2026-01-09 10:00"), "rn1", None, None),
        "plan": (ny("2026-01-10 11:00"), "rn1", "cm1", None),
        "follow": (ny("2026-01-12 09:00"), "rn1", "cm2", ny("2026-01-24 17:00")),
        "adjust": (ny("2026-01-17 11:00"), "rn1", "cm2", None),
        "hand_over": (None, None, "cm2", None),
    }


def test_who_is_led_down_is_handed_over() -> None:
    """And who was never in case management has no steps."""
    found = steps(home(FOUR), confirmed(CARE_COORDINATION, "2026-01-12 10:00"))
    assert found["hand_over"][:2] == (ny("2026-01-12 10:00"), "rn1")
    assert of(home(THREE), assessed(**RELIABLE)).steps == ()
