"""From a visit as admissions tells it to a stay: only what follow-up depends on."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from schemas.encounters import EncounterEvent, Visit
from schemas.reference.facilities import Facilities
from services.transitions.domain.model import Diagnosis, Move, News, Stay


def stay_of(event: EncounterEvent, facilities: Facilities) -> Stay:
    """Take from the whole visit what the plan reads; names, numbers to call and the like stay behind.

    An age is that on the day of discharge, on the facility's calendar.
    """
    visit, patient = event.visit, event.patient
    left = visit.discharged_at and visit.discharged_at.astimezone(facilities.zone_of(visit.facility))
    disposition, death = visit.disposition, patient.death
    return Stay(
        visit_id=event.visit_id,
        root_id=event.root_id,
        patient_id=patient.patient_id,
        patient_number=patient.number,
        revision=event.revision,
        feed=event.feed,
        learned_at=event.learned_at,
        number=visit.number,
        authority=visit.authority,
        facility=visit.facility,
        generation=visit.generation,
        state=visit.state.value,
        care_class=visit.care_class.value,
        inpatient=visit.inpatient,
        live=event.live,
        patient_class=visit.patient_class,
        admission_type=visit.admission_type,
        hospital_service=visit.hospital_service,
        started_at=visit.started_at,
        admitted_at=visit.admitted_at,
        admit_learned_at=visit.admit_learned_at,
        discharged_at=visit.discharged_at,
        discharge_learned_at=visit.discharge_learned_at,
        settle_from=visit.settle_from,
        disposition_code=disposition.code if disposition else None,
        disposition_category=disposition.category if disposition else None,
        disposition_stated=disposition.stated if disposition else False,
        disposition_learned_at=disposition.learned_at if disposition else None,
        planned_readmission=disposition.planned_readmission if disposition else False,
        unit=visit.location.unit if visit.location else None,
        moves=tuple(
            Move(
                at=transfer.at,
                learned_at=transfer.learned_at,
                trigger=transfer.trigger,
                unit=transfer.destination.unit,
                facility=transfer.destination.facility,
            )
            for transfer in visit.transfers
        ),
        # What a Part 2 programme says is no reason for anything without the patient's consent (42 CFR 2.12, 2.31).
        diagnoses=() if visit.security_label else _diagnoses(visit),
        emergency_phase=visit.emergency_phase,
        preadmitted=visit.preadmitted,
        gap=visit.gap,
        implausible="implausible_time" in visit.flags,
        language=patient.language,
        death_at=death.at if death else None,
        death_learned_at=death.learned_at if death else None,
        age=_age(patient.birth_date, left),
        age_in_year=left.year - patient.birth_date.year if patient.birth_date and left else None,
        part2=visit.security_label is not None,
        aliases=tuple(one.id for one in patient.identifiers if one.id != patient.number),
    )


class KnownStay(Struct, frozen=True, gc=False):
    """A visit as last told. `heard_at` is the arrival of the newest word of it, which may have told nothing new.

    The `learned_at` of its stay is that of the newest word that told anything follow-up depends on.
    """

    stay: Stay
    heard_at: datetime
    test: bool = False

    def after(self, before: "KnownStay | None") -> "KnownStay":
        """Itself, or what was known `before`, heard again: after a new address, a corrected name."""
        if before is None or before.test is not self.test:
            return self
        again = replace(before.stay, revision=self.stay.revision)
        return replace(self, stay=again) if replace(self.stay, learned_at=again.learned_at) == again else self

    def told(self) -> bool:
        """Whether the newest word of it told anything that follow-up depends on."""
        return self.heard_at == self.stay.learned_at


def news_of(told: Sequence[Stay], before: Mapping[UUID, KnownStay]) -> News:
    """What these stays tell to whoever knew those `before`."""
    known = {stay.visit_id: before[stay.visit_id].heard_at for stay in told if stay.visit_id in before}
    started = (
        stay.visit_id
        for stay in told
        if stay.visit_id not in known
        or any(at and at > known[stay.visit_id] for at in (stay.admit_learned_at, stay.discharge_learned_at))
    )
    fresh = {
        stay.visit_id: arrivals
        for stay in told
        if stay.visit_id in before and (arrivals := _fresh(stay, before[stay.visit_id].stay))
    }
    return News(frozenset(started), known, fresh)


def _fresh(stay: Stay, was: Stay) -> frozenset[datetime]:
    """When those facts arrived that are told for the first time.

    A stay of another class shows moves that it had, and that were no handoffs, for the first time.
    """
    if (was.inpatient, was.care_class) != (stay.inpatient, stay.care_class):
        return frozenset()
    return _arrivals(stay) - _arrivals(was)


def _arrivals(stay: Stay) -> frozenset[datetime]:
    """When each fact that opens a case arrived."""
    facts = (stay.admit_learned_at, stay.discharge_learned_at, stay.disposition_learned_at)
    return frozenset((*(move.learned_at for move in stay.moves), *(at for at in facts if at)))


def _age(born: date | None, at: datetime | None) -> int | None:
    """Whole years; a birth date itself is nothing that follow-up keeps."""
    if born is None or at is None:
        return None
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))


def _diagnoses(visit: Visit) -> tuple[Diagnosis, ...]:
    """Those that stand, by rank, and then those taken back."""
    return tuple(
        Diagnosis(
            code=said.code, system=said.system, type=said.type, since=said.stated_at, until=said.withdrawn_at
        )
        for said in (*visit.diagnoses, *visit.former_diagnoses)
    )
