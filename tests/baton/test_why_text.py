"""The story of a case in words: what a person reads of who was told."""

from typing import Any
from zoneinfo import ZoneInfo

from baton.why_text import _alert


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
