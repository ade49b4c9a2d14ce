"""The walk along the state table, in event order, and the values picked up on the way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.encounters import CareClass, VisitState
from services.admissions.domain.cancels import Standing
from services.admissions.domain.classes import BY_EVENT, UNKNOWN, admitted_class, care_class
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, DiagnosisEntry, Place
from services.admissions.domain.moves import Moves
from services.admissions.domain.order import moment, reach
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

_VALUES = ("admission_type", "admit_source", "attending")


@dataclass(slots=True)
class Walk:
    """Where the walk stands."""

    stand: Standing
    profile: FeedProfile
    moves: Moves
    state: VisitState | None = None
    since: int = 0
    reopens_from: int = 0
    cancelled_at: datetime | None = None
    gap: bool = False
    klass: str | None = None
    implied: str | None = None
    observation: bool = False
    emergency: bool = False
    preadmitted: bool = False
    stayed: bool = False
    inpatient: bool = False
    converted_at: datetime | None = None
    left_on_leave_at: datetime | None = None
    expected_return_at: datetime | None = None
    values: dict[str, str | None] = field(default_factory=dict)
    diagnoses: dict[tuple[str, str | None], DiagnosisEntry] = field(default_factory=dict)
    facility: str = ""
    flags: set[str] = field(default_factory=set)

    @property
    def patient_class(self) -> str | None:
        """PV1-2, or what the events imply where it is unknown."""
        return self.klass or self.implied

    @property
    def care_class(self) -> CareClass:
        return care_class(self.patient_class, observation=self.observation)


def walk(stand: Standing, profile: FeedProfile) -> Walk:
    """Take the events of one stay in event order."""
    events = stand.events
    found = Walk(stand, profile, Moves(stand))
    if stand.cancelled_at is not None:
        found.state, found.cancelled_at = CANCELLED, stand.cancelled_at
    for at, n in _in_event_order(stand):
        event = events[n]
        before = found.state
        if n not in stand.undone:
            _step(found, at, n)
        if event.trigger in DATA and n not in stand.parked:
            _data(found, at, n, before)
    return found


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
    return min(
        (
            event.occurred_at
            for event in stand.standing(("A02", "A04", "A07", "A08"))
            if event.trigger in ("A04", "A07")
            or (event.patient_class and not admitted_class(event.patient_class))
        ),
        default=None,
    )


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
        found.expected_return_at = None
    found.state = target


def _discharges(found: Walk, n: int) -> bool:
    return found.profile.a08_implies_discharge and n in found.stand.discharges


def _resumed(found: Walk, event: AdtEvent) -> VisitState:
    stated = _stated_class(event) or found.patient_class
    return ADMITTED if stated is None or admitted_class(stated) else REGISTERED


def _snapshot(found: Walk, n: int) -> VisitState:
    """The state that the message's own PV1 shows, for a visit never heard of before."""
    if n in found.stand.discharges:
        return DISCHARGED
    return ADMITTED if admitted_class(_stated_class(found.stand.events[n]) or found.klass) else REGISTERED


def _stated_class(event: AdtEvent) -> str | None:
    stated = event.patient_class
    return stated if isinstance(stated, str) and stated not in UNKNOWN else None


def _data(found: Walk, at: datetime, n: int, before: VisitState | None) -> None:
    """Take over what the event says; it is not older than anything taken over before."""
    event = found.stand.events[n]
    trigger = event.trigger
    effective = n not in found.stand.undone
    if not found.facility or event.facility != event.sending_facility or _names_facility(event):
        found.facility = event.facility
    if (trigger in PLANS or trigger in CANCELS_PLAN) and before not in _AHEAD:
        return
    _class(found, event, before, effective=effective)
    _inpatient(found, at, trigger, before)
    found.moves.follow(at, n, before, found.state)
    for name in _VALUES:
        value = getattr(event, name)
        if (value is None or isinstance(value, str)) and (trigger != "A54" or effective):
            found.values[name] = value or None
    if event.expected_return_at is None or isinstance(event.expected_return_at, datetime):
        found.expected_return_at = event.expected_return_at
    if event.diagnoses:
        _diagnose(found, event.diagnoses)


def _names_facility(event: AdtEvent) -> bool:
    """Whether the facility is PV1-3.4, not merely the sender for want of it."""
    return isinstance(event.location, Place) and event.location.facility is not None


def _class(found: Walk, event: AdtEvent, before: VisitState | None, *, effective: bool) -> None:
    """PV1-2; where it is empty or unknown the event that changes the state also changes the class."""
    implied = BY_EVENT.get(event.trigger) if effective else None
    moved = found.state is not before
    if stated := _stated_class(event):
        found.klass, found.observation = stated, event.observation
    elif event.patient_class is None or (implied and moved):
        found.klass, found.observation = None, False
    if implied and (moved or found.implied is None):
        found.implied = implied
    found.emergency |= found.care_class is CareClass.EMERGENCY


def _inpatient(found: Walk, at: datetime, trigger: str, before: VisitState | None) -> None:
    """Note the moment at which a visit that had begun otherwise became an inpatient stay."""
    if found.state not in LIVING_IN:
        found.inpatient = found.inpatient and found.state is DISCHARGED
        return
    inpatient = admitted_class(found.patient_class) and not found.observation
    if inpatient and not found.inpatient:
        converts = trigger == "A06" or (trigger == "A01" and before not in _AHEAD)
        found.converted_at = at if converts else None
    found.inpatient = inpatient


def _diagnose(found: Walk, entries: Sequence[DiagnosisEntry]) -> None:
    """DG1-21 acts on single codes; without it a new set replaces the old one of its DG1-6 type."""
    replaced = {entry.type for entry in entries if entry.action is None}
    if replaced:
        found.diagnoses = {key: entry for key, entry in found.diagnoses.items() if key[1] not in replaced}
    for entry in entries:
        if entry.action == "D":
            found.diagnoses.pop((entry.code, entry.type), None)
        else:
            found.diagnoses[entry.code, entry.type] = entry
