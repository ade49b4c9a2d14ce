"""The one order of events: by what they say of themselves, never by when they reached us."""

from datetime import datetime

from services.admissions.domain.model import AdtEvent

OrderKey = tuple[datetime, datetime, datetime, int, tuple[int, int, str], str]
"""Event time, EVN-2, MSH-7, MSH-13, MSH-10 (numbers by size, before words), fingerprint."""


def control_key(control_id: str) -> tuple[int, int, str]:
    """MSH-10 as counters count: 9 before 10, and any number before any word."""
    if control_id.isascii() and control_id.isdigit():
        digits = control_id.lstrip("0")
        return (0, len(digits), digits)
    return (1, 0, control_id)


def order_key(event: AdtEvent, occurred_at: datetime | None = None) -> OrderKey:
    """Where an event stands among others; `occurred_at` overrides its own event time."""
    return (
        occurred_at or event.occurred_at,
        event.recorded_at,
        event.created_at,
        -1 if event.sequence is None else event.sequence,
        control_key(event.control_id),
        event.fingerprint,
    )


def record_key(event: AdtEvent) -> OrderKey:
    """The order in which events were recorded: what was typed last is what the sender means."""
    return order_key(event, event.recorded_at)


def moment(event: AdtEvent) -> datetime:
    """When a cancel takes effect: EVN-6 where valued, else when it was recorded."""
    return event.stated_at or event.recorded_at
