"""One stay described: the state at the end of the walk, and the times and words that stand."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from schemas.encounters import CareClass, Diagnosis, Disposition, Visit
from services.admissions.domain.cancels import Standing, discharge_time, discharged_at, standing
from services.admissions.domain.construct import construct
from services.admissions.domain.feed import PART2, SECURITY_LABEL, FeedProfile
from services.admissions.domain.model import AdtEvent, DiagnosisEntry, DispositionCode, VisitKey
from services.admissions.domain.moves import location
from services.admissions.domain.order import control_key
from services.admissions.domain.said import Told
from services.admissions.domain.states import (
    ADMITS,
    CANCELLED,
    CANCELS_PLAN,
    DATA,
    DISCHARGED,
    LIVING_IN,
    ON_LEAVE,
    PLANS,
)
from services.admissions.domain.walk import Walk, walk

_STAYS = (CareClass.INPATIENT, CareClass.OBSERVATION, CareClass.NEWBORN)
_TO_COME = PLANS | CANCELS_PLAN
_SETTLES = frozenset({"A03", "A11", "A13", "A23"})
_DISPOSES = frozenset({"A01", "A02", "A03", "A04", "A06", "A07", "A08"})
_EMPTIES = frozenset({"A03", "A08"})
"""Events whose null PV1-36 deletes what was said before."""

_SAYS_WHEN = frozenset({"ambiguous_local_time", "implausible_time"})
_RANKS = {"F": 0, "W": 1, "A": 2}


def describe(
    events: Sequence[AdtEvent], generation: int, profile: FeedProfile, named: VisitKey | None = None
) -> Visit:
    """Describe one stay under a visit number from its events, in the order they were recorded."""
    return summary(walk(standing(events, profile), profile), generation, named)


def summary(found: Walk, generation: int, named: VisitKey | None = None) -> Visit:
    """Describe a stay by where its walk ended."""
    stand, said = found.stand, found.said
    events = stand.events
    moves, state, care_class = found.moves, found.state or CANCELLED, found.said.care_class
    gone = state is DISCHARGED
    left = discharged_at(events, stand.discharges) if gone else None
    left_known = _discharge_learned(stand, left) if left else None
    started_at = _started_at(stand)
    begun = None
    if found.stayed or (gone and care_class in _STAYS):
        begun = (found.converted_at if said.inpatient else None) or started_at
    key = named or events[0].visit
    return construct(
        Visit,
        number=key.number if key else None,
        authority=key.authority if key else None,
        facility=said.facility or events[-1].facility,
        generation=generation,
        state=state,
        patient_class=said.patient_class,
        care_class=care_class,
        inpatient=said.inpatient and (gone or state in LIVING_IN),
        hospital_service=moves.service,
        admission_type=said.admission_type,
        admit_source=said.admit_source,
        attending=said.attending,
        started_at=started_at,
        admitted_at=begun,
        admit_learned_at=_admit_learned(stand, begun) if begun else None,
        discharged_at=left,
        discharge_learned_at=left_known,
        cancelled_at=found.cancelled_at if state is CANCELLED else None,
        leave_started_at=found.left_on_leave_at if state is ON_LEAVE else None,
        expected_return_at=said.expected_return_at if state is ON_LEAVE else None,
        settle_from=max((event.received_at for event in events if event.trigger in _SETTLES), default=None),
        disposition=_disposition(stand, left_known) if left_known else None,
        location=location(moves.place) if moves.place else None,
        transfers=moves.transfers(),
        diagnoses=_diagnoses(said.diagnoses.values()),
        former_diagnoses=tuple(_diagnosis(*told, at) for told, at in said.former),
        emergency_phase=said.emergency and care_class in (CareClass.INPATIENT, CareClass.OBSERVATION),
        preadmitted=found.preadmitted,
        gap=found.gap and not stand.standing(("A01", "A04")),
        flags=_flags(found, stand, begun, left),
        sources=(),
        security_label=security_label(events, found.profile),
    )


def security_label(events: Sequence[AdtEvent], profile: FeedProfile) -> str | None:
    """What a programme under 42 CFR Part 2 once told stays under it, also where it was taken back."""
    if profile.part2_source is True or any(PART2 in event.flags for event in events):
        return SECURITY_LABEL
    return None


def _started_at(stand: Standing) -> datetime | None:
    """PV1-44 as last recorded; of a visit to come only while nobody has arrived."""
    planned = None
    for n in reversed(range(len(stand.events))):
        event = stand.events[n]
        if isinstance(at := event.admit_at, datetime) and event.trigger in DATA:
            if n not in stand.undone and event.trigger not in _TO_COME:
                return at
            planned = planned or at
    return min((event.occurred_at for event in stand.standing(ADMITS)), default=planned)


def _admit_learned(stand: Standing, begun: datetime) -> datetime | None:
    """When both were known: that the patient was admitted, and at this time. None where no message admits him."""
    admitted: datetime | None = None
    said: datetime | None = None
    for n, event in enumerate(stand.events):
        if n in stand.undone:
            continue
        arrived, admits = event.received_at, event.trigger in ADMITS
        if admits and event.trigger != "A04" and (admitted is None or arrived < admitted):
            admitted = arrived
        if event.admit_at == begun or (
            admits and begun in (event.occurred_at, event.stated_at, event.recorded_at)
        ):
            said = arrived if said is None or arrived < said else said
    return max(admitted, said or admitted) if admitted else None


def _discharge_learned(stand: Standing, left: datetime) -> datetime:
    """When this very discharge time was first heard of, from a message that stands."""
    return min(
        event.received_at
        for event in (stand.events[n] for n in stand.discharges)
        if discharge_time(event) == left
    )


def _disposition(stand: Standing, left_known: datetime) -> Disposition:
    """PV1-36 as last recorded since the latest cancel of a discharge; what an A13 still carries is stale."""
    said: list[tuple[DispositionCode | None, datetime]] = []
    for n in range(max(stand.begin, stand.resumed), len(stand.events)):
        event = stand.events[n]
        if event.trigger not in _DISPOSES or n in stand.undone or n in stand.echoes:
            continue
        if isinstance(event.disposition, DispositionCode):
            said.append((event.disposition, event.received_at))
        elif event.disposition is None and event.trigger in _EMPTIES:
            said.append((None, event.received_at))
    last = said[-1][0] if said else None
    return construct(
        Disposition,
        code=last.code if last else None,
        category=last.category if last else "unknown",
        stated=last is not None,
        planned_readmission=last.planned_readmission if last else False,
        learned_at=min((at for stated, at in said if stated == last), default=left_known),
    )


def _diagnoses(told: Iterable[Told]) -> tuple[Diagnosis, ...]:
    """By rank (DG1-15), the final ones (DG1-6) before the working and the admitting; else in the order sent."""
    return tuple(
        _diagnosis(entry, since)
        for entry, since in sorted(
            told,
            key=lambda told: (
                told[0].rank is None,
                control_key(told[0].rank or ""),
                _RANKS.get(told[0].type or "", len(_RANKS)),
            ),
        )
    )


# A visit is folded again with every message of it.
@lru_cache(maxsize=16384)
def _diagnosis(entry: DiagnosisEntry, since: datetime, until: datetime | None = None) -> Diagnosis:
    return construct(
        Diagnosis,
        code=entry.code,
        system=entry.system,
        type=entry.type,
        rank=entry.rank,
        stated_at=since,
        withdrawn_at=until,
    )


def _flags(found: Walk, stand: Standing, begun: datetime | None, left: datetime | None) -> tuple[str, ...]:
    flags = found.flags | stand.flags
    if left:
        for n in stand.discharges:
            event = stand.events[n]
            if event.flags and discharge_time(event) == left:
                flags |= _SAYS_WHEN.intersection(event.flags)
        if begun and left < begun:
            flags.add("implausible_time")
    return tuple(sorted(flags)) if flags else ()
