"""`baton why`: the story of one case from the database, in plain words, without patient values unless asked."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from baton import addresses, ground
from baton.quiet import SQL
from baton.risk_text import hidden
from baton.trouble import Trouble
from baton.why_text import tell
from schemas.base import iso
from services.admissions.domain.model import AdtEvent
from services.chassis.postgres import Db, Row

# Of an action, what says what was done; a note and whatever else may name a person stays where it is.
TOLD_OF_ACTIONS = (
    "channel", "party", "outcome", "kind", "read_back", "reason", "occurred_at", "occurs_at", "complexity", "decision",
    "owner", "review_at", "by",
)  # fmt: skip
TOLD_OF_PERSONS = ("name", "birth_date", "sex", "language", "telecom", "caregivers", "primary_care_provider")

_event = msgspec.json.Decoder(AdtEvent)


async def why(case: str, *, show_patient: bool, as_json: bool) -> int:
    """Print the story of a case."""
    async with ground.database(addresses.find()) as db:
        story = await read(db, case.upper(), show_patient=show_patient)
    print(json.dumps(story, indent=2, ensure_ascii=False) if as_json else tell(story))
    return 0


async def read(db: Db, case: str, *, show_patient: bool) -> dict[str, Any]:
    """Give the story as JSON values, all of one instant."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        episode = await db.fetchrow(SQL["case_episode"], case)
        if episode is None:
            raise Trouble(f"There is no case {case} here.")
        visit = await db.fetchrow(SQL["case_visit"], episode["visit_id"])
        root = visit["root_id"] if visit else None
        events = await db.fetch(SQL["case_events"], root)
        actions = await db.fetch(SQL["case_actions"], root)
        deadlines = await db.fetch(SQL["case_deadlines"], case)
        alerts = await db.fetch(SQL["case_alerts"], case)
        attempts = await db.fetch(SQL["case_attempts"], [alert["alert_id"] for alert in alerts])
    return {
        "case": case,
        "episode": _episode(episode, show_patient=show_patient),
        "visit": _visit(visit, show_patient=show_patient),
        "messages": [_message(row) for row in events],
        "actions": [_action(row) for row in actions],
        "plan": [_deadline(row) for row in deadlines],
        "alerts": [_alert(row, attempts) for row in alerts],
    }


def _episode(row: Row, *, show_patient: bool) -> dict[str, Any]:
    said = _pick(
        row, "kind", "status", "opened_at", "closed_at", "close_reason", "protocol", "facility", "unit", "team", "live",
        "learned_at",
    )  # fmt: skip
    said |= {
        name: json.loads(row[name]) if row[name] else None
        for name in ("readmission", "programme", "lace", "handoff", "responsibility", "notices")
    }
    if said["programme"] and not show_patient:
        said["programme"] = hidden(said["programme"])
    return said


def _visit(row: Row | None, *, show_patient: bool) -> dict[str, Any]:
    if row is None:
        return {}
    document = json.loads(row["document"])
    told = (
        "state",
        "patient_class",
        "admitted_at",
        "discharged_at",
        "disposition",
        "location",
        "transfers",
        "flags",
    )
    said = {"feed": row["feed"], "generation": row["generation"]} | {
        name: document.get(name) for name in told
    }
    if not show_patient:
        return said
    person = json.loads(row["person"] or "{}")
    return said | {
        "number": row["number"],
        "authority": row["authority"],
        "patient": {"number": row["patient_number"], "authority": row["patient_authority"]}
        | {name: person[name] for name in TOLD_OF_PERSONS if person.get(name)},
    }


def _message(row: Row) -> dict[str, Any]:
    event = _event.decode(row["body"])
    return {
        "trigger": event.trigger,
        "type": event.type,
        "control_id": event.control_id,
        "occurred_at": iso(event.occurred_at),
        "recorded_at": iso(event.recorded_at),
        "received_at": iso(row["received_at"]),
        "applied": row["applied"],
        "flags": list(event.flags),
    }


def _action(row: Row) -> dict[str, Any]:
    body = json.loads(row["body"])
    said = {name: body[name] for name in TOLD_OF_ACTIONS if body.get(name) is not None}
    withdrawn = {"withdrawn_at": iso(row["withdrawn_at"])} if row["withdrawn_at"] else {}
    answer = {"effect": row["effect"], "why": row["why"], "for": json.loads(row["kinds"] or "[]")}
    return {"id": row["action_id"], "type": row["type"], "at": iso(row["at"])} | said | withdrawn | answer


def _deadline(row: Row) -> dict[str, Any]:
    said = _pick(
        row, "kind", "status", "due_at", "settled_at", "because", "severity", "late_known", "provisional", "owed",
        "responsible", "behind", "hold_until", "learned_at", "fired_at",
    )  # fmt: skip
    return said | {"warnings": json.loads(row["warnings"]), "acknowledged": json.loads(row["acknowledged"])}


def _alert(row: Row, attempts: list[Row]) -> dict[str, Any]:
    said = _pick(
        row, "alert_id", "kind", "severity", "status", "raised_at", "raise_at", "acknowledged_at", "ended_at", "ending",
        "team", "live",
    )  # fmt: skip
    mine = [attempt for attempt in attempts if attempt["alert_id"] == row["alert_id"]]
    sent = [
        _pick(each, "channel", "host", "reason", "said", "started_at", "ended_at", "answer", "took")
        for each in mine
    ]
    return said | {"sent": sent}


def _pick(row: Row, *names: str) -> dict[str, Any]:
    return {name: _plain(row[name]) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, UUID) else value
