"""What a cancel leaves standing: it undoes what was recorded not after its own moment, and nothing later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, Time
from services.admissions.domain.order import moment, reach
from services.admissions.domain.states import ADMITS, CANCELS_ONE, CANCELS_STAY, DATA, PLANS

REPEATED = "repeated_admission"
RESUMED = "undischarged_by_admission"

_MAY_SAY = frozenset({"A02", "A03", "A08"})
"""Events whose PV1-45 counts. Elsewhere it is stale, above all on an A13."""


@dataclass(slots=True)
class Standing:
    """The events of one stay in the order they were recorded, by position, after its cancels have acted.

    `undone` have no effect on the state; those before `begin` are of a stay that was cancelled before this
    one, and say nothing at all. `discharges` are the statements of a discharge time that stand, `echoes` those
    that repeat a cancelled one, `parked` admissions that fit nowhere. What was said of the disposition before
    `resumed` went with the discharge; `resumed_by` are the A13s (and A08s) that took one away.
    """

    events: Sequence[AdtEvent]
    undone: set[int] = field(default_factory=set)
    begin: int = 0
    cancelled_at: datetime | None = None
    discharges: list[int] = field(default_factory=list)
    echoes: set[int] = field(default_factory=set)
    parked: set[int] = field(default_factory=set)
    resumed: int = 0
    resumed_by: set[int] = field(default_factory=set)
    admitted: bool = False
    flags: set[str] = field(default_factory=set)

    def standing(self, triggers: Iterable[str]) -> list[AdtEvent]:
        """The events of these kinds that stand, in the order they were recorded."""
        return [
            event for n, event in enumerate(self.events) if event.trigger in triggers and n not in self.undone
        ]


def discharge_time(event: AdtEvent) -> datetime | None:
    """When the event says that the patient left."""
    if isinstance(event.discharge_at, datetime) and event.trigger in _MAY_SAY:
        return event.discharge_at
    return event.occurred_at if event.trigger == "A03" else None


def discharged_at(events: Sequence[AdtEvent], said: Sequence[int]) -> datetime | None:
    """PV1-45 as last recorded; the event time of the latest A03 where none was ever valued."""
    unvalued = None
    for n in reversed(said):
        if isinstance(at := events[n].discharge_at, datetime):
            return at
        unvalued = unvalued or events[n].occurred_at
    return unvalued


def standing(events: Sequence[AdtEvent], profile: FeedProfile) -> Standing:
    """Let the cancels among the events of one stay act. The events come in the order they were recorded."""
    triggers = {event.trigger for event in events}
    found = Standing(events, admitted=triggers & ADMITS != {"A04"})
    if triggers & CANCELS_STAY:
        _undo_stay(found)
    for cancel in sorted(triggers & CANCELS_ONE.keys()):
        _undo_pairs(found, cancel)
    said = [
        n
        for n, event in enumerate(events)
        if (
            event.trigger == "A03" or (event.trigger in _MAY_SAY and isinstance(event.discharge_at, datetime))
        )
        and n not in found.undone
    ]
    if said or "A13" in triggers:
        _undo_discharges(found, said, profile)
    return found


def _undo_stay(found: Standing) -> None:
    events = found.events
    cancels = [n for n, event in enumerate(events) if event.trigger in CANCELS_STAY]
    end = max(reach(events, n) for n in cancels)
    found.cancelled_at = max(moment(events[n]) for n in cancels)
    again = [n for n in range(end, len(events)) if events[n].trigger in ADMITS or events[n].trigger in PLANS]
    # What follows a cancelled stay speaks of it too, until somebody is admitted or expected again.
    found.begin = again[0] if again else 0
    found.undone.update(range(max(end, found.begin)), cancels)


def _undo_pairs(found: Standing, trigger: str) -> None:
    """Each cancel takes the latest event of its pair that was recorded by its moment and not yet taken.

    Messages of one kind with one event time are one event, corrected.
    """
    events = found.events
    cancels = {event.occurred_at: n for n, event in enumerate(events) if event.trigger == trigger}
    originals = [n for n, event in enumerate(events) if event.trigger == CANCELS_ONE[trigger]]
    for _, cancel in sorted(cancels.items()):
        end = reach(events, cancel)
        live = [n for n in originals if n < end and n not in found.undone]
        if live and cancel not in found.undone:
            latest = max(events[n].occurred_at for n in live)
            found.undone.update(n for n in live if events[n].occurred_at == latest)


def _undo_discharges(found: Standing, said: Sequence[int], profile: FeedProfile) -> None:
    events = found.events
    ends = [n for n in said if _ends(events[n], found, profile)]
    cancels = [n for n, event in enumerate(events) if event.trigger == "A13" or _is_null(event, profile)]
    for end, n in sorted((reach(events, n), n) for n in cancels if n not in found.undone):
        if any(found.resumed <= discharge < end for discharge in ends):
            found.resumed_by.add(n)
        # A null PV1-45 where there is none to take back is the habit of a feed, and says nothing.
        if events[n].trigger == "A13" or any(found.resumed <= discharge < end for discharge in said):
            found.resumed = max(found.resumed, end)
    _admitted_again(found, [n for n in ends if n >= found.resumed])
    found.discharges = [n for n in said if n >= found.resumed]
    if cancels or found.resumed:
        _drop_echoes(found, [n for n in said if n < found.resumed], cancels)


def _drop_echoes(found: Standing, gone: Sequence[int], cancels: Sequence[int]) -> None:
    """An update after the cancel that still carries the cancelled PV1-45 has not heard of the cancel."""
    events = found.events
    withdrawn: set[Time] = {discharge_time(events[n]) for n in gone}
    # PV1-45 of an A13 is the time it takes back.
    withdrawn |= {events[n].discharge_at for n in cancels if isinstance(events[n].discharge_at, datetime)}
    withdrawn -= {discharge_time(events[n]) for n in found.discharges if events[n].trigger == "A03"}
    found.echoes = {
        n for n in found.discharges if events[n].trigger != "A03" and events[n].discharge_at in withdrawn
    }
    found.discharges = [n for n in found.discharges if n not in found.echoes]
    found.undone.update(n for n in gone if events[n].trigger == "A03")


def _is_null(event: AdtEvent, profile: FeedProfile) -> bool:
    """Whether an update takes the discharge back: by the explicit null in PV1-45."""
    return event.discharge_at is None and event.trigger == "A08" and profile.null_discharge_undoes


def _ends(event: AdtEvent, found: Standing, profile: FeedProfile) -> bool:
    """Whether a discharge time by itself discharges: on an A08 only who was admitted."""
    if event.trigger != "A08":
        return event.trigger == "A03"
    return profile.a08_implies_discharge and found.admitted


def _admitted_again(found: Standing, ends: Sequence[int]) -> None:
    """Judge admissions recorded after a discharge of a visit that had an admission already.

    With the PV1-44 on record and no PV1-45 it takes the discharge back; with its PV1-45 it is a repetition;
    with another PV1-44, or none, it fits nowhere and waits for a person.
    """
    events = found.events
    admissions = [n for n, event in enumerate(events) if event.trigger in ADMITS and n not in found.undone]
    if not ends or not admissions or admissions[-1] < ends[0]:
        return
    for position, n in enumerate(admissions[1:], 1):
        left = discharged_at(events, [discharge for discharge in ends if found.resumed <= discharge < n])
        event = events[n]
        if left is None or (isinstance(event.admit_at, datetime) and event.admit_at > left):
            continue
        known = _admit_time(found, n)
        if event.occurred_at > left if known is None else event.admit_at != known:
            found.parked.add(n)
        elif known and not isinstance(event.discharge_at, datetime):
            converts = (
                {events[other].trigger for other in admissions[:position]} == {"A04"} != {event.trigger}
            )
            if not (converts and _happened_before(event, left)):
                found.resumed = n
                found.flags.add(RESUMED)
    if found.parked:
        found.undone |= found.parked
        found.flags.add(REPEATED)


def _happened_before(event: AdtEvent, left: datetime) -> bool:
    """An EVN-6 of its own, before the discharge: a conversion that was entered late."""
    return event.stated_at is not None and event.stated_at != event.admit_at and event.stated_at <= left


def _admit_time(found: Standing, end: int) -> datetime | None:
    """PV1-44 as last recorded before this position."""
    for n in reversed(range(found.begin, end)):
        event = found.events[n]
        speaks = event.trigger in DATA and event.trigger not in PLANS and n not in found.undone | found.parked
        if speaks and isinstance(event.admit_at, datetime):
            return event.admit_at
    return None
