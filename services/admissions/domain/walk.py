"""The walk along the state table, in event order."""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.encounters import VisitState
from services.admissions.domain.cancels import Standing
from services.admissions.domain.classes import admitted_class
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.moves import Moves
from services.admissions.domain.order import moment, reach
from services.admissions.domain.said import Said, stated_class, without_admission
from services.admissions.domain.states import (
    ADMITTED,
    CANCELLED,
    CANCELS_PLAN,
    CANCELS_STAY,
    DATA,
    DISCHARGED,
    GAP,
    LIVING_IN,
    ON_LEAVE,
    PLANNED,
    PLANS,
    REGISTERED,
    SAME,
    SNAPSHOT,
    TABLE,
    UNDOES,
)

_AHEAD = (None, PLANNED, CANCELLED)
"""States in which nobody has arrived."""

_TO_COME = PLANS | CANCELS_PLAN


@dataclass(slots=True)
class Walk:
    """Where the walk stands.

    `since` is the position of the event that brought the state, `reopens_from` the reach of the cancel that
    did. `stayed`: the visit was an admitted one until now, or until its end.
    """

    stand: Standing
    profile: FeedProfile
    said: Said
    moves: Moves
    state: VisitState | None = None
    since: int = 0
    reopens_from: int = 0
    cancelled_at: datetime | None = None
    gap: bool = False
    preadmitted: bool = False
    stayed: bool = False
    inpatient: bool = False
    converted_at: datetime | None = None
    left_on_leave_at: datetime | None = None
    flags: set[str] = field(default_factory=set)


def walk(stand: Standing, profile: FeedProfile) -> Walk:
    """Take the events of one stay in event order."""
    found = Walk(stand, profile, Said(), Moves(stand))
    if stand.cancelled_at is not None:
        found.state, found.cancelled_at = CANCELLED, stand.cancelled_at
    for at, n in _in_event_order(stand):
        take(found, at, n)
    return found


def take(found: Walk, at: datetime, n: int) -> None:
    """Take the n-th event of the stay, the next in event order."""
    stand = found.stand
    event, before = stand.events[n], found.state
    effective = n not in stand.undone
    if effective:
        _step(found, at, n)
    elif event.trigger == "A03" and before in (None, PLANNED):
        # Though it did not end, a visit there was.
        found.gap = True
        _enter(found, _resumed(found, event), at, n)
    if event.trigger not in DATA or n in stand.parked:
        return
    if found.moves.aware(n, before, found.state):
        found.said.where(event)
    if event.trigger not in _TO_COME or before in _AHEAD:
        found.said.take(event, n, effective=effective, moved=found.state is not before)
        _admit(found, at, event.trigger, before)
        found.moves.follow(at, n, before, found.state, converted=_converted(found, event.trigger, before))


def _in_event_order(stand: Standing) -> list[tuple[datetime, int]]:
    """Positions by event time; what happened at one instant in the order it was recorded."""
    events = stand.events
    registered_at = _registered_at(stand)
    timed = []
    for n in range(stand.begin, len(events)):
        event = events[n]
        at = event.occurred_at
        if registered_at and event.trigger in ("A01", "A06"):
            at = _conversion(event, registered_at)
        elif event.trigger == "A03" and n in stand.undone:
            # Its PV1-45 is void; what else it says was true when it was recorded.
            at = event.recorded_at
        if not (stand.begin and event.trigger in CANCELS_STAY):
            timed.append((at, n))
    timed.sort()
    return timed


def _conversion(event: AdtEvent, registered_at: datetime) -> datetime:
    """When a registered visit was admitted: EVN-6 first, as PV1-44 may still be the arrival before that."""
    if event.stated_at:
        return event.stated_at if event.stated_at >= registered_at else event.occurred_at
    arrival = isinstance(event.admit_at, datetime) and event.admit_at <= registered_at
    return event.recorded_at if arrival and event.recorded_at > registered_at else event.occurred_at


def _registered_at(stand: Standing) -> datetime | None:
    """When the visit was first heard of as one without admission."""
    found: datetime | None = None
    for n, event in enumerate(stand.events):
        if (
            without_admission(event)
            and n not in stand.undone
            and (found is None or event.occurred_at < found)
        ):
            found = event.occurred_at
    return found


def _step(found: Walk, at: datetime, n: int) -> None:
    """Move along the table."""
    event, before = found.stand.events[n], found.state
    trigger = event.trigger
    target, remark = TABLE[before].get(trigger, (SAME, ""))
    if n in found.stand.resumed_by and before not in (CANCELLED, DISCHARGED):
        # The visit was discharged until now, whatever the state before that.
        target, remark = _resumed(found, event), GAP if before in (None, PLANNED) else ""
    elif trigger == "A08" and before in LIVING_IN and _discharges(found, n):
        target = DISCHARGED
    if trigger in UNDOES and found.since >= reach(found.stand.events, n) and before is not None:
        return
    if before is CANCELLED and trigger in PLANS and n < found.reopens_from:
        return
    if trigger in PLANS and before in _AHEAD:
        found.preadmitted = True
    if remark == GAP:
        found.gap = True
    elif remark:
        found.flags.add(remark)
    if target == SNAPSHOT:
        target = _snapshot(found, n)
    if isinstance(target, VisitState):
        _enter(found, target, at, n)


def _enter(found: Walk, target: VisitState, at: datetime, n: int) -> None:
    event, before = found.stand.events[n], found.state
    found.since = max(found.since, n) if target is before else n
    found.stayed = target in LIVING_IN or (target is DISCHARGED and found.stayed)
    if target is CANCELLED:
        found.cancelled_at, found.reopens_from = moment(event), reach(found.stand.events, n)
        found.preadmitted = False
    if target is ON_LEAVE and before is not ON_LEAVE:
        found.left_on_leave_at = at if event.trigger == "A21" else None
        found.said.expected_return_at = None
    found.state = target


def _discharges(found: Walk, n: int) -> bool:
    return found.profile.a08_implies_discharge and n in found.stand.discharges


def _resumed(found: Walk, event: AdtEvent) -> VisitState:
    stated = stated_class(event) or found.said.patient_class
    return ADMITTED if stated is None or admitted_class(stated) else REGISTERED


def _snapshot(found: Walk, n: int) -> VisitState:
    """The state that the message's own PV1 shows, for a visit never heard of before."""
    if n in found.stand.discharges:
        return DISCHARGED
    stated = stated_class(found.stand.events[n]) or found.said.patient_class
    return ADMITTED if admitted_class(stated) else REGISTERED


def _converted(found: Walk, trigger: str, before: VisitState | None) -> bool:
    """Whether somebody who was here already was admitted.

    A visit first seen by an update just before its A01 may have been one to come: then nobody hands over.
    """
    if before is not REGISTERED or found.state is not ADMITTED:
        return False
    return trigger == "A06" or (trigger == "A01" and (found.said.emergency or not found.gap))


def _admit(found: Walk, at: datetime, trigger: str, before: VisitState | None) -> None:
    """Note the moment at which a visit that had begun otherwise became an inpatient stay."""
    if found.state not in LIVING_IN:
        found.inpatient = found.inpatient and found.state is DISCHARGED
        return
    if found.said.inpatient and not found.inpatient:
        converts = trigger == "A06" or (trigger == "A01" and before not in _AHEAD)
        found.converted_at = at if converts else None
    found.inpatient = found.said.inpatient
