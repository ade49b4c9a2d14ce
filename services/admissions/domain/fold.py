"""Fold: all events of one visit number, in whatever order they came, into the visits they describe."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from schemas.encounters import Visit
from services.admissions.domain.cancels import Standing, discharge_time, standing
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.order import order_key, record_key
from services.admissions.domain.states import ADMITS, CANCELS_ONE, CANCELS_STAY, DATA, TABLE, applied
from services.admissions.domain.stay import describe

__all__ = ["applied", "fold"]

_RELEVANT = DATA | CANCELS_STAY | CANCELS_ONE.keys()
_MAKES_A_VISIT = TABLE[None].keys() | CANCELS_STAY


def fold(events: Iterable[AdtEvent], profile: FeedProfile) -> tuple[Visit, ...]:
    """Give the visits of one visit number, oldest generation first; none where no event makes a visit.

    The result depends on the set of events alone, never on their order or repetition.
    """
    distinct = _distinct([event for event in events if event.trigger in _RELEVANT], profile.dup_window)
    if not any(event.trigger in _MAKES_A_VISIT for event in distinct):
        return ()
    return tuple(
        describe(part, number, profile) for number, part in enumerate(_generations(distinct, profile))
    )


def _distinct(events: Sequence[AdtEvent], window: timedelta) -> list[AdtEvent]:
    """Each event once. The same content sent again within the window (an engine's replay) is the same event."""
    once: dict[str, AdtEvent] = {}
    for event in events:
        known = once.get(event.event_id)
        if known is None or event.received_at < known.received_at:
            once[event.event_id] = event
    if len({event.fingerprint for event in once.values()}) == len(once):
        return list(once.values())
    latest: dict[str, AdtEvent] = {}
    kept = []
    for event in sorted(once.values(), key=lambda each: (each.created_at, order_key(each), each.event_id)):
        known = latest.get(event.fingerprint)
        if known is None or event.created_at - known.created_at > window:
            latest[event.fingerprint] = event
            kept.append(event)
    return kept


def _generations(events: list[AdtEvent], profile: FeedProfile) -> list[Standing]:
    """Split where the number was used again: an admission after a discharge that stood when it was recorded."""
    discharges = [event for event in events if discharge_time(event, profile) is not None]
    admissions = [
        event for event in events if event.trigger in ADMITS and isinstance(event.admit_at, datetime)
    ]
    if not _may_repeat(discharges, admissions, profile):
        return [standing(events, profile)]
    bounds: list[tuple[datetime, datetime]] = []
    for event in sorted(admissions, key=lambda each: (_admit(each), record_key(each))):
        bound = bounds[-1] if bounds else None
        start = _admit(event)
        if bound is not None and start <= bound[1]:
            continue
        before = [
            each for each in events
            if each.recorded_at <= event.recorded_at and each is not event and _within(each, start, bound)
        ]  # fmt: skip
        ended = [at for each in standing(before, profile).discharges if (at := discharge_time(each, profile))]
        ended = [at for at in ended if at < start and (bound is None or at >= bound[1])]
        if ended:
            bounds.append((max(ended), start))
    parts: list[list[AdtEvent]] = [[] for _ in range(len(bounds) + 1)]
    for event in events:
        parts[_generation(event, bounds)].append(event)
    return [standing(part, profile) for part in parts if part]


def _may_repeat(discharges: Sequence[AdtEvent], admissions: Sequence[AdtEvent], profile: FeedProfile) -> bool:
    if not discharges or not admissions:
        return False
    first = min(at for event in discharges if (at := discharge_time(event, profile)))
    return max(map(_admit, admissions)) > first


def _within(event: AdtEvent, start: datetime, bound: tuple[datetime, datetime] | None) -> bool:
    """Whether an event speaks of the stay that a new one, starting at `start`, would follow."""
    said = event.admit_at if isinstance(event.admit_at, datetime) else None
    if bound is not None and _generation(event, [bound]) == 0:
        return False
    return said is None or said < start


def _generation(event: AdtEvent, bounds: Sequence[tuple[datetime, datetime]]) -> int:
    """By PV1-44 where the event has it, else by its time: after the discharge before, or from the new start."""
    if isinstance(event.admit_at, datetime):
        return sum(event.admit_at > ended for ended, _ in bounds)
    return sum(event.occurred_at >= start for _, start in bounds)


def _admit(event: AdtEvent) -> datetime:
    assert isinstance(event.admit_at, datetime)
    return event.admit_at
