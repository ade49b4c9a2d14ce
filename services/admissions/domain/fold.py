"""Fold: all events of one visit number, in whatever order they came, into the visits they describe."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from msgspec import structs

from schemas.encounters import Visit
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.generations import generations
from services.admissions.domain.model import AdtEvent, VisitKey
from services.admissions.domain.order import in_order, record_key
from services.admissions.domain.states import CANCELS_ONE, CANCELS_STAY, DATA, SWAPS, TABLE, applied
from services.admissions.domain.stay import describe

__all__ = ["applied", "fold"]

_RELEVANT = DATA | CANCELS_STAY | CANCELS_ONE.keys() | SWAPS
_MAKES_A_VISIT = TABLE[None].keys() | CANCELS_STAY


def fold(
    events: Iterable[AdtEvent], profile: FeedProfile, named: VisitKey | None = None
) -> tuple[Visit, ...]:
    """Give the visits of one visit number, oldest stay first; none where no event makes a visit.

    The result depends on the set of events alone, never on their order or repetition. Where the events came under
    several numbers of one visit, `named` is the one that stands.
    """
    distinct = _distinct(
        [_plain(event) for event in events if event.trigger in _RELEVANT], profile.dup_window
    )
    return tuple(
        describe(part, number, profile, named)
        for number, part in enumerate(
            part
            for part in generations(distinct, profile)
            if any(event.trigger in _MAKES_A_VISIT for event in part)
        )
    )


def _plain(event: AdtEvent) -> AdtEvent:
    return structs.replace(event, trigger="A02") if event.trigger in SWAPS else event


def _distinct(events: Sequence[AdtEvent], window: timedelta) -> list[AdtEvent]:
    """Each event once, in the order they were recorded.

    The same content sent again within the window (an engine's replay) is the same event; it was known from
    the first arrival of either.
    """
    once: dict[str, AdtEvent] = {}
    for event in events:
        known = once.get(event.event_id)
        once[event.event_id] = event if known is None else _merged(known, event)
    if len({event.fingerprint for event in once.values()}) < len(once):
        return _without_replays(once.values(), window)
    return in_order(once.values())


def _without_replays(events: Iterable[AdtEvent], window: timedelta) -> list[AdtEvent]:
    kept: dict[str, AdtEvent] = {}
    latest: dict[str, AdtEvent] = {}
    for event in sorted(events, key=lambda each: (each.created_at, record_key(each))):
        original = latest.get(event.fingerprint)
        if original is None or event.created_at - original.created_at > window:
            latest[event.fingerprint] = kept[event.event_id] = event
        else:
            kept[original.event_id] = _merged(kept[original.event_id], event)
    return in_order(kept.values())


def _merged(one: AdtEvent, other: AdtEvent) -> AdtEvent:
    """One of two that say the same: the one written first, known from the earlier arrival."""
    first = min(one, other, key=lambda event: (event.created_at, record_key(event)))
    arrived = min(one.received_at, other.received_at)
    return first if first.received_at == arrived else structs.replace(first, received_at=arrived)
