"""CloudEvents 1.0 in the Kafka binding's binary mode: the attributes travel as headers, the value is the data."""

from datetime import datetime
from typing import Any

from schemas.base import iso

CONTENT_TYPE = "application/json"
REQUIRED = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type")


def headers(
    *, event_id: str, event_type: str, source: str, time: datetime, traceparent: str | None = None
) -> list[tuple[str, bytes]]:
    """Give the headers of one event; `time` is when the state it speaks of became known, in UTC."""
    pairs = [
        ("ce_specversion", "1.0"),
        ("ce_id", event_id),
        ("ce_type", event_type),
        ("ce_source", source),
        ("ce_time", iso(time)),
        ("content-type", CONTENT_TYPE),
    ]
    if traceparent:
        pairs.append(("traceparent", traceparent))
    return [(name, value.encode()) for name, value in pairs]


def schema(event_type: str) -> dict[str, Any]:
    """Give the JSON Schema of each header that an event of this type may have."""
    return {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "minLength": 1, "description": "of an event: its subject and revision"},
        "ce_type": {"const": event_type},
        "ce_source": {"type": "string", "minLength": 1, "examples": ["baton/admissions"]},
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
            "description": "when this became known",
        },
        "content-type": {"const": CONTENT_TYPE},
        "traceparent": {"type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    }
