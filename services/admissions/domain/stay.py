"""One stay described: the state table walked in event order, and the values that stand at its end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from schemas.encounters import CareClass, Diagnosis, Disposition, Location, Transfer, Visit, VisitState
from services.admissions.domain.cancels import Standing, discharge_time
from services.admissions.domain.classes import BY_EVENT, admitted_class, care_class
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, DiagnosisEntry, DispositionCode, Place
from services.admissions.domain.order import moment, order_key, record_key
from services.admissions.domain.states import (
    ADMITTED,
    CANCELLED,
    CANCELS_STAY,
    DATA,
    DISCHARGED,
    GAP,
    NEWER,
    ON_LEAVE,
    PLANNED,
    REGISTERED,
    REPEAT,
    SNAPSHOT,
    STAY,
    TABLE,
)

_LIVING_IN = (ADMITTED, ON_LEAVE)
_WITH_A_STAY = (ADMITTED, ON_LEAVE, DISCHARGED)
_UNKNOWN_CLASSES = (None, "U", "")


@dataclass(slots=True)
class _Walk:
    """Where the walk stands."""

    state: VisitState | None = None
    cancelled_at: datetime | None = None
    gap: bool = False
    klass: str | None = None
    observation: bool = False
    place: Place | None = None
    service: str | None = None
    inpatient_from: datetime | None = None
    left_on_leave_at: datetime | None = None
    expected_return_at: datetime | None = None
    emergency: bool = False
    emergency_phase: bool = False
    transfers: dict[tuple[str, datetime], Transfer] = field(default_factory=dict)
    diagnoses: dict[tuple[str, str | None], DiagnosisEntry] = field(default_factory=dict)
    values: dict[str, str | None] = field(default_factory=dict)
    facility: str = ""
    flags: set[str] = field(default_factory=set)


def describe(stand: Standing, generation: int, profile: FeedProfile) -> Visit:
    """Describe one generation of a visit number from the events that stand for it."""
    walk = _Walk()
    if stand.cancelled_at is not None:
        walk.state, walk.cancelled_at = CANCELLED, stand.cancelled_at
    converts = _converts(stand)
    timed = [(_event_time(event, converts), event) for event in stand.events]
    timed.sort(key=lambda pair: (order_key(pair[1], pair[0]), pair[1].event_id))
    learned = _first_arrivals(timed, stand.undone)
    for at, event in timed:
        effective = event.event_id not in stand.undone
        before = walk.state
        if effective and event.trigger not in CANCELS_STAY:
            _step(walk, at, event, stand, profile)
        if event.trigger in DATA:
            _data(walk, at, event, before, learned, effective=effective)
    return _visit(walk, stand, generation, profile)


def _converts(stand: Standing) -> bool:
    """Whether an A01 may be the conversion of a registered visit, whose PV1-44 may be the arrival before it."""
    return any(event.trigger == "A04" and event.event_id not in stand.undone for event in stand.events)


def _event_time(event: AdtEvent, converts: bool) -> datetime:
    if event.trigger == "A01" and converts:
        return event.stated_at or event.occurred_at
    return event.occurred_at


def _first_arrivals(
    timed: Sequence[tuple[datetime, AdtEvent]], undone: set[str]
) -> dict[tuple[str, datetime], datetime]:
    """When each event, by what it is and when it happened, was first heard of."""
    first: dict[tuple[str, datetime], datetime] = {}
    for at, event in timed:
        key = (event.trigger, at)
        if event.event_id not in undone and (key not in first or event.received_at < first[key]):
            first[key] = event.received_at
    return first


def _step(walk: _Walk, at: datetime, event: AdtEvent, stand: Standing, profile: FeedProfile) -> None:
    """Move along the table."""
    before = walk.state
    if event.trigger == "A08" and discharge_time(event, profile) and before in _LIVING_IN:
        walk.state = DISCHARGED
        return
    target, remark = TABLE[before].get(event.trigger, (STAY, ""))
    if remark == GAP:
        walk.gap = True
    if remark == REPEAT:
        walk.flags.add("repeated_admission")
        return
    if remark == NEWER and walk.cancelled_at is not None and event.recorded_at <= walk.cancelled_at:
        return
    if target == STAY:
        return
    if target == SNAPSHOT:
        target = _snapshot(event, stand, profile)
    if (
        event.trigger == "A13"
        and before in (None, PLANNED, DISCHARGED)
        and isinstance(event.patient_class, str)
    ):
        target = ADMITTED if admitted_class(event.patient_class) or event.observation else REGISTERED
    if target == CANCELLED:
        walk.cancelled_at = moment(event)
    if target == ADMITTED and before not in (ON_LEAVE, ADMITTED):
        walk.inpatient_from = at if event.trigger in ("A01", "A06") else None
        walk.emergency_phase = before is REGISTERED and walk.emergency
    if target == REGISTERED:
        walk.inpatient_from = None
    assert isinstance(target, VisitState)
    walk.left_on_leave_at = at if target is ON_LEAVE else None
    walk.state = target


def _snapshot(event: AdtEvent, stand: Standing, profile: FeedProfile) -> VisitState:
    """The state that the message's own PV1 shows, for a visit never heard of before."""
    left = isinstance(event.discharge_at, datetime)
    if left and (
        event.trigger != "A08"
        or any(discharge_time(event, profile) == d.discharge_at for d in stand.discharges)
    ):
        return DISCHARGED
    if isinstance(event.patient_class, str) and (admitted_class(event.patient_class) or event.observation):
        return ADMITTED
    return REGISTERED


