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
UNTIDY = {"cancels": 0.05, "late_entries": 0.1, "duplicates": 0.05, "disorder": 0.05, "lateness": 0.05}
_OUTCOMES = ("reached", "reached", "no_answer", "left_message", "wrong_number", "refused", "language_barrier")
_CHANNELS = ("phone", "phone", "secure_message", "in_person", "other")


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
    """Some calls and acknowledgements, some of them entered late, withdrawn or given twice."""
    for _ in range(rng.randint(1, 4)):
        kind = "contact_attempted" if fields["trigger"] == "A03" else "handoff_acknowledged"
        kind = rng.choice((kind, kind, kind, "handoff_acknowledged", "deadline_waived", "alert_acknowledged"))
        done = at + timedelta(
            minutes=rng.choice((-300, -90, 10, 30, 55, 100, 200, 600, 2900, 3600, 4300, 5000))
        )
        entered = max(done, at) + timedelta(
            minutes=rng.choice((0, 0, 0, 7, 90, 1500)), seconds=rng.randint(1, 59)
        )
        said: dict[str, Any] = {"type": kind, "visit": fields["visit"], "id": f"a{rng.getrandbits(40)}"}
        if kind == "contact_attempted":
            said |= {"channel": rng.choice(_CHANNELS), "party": "patient", "outcome": rng.choice(_OUTCOMES)}
            said |= {"occurred_at": done.isoformat()}
        elif kind == "handoff_acknowledged":
            said |= {"read_back": rng.random() < 0.8, "occurred_at": done.isoformat()}
        elif kind == "deadline_waived":
            said |= {"kind": rng.choice(("call_72h", "tcm_contact")), "reason": "agreed"}
        else:
            said |= {"kind": rng.choice(("call_72h", "tcm_contact_due_soon", "readmission_detected"))}
        yield replay.Line(entered, action=json.dumps(said).encode())
        if rng.random() < withdrawals:
            taken_back = {"type": "action_withdrawn", "id": said["id"], "reason": "another patient"}
            later = entered + timedelta(minutes=rng.choice((1, 60, 3000)))
            yield replay.Line(later, action=json.dumps(taken_back).encode())


def _fields(data: bytes) -> dict[str, str]:
    rows = {row.split("|")[0]: row.split("|") for row in data.decode().split("\r")}
    pv1 = rows.get("PV1", [])
    if len(pv1) <= 19:
        return {}
    return {"trigger": rows["MSH"][8].split("^")[1], "visit": pv1[19].split("^")[0]}
