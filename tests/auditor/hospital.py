"""A made-up hospital with people who work there: messages of `baton simulate`, and actions that answer them."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from baton import replay
from baton.simulate import Hospital, Simulation
from tests.baton.hl7 import local

START = local("2026-01-05 00:00")
TIDY: dict[str, float] = {}
UNTIDY = {
    "cancels": 0.05, "late_entries": 0.1, "duplicates": 0.05, "disorder": 0.05, "lateness": 0.05, "withdrawals": 0.1
}  # fmt: skip
_OUTCOMES = ("reached", "reached", "no_answer", "left_message", "wrong_number", "refused", "language_barrier")
_CHANNELS = ("phone", "phone", "secure_message", "in_person", "other")
_AFTER_MOVE = (*["handoff_acknowledged"] * 4, "handoff_declined", "deadline_waived", "alert_acknowledged")
_AFTER_DISCHARGE = (
    *["contact_attempted"] * 4, *["appointment_booked"] * 2, *["visit_completed"] * 2, "medications_reconciled",
    "pcp_notified", "complexity_assessed", "assessment_recorded", "programme_confirmed", "handoff_acknowledged",
    "handoff_declined", "deadline_waived", "alert_acknowledged",
)  # fmt: skip
_WITHOUT_TIME = frozenset(
    {"appointment_booked", "complexity_assessed", "deadline_waived", "alert_acknowledged"}
)
_SOON = (-300, -90, 10, 30, 55, 100, 200, 600, 2900, 3600, 4300, 5000)
_DAYS_LATER = (1440, 4000, 6000, 9000, 11000, 16000, 21000)
"""Minutes after the message."""


def history(seed: int, *, beds: int, days: float, **rates: float) -> list[replay.Line]:
    """What a hospital sends and what its people do, in the order in which it reaches us."""
    withdrawals = rates.pop("withdrawals", 0)
    hospital = Hospital(seed=seed, beds=beds, **rates)  # type: ignore[arg-type]
    sent = list(Simulation(hospital, START, START + timedelta(days=days)))
    lines = [replay.Line(each.at, adt=each.data) for each in sent]
    rng = random.Random(seed)
    for line in list(lines):
        fields = _fields(line.adt or b"")
        if fields and fields["trigger"] in {"A02", "A03", "A06"} and rng.random() < 0.7:
            lines += _work(fields, line.at, rng, withdrawals)
    return replay.in_order(lines)


def _work(
    fields: dict[str, str], at: datetime, rng: random.Random, withdrawals: float
) -> Iterator[replay.Line]:
    """What people did, some of it entered late, withdrawn or given twice."""
    left = fields["trigger"] == "A03"
    for _ in range(rng.randint(1, 6 if left else 4)):
        done = at + timedelta(minutes=rng.choice(_DAYS_LATER if left and rng.random() < 0.3 else _SOON))
        entered = max(done, at) + timedelta(
            minutes=rng.choice((0, 0, 0, 7, 90, 1500)), seconds=rng.randint(1, 59)
        )
        kind = rng.choice(_AFTER_DISCHARGE if left else _AFTER_MOVE)
        said: dict[str, Any] = {"type": kind, "visit": fields["visit"], "id": f"a{rng.getrandbits(40)}"}
        said |= _said(kind, at, rng)
        if kind not in _WITHOUT_TIME:
            said["occurred_at"] = done.isoformat()
        yield replay.Line(entered, action=json.dumps(said).encode())
        if rng.random() < withdrawals:
            taken_back = {"type": "action_withdrawn", "id": said["id"], "reason": "another patient"}
            later = entered + timedelta(minutes=rng.choice((1, 60, 3000)))
            yield replay.Line(later, action=json.dumps(taken_back).encode())


def _said(kind: str, at: datetime, rng: random.Random) -> dict[str, Any]:
    """What an action of this type says."""
    if kind == "contact_attempted":
        found: dict[str, Any] = {
            "channel": rng.choice(_CHANNELS),
            "party": "patient",
            "outcome": rng.choice(_OUTCOMES),
            "clinician": rng.random() < 0.3,
        }
        if rng.random() < 0.3:
            found["form"] = {rng.choice(("clinician_callback", "red_flag")): rng.random() < 0.8}
        return found
    if kind == "assessment_recorded":
        question = rng.choice(
            ("housing_unstable", "food_insecure", "interpreter_needed", "ltc_decision_pending")
        )
        return {question: rng.random() < 0.6}
    days = timedelta(days=rng.choice((-1, 1, 3, 6, 7, 9, 13, 20)), hours=rng.randint(0, 20))
    says: dict[str, dict[str, Any]] = {
        "handoff_acknowledged": {"read_back": rng.random() < 0.8},
        "handoff_declined": {"reason": "no bed"},
        "deadline_waived": {"kind": rng.choice(("call_72h", "tcm_contact", "visit_14d")), "reason": "agreed"},
        "alert_acknowledged": {
            "kind": rng.choice(("call_72h", "tcm_contact_due_soon", "readmission_detected", "red_flag"))
        },
        "appointment_booked": {"occurs_at": (at + days).isoformat()},
        "visit_completed": {"discharging_practitioner": rng.random() < 0.2},
        "complexity_assessed": {"complexity": rng.choice(("moderate", "high"))},
        "programme_confirmed": {"decision": rng.choice(("case_management", "care_coordination"))},
    }
    return says.get(kind, {})


def _fields(data: bytes) -> dict[str, str]:
    rows = {row.split("|")[0]: row.split("|") for row in data.decode().split("\r")}
    pv1 = rows.get("PV1", [])
    if len(pv1) <= 19:
        return {}
    return {"trigger": rows["MSH"][8].split("^")[1], "visit": pv1[19].split("^")[0]}
