"""What holds of every programme: order decides nothing, more reasons never lead down, only a person does."""

import os
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.transitions.domain.model import Assessment, Deed, Diagnosis, Stay
from services.transitions.domain.risk.model import CARE_COORDINATION, CASE_MANAGEMENT, NEEDS_REVIEW
from tests.transitions.domain.builders import a_deed, a_stay, an_emergency_visit, ny
from tests.transitions.domain.risk.test_programme import LEFT, of

FEW = settings(max_examples=int(os.environ.get("BATON_PROGRAMME_CASES", "40")), deadline=None)
CODES = (
    "I10",
    "E11.9",
    "E78.5",
    "N18.30",
    "J44.9",
    "F11.20",
    "F11.21",
    "F33.2",
    "Z59.41",
    "Z75.1",
    "C44.91",
    "B20",
)
HOURS = st.integers(0, 20 * 24).map(lambda h: (datetime(2026, 1, 3) + timedelta(hours=h)).isoformat(" "))


@st.composite
def diagnoses(draw: st.DrawFn) -> Diagnosis:
    since, until = draw(st.none() | HOURS), draw(st.none() | st.none() | HOURS)
    code, system = (
        draw(st.sampled_from(CODES)),
        draw(st.sampled_from(["I10C", "I10C", "I10C", "I10C", "I9C"])),
    )
    return Diagnosis(
        code, system, draw(st.sampled_from("FW")), ny(since) if since else None, ny(until) if until else None
    )


@st.composite
def stays(draw: st.DrawFn) -> list[Stay]:
    """The stay that is judged, and others before and after it."""
    mine = a_stay(
        discharged=LEFT,
        diagnoses=tuple(draw(st.lists(diagnoses(), max_size=6))),
        language=draw(st.sampled_from([None, "eng", "spa"])),
    )
    found = [mine]
    for n in range(draw(st.integers(0, 3))):
        admitted = datetime(2024, 12, 1) + timedelta(days=draw(st.integers(0, 400)))
        left = admitted + timedelta(days=draw(st.integers(0, 6)), hours=3)
        more: dict[str, Any] = {
            "discharged": left.isoformat(" "),
            "at": draw(st.sampled_from(["H1", "H2", "SNF1"])),
        }
        codes = tuple(draw(st.lists(diagnoses(), max_size=3)))
        if draw(st.booleans()):
            found.append(a_stay(f"V{n + 2}", admitted=admitted.isoformat(" "), diagnoses=codes, **more))
        else:
            found.append(
                an_emergency_visit(f"E{n}", arrived=admitted.isoformat(" "), diagnoses=codes, **more)
            )
    return found


@st.composite
def deeds(draw: st.DrawFn) -> Deed:
    """Something found out, or decided."""
    if draw(st.integers(0, 3)) == 0:
        decision = draw(st.sampled_from([CASE_MANAGEMENT, CARE_COORDINATION]))
        return a_deed("programme_confirmed", draw(HOURS), decision=decision)
    yes = st.none() | st.booleans()
    said = Assessment(
        draw(st.none() | st.integers(0, 4)), draw(st.sampled_from([None, "reliable", "unreliable", "unknown"])),
        draw(st.sampled_from([None, "stable", "unstable", "unknown"])), draw(yes), draw(yes), draw(yes), draw(yes),
    )  # fmt: skip
    return a_deed("assessment_recorded", draw(HOURS), assessment=said)


PEOPLE = st.tuples(stays(), st.lists(deeds(), max_size=5, unique_by=lambda deed: deed.occurred_at))


@FEW
@given(PEOPLE, st.randoms(use_true_random=False))
def test_order_decides_nothing(person: tuple[list[Stay], list[Deed]], chance: Any) -> None:
    """The same facts, however they come."""
    facts: list[Any] = [*person[0], *person[1]]
    found = of(*facts)
    chance.shuffle(facts)
    assert of(*facts) == found


@FEW
@given(PEOPLE)
def test_a_programme_holds_together(person: tuple[list[Stay], list[Deed]]) -> None:
    """Reasons are those of case management; every criterion is met, not met or unknown, and never two of these."""
    found = of(*person[0], *person[1])
    met = {reason.partition(":")[0] for reason in found.reasons}
    criteria = [*met, *found.not_met, *found.unknown]
    assert len(criteria) == len(set(criteria))
    assert found.decision == CASE_MANAGEMENT or not found.reasons
    assert found.reasons or found.confirmed_by or found.decision != CASE_MANAGEMENT
    assert found.proposed is None or found.decision == CASE_MANAGEMENT
    assert not found.missing or NEEDS_REVIEW in (found.decision, found.proposed)
    assert set(found.sensitive) <= {*found.reasons, *found.chronic}
    assert bool(found.steps) >= (found.decision == CASE_MANAGEMENT)


@FEW
@given(PEOPLE, st.sampled_from(CODES))
def test_one_code_more_never_leads_down(person: tuple[list[Stay], list[Deed]], code: str) -> None:
    """Without a person's word, from case management least of all."""
    (mine, *others), said = person
    alone = [deed for deed in said if deed.decision is None]
    before = of(mine, *others, *alone)
    after = of(_with(mine, Diagnosis(code, "I10C", "F")), *others, *alone)
    if before.decision == CASE_MANAGEMENT:
        assert after.decision == CASE_MANAGEMENT
    assert before.decision != CARE_COORDINATION or after.decision != NEEDS_REVIEW


def _with(stay: Stay, diagnosis: Diagnosis) -> Stay:
    return replace(stay, diagnoses=(*stay.diagnoses, diagnosis))
