"""Bad input of people and feeds: each is answered or marked, and what is owed to others is as if it had never come."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from baton import replay
from tests.baton.hl7 import adt, local

RULES = replay.load()
UNTIL = local("2026-01-15 00:00")
ADMITTED, LEFT = local("2026-01-05 08:30"), local("2026-01-09 15:00")


def stay(visit: str, patient: str, *, left: datetime = LEFT, codes: str = "") -> list[replay.Line]:
    """Admitted on Monday, discharged home on Friday."""
    came = adt("A01", f"in{visit}", ADMITTED, patient, visit, admitted=ADMITTED)
    went = adt(
        "A03", f"out{visit}", LEFT, patient, visit, admitted=ADMITTED, discharged=left, disposition="01"
    )
    return [
        replay.Line(ADMITTED, adt=came.encode()),
        replay.Line(LEFT + timedelta(minutes=1), adt=(went + codes).encode()),
    ]


def act(at: str, type_: str = "contact_attempted", visit: str = "V1", **fields: Any) -> replay.Line:
    call = (
        {"channel": "phone", "party": "patient", "outcome": "reached"} if type_ == "contact_attempted" else {}
    )
    body = {"type": type_, "visit": visit, "by": "rn1"} | call | fields
    return replay.Line(local(at), action=json.dumps(body).encode())


def outcome(*lines: replay.Line) -> dict[str, Any]:
    return replay.replay(replay.in_order(list(lines)), UNTIL, RULES)


def of(found: dict[str, Any], visit: str) -> dict[str, Any]:
    """What an outcome says of one visit."""
    return {
        name: [row for row in rows if visit in (row.get("number"), row.get("visit"))]
        for name, rows in found.items()
        if name != "rejected"
    }


MINE, OTHERS = stay("V1", "P1"), stay("V2", "P2")
AS_IT_IS = outcome(*MINE, *OTHERS)
REACHED = "2026-01-12 10:00"

ACTIONS: dict[str, tuple[list[replay.Line], list[str]]] = {
    "before the discharge": ([act("2026-01-09 11:00")], []),
    "for another patient": ([act(REACHED, patient="P9")], []),
    "for a visit nobody knows": ([act(REACHED, visit="V9")], []),
    "in the future": ([act(REACHED, occurred_at="2026-01-12T18:00:00-05:00")], ["in_the_future"]),
    "of no known type": ([act(REACHED, "telepathy")], ["unknown_type"]),
    "with a word that is none": ([act(REACHED, outcome="maybe")], ["invalid_action"]),
    "withdrawn before it comes": (
        [act("2026-01-12 09:00", "action_withdrawn", id="a1", reason="not mine"), act(REACHED, id="a1")], []),
    "of what is not owed": ([act(REACHED, "deadline_waived", kind="visit_7d", reason="moved away")], []),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "refused"), ACTIONS.values(), ids=ACTIONS)
def test_an_action_that_will_not_do_changes_nothing(lines: list[replay.Line], refused: list[str]) -> None:
    """Given an action like this, when it comes, then it is refused with its word or noted, and nothing is owed otherwise."""
    found = outcome(*MINE, *OTHERS, *lines)
    assert [each["code"] for each in found["rejected"]] == refused
    assert of(found, "V1") == of(AS_IT_IS, "V1")
    assert of(found, "V2") == of(AS_IT_IS, "V2")


def test_an_action_that_comes_twice_counts_once() -> None:
    """Given a call, when the same comes again, then the end is the same; another under its id is refused."""
    once = outcome(*MINE, *OTHERS, act(REACHED, id="a1"))
    assert outcome(*MINE, *OTHERS, act(REACHED, id="a1"), act(REACHED, id="a1")) == once
    other = outcome(
        *MINE, *OTHERS, act(REACHED, id="a1"), act("2026-01-12 11:00", id="a1", outcome="no_answer")
    )
    assert [each["code"] for each in other["rejected"]] == ["id_used_again"]
    assert of(other, "V1") == of(once, "V1")


@pytest.mark.parametrize(
    "codes",
    ["DG1|1||428.0^Heart failure^I9C|||F\r", "DG1|1||heart failure, decompensated|||F\r", "DG1|1|||heart failure||F\r"],
    ids=["ICD-9", "words in the code", "words alone"],
)  # fmt: skip
def test_diagnoses_that_are_no_icd_10_cm_count_as_nothing_and_not_as_low_risk(codes: str) -> None:
    """Given such a DG1, when nobody calls, then the score has no comorbidity and the miss is a page all the same."""
    found = outcome(*stay("V1", "P1", codes=codes), *OTHERS)
    [episode] = [row for row in found["episodes"] if row["visit"] == "V1"]
    assert episode["lace"]["c"] == 0
    assert ("call_72h_missed", "P2") in [
        (a["kind"], a["severity"]) for a in found["alerts"] if a["visit"] == "V1"
    ]
    assert of(found, "V2") == of(AS_IT_IS, "V2")


def test_a_discharge_before_the_admission_is_owed_and_pages_nobody() -> None:
    """Given a patient who left a day before coming, when nobody calls, then it is work for the list."""
    found = outcome(*stay("V1", "P1", left=ADMITTED - timedelta(days=1)), *OTHERS)
    mine = of(found, "V1")
    assert [row["kind"] for row in mine["episodes"]] == ["discharge"]
    assert {alert["severity"] for alert in mine["alerts"]} <= {"P3"}
    assert of(found, "V2") == of(AS_IT_IS, "V2")
