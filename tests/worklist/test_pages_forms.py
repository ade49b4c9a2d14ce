"""From what was typed to an action, from literals."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.actions import ACTION
from services.worklist import pages_forms as forms

NOW = datetime(2026, 1, 12, 15, 12, tzinfo=UTC)
ZONE = "America/New_York"
CALL = {"outcome": "reached", "party": "patient", "channel": "phone"}


def read(form: forms.Form, **typed: str) -> tuple[dict[str, object], dict[str, str]]:
    return forms.read(form, typed, zone=ZONE, now=NOW)


def test_a_whole_call_form_is_an_action():
    """Answers go into the form of the call, what was not asked is left out, and the schema takes it."""
    said, errors = read(
        forms.CALL,
        **CALL,
        **{"form.red_flag": "true", "form.condition": "worse", "form.medicines_obtained": "no"},
    )

    assert errors == {}
    assert said["form"] == {"red_flag": True, "condition": "worse", "medicines_obtained": "no"}
    assert ACTION.validate_python(said | {"visit": "V1"}).type == "contact_attempted"


@pytest.mark.parametrize("form", forms.FORMS, ids=lambda form: form.name)
def test_every_input_is_a_field_of_its_action(form: forms.Form):
    """A form filled in completely is an action without any field the schema does not know."""
    values = {"text": "words", "area": "words", "time": "2026-01-12T09:00", "number": "3", "check": "true"}
    form = forms._choosing(form, (("call_72h", "a call"),))
    typed = {each.name: each.choices[0][0] if each.choices else values[each.widget] for each in form.inputs}

    said, errors = forms.read(form, typed, zone=ZONE, now=NOW)

    assert errors == {}
    taken = ACTION.validate_python(said | {"visit": "V1"}).model_dump(exclude_none=True)
    assert _leaves(said) <= _leaves(taken)


def _leaves(value: Any) -> set[str]:
    return {
        part
        for name, inner in value.items()
        for part in ({name} | (_leaves(inner) if isinstance(inner, dict) else set()))
    }


@pytest.mark.parametrize(
    ("form", "typed", "wrong"),
    [
        (forms.CALL, {}, {"outcome": "Choose one.", "party": "Choose one.", "channel": "Choose one."}),
        (forms.CALL, CALL | {"outcome": "shouted"}, {"outcome": "Choose one of these."}),
        (forms.CALL, CALL | {"occurred_at": "2026-01-12T11:00"}, {"occurred_at": "This lies ahead: what has not happened cannot be entered."}),
        (forms.CALL, CALL | {"occurred_at": "1926-01-12T11:00"}, {"occurred_at": "This is more than a year back: look at the date."}),
        (forms.CALL, CALL | {"occurred_at": "yesterday"}, {"occurred_at": "Write it as 2026-01-31 14:30."}),
        (forms.CALL, CALL | {"occurred_at": "0001-01-01T00:00"}, {"occurred_at": "This is more than a year back: look at the date."}),
        (forms.CALL, CALL | {"note": "x" * 4001}, {"note": "At most 4,000 characters; this has 4,001."}),
        (forms.BOOK, {}, {"occurs_at": "This is needed."}),
        (forms.BOOK, {"occurs_at": "2029-01-01T10:00"}, {"occurs_at": "This is more than a year ahead: look at the date."}),
        (forms.ASSESSMENT, {"note": "only words"}, {"specialists": "Say at least one thing."}),
        (forms.ASSESSMENT, {"specialists": "-1"}, {"specialists": "A number from 0 to 99."}),
        (forms.WAIVE, {"kind": "", "reason": "  "}, {"kind": "This is needed.", "reason": "This is needed."}),
    ],
)  # fmt: skip
def test_what_does_not_hold_has_a_sentence(form: forms.Form, typed: dict[str, str], wrong: dict[str, str]):
    """Each field that does not hold has one sentence, and no other field has any."""
    _, errors = forms.read(form, typed, zone=ZONE, now=NOW)

    assert errors == wrong


@pytest.mark.parametrize(
    ("typed", "instant"),
    [
        ("2026-01-12T10:00", "2026-01-12T15:00:00+00:00"),
        ("2025-07-12T10:00", "2025-07-12T14:00:00+00:00"),
        ("2026-01-12T10:00+00:00", "2026-01-12T10:00:00+00:00"),
    ],
)
def test_times_are_those_of_the_facility(typed: str, instant: str):
    """A time without a zone is on the facility's clock, summer and winter."""
    said, _ = read(forms.CALL, **CALL, occurred_at=typed)

    assert said["occurred_at"] == instant


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("call_72h", "call"), ("tcm_contact", "call"), ("visit_7d", "book"), ("med_rec", "medicines"),
        ("pcp_notify", "primary-care"), ("handoff_ack_unit", "accept"), ("weekly_weight_check", None),
    ],
)  # fmt: skip
def test_a_deadline_leads_to_the_form_that_does_it(kind: str, form: str | None):
    """Beside each thing owed is the form that does it, where the words of its kind tell which."""
    assert forms.form_for(kind) == form
