"""What a cancel leaves standing: it undoes what was recorded not after its own moment, and nothing later."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.order import moment, order_key, record_key
from services.admissions.domain.states import ADMITS, CANCELS_ONE, CANCELS_STAY


@dataclass(slots=True)
class Standing:
    """The events of one stay after its cancels have acted.

    `events` are all of them; `undone` the ids of those without effect on the state. `discharges` are the
    standing statements of a discharge, the latest recorded last. `cancelled_at` is the moment of the
    latest A11; `resumed_at` the moment of the latest cancel of a discharge.
    """

    events: list[AdtEvent]
    undone: set[str] = field(default_factory=set)
    discharges: list[AdtEvent] = field(default_factory=list)
    cancelled_at: datetime | None = None
    resumed_at: datetime | None = None
    resumed_by_admit: bool = False


def discharge_time(event: AdtEvent, profile: FeedProfile) -> datetime | None:
    """When the event says the patient left: an A03 always, an A08 that carries PV1-45 where the feed means it."""
    if event.trigger == "A03":
        return event.occurred_at
    if event.trigger == "A08" and profile.a08_implies_discharge and isinstance(event.discharge_at, datetime):
        return event.discharge_at
    return None


def standing(events: list[AdtEvent], profile: FeedProfile) -> Standing:
    """Let the cancels among the events of one stay act."""
    found = Standing(events)
    triggers = {event.trigger for event in events}
    if triggers & CANCELS_STAY:
        _undo_stay(found)
    if triggers & CANCELS_ONE.keys():
        _undo_pairs(found)
    said = [event for event in events if discharge_time(event, profile) is not None]
    if said:
        _undo_discharges(found, said, profile)
    return found


def _undo_stay(found: Standing) -> None:
    found.cancelled_at = max(moment(event) for event in found.events if event.trigger in CANCELS_STAY)
    found.undone |= {event.event_id for event in found.events if event.recorded_at <= found.cancelled_at}


def _undo_pairs(found: Standing) -> None:
    """Each cancel takes the latest event of its pair that was recorded by its moment and not yet taken."""
    cancels = [event for event in found.events if event.trigger in CANCELS_ONE]
    taken: set[str] = set()
    for cancel in sorted(cancels, key=lambda event: (moment(event), record_key(event))):
        candidates = [
            event
            for event in found.events
            if event.trigger == CANCELS_ONE[cancel.trigger]
            and event.event_id not in taken
            and event.recorded_at <= moment(cancel)
        ]
        if candidates:
            latest = max(candidates, key=lambda event: (order_key(event), event.event_id))
            taken |= {event.event_id for event in candidates if event.occurred_at == latest.occurred_at}
    found.undone |= taken


def _undo_discharges(found: Standing, said: Sequence[AdtEvent], profile: FeedProfile) -> None:
    moments = [(moment(event), False) for event in found.events if event.trigger == "A13"]
    if profile.null_discharge_undoes:
        moments += [
            (event.recorded_at, False)
            for event in found.events
            if event.trigger == "A08" and event.discharge_at is None
        ]
    moments += [(event.recorded_at, True) for event in found.events if _resumes(event, found.events, said)]
    if moments:
        found.resumed_at, found.resumed_by_admit = max(moments)
        undone = [event for event in said if event.recorded_at <= found.resumed_at]
    else:
        undone = []
    found.undone |= {event.event_id for event in undone}
    withdrawn = {discharge_time(event, profile) for event in undone}
    stand = [event for event in said if event.event_id not in found.undone]
    withdrawn -= {event.occurred_at for event in stand if event.trigger == "A03"}
    # An update after the cancel that still echoes the cancelled PV1-45 has not heard of the cancel.
    echoes = {e.event_id for e in stand if e.trigger == "A08" and discharge_time(e, profile) in withdrawn}
    found.undone |= echoes
    found.discharges = sorted(
        (event for event in stand if event.event_id not in echoes),
        key=lambda event: (record_key(event), event.event_id),
    )


def _resumes(event: AdtEvent, events: Sequence[AdtEvent], said: Sequence[AdtEvent]) -> bool:
    """An un-discharge sent as an admission: the same PV1-44 as an admission on record, no PV1-45, after an A03."""
    if event.trigger not in ADMITS or isinstance(event.discharge_at, datetime):
        return False
    if not isinstance(event.admit_at, datetime):
        return False
    earlier = [
        other.recorded_at
        for other in events
        if other.trigger in ADMITS
        and other.admit_at == event.admit_at
        and other.recorded_at < event.recorded_at
    ]
    if not earlier:
        return False
    return any(
        min(earlier) <= discharge.recorded_at < event.recorded_at and discharge.trigger == "A03"
        for discharge in said
    )
