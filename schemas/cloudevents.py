"""CloudEvents 1.0 in the Kafka binding's binary mode: the attributes travel as headers, the value is the data."""

from datetime import datetime

from schemas.base import iso

CONTENT_TYPE = "application/json"


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
