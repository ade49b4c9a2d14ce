"""LACE row by row, its families against the list they come from, and what of a stay is counted how."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reference.charlson import charlson
from services.transitions.domain.model import Diagnosis
from services.transitions.domain.risk import lace as rules
from services.transitions.domain.risk.model import Lace
from services.transitions.domain.risk.rules import LaceRules

ORIGINAL, US = LaceRules(charlson_set="quan2005"), LaceRules()


def final(*codes: str, system: str | None = "I10C") -> tuple[Diagnosis, ...]:
    return tuple(Diagnosis(code, system, "F") for code in codes)


def score(
    days: int, codes: str, emergency_visits: int, which: LaceRules = ORIGINAL, acute: str = "yes"
) -> Lace:
    return rules.lace(
        days=days,
        acute={"yes": True, "no": False, "unknown": None}[acute],
        diagnoses=final(*codes.split()),
        emergency_visits=emergency_visits,
        rules=which,
    )


def raw(codes: str, which: LaceRules = ORIGINAL) -> int:
    bare = frozenset(code.replace(".", "") for code in codes.split())
    return rules.comorbidity(bare, which.weights, which.charlson_set)


# days, acute, diagnoses, emergency visits; L, A, raw C, C, E, total, band
EXAMPLES = [
    (0, "no", "", 0, 0, 0, 0, 0, 0, 0, "low"),
    (1, "yes", "I10", 0, 1, 3, 0, 0, 0, 4, "low"),
    (2, "yes", "I25.10 I48.91 E78.5 I10", 1, 2, 3, 0, 0, 1, 6, "moderate"),
    (3, "yes", "E11.9", 1, 3, 3, 1, 1, 1, 8, "moderate"),
    (4, "yes", "E11.65", 0, 4, 3, 1, 1, 0, 8, "moderate"),
    (4, "yes", "E11.9 E11.40", 0, 4, 3, 2, 2, 0, 9, "moderate"),
    (5, "yes", "I50.9", 0, 4, 3, 2, 2, 0, 9, "moderate"),
    (7, "no", "C50.911", 0, 5, 0, 2, 2, 0, 7, "moderate"),
    (2, "no", "F03.90", 9, 2, 0, 3, 3, 4, 9, "moderate"),
    (3, "yes", "K74.60 K76.6", 0, 3, 3, 4, 5, 0, 11, "high"),
    (4, "yes", "N18.6 Z99.2", 0, 4, 3, 4, 5, 0, 12, "high"),
    (6, "yes", "I50.22 E11.22 N18.30", 2, 4, 3, 6, 5, 2, 14, "high"),
    (13, "yes", "J44.1 I25.2", 3, 5, 3, 3, 3, 3, 14, "high"),
    (30, "yes", "B20", 0, 7, 3, 4, 5, 0, 15, "high"),
    (14, "yes", "C34.90 C78.7", 4, 7, 3, 6, 5, 4, 19, "high"),
    (4, "yes", "K76.82", 0, 4, 3, 2, 2, 0, 9, "moderate"),
    (4, "yes", "C7B.02", 0, 4, 3, 0, 0, 0, 7, "moderate"),
]
# The same in the set with what ICD-10-CM adds.
ADDED = [
    (4, "yes", "K76.82", 0, 4, 3, 4, 5, 0, 12, "high"),
    (4, "yes", "C7B.02", 0, 4, 3, 6, 5, 0, 12, "high"),
]


@pytest.mark.parametrize(
    ("which", "row"),
    [*((ORIGINAL, row) for row in EXAMPLES), *((US, row) for row in EXAMPLES[:-2]), *((US, row) for row in ADDED)],
    ids=lambda value: str(value[2]) or "nothing" if isinstance(value, tuple) else value.charlson_set,
)  # fmt: skip
def test_a_worked_example(
    which: LaceRules, row: tuple[int, str, str, int, int, int, int, int, int, int, str]
) -> None:
    """Given days, acuity, diagnoses and emergency visits, then these points."""
    days, acute, codes, visits, *expected = row
    found = score(days, codes, visits, which, acute)

    assert [found.l, found.a, raw(codes, which), found.c, found.e, found.total, found.band] == expected


@pytest.mark.parametrize(
    ("days", "acute", "raw_c", "visits", "expected"), [(5, True, 5, 2, 14), (2, False, 0, 0, 2)]
)
def test_a_published_example(days: int, acute: bool, raw_c: int, visits: int, expected: int) -> None:
    """The two of the calculator: 4+3+5+2 and 2."""
    codes = final("C78.7") if raw_c else ()
    found = rules.lace(days=days, acute=acute, diagnoses=codes, emergency_visits=visits, rules=US)

    assert found.total == expected


@pytest.mark.parametrize(
    ("code", "family", "original"),
    [
        ("I0981", "chf", False), ("I130", "chf", True), ("I132", "chf", True), ("I132", "rend", False),
        ("E0800", "diab", False), ("E0921", "diabwc", False), ("E1365", "diab", True), ("C4A0", "canc", False),
        ("C7A1", "canc", False), ("C869", "canc", False), ("C7B1", "metacanc", False), ("I8511", "msld", False),
        ("K7682", "msld", False), ("K7689", "mld", True), ("G3183", "dementia", False), ("Z4931", "rend", False),
        ("N182", "rend_mild", True), ("N1832", "rend_mild", True), ("N184", "rend", True), ("N19", "rend", True),
    ],
)  # fmt: skip
def test_what_icd_10_cm_adds(code: str, family: str, original: bool) -> None:
    """Each finding of section 6.2: in the default set, and whether in the original one."""
    assert family in charlson("quan2005_us").families(code)
    assert (family in charlson("quan2005").families(code)) is original


@pytest.mark.parametrize("code", ["E10A1", "E11A", "Z21", "C449", "C5900", "I10", "Z853", "F17210"])
def test_what_counts_in_neither_set(code: str) -> None:
    """Presymptomatic, in remission, asymptomatic HIV, skin cancer, history."""
    assert not charlson("quan2005_us").families(code)


@pytest.mark.parametrize(
    ("codes", "wang", "bmjopen"),
    [
        ("N18.2", 2, 0),
        ("N18.6", 4, 2),
        ("N18.2 N18.6", 4, 2),
        ("K25.9", 0, 1),
        ("B20", 4, 4),
        ("G81.90", 0, 0),
    ],
)
def test_the_profiles_differ_on_kidneys_and_ulcers(codes: str, wang: int, bmjopen: int) -> None:
    """Given a condition, then its raw points in both publications."""
    assert (raw(codes, US), raw(codes, LaceRules(weights="bmjopen"))) == (wang, bmjopen)


@pytest.mark.parametrize(("mild", "severe"), [("E11.9", "E11.40"), ("K74.60", "K76.6"), ("C50.911", "C78.7")])
def test_the_severer_form_is_counted_alone(mild: str, severe: str) -> None:
    """Diabetes, liver, tumours: both together are as much as the severer one."""
    assert raw(f"{mild} {severe}") == raw(severe) > raw(mild)


def test_the_bands_can_be_moved() -> None:
    """A leaflet begins high at eleven."""
    assert [rules.band(n, LaceRules(bands=(6, 11))) for n in (5, 6, 10, 11)] == [
        "low", "moderate", "moderate", "high"]  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "phase", "expected"),
    [(word, False, True) for word in "EUA125"]
    + [(word, False, False) for word in "CR3"]
    + [("C", True, True), (None, True, True), (None, False, None), ("N", False, None), ("9", False, None)],
)
def test_what_is_an_acute_admission(type_: str | None, phase: bool, expected: bool | None) -> None:
    """PV1-4, or an emergency phase, whatever PV1-4 says."""
    assert rules.acute(type_, emergency_phase=phase) is expected


def test_an_unknown_admission_type_counts_as_acute_and_is_noted() -> None:
    """Better one point too many than a patient nobody looks after."""
    found = score(1, "I10", 0, acute="unknown")
    assert (found.a, found.notes) == (3, ("admission_type_unknown",))


def test_the_score_is_provisional_until_a_final_diagnosis() -> None:
    """Admitting and working diagnoses count, and say nothing final; nor does a final one in free text."""
    working = (Diagnosis("I50.9", "I10C", "A"), Diagnosis("E11.9", "I10", "W"))
    for diagnoses in ((), working, (*working, Diagnosis("weak heart", None, "F"))):
        assert rules.lace(days=1, acute=True, diagnoses=diagnoses, emergency_visits=0, rules=US).provisional
    assert not score(1, "I50.9", 0).provisional


@pytest.mark.parametrize(
    ("code", "system"),
    [
        ("428.0", "I9C"),
        ("428.0", "I10C"),
        ("I50.9", "I9"),
        ("I50.9", None),
        ("I50.9", "SCT"),
        ("heart failure", "I10"),
    ],
)
def test_what_is_no_icd_10_cm_is_not_matched_and_noted(code: str, system: str | None) -> None:
    """ICD-9, SNOMED, free text, no system: nothing is counted and nothing else disturbed."""
    diagnoses = (Diagnosis(code, system, "F"), *final("E11.9"))
    found = rules.lace(days=1, acute=True, diagnoses=diagnoses, emergency_visits=0, rules=US)
    assert (found.c, found.notes) == (1, ("diagnosis_not_icd10cm",))


@pytest.mark.parametrize("system", ["I10", "I10C", "ICD10", "ICD-10-CM", "icd-10-cm"])
def test_the_names_of_icd_10_cm(system: str) -> None:
    """All that HL7 and senders write; case, dots and blanks in codes do not matter."""
    diagnoses = (Diagnosis("i50.9 ", system, "F"),)
    assert rules.lace(days=1, acute=True, diagnoses=diagnoses, emergency_visits=0, rules=US).c == 2


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-08-31", "2026-02-28"),
        ("2024-08-31", "2024-02-29"),
        ("2026-01-15", "2025-07-15"),
        ("2026-06-30", "2025-12-30"),
    ],
)
def test_six_calendar_months_before(day: str, expected: str) -> None:
    """The last day of a month that is too short."""
    assert rules.months_before(date.fromisoformat(day), 6) == date.fromisoformat(expected)


@given(
    st.integers(-3, 400), st.booleans() | st.none(), st.lists(st.sampled_from([row[2] for row in EXAMPLES])),
    st.integers(0, 30),
)  # fmt: skip
def test_the_total_is_the_sum_and_lies_between_0_and_19(
    days: int,
    acute: bool | None,
    codes: list[str],
    visits: int,
) -> None:
    """Whatever a stay is like."""
    found = rules.lace(
        days=days, acute=acute, diagnoses=final(*" ".join(codes).split()), emergency_visits=visits, rules=US
    )
    assert 0 <= found.total == found.l + found.a + found.c + found.e <= 19