def _data(
    walk: _Walk,
    at: datetime,
    event: AdtEvent,
    before: VisitState | None,
    learned: dict[tuple[str, datetime], datetime],
    *,
    effective: bool,
) -> None:
    """Take over what the event says; it is not older than anything taken over before."""
    walk.facility = event.facility or walk.facility
    if event.patient_class in _UNKNOWN_CLASSES or not isinstance(event.patient_class, str):
        implied = BY_EVENT.get(event.trigger)
        if implied and effective:
            walk.klass, walk.observation = implied, event.observation
    else:
        walk.klass, walk.observation = event.patient_class, event.observation
    walk.emergency |= care_class(walk.klass, observation=walk.observation) is CareClass.EMERGENCY
    if event.trigger != "A02" or effective:
        _moved(walk, at, event, before, learned, effective=effective)
    for name in ("admission_type", "admit_source", "attending"):
        value = getattr(event, name)
        if isinstance(value, str) and value and (event.trigger != "A54" or effective):
            walk.values[name] = value
    if event.trigger == "A21" and isinstance(event.expected_return_at, datetime):
        walk.expected_return_at = event.expected_return_at
    if event.diagnoses:
        _diagnose(walk, event.diagnoses)


def _moved(
    walk: _Walk,
    at: datetime,
    event: AdtEvent,
    before: VisitState | None,
    learned: dict[tuple[str, datetime], datetime],
    *,
    effective: bool,
) -> None:
    """Follow the patient; a move between admitted places that changes unit, facility or service is a handoff."""
    place = event.location if isinstance(event.location, Place) else None
    service = (
        event.hospital_service if isinstance(event.hospital_service, str) and event.hospital_service else None
    )
    came_from = event.prior_location if isinstance(event.prior_location, Place) else walk.place
    within = event.trigger == "A02" and before in _LIVING_IN
    converted = (
        event.trigger in ("A01", "A06") and before is REGISTERED and walk.state is ADMITTED and not walk.gap
    )
    if effective and place is not None and came_from is not None and (within or converted):
        changed = _differs(came_from.unit, place.unit) or _differs(came_from.facility, place.facility)
        if changed or _differs(walk.service, service) or converted:
            trigger: Literal["A02", "A06"] = "A02" if within else "A06"
            walk.transfers[trigger, at] = Transfer.model_construct(
                at=at,
                learned_at=learned[event.trigger, at],
                trigger=trigger,
                origin=_location(came_from),
                destination=_location(place),
                service=service or walk.service,
            )
    if event.trigger == "A02" and before is DISCHARGED:
        walk.flags.add("late_transfer")
        return
    walk.place = place or walk.place
    walk.service = service or walk.service


