"""Programme and LACE of a case in words, with and without what only some may read."""

from typing import Any

from baton.risk_text import hidden, lace_lines, programme_lines

SINCE = "2026-01-09T20:00:00Z"
PROGRAMME: dict[str, Any] = {
    "decision": "case_management", "since": SINCE, "reasons": ["chronic_4plus", "sdoh:food_insecurity", "sud"],
    "not_met": ["hosp_2plus", "ltc"], "unknown": ["smi"], "sensitive": ["hiv", "sud"], "proposed": "needs_review",
    "missing": ["supports"], "chronic": ["diabetes", "hiv"], "notes": ["diagnosis_not_icd10cm"],
    "confirmed_by": "cm1", "confirmed_at": SINCE,
    "steps": [{"step": "assess", "at": SINCE, "by": "rn1"}, {"step": "hand_over", "owner": "cm1", "due_at": SINCE}],
}  # fmt: skip


def told(programme: dict[str, Any]) -> str:
    return "\n".join(programme_lines(programme, lambda at: at[:10]))


def test_a_programme_in_words() -> None:
    """Decision, reasons, what is open, and the steps, for whoever may read all of it."""
    assert (
        told(PROGRAMME)
        == """\
  programme: case management since 2026-01-09: 4 or more chronic conditions, a social barrier (food insecurity), \
substance use disorder
      confirmed by cm1 2026-01-09
      the facts now say needs review: confirm it, or leave it
      not met: 2 or more hospitalisations in a year, a long-term care decision is pending
      not known: serious mental illness
      to be found out: how reliable the supports are
      chronic conditions counted: diabetes, hiv
      a diagnosis is not coded in ICD-10-CM: not counted
      assess: done 2026-01-09 by rn1
      hand over: to be done, cm1's, next by 2026-01-09"""
    )


def test_what_is_sensitive_is_one_word_to_others() -> None:
    """Clinical criteria met; neither the conditions nor the absence of a sensitive one is told."""
    text = told(hidden(PROGRAMME))
    assert "clinical criteria met" in text
    for word in ("substance", "mental", "hiv", "diabetes", "sud", "smi"):
        assert word not in text


def test_without_sensitive_reasons_nothing_is_added() -> None:
    """The others are told as they are."""
    assert hidden(PROGRAMME | {"reasons": ["ltc"], "sensitive": []})["reasons"] == ["ltc"]


def test_lace_in_words() -> None:
    """The parts, and what is missing."""
    lace = {"l": 4, "a": 3, "c": 5, "e": 0, "total": 12, "band": "high", "provisional": True}
    assert list(lace_lines(lace | {"notes": ["admission_type_unknown"]})) == [
        "  LACE 12, high risk (length 4, acute 3, comorbidity 5, emergency visits 0); provisional until final diagnoses",
        "      PV1-4 says nothing of urgency: counted as acute",
    ]
