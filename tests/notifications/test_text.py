"""What leaves the house as text is of one pattern and carries no value of a patient."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.notifications.domain.model import Alert
from services.notifications.domain.text import Names, label, text, url
from tests.notifications.builders import CASE, DUE, hours

APP = "https://baton.example.org"
# domain.md 9.4
ALLOWED = re.compile(
    r"^\[P[1-4]\] [A-Z0-9_]+ ((due in|overdue) \d+ ?(min|h|d)|detected|\d+ items|done|no longer needed)"
    r"( case [A-Z0-9]{6,12})? https?://baton\.example\.org/(c/[A-Z0-9]{6,12})?$"
)


def an_alert(kind: str = "call_72h_missed", **fields: object) -> Alert:
    alert = Alert(
        alert_id=UUID(int=9), subject="s", kind=kind, severity="P2", status="firing", raised_at=DUE,
        team="4W", live=True, episode_id=CASE, due_at=DUE,
    )  # fmt: skip
    return replace(alert, **fields)


@pytest.mark.parametrize(
    ("alert", "now", "expected"),
    [
        (an_alert(), DUE + hours(2.5), f"[P2] CALL_72H overdue 2 h case {CASE} {APP}/c/{CASE}"),
        (an_alert(), DUE, f"[P2] CALL_72H overdue 0 min case {CASE} {APP}/c/{CASE}"),
        (an_alert(), DUE + hours(49), f"[P2] CALL_72H overdue 2 d case {CASE} {APP}/c/{CASE}"),
        (
            an_alert("tcm_contact_due_soon", severity="P3"),
            DUE - hours(24),
            f"[P3] TCM_CONTACT due in 24 h case {CASE} {APP}/c/{CASE}",
        ),
        (
            an_alert("readmission_detected", due_at=None),
            DUE,
            f"[P2] READMISSION detected case {CASE} {APP}/c/{CASE}",
        ),
        (
            an_alert("late_known", due_at=None, episode_id=None, severity="P3", items=5),
            DUE,
            f"[P3] LATE_KNOWN 5 items {APP}/",
        ),
        (
            an_alert(ended_at=DUE, ending="done"),
            DUE,
            f"[P2] CALL_72H done case {CASE} {APP}/c/{CASE}",
        ),
        (
            an_alert(ended_at=DUE, ending="not_needed"),
            DUE,
            f"[P2] CALL_72H no longer needed case {CASE} {APP}/c/{CASE}",
        ),
        (
            an_alert("call_72h_due_soon", ended_at=DUE, ending="overdue"),
            DUE + timedelta(minutes=1),
            f"[P2] CALL_72H overdue 1 min case {CASE} {APP}/c/{CASE}",
        ),
    ],
)
def test_the_text_says_what_is_owed_and_how_late(alert: Alert, now: datetime, expected: str) -> None:
    """Work, time, case, link; a warning that gave way to its miss does not read as done."""
    assert expected == text(alert, APP, now)
    assert ALLOWED.match(expected)


words = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=30)
SECRET = "ZZTESTCASEZZ"


@given(
    kind=st.from_regex(r"[a-z][a-z0-9_]{0,20}(_missed|_due_soon|_detected)?", fullmatch=True),
    severity=st.one_of(st.sampled_from(["P1", "P2", "P3", "P4"]), words),
    case=st.one_of(st.none(), st.just(CASE), words),
    ending=st.sampled_from([None, "done", "not_needed", "overdue"]),
    due=st.one_of(st.none(), st.integers(-10_000_000, 10_000_000)),
    items=st.integers(1, 10_000),
)
def test_no_text_carries_a_value_of_another_field(
    kind: str, severity: str, case: str | None, ending: str | None, due: int | None, items: int
) -> None:
    """Whatever stands in the other fields, the text keeps to its pattern and shows none of it."""
    alert = an_alert(
        kind, severity=severity, episode_id=case, items=items, ending=ending, ended_at=DUE if ending else None,
        due_at=None if due is None else DUE + timedelta(seconds=due), team=SECRET, unit=SECRET.lower(),
        facility=SECRET, subject=SECRET,
    )  # fmt: skip

    said = text(alert, APP, DUE)

    assert ALLOWED.match(said)
    assert SECRET not in said.upper()
    assert said.endswith(url(alert, APP))


def test_a_case_that_is_no_case_is_left_out() -> None:
    """Only our opaque ids pass."""
    assert f"[P2] CALL_72H overdue 0 min {APP}/" == text(an_alert(episode_id="Doe, Jane"), APP, DUE)


def test_the_label_keeps_to_its_letters() -> None:
    """A protocol's kind is open; the pager's alphabet is not."""
    assert label("med-rec x_missed") == "MED_REC_X"


def test_a_name_that_reveals_a_diagnosis_becomes_a_generic_team() -> None:
    """Row 76 of the traps: Detox 4B is not named outside."""
    names = Names(["detox", "psych"], generic="care team")

    assert (names.team("Detox 4B"), names.unit("Detox 4B")) == ("care team", None)
    assert (names.team("4W"), names.unit("4W"), names.unit(None)) == ("4W", "4W", None)
    assert Names([]).team("Detox 4B") == "Detox 4B"


def test_the_pattern_of_the_test_is_the_one_of_the_rule() -> None:
    """A text with a unit in it would not pass."""
    assert not ALLOWED.match(f"[P2] CALL_72H overdue 2 h 4W case {CASE} {APP}/c/{CASE}")
