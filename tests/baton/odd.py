"""A feed of odd stays, invented and seeded: corrections, cancels, merges and late words in no sensible order."""

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any

from baton.replay import Line
from tests.baton.hl7 import adt, local

BEGINS = local("2026-01-05 08:00")
ARRIVALS = tuple(BEGINS + timedelta(hours=hours) for hours in (6, 27, 54, 78, 103, 120, 175, 240))
_TRIGGERS = ("A01", "A01", "A02", "A02", "A03", "A03", "A03", "A04", "A06", "A08", "A08", "A11", "A12", "A13", "A21", "A22", "A31", "A40")  # fmt: skip
_DATED = {
    "contact_attempted",
    "handoff_acknowledged",
    "visit_completed",
    "medications_reconciled",
    "pcp_notified",
}


def odd_feed(seed: int, people: int) -> list[Line]:
    """A few messages and actions about each of many pairs of records, arriving at a few instants."""
    rng = Random(seed)
    return [line for number in range(people) for line in _person(rng, f"{number:04d}")]


def _person(rng: Random, name: str) -> list[Line]:
    visits = (f"X{name}", f"Y{name}")
    lines = [_message(rng, name, visits, n) for n in range(rng.randrange(3, 9))]
    return lines + [_action(rng, rng.choice(visits), f"{name}{n}") for n in range(rng.randrange(4))]


def _message(rng: Random, name: str, visits: tuple[str, str], n: int) -> Line:
    trigger = rng.choice(_TRIGGERS)
    records = [f"5{name}", f"6{name}"]
    if rng.random() < 0.2:
        records.reverse()
    merge, left = trigger == "A40", trigger in {"A03", "A08"}
    text = adt(
        trigger,
        f"{name}-{n}",
        _hour(rng),
        records[0],
        "" if merge else rng.choice(visits),
        occurred=_hour(rng) if rng.random() < 0.5 else None,
        admitted=rng.choice((None, BEGINS - timedelta(days=1), BEGINS + timedelta(hours=60))),
        discharged=_hour(rng) if left and rng.random() < 0.8 else None,
        disposition=rng.choice(("", "01", "01", "01", "03", "20", "30")) if left else "",
        died=_hour(rng) if rng.random() < 0.05 else None,
        merged=records[1] if merge else "",
        unit=rng.choice(("4W", "ICU")),
        patient_class=rng.choice("IIIEO"),
    )
    return Line(rng.choice(ARRIVALS), adt=text.encode())


def _hour(rng: Random) -> datetime:
    return BEGINS + timedelta(hours=rng.randrange(160))


def _action(rng: Random, visit: str, name: str) -> Line:
    at = rng.choice(ARRIVALS)
    kind = rng.choice(
        (
            "contact_attempted",
            "contact_attempted",
            "handoff_acknowledged",
            "deadline_waived",
            "alert_acknowledged",
            "visit_completed",
            "medications_reconciled",
            "pcp_notified",
            "appointment_booked",
            "complexity_assessed",
        )
    )
    said: dict[str, Any] = {"id": name, "type": kind, "visit": visit}
    if kind == "contact_attempted":
        said |= {
            "channel": "phone",
            "party": "patient",
            "outcome": rng.choice(("reached", "no_answer", "refused")),
        }
    elif kind == "handoff_acknowledged":
        said |= {"read_back": rng.random() < 0.8}
    elif kind == "deadline_waived":
        said |= {"kind": rng.choice(("call_72h", "tcm_contact", "visit_14d", "med_rec")), "reason": "moved"}
    elif kind == "appointment_booked":
        said |= {"occurs_at": (at + timedelta(hours=rng.randrange(-20, 400))).isoformat()}
    elif kind == "complexity_assessed":
        said |= {"complexity": rng.choice(("moderate", "high"))}
    elif kind == "alert_acknowledged":
        said |= {"kind": rng.choice(("call_72h", "tcm_contact_due_soon", "readmission_detected"))}
    if kind in _DATED and rng.random() < 0.5:
        said["occurred_at"] = (at - timedelta(hours=rng.randrange(20))).isoformat()
    return Line(at, action=json.dumps(said).encode())
