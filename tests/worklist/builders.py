"""Events about one invented patient: a call owed 72 hours after a discharge on Friday 9 January 2026."""

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from schemas import topics
from schemas.actions import ACTION_TYPE
from schemas.alerts import ALERT_TYPE, AlertEvent
from schemas.encounters import ENCOUNTER_TYPE, EncounterEvent
from schemas.transitions import (
    ACTION_APPLIED_TYPE,
    DEADLINE_TYPE,
    EPISODE_TYPE,
    ActionApplied,
    DeadlineEvent,
    EpisodeEvent,
)
from services.chassis.kafka import Record
from tests.notifications.builders import CASE, DISCHARGED, DUE, PATIENT, VISIT, a_deadline, an_episode, at

__all__ = ["CASE", "DISCHARGED", "DUE", "PATIENT", "VISIT", "a_deadline", "an_episode", "at"]

_offsets = itertools.count()
_KINDS: dict[type[BaseModel], tuple[str, str]] = {
    EncounterEvent: (topics.ADT_ENCOUNTERS, ENCOUNTER_TYPE),
    EpisodeEvent: (topics.CARE_TRANSITIONS, EPISODE_TYPE),
    DeadlineEvent: (topics.CARE_TRANSITIONS, DEADLINE_TYPE),
    ActionApplied: (topics.CARE_TRANSITIONS, ACTION_APPLIED_TYPE),
    AlertEvent: (topics.CARE_ALERTS, ALERT_TYPE),
}


def a_record(event: BaseModel, **fields: Any) -> Record:
    topic, kind = _KINDS.get(type(event), (topics.CARE_ACTIONS, ACTION_TYPE))
    given: dict[str, Any] = {
        "topic": topic,
        "partition": 0,
        "offset": next(_offsets),
        "key": b"k",
        "value": event.model_dump_json(exclude_none=True).encode(),
        "headers": (("ce_type", kind.encode()),),
        "timestamp": DISCHARGED,
        "timestamp_type": "create",
    }
    return Record(**(given | fields))


def a_person(patient_id: UUID = PATIENT, **fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "patient_id": patient_id,
        "number": "M-70001",
        "authority": "HOSPA",
        "identifiers": [{"id": "M-70001", "authority": "HOSPA", "type": "MR"}],
        "name": "Okonkwo-Lindé, Maren",
        "birth_date": "1948-03-02",
        "language": "sv",
        "telecom": [{"number": "555-0100", "use": "PRN", "equipment": "PH"}],
        "caregivers": [{"name": "Lind, Teodor", "relationship": "SPO"}],
        "primary_care_provider": "Dr. Anyone",
    }
    return given | fields


def an_encounter(revision: int = 1, person: dict[str, Any] | None = None, **fields: Any) -> EncounterEvent:
    """A visit that ended at home; `fields` are the visit's, but for visit_id, live and learned_at."""
    outer = {name: fields.pop(name) for name in ("visit_id", "live", "learned_at", "feed") if name in fields}
    visit: dict[str, Any] = {
        "number": "V-1004",
        "authority": "HOSPA",
        "facility": "HOSPA",
        "state": "discharged",
        "care_class": "inpatient",
        "inpatient": True,
        "admitted_at": datetime(2026, 1, 5, 17, 45, tzinfo=UTC),
        "discharge_learned_at": DISCHARGED,
        "discharged_at": DISCHARGED,
        "disposition": {"code": "01", "category": "home", "stated": True, "learned_at": DISCHARGED},
        "location": {"unit": "4W", "facility": "HOSPA"},
        "transfers": [
            {
                "at": datetime(2026, 1, 7, 9, 30, tzinfo=UTC),
                "learned_at": datetime(2026, 1, 7, 9, 31, tzinfo=UTC),
                "trigger": "A02",
                "origin": {"unit": "ICU", "facility": "HOSPA"},
                "destination": {"unit": "4W", "facility": "HOSPA"},
            }
        ],
        "sources": [
            {"learned_at": datetime(2026, 1, 7, 9, 31, tzinfo=UTC), "trigger": "A02", "control_id": "MSG-2"},
            {"learned_at": DISCHARGED, "trigger": "A03", "control_id": "MSG-3"},
        ],
    }
    given: dict[str, Any] = {
        "visit_id": VISIT,
        "root_id": VISIT,
        "revision": revision,
        "feed": "default",
        "learned_at": DISCHARGED,
        "cause": "A03",
        "visit": visit | fields,
        "patient": person or a_person(),
    }
    return EncounterEvent.model_validate(given | outer)


def an_alert(status: str = "firing", **fields: Any) -> AlertEvent:
    given: dict[str, Any] = {
        "alert_id": UUID(int=9),
        "revision": 1,
        "kind": "call_72h_missed",
        "severity": "P2",
        "status": status,
        "raised_at": DUE,
        "episode_id": CASE,
        "visit_id": VISIT,
        "patient_id": PATIENT,
        "deadline_id": UUID(int=1),
        "team": "4W",
        "unit": "4W",
        "due_at": DUE,
    }
    return AlertEvent.model_validate(given | fields)


def an_effect(action_id: str, effect: str = "counted", **fields: Any) -> ActionApplied:
    given: dict[str, Any] = {
        "action_id": action_id,
        "type": "contact_attempted",
        "revision": 1,
        "effect": effect,
        "kinds": ["call_72h"],
        "patient_id": PATIENT,
        "visit_id": VISIT,
        "episode_id": CASE,
        "at": at(20),
        "occurred_at": at(20),
        "known_at": at(20),
    }
    return ActionApplied.model_validate(given | fields)
