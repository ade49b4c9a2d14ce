"""Reading an action: what is meant, under which id, and when it was done; or why it is refused."""

from datetime import datetime, timedelta

from msgspec import Struct
from pydantic import ValidationError

from schemas.actions import ACTION, AlertAcknowledged, derived_id

WITHDRAWN = "action_withdrawn"
CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of its arrival an action may say it happened: clocks of workstations differ."""


class Refusal(Struct, frozen=True):
    """Why an action was refused: a word of ours, the field, a sentence without any value of the action."""

    code: str
    detail: str
    field: str | None = None


class Read(Struct, frozen=True):
    """An action with its id and the instant it happened. `body` is its JSON."""

    action_id: str
    type: str
    at: datetime
    occurred_at: datetime
    visit: str | None
    facility: str | None
    authority: str | None
    body: bytes


def read_action(value: bytes, at: datetime) -> Read | Refusal:
    """Read the JSON of one action that reached us at `at` (UTC)."""
    try:
        action = ACTION.validate_json(value)
    except ValidationError as error:
        return _refusal(error)
    if holding := next((name for name, said in action if isinstance(said, str) and "\0" in said), None):
        return Refusal("invalid_action", f"{holding} holds a NUL, which is no text", holding)
    if isinstance(action, AlertAcknowledged) and action.visit is None and action.kind != "late_known":
        return Refusal("invalid_action", "visit is missing: only late_known may leave it out", "visit")
    occurred_at: datetime = getattr(action, "occurred_at", None) or at
    if occurred_at > at + CLOCK_SKEW:
        return Refusal(
            "in_the_future", "occurred_at lies after the moment the action reached us", "occurred_at"
        )
    return Read(
        action_id=action.id or derived_id(action, at),
        type=action.type,
        at=at,
        occurred_at=min(occurred_at, at),
        visit=action.visit,
        facility=action.facility,
        authority=action.authority,
        body=action.model_dump_json(exclude_none=True).encode(),
    )


def _refusal(error: ValidationError) -> Refusal:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    kind = first["type"]
    if kind == "json_invalid":
        return Refusal("not_json", "the action is no JSON object")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return Refusal("unknown_type", "no action of this type is known", "type")
    path = [str(part) for part in first["loc"][1:]] or ["(all)"]
    field = ".".join(path)
    return Refusal("invalid_action", f"{field} is not as it should be ({kind})", field)
