"""Every kind of message with a model: its name in files, its version, its CloudEvents type and its topic."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from schemas.actions import ACTION_TYPE, Action
from schemas.alerts import ALERT_TYPE, AlertEvent
from schemas.encounters import ENCOUNTER_TYPE, MARK_TYPE, AppliedMark, EncounterEvent
from schemas.topics import ADT_ENCOUNTERS, CARE_ACTIONS, CARE_ALERTS, CARE_TRANSITIONS
from schemas.transitions import (
    ACTION_APPLIED_TYPE,
    DEADLINE_TYPE,
    EPISODE_TYPE,
    TEAM_ACK_TYPE,
    ActionApplied,
    DeadlineEvent,
    EpisodeEvent,
    TeamAck,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Published:
    """One kind of message. Its version rises with a change that an older reader or writer would stumble over."""

    name: str
    version: int
    event_type: str
    topic: str
    model: TypeAdapter[Any]

    @property
    def file(self) -> str:
        return f"jsonschema/{self.name}.v{self.version}.schema.json"

    @property
    def examples(self) -> str:
        return f"examples/{self.name}"


PUBLISHED = (
    Published("encounter", 1, ENCOUNTER_TYPE, ADT_ENCOUNTERS, TypeAdapter(EncounterEvent)),
    Published("applied_mark", 1, MARK_TYPE, ADT_ENCOUNTERS, TypeAdapter(AppliedMark)),
    Published("action", 1, ACTION_TYPE, CARE_ACTIONS, TypeAdapter(Action)),
    Published("episode", 1, EPISODE_TYPE, CARE_TRANSITIONS, TypeAdapter(EpisodeEvent)),
    Published("deadline", 1, DEADLINE_TYPE, CARE_TRANSITIONS, TypeAdapter(DeadlineEvent)),
    Published("team_acknowledgement", 1, TEAM_ACK_TYPE, CARE_TRANSITIONS, TypeAdapter(TeamAck)),
    Published("action_applied", 1, ACTION_APPLIED_TYPE, CARE_TRANSITIONS, TypeAdapter(ActionApplied)),
    Published("alert", 1, ALERT_TYPE, CARE_ALERTS, TypeAdapter(AlertEvent)),
)


def schema_of(message: Published) -> dict[str, Any]:
    """Give the schema a reader may rely on: what is optional there may be left out."""
    schema = message.model.json_schema(mode="validation")
    title = f"{message.event_type} v{message.version}"
    about = f"A record of {message.topic}."
    if described := schema.get("description"):
        about = f"{about} {described}"
    return schema | {"$schema": DIALECT, "title": title, "description": about}


def text_of(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