def _differs(before: str | None, after: str | None) -> bool:
    return before is not None and after is not None and before != after


def _diagnose(walk: _Walk, entries: Sequence[DiagnosisEntry]) -> None:
    """DG1-21 acts on single codes; without it a new set replaces the old one of its DG1-6 type."""
    replaced = {entry.type for entry in entries if entry.action is None}
    if replaced:
        walk.diagnoses = {key: entry for key, entry in walk.diagnoses.items() if key[1] not in replaced}
    for entry in entries:
        if entry.action == "D":
            walk.diagnoses.pop((entry.code, entry.type), None)
        else:
            walk.diagnoses[entry.code, entry.type] = entry


def _location(place: Place) -> Location:
    return Location.model_construct(unit=place.unit, room=place.room, bed=place.bed, facility=place.facility)


def _visit(walk: _Walk, stand: Standing, generation: int, profile: FeedProfile) -> Visit:
    state = walk.state or CANCELLED
    events = stand.events
    # A discharge stands where something was recorded as one and nothing took it back.
    discharged = state is DISCHARGED
    last = stand.discharges[-1] if discharged and stand.discharges else None
    discharged_at = (
        discharge_time(last, profile) if last else _snapshot_discharge(events, stand) if discharged else None
    )
    started_at = _latest_admit(stand)
    klass = care_class(walk.klass, observation=walk.observation)
    inpatient = klass is CareClass.INPATIENT and state in _WITH_A_STAY
    admitted_at = None
    if state in _WITH_A_STAY and klass in (CareClass.INPATIENT, CareClass.OBSERVATION, CareClass.NEWBORN):
        converted = walk.emergency_phase or _registered_first(stand)
        admitted_at = (
            walk.inpatient_from if converted and walk.inpatient_from else started_at or walk.inpatient_from
        )
    key = next(event.visit for event in events if event.visit is not None)
    return Visit.model_construct(
        number=key.number,
        authority=key.authority,
        facility=walk.facility,
        generation=generation,
        state=state,
        patient_class=walk.klass,
        care_class=klass,
        inpatient=inpatient,
        hospital_service=walk.service,
        admission_type=walk.values.get("admission_type"),
        admit_source=walk.values.get("admit_source"),
        attending=walk.values.get("attending"),
        started_at=started_at or walk.inpatient_from,
        admitted_at=admitted_at,
        admit_learned_at=_admit_learned(stand, admitted_at) if admitted_at else None,
        discharged_at=discharged_at,
        discharge_learned_at=_discharge_learned(stand, discharged_at, profile) if discharged_at else None,
        cancelled_at=walk.cancelled_at if state is CANCELLED else None,
        leave_started_at=walk.left_on_leave_at if state is ON_LEAVE else None,
        expected_return_at=walk.expected_return_at if state is ON_LEAVE else None,
        settle_from=max((e.received_at for e in events if e.trigger in ("A03", "A13", "A11")), default=None),
        disposition=_disposition(stand, discharged_at, profile) if discharged else None,
        location=_location(walk.place) if walk.place else None,
        transfers=tuple(
            walk.transfers[each] for each in sorted(walk.transfers, key=lambda pair: (pair[1], pair[0]))
        ),
        diagnoses=_diagnoses(walk.diagnoses.values()),
        emergency_phase=walk.emergency_phase,
        preadmitted=_any(stand, ("A05", "A14")),
        gap=walk.gap and not _any(stand, ("A01", "A04", "A05")),
        flags=tuple(sorted(walk.flags | _time_flags(stand, last, admitted_at, discharged_at))),
    )


def _any(stand: Standing, triggers: Iterable[str]) -> bool:
    return any(event.trigger in triggers and event.event_id not in stand.undone for event in stand.events)


