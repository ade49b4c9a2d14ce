"""The one order of events: by what they say of themselves, never by when they reached us."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter

from services.admissions.domain.model import AdtEvent

OrderKey = tuple[datetime, datetime, datetime, int, tuple[int, int, str], str]
"""Event time, EVN-2, MSH-7, MSH-13, MSH-10 (numbers by size, before words), fingerprint."""

RecordKey = tuple[datetime, datetime, int, tuple[int, int, str], str, str]
"""EVN-2, MSH-7, MSH-13, MSH-10, fingerprint, event id."""

_recorded_at = attrgetter("recorded_at")


# A visit is folded again with every message of it.
@lru_cache(maxsize=16384)
def control_key(control_id: str) -> tuple[int, int, str]:
    """MSH-10 as counters count: 9 before 10, and any number before any word."""
    if control_id.isascii() and control_id.isdigit():
        digits = control_id.lstrip("0")
        return (0, len(digits), digits)
    return (1, 0, control_id)


def order_key(event: AdtEvent) -> OrderKey:
    """Where an event stands among others by its event time."""
    return (event.occurred_at, *_written(event))


def record_key(event: AdtEvent) -> RecordKey:
    """The order in which events were recorded: what was typed last is what the sender means."""
    return (*_written(event), event.event_id)


def in_order(events: Iterable[AdtEvent]) -> list[AdtEvent]:
    """The events in the order in which they were recorded."""
    found = sorted(events, key=_recorded_at)
    # Mostly EVN-2 alone tells it.
    if any(event.recorded_at == after.recorded_at for event, after in pairwise(found)):
        found.sort(key=record_key)
    return found


def _written(event: AdtEvent) -> tuple[datetime, datetime, int, tuple[int, int, str], str]:
    return (
        event.recorded_at,
        event.created_at,
        -1 if event.sequence is None else event.sequence,
        control_key(event.control_id),
        event.fingerprint,
    )


def moment(event: AdtEvent) -> datetime:
    """When a cancel takes effect: EVN-6 where valued, else when it was recorded."""
    return event.stated_at or event.recorded_at


def reach(events: Sequence[AdtEvent], cancel: int) -> int:
    """How many of these events, in the order they were recorded, had been recorded by the cancel's moment.

    An editor that corrects a discharge sends cancel and discharge with the same EVN-2: at that very instant
    the cancel reaches what stands before it, not what follows.
    """
    event = events[cancel]
    if event.stated_at is None or event.stated_at == event.recorded_at:
        return cancel
    return bisect_right(events, event.stated_at, key=_recorded_at)
