"""Write the JSON Schema of every message beside the models, and tell where models and schemas differ."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.actions import ACTION_TYPE, Action
from schemas.alerts import ALERT_TYPE, AlertEvent
from schemas.encounters import ENCOUNTER_TYPE, MARK_TYPE, AppliedMark, EncounterEvent
from schemas.topics import ADT_ENCOUNTERS, CARE_ACTIONS, CARE_ALERTS, CARE_TRANSITIONS
from schemas.transitions import (
    DEADLINE_TYPE,
    EPISODE_TYPE,
    TEAM_ACK_TYPE,
    DeadlineEvent,
    EpisodeEvent,
    TeamAck,
)

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Published:
    """One kind of message: its name in files, its version, its CloudEvents type and its topic.

    The version rises with a change that an older reader or an older producer would stumble over.
    """

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


def export(folder: Path = FOLDER) -> list[str]:
    """Write every schema; give the names of the files that changed."""
    changed = []
    for message in PUBLISHED:
        path = folder / message.file
        text = text_of(schema_of(message))
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(message.file)
    return changed


def check(folder: Path = FOLDER) -> list[str]:
    """Give one sentence for each difference between the models and what is committed; empty is good."""
    problems = []
    for message in PUBLISHED:
        problems += _check_schema(message, folder)
        problems += _check_examples(message, folder)
    known = {message.file for message in PUBLISHED}
    for path in sorted((folder / "jsonschema").glob("*.json")):
        if f"jsonschema/{path.name}" not in known:
            problems.append(f"schemas/jsonschema/{path.name}: no message has this name and version any more.")
    return problems


def _check_schema(message: Published, folder: Path) -> list[str]:
    path = folder / message.file
    if not path.exists():
        return [f"schemas/{message.file}: missing; `baton schemas export` writes it."]
    try:
        committed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return [f"schemas/{message.file}: not JSON."]
    where = difference(committed, json.loads(text_of(schema_of(message))))
    return [f"schemas/{message.file}: {where}; `baton schemas export` writes it anew."] if where else []


def _check_examples(message: Published, folder: Path) -> list[str]:
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema_of(message))
    paths = sorted((folder / message.examples).glob("*.json"))
    if not paths:
        return [f"schemas/{message.examples}: no example."]
    problems = []
    for path in paths:
        name = f"schemas/{message.examples}/{path.name}"
        text = path.read_text(encoding="utf-8")
        try:
            message.model.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            problems.append(f"{name}: today's model refuses it at {place or 'the top'}: {first['msg']}.")
            continue
        problems += [
            f"{name}: the schema refuses it at {broken.json_path}: {broken.validator}."
            for broken in validator.iter_errors(json.loads(text))
        ]
    return problems


def difference(committed: Any, today: Any, at: str = "") -> str:
    """Say in one clause where two JSON values first differ; empty where they do not."""
    if isinstance(committed, dict) and isinstance(today, dict):
        for key in sorted(committed.keys() | today.keys()):
            here = f"{at}.{key}" if at else key
            if key not in today:
                return f"{here} is in the file and no longer in the model"
            if key not in committed:
                return f"{here} is in the model and not in the file"
            if found := difference(committed[key], today[key], here):
                return found
        return ""
    if committed == today and type(committed) is type(today):
        return ""
    return f"{at} is {_short(committed)} in the file and {_short(today)} in the model"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."
