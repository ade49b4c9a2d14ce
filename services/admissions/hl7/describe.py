"""The canonical event as `baton normalize` prints it: plain JSON values, nothing where nothing was said."""

from typing import Any

from msgspec import json

from services.admissions.domain.model import AdtEvent, Rejection

_FIRST = (
    "trigger",
    "type",
    "occurred_at",
    "sending_facility",
    "control_id",
    "patient",
    "visit",
    "class",
    "location",
)
_RENAMED = {"patient_class": "class"}
# When the reading happened is no part of what the message says.
_LEFT_OUT = frozenset({"received_at"})


def describe(event: AdtEvent) -> dict[str, Any]:
    """One event as a JSON object; instants are UTC and end in Z.

    A key is left out where the message states nothing, and null where it states the explicit null.
    """
    said = {
        _RENAMED.get(key, key): value
        for key, value in json.decode(json.encode(event)).items()
        if key not in _LEFT_OUT
    }
    return {key: said.pop(key) for key in _FIRST if key in said} | said


def describe_rejection(rejection: Rejection) -> dict[str, Any]:
    """A refusal as a JSON object: cause, position and a sentence, none of which holds a value of the message."""
    position = {"segment": rejection.segment, "field": rejection.field}
    said = {"code": rejection.code} | {key: value for key, value in position.items() if value is not None}
    return {"error": said | {"detail": rejection.detail}}
