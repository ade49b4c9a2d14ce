"""The story of a case in words: what a person reads of who was told."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from baton.why_text import _action, _alert, _deadline, _handed


def an_attempt(**fields: Any) -> dict[str, Any]:
    given = {
        "started_at": "2026-01-12T20:00:00Z", "reason": "trigger", "channel": "mail", "host": "smtp.hospital.example:587",
        "answer": "250", "said": "[P2] CALL_72H overdue 2 h", "took": ["oncall@hospital.example"],
    }  # fmt: skip
    return given | fields


def test_who_was_told_over_which_channel() -> None:
    """Given mail for two and one refused, a pager and one without an answer, then each says what came of it."""
    alert = {
        "kind": "call_72h_missed", "severity": "P2", "status": "firing", "ended_at": None, "raise_at": None,
        "raised_at": "2026-01-12T20:00:00Z",
        "sent": [
            an_attempt(answer="550 5.1.1 for 1 of 2 recipients"),
            an_attempt(channel="pager", host="pager.example", answer="200", took=None),
            an_attempt(channel="pager", host="pager.example", answer=None, took=None),
        ],
    }  # fmt: skip

    lines = list(_alert(alert, ZoneInfo("America/New_York")))

    when, said = "      2026-01-12 15:00:00 EST  trigger to", "          [P2] CALL_72H overdue 2 h"
    assert lines == [
        "  call_72h_missed (P2): raised 2026-01-12 15:00:00 EST; firing",
        f"{when} mail at smtp.hospital.example:587: 550 5.1.1 for 1 of 2 recipients, taken for oncall@hospital.example",
        said,
        f"{when} pager at pager.example: 200",
        said,
        f"{when} pager at pager.example: no answer",
        said,
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {"effect": "counted", "why": None, "for": ["call_72h", "tcm_contact"]},
            "; counts for call_72h, tcm_contact",
        ),
        ({"effect": "counted", "why": None, "for": []}, ""),
        ({"effect": "noted", "why": "before_discharge", "for": []}, "; noted: before discharge"),
        ({"effect": "waiting", "why": "no_discharge_yet", "for": []}, "; waiting: no discharge yet"),
        ({}, ""),
    ],
)
def test_what_became_of_an_action(answer: dict[str, Any], expected: str) -> None:
    """A call at ten in the morning; one that an older version kept has no answer yet."""
    call = {
        "type": "contact_attempted",
        "at": "2026-01-12T15:00:00Z",
        "by": "rn1",
        "outcome": "reached",
    } | answer

    told = _action(call, ZoneInfo("America/New_York"))

    assert told == f"  2026-01-12 10:00:00 EST  contact attempted by rn1, reached{expected}"


def test_how_a_handoff_stands_and_who_has_the_patient() -> None:
    """Declined, then accepted without one item of the checklist; the sender had the patient until then."""
    episode = {
        "handoff": {"state": "accepted", "at": "2026-01-09T22:00:00Z", "checked": True, "missing": ["action_list"]},
        "responsibility": [{"party": "sender", "since": "2026-01-09T20:00:00Z", "until": "2026-01-09T22:00:00Z"}],
        "notices": [
            {"kind": "handoff_declined", "severity": "P2", "at": "2026-01-09T21:00:00Z", "ended": "done",
             "ended_at": "2026-01-09T22:00:00Z"},
        ],
    }  # fmt: skip

    assert list(_handed(episode, ZoneInfo("America/New_York"))) == [
        "  handoff accepted 2026-01-09 17:00:00 EST, without action list",
        "  responsible: sender from 2026-01-09 15:00:00 EST",
        "  handoff declined (P2) 2026-01-09 16:00:00 EST, done 2026-01-09 17:00:00 EST",
    ]
    assert list(_handed({"handoff": None}, ZoneInfo("UTC"))) == []


def test_a_deadline_says_how_it_came_about_and_who_is_responsible() -> None:
    """Given a handoff nobody took, then its line names the receiving unit."""
    owed = {
        "kind": "handoff_ack_unit", "due_at": "2026-01-06T16:10:00Z", "status": "missed", "settled_at": None,
        "late_known": True, "provisional": False, "behind": False, "responsible": "receiving_unit",
        "because": "60 minutes after the transfer of Tue 6 Jan 2026 10:10",
    }  # fmt: skip

    assert list(_deadline(owed, ZoneInfo("America/New_York"))) == [
        "  handoff_ack_unit: due 2026-01-06 11:10:00 EST; missed; late known",
        "      60 minutes after the transfer of Tue 6 Jan 2026 10:10; the receiving unit is responsible",
    ]
