"""An update that says once more what the last message of its visit said changes nothing: storms of them cost nothing."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct, structs

from services.admissions.domain.model import AdtEvent
from services.admissions.domain.order import RecordKey, record_key

_NEVER = datetime.min.replace(tzinfo=UTC)


class Tail(Struct, frozen=True):
    """The last message of a visit number, last in every order: what it states, and where it stands in each."""

    statement: AdtEvent
    recorded: RecordKey
    occurred_at: datetime
    received_at: datetime
    count: int


def tail(events: Sequence[AdtEvent]) -> Tail | None:
    """The tail of all events of a visit number; None where no update is the last in every order."""
    last = max(events, key=record_key)
    if last.trigger != "A08" or last.occurred_at != last.recorded_at:
        return None
    if any(event.occurred_at > last.occurred_at or event.received_at > last.received_at for event in events):
        return None
    return Tail(_statement(last), record_key(last), last.occurred_at, last.received_at, len(events))


def echoed(known: Tail, events: Iterable[AdtEvent]) -> Tail | None:
    """The tail after these new events, if every one of them only says again what it says; else None."""
    for event in sorted(events, key=record_key):
        recorded = record_key(event)
        later = (
            recorded > known.recorded
            and event.occurred_at == event.recorded_at
            and event.occurred_at >= known.occurred_at
            and event.received_at > known.received_at
        )
        if not later or _statement(event) != known.statement:
            return None
        known = Tail(known.statement, recorded, event.occurred_at, event.received_at, known.count + 1)
    return known


def _statement(event: AdtEvent) -> AdtEvent:
    """The event without what tells it from another that says the same."""
    return structs.replace(
        event,
        event_id="",
        control_id="",
        fingerprint="",
        occurred_at=_NEVER,
        recorded_at=_NEVER,
        created_at=_NEVER,
        received_at=_NEVER,
        stated_at=None,
        sequence=None,
    )