def _registered_first(stand: Standing) -> bool:
    return any(
        event.trigger in ("A04", "A06") and event.event_id not in stand.undone for event in stand.events
    )


def _latest_admit(stand: Standing) -> datetime | None:
    """PV1-44 as last recorded."""
    said = [
        event
        for event in stand.events
        if isinstance(event.admit_at, datetime)
        and event.trigger in DATA
        and event.event_id not in stand.undone
    ] or [event for event in stand.events if isinstance(event.admit_at, datetime) and event.trigger in DATA]
    if not said:
        return None
    latest = max(said, key=lambda event: (record_key(event), event.event_id))
    return latest.admit_at if isinstance(latest.admit_at, datetime) else None


def _admit_learned(stand: Standing, admitted_at: datetime) -> datetime:
    said = [
        event.received_at
        for event in stand.events
        if event.event_id not in stand.undone
        and admitted_at in (event.admit_at, event.occurred_at, event.stated_at)
    ]
    return min(said or [event.received_at for event in stand.events])


def _snapshot_discharge(events: Sequence[AdtEvent], stand: Standing) -> datetime | None:
    """The discharge time of a visit first seen, already over, by something that is no discharge message."""
    said = [
        event
        for event in events
        if isinstance(event.discharge_at, datetime)
        and event.trigger == "A02"
        and event.event_id not in stand.undone
    ]
    latest = max(said, key=lambda event: (record_key(event), event.event_id), default=None)
    return latest.discharge_at if latest and isinstance(latest.discharge_at, datetime) else None


def _discharge_learned(stand: Standing, discharged_at: datetime, profile: FeedProfile) -> datetime:
    said = [e.received_at for e in stand.discharges if discharge_time(e, profile) == discharged_at]
    return min(said or [event.received_at for event in stand.events if event.discharge_at == discharged_at])


def _disposition(stand: Standing, discharged_at: datetime | None, profile: FeedProfile) -> Disposition:
    """PV1-36 as last recorded since the latest cancel of a discharge; what an A13 still carries is stale."""
    said = [
        event
        for event in stand.events
        if event.trigger in ("A01", "A02", "A03", "A04", "A06", "A07", "A08")
        and event.event_id not in stand.undone
        and (
            isinstance(event.disposition, DispositionCode)
            or (event.disposition is None and event.trigger in ("A03", "A08"))
        )
        and (stand.resumed_at is None or event.recorded_at > stand.resumed_at)
    ]
    said.sort(key=lambda event: (record_key(event), event.event_id))
    last = said[-1].disposition if said else None
    if not isinstance(last, DispositionCode):
        arrival = (
            _discharge_learned(stand, discharged_at, profile)
            if discharged_at
            else min(event.received_at for event in stand.events)
        )
        return Disposition.model_construct(
            code=None, category="unknown", stated=False, planned_readmission=False, learned_at=arrival
        )
    return Disposition.model_construct(
        code=last.code,
        category=last.category,
        stated=True,
        planned_readmission=last.planned_readmission,
        learned_at=min(event.received_at for event in said if event.disposition == last),
    )


def _diagnoses(entries: Iterable[DiagnosisEntry]) -> tuple[Diagnosis, ...]:
    return tuple(
        Diagnosis.model_construct(code=entry.code, system=entry.system, type=entry.type, rank=entry.rank)
        for entry in sorted(entries, key=lambda entry: (entry.rank or "~", entry.type or "", entry.code))
    )


def _time_flags(
    stand: Standing, last: AdtEvent | None, admitted_at: datetime | None, discharged_at: datetime | None
) -> set[str]:
    flags = set()
    if last is not None:
        flags = {flag for flag in last.flags if flag in ("implausible_time", "ambiguous_local_time")}
    if admitted_at and discharged_at and discharged_at < admitted_at:
        flags.add("implausible_time")
    if stand.resumed_by_admit and stand.resumed_at:
        flags.add("undischarged_by_admission")
    return flags
