"""Which messages told of the facts of a visit: found by their arrival, which the facts carry."""

from collections.abc import Iterable
from datetime import datetime

from schemas.encounters import Source, Visit
from services.admissions.domain.model import AdtEvent


def sources(visit: Visit, events: Iterable[AdtEvent]) -> tuple[Source, ...]:
    """The messages behind the visit's facts, the earliest first; one that changed none of them is not there.

    Of several that arrived at one instant it is the first by its id.
    """
    learned = _learned(visit)
    found: dict[datetime, AdtEvent] = {}
    for event in events:
        if event.received_at in learned:
            known = found.setdefault(event.received_at, event)
            if event.event_id < known.event_id:
                found[event.received_at] = event
    return tuple(
        Source(learned_at=at, trigger=found[at].trigger, control_id=found[at].control_id)
        for at in sorted(found)
    )


def _learned(visit: Visit) -> set[datetime | None]:
    disposition = {visit.disposition.learned_at} if visit.disposition else set()
    moves = {transfer.learned_at for transfer in visit.transfers}
    return {visit.admit_learned_at, visit.discharge_learned_at, visit.settle_from, *disposition, *moves}
