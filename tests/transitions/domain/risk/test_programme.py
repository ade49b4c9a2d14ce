"""Case management or care coordination: every row of section 7.5, and what goes on after the discharge."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.transitions.domain.model import Assessment, Deed, Diagnosis, Stay
from services.transitions.domain.protocol import Protocol
from services.transitions.domain.risk.model import Programme
from services.transitions.domain.risk.rules import ProgrammeRules, RiskRules
from tests.transitions.domain.builders import (
    PROTOCOL,
    a_deed,
    a_stay,
    an_emergency_visit,
    an_observation_stay,
    episode,
    ny,
    planned,
)

LEFT = "2026-01-09 15:00"
LATER = ny("2026-06-01 00:00")
RELIABLE: dict[str, Any] = {"specialists": 2, "supports": "reliable", "stability": "stable"}
FOUR = "I10 E11.9 E78.5 N18.30"
THREE = "I10 E11.9 J45.909"


def home(codes: str = "", **more: Any) -> Stay:
    return a_stay(discharged=LEFT, diagnoses=tuple(codes.split()), **more)


def assessed(at: str = "2026-01-09 10:00", **said: Any) -> Deed:
    return a_deed("assessment_recorded", at, assessment=Assessment(**said))


def with_rules(**rules: Any) -> Protocol:
    return replace(PROTOCOL, risk=RiskRules(programme=ProgrammeRules(**rules)))


def of(
    *facts: Stay | Deed, number: str = "V1", kind: str = "discharge", protocol: Protocol = PROTOCOL
) -> Programme:
    found = episode(planned(*facts, as_of=LATER, protocol=protocol), kind, number).programme
    assert found
    return found


def reasons(*facts: Stay | Deed, **more: Any) -> list[str]:
    return list(of(*facts, **more).reasons)


def earlier(codes: str = "", *, left: str = "2025-11-10 12:00", number: str = "V0", **more: Any) -> Stay:
    begun = f"{left[:8]}01 08:00"
    return a_stay(
        number, admitted=begun, discharged=left, diagnoses=tuple(codes.split()), admission_type="C", **more
    )


CASE_MANAGEMENT, CARE_COORDINATION, NEEDS_REVIEW = "case_management", "care_coordination", "needs_review"
PAST_YEAR = "2025-02-10 12:00"
OPIOID = "F11.20"
_DECIDED: dict[str, Any] = {"ltc_decision_pending": False}

TABLE: dict[str, tuple[list[Stay | Deed], str, list[str]]] = {
    "P1 four conditions": ([home(FOUR)], CASE_MANAGEMENT, ["chronic_4plus"]),
    "P2 two codes, four conditions": ([home("I13.2 E11.22")], CASE_MANAGEMENT, ["chronic_4plus"]),
    "P4 three, few specialists, reliable, stable": ([home(THREE), assessed(**RELIABLE)], CARE_COORDINATION, []),
    "P5 three specialists": ([home(THREE), assessed(**RELIABLE | {"specialists": 3})], NEEDS_REVIEW, []),
    "P6 supports unknown": ([home(THREE), assessed(**RELIABLE | {"supports": "unknown"})], NEEDS_REVIEW, []),
    "P7 a stay eleven months ago": ([home(), earlier(left=PAST_YEAR)], CASE_MANAGEMENT, ["hosp_2plus"]),
    "P8 a discharge 366 days ago": ([home(), earlier(left="2025-01-08 12:00")], NEEDS_REVIEW, []),
    "P9 a transfer chain": ([home(at="H2", admitted="2026-01-05 08:00"), a_stay(
        "V0", admitted="2026-01-02 08:00", discharged="2026-01-05 07:00", to="02")], NEEDS_REVIEW, []),
    "P10 an observation stay two months ago": ([home(), an_observation_stay(
        "V0", admitted="2025-11-01 08:00", discharged="2025-11-03 08:00")], NEEDS_REVIEW, []),
    "P11 nicotine": ([home("F17.210")], NEEDS_REVIEW, []),
    "P12 alcohol, in remission": ([home("F10.21")], NEEDS_REVIEW, []),
    "P13 opioids": ([home(OPIOID)], CASE_MANAGEMENT, ["sud"]),
    "P14 depression, unspecified and moderate": ([home("F32.A F33.1")], NEEDS_REVIEW, []),
    "P15 depression, severe": ([home("F33.2")], CASE_MANAGEMENT, ["smi"]),
    "P16 housing": ([home("Z59.819")], CASE_MANAGEMENT, ["sdoh:housing_instability"]),
    "P17 low income": ([home("Z59.6")], NEEDS_REVIEW, []),
    "P18 Spanish, interpreter needed": (
        [home(language="spa"), assessed(interpreter_needed=True)], CASE_MANAGEMENT, ["sdoh:limited_english"]),
    "P19 Spanish only": ([home(THREE, language="spa"), assessed(**RELIABLE)], NEEDS_REVIEW, []),
    "P20 skin cancer": ([home("C44.91")], NEEDS_REVIEW, []),
    "P21 history of breast cancer": ([home("Z85.3")], NEEDS_REVIEW, []),
    "P22 chronic pain": ([home("G89.29")], NEEDS_REVIEW, []),
    "P23 two records, merged": ([home("I10 I50.9 J44.9"), earlier("I10 E11.9")], CASE_MANAGEMENT,
        ["chronic_4plus", "hosp_2plus"]),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "decision", "why"), TABLE.values(), ids=TABLE)
def test_a_row_of_the_table(facts: list[Stay | Deed], decision: str, why: list[str]) -> None:
    """Given what is known at the discharge, then this programme for these reasons; in any order."""
    for order in (facts, facts[::-1]):
        found = of(*order)
        assert (found.decision, list(found.reasons)) == (decision, why)


@pytest.mark.parametrize(
    ("codes", "groups"),
    [
        ("I13.2 E11.22", ["ckd", "diabetes", "heart_failure", "hypertension"]),
        ("I10 I11.9 I15.0", ["hypertension"]),
        ("I11.0", ["heart_failure", "hypertension"]),
        ("I12.9", ["ckd", "hypertension"]),
        ("I13.0", ["ckd", "heart_failure", "hypertension"]),
        ("I13.10 I13.11", ["ckd", "hypertension"]),
        ("I25.5", ["coronary", "heart_failure"]),
        ("C44.91", []), ("Z85.3", []), ("G89.29", []), ("F10.20 F33.2", ["depression"]),
        ("F32.5 F33.42 E11.A", []), ("Z21", ["hiv"]), ("I21.4", ["coronary"]), ("C7B.02", ["cancer"]),
    ],
)  # fmt: skip
def test_groups_are_counted_not_codes(codes: str, groups: list[str]) -> None:
    """P2, P3, P20 to P22, and the rules G1, G4, G5 and G6."""
    assert list(of(home(codes)).chronic) == groups


def test_the_stay_itself_counts_only_where_the_protocol_says_so() -> None:
    """P7 without include_index, and P8 and P10 as counts."""
    without = with_rules(include_index=False)
    assert reasons(home(), earlier(left=PAST_YEAR), protocol=without) == []
    for facts, count in ((["P8"], 1), (["P9"], 1), (["P10"], 1), (["P7"], 2)):
        row = next(row for name, row in TABLE.items() if name.split()[0] in facts)
        assert of(*row[0]).hospitalisations == count


@pytest.mark.parametrize(
    ("other", "count"),
    [
        (earlier(left="2025-01-10 23:59"), 2),
        (earlier(left="2025-01-09 15:00"), 1),
        (earlier(at="SNF1"), 1),
        (earlier(care_class="newborn", inpatient=False), 1),
        (earlier(state="cancelled"), 1),
        (an_emergency_visit("V0", arrived="2025-12-01 08:00", discharged="2025-12-01 12:00"), 1),
        (earlier(preadmitted=True), 2),
        (a_stay("V0", admitted="2025-12-28 08:00", discharged="2026-01-05 08:00", to="01", diagnoses=("I50.1",)), 2),
    ],
    ids=["364 days", "365 days", "nursing home", "newborn", "cancelled", "emergency", "planned", "overlapping"],
)  # fmt: skip
def test_which_stays_are_hospitalisations(other: Stay, count: int) -> None:
    """By the date of their discharge, in the 365 days up to this one."""
    assert of(home(), other).hospitalisations == count


def test_two_stays_of_one_day_for_one_condition_are_one() -> None:
    """Combined, as in the readmission measure."""
    first = a_stay("V0", admitted="2026-01-02 08:00", discharged="2026-01-05 08:00", diagnoses=("I50.9",))
    again = home("I50.1", admitted="2026-01-05 20:00")
    assert of(first, again).hospitalisations == 1


@pytest.mark.parametrize(
    ("stay", "counts"),
    [
        (earlier("I50.9", left="2024-01-10 12:00"), True),
        (earlier("I50.9", left="2024-01-09 12:00"), False),
        (replace(earlier(), diagnoses=(Diagnosis("I50.9", "I10", "W"),)), False),
        (replace(earlier(), diagnoses=(Diagnosis("428.0", "I9C", "F"),)), False),
        (replace(earlier("I50.9"), state="cancelled"), False),
        (
            a_stay("V9", admitted="2026-01-20 08:00", discharged="2026-01-22 08:00", diagnoses=("I50.9",)),
            False,
        ),
    ],
    ids=["24 months", "longer ago", "not final", "ICD-9", "cancelled", "afterwards"],
)
def test_earlier_stays_count_by_their_final_diagnoses(stay: Stay, counts: bool) -> None:
    """Of the last 24 months; of this stay every type counts."""
    assert ("heart_failure" in of(home("I10"), stay).chronic) is counts
    working = replace(home(), diagnoses=(Diagnosis("I50.9", "I10", "W"),))
    assert of(working).chronic == ("heart_failure",)


@pytest.mark.parametrize(
    ("code", "left", "why"),
    [
        ("Z59.41", "2025-02-10 12:00", ["sdoh:food_insecurity", "hosp_2plus"]),
        ("Z59.41", "2024-12-10 12:00", []),
        (OPIOID, "2024-12-10 12:00", ["sud"]),
        ("F20.9", "2024-02-10 12:00", ["smi"]),
        (OPIOID, "2023-12-10 12:00", []),
        ("Z75.1", "2025-12-20 12:00", ["hosp_2plus", "ltc"]),
        ("Z75.1", "2024-12-10 12:00", []),
    ],
)
def test_how_long_a_code_stays_valid(code: str, left: str, why: list[str]) -> None:
    """Z codes twelve months, substance use and mental illness 24, a pending decision thirty days."""
    assert set(reasons(home(), earlier(code, left=left))) == set(why)


# --- criteria by themselves -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("F11.21", []), ("F10.11", []), ("F19.91", []), ("F10.10", ["sud"]), ("F55.3", []), ("T40.1X1A", []),
        ("F30.4", []), ("F30.3", []), ("F31.72", []), ("F31.78", []), ("F31.71", ["smi"]), ("F31.9", ["smi"]),
        ("F32.2", ["smi"]), ("F32.9", []), ("F33.9", []), ("F25.0", ["smi"]), ("F21", []), ("F53.1", []),
        ("Z59.00", ["sdoh:homeless"]), ("Z59.11", ["sdoh:inadequate_housing"]), ("Z59.48", ["sdoh:food_insecurity"]),
        ("Z59.2", []), ("Z59.82", []), ("Z60.2", []), ("Z55.0", []), ("Z59.3", ["ltc"]), ("Z02.2", ["ltc"]),
    ],
)  # fmt: skip
def test_what_one_code_means(code: str, why: list[str]) -> None:
    """Sections 7.3 and 7.4."""
    assert reasons(home(code)) == why


@pytest.mark.parametrize(
    ("rules", "codes", "why"),
    [
        ({"include_f17": True}, "F17.210", ["sud"]),
        ({"include_f17": True}, "F17.211", []),
        ({"smi_optional": True}, "F21", ["smi"]),
        ({"sdoh_extra": frozenset({"transport"})}, "Z59.82 Z59.6", ["sdoh:transport"]),
        ({"chronic_min": 3}, THREE, ["chronic_3plus"]),
        ({"min_high_acuity": 3}, FOUR, []),
        ({"min_high_acuity": 2}, FOUR, ["chronic_4plus"]),
    ],
)
def test_what_a_protocol_can_change(rules: dict[str, Any], codes: str, why: list[str]) -> None:
    """The parameters of `programme:`."""
    assert reasons(home(codes), protocol=with_rules(**rules)) == why


@pytest.mark.parametrize(
    ("to", "why"), [("64", ["ltc"]), ("92", ["ltc"]), ("04", ["ltc"]), ("84", ["ltc"]), ("03", [])]
)
def test_going_to_a_place_of_long_term_care(to: str, why: list[str]) -> None:
    """PV1-36; assisted living, sent as 04, is mapped to 01 by the feed."""
    assert reasons(home(to=to), kind="facility_handoff") == why


def test_a_pending_decision_counts_until_thirty_days_after_it() -> None:
    """From the entry on; decided five weeks before the discharge it is over."""
    begun, over = assessed("2025-10-01 10:00", ltc_decision_pending=True), _DECIDED
    assert reasons(home(), begun) == ["ltc"]
    assert reasons(home(), begun, assessed("2025-12-20 10:00", **over)) == ["ltc"]
    assert reasons(home(), begun, assessed("2025-12-01 10:00", **over)) == []
    assert reasons(home(), assessed("2026-01-08 10:00", **over)) == []


def test_without_any_code_barriers_are_unknown_not_absent() -> None:
    """Rule 71: the absence of a Z code is no evidence; a person who has asked gives some."""
    assert "sdoh" in of(home(THREE)).unknown
    asked = of(home(THREE), assessed(housing_unstable=False, food_insecure=False))
    assert "sdoh" in asked.not_met
    assert "sdoh" not in asked.unknown
    foreign = of(home(THREE, language="spa"), assessed(housing_unstable=False, food_insecure=False))
    assert "sdoh" in foreign.unknown


@pytest.mark.parametrize("language", ["en", "eng", "ENG", "English", "en-US", None])
def test_who_speaks_english_needs_no_answer(language: str | None) -> None:
    """Nor does who has said nothing."""
    assert of(home(THREE, language=language), assessed(**RELIABLE)).decision == CARE_COORDINATION


def test_a_foreign_language_asks_for_the_interpreter() -> None:
    """P19: an item to find out; whoever needs none is not held back by it."""
    spanish = home(THREE, language="spa")
    assert of(spanish, assessed(**RELIABLE)).missing == ("interpreter_needed",)
    assert of(spanish, assessed(**RELIABLE, interpreter_needed=False)).decision == CARE_COORDINATION


def test_what_is_missing_is_named() -> None:
    """For care coordination somebody has to find these out."""
    found = of(home())
    assert (found.decision, found.missing) == (NEEDS_REVIEW, ("diagnoses", "specialists", "supports"))
    assert "specialists" in of(home(THREE), assessed(**RELIABLE | {"specialists": 3})).not_met


@pytest.mark.parametrize(
    ("code", "system"), [("428.0", "I9C"), ("I50.9", None), ("weak heart", "I10C"), ("84114007", "SCT")]
)
def test_a_code_nobody_can_read_leaves_the_count_unknown(code: str, system: str | None) -> None:
    """It is noted, counted as nothing, and the rest is judged as ever."""
    stay = replace(home(THREE), diagnoses=(*home(THREE).diagnoses, Diagnosis(code, system, "F")))
    found = of(stay, assessed(**RELIABLE))
    assert (found.decision, found.missing, found.notes) == (
        NEEDS_REVIEW, ("diagnoses",), ("diagnosis_not_icd10cm",))  # fmt: skip
    assert "chronic_4plus" in found.unknown
    assert reasons(replace(stay, diagnoses=(*stay.diagnoses, Diagnosis(OPIOID, "I10")))) == ["sud"]


@pytest.mark.parametrize(
    ("other", "stable"),
    [
        (an_emergency_visit("E1", arrived="2025-12-01 08:00", discharged="2025-12-01 12:00"), False),
        (an_emergency_visit("E1", arrived="2025-10-01 08:00", discharged="2025-10-01 12:00"), True),
        (an_emergency_visit("E1", arrived="2026-01-05 05:00", discharged="2026-01-05 08:20"), True),
        (an_observation_stay("V0", admitted="2025-12-01 08:00", discharged="2025-12-03 08:00"), True),
    ],
    ids=["emergency", "long ago", "led to this stay", "observation"],
)
def test_stability_shows_in_the_visits_unless_somebody_says_so(other: Stay, stable: bool) -> None:
    """No unplanned admission and no emergency visit in ninety days besides this one."""
    said: dict[str, Any] = {"specialists": 1, "supports": "reliable"}
    expected = CARE_COORDINATION if stable else NEEDS_REVIEW
    assert of(home(THREE), other, assessed(**said)).decision == expected
    assert of(home(THREE), other, assessed(**said, stability="stable")).decision == CARE_COORDINATION
    assert of(home(THREE), other, assessed(**said, stability="unknown")).missing == ("stability",)


def test_an_assessment_of_seven_months_ago_says_nothing_any_more() -> None:
    """Six months for supports, twelve for barriers; the later answer replaces the earlier one."""
    assert of(home(THREE), assessed("2025-06-01 10:00", **RELIABLE)).decision == NEEDS_REVIEW
    assert of(home(THREE), assessed("2025-07-10 10:00", **RELIABLE)).decision == CARE_COORDINATION
    hungry = assessed("2025-06-01 10:00", food_insecure=True)
    assert reasons(home(), hungry) == ["sdoh:food_insecurity"]
    assert reasons(home(), hungry, assessed("2025-12-01 10:00", food_insecure=False)) == []


def test_what_only_some_may_read_is_marked() -> None:
    """Substance use, mental illness, HIV."""
    assert of(home(f"{OPIOID} F20.9 B20 I10")).sensitive == ("hiv", "smi", "sud")
    assert of(home(FOUR)).sensitive == ()
