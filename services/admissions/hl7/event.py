"""From the segments of one patient in one ADT message to the canonical event."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, structs

from services.admissions.domain.feed import PART2
from services.admissions.domain.model import (
    AdtEvent,
    Demographics,
    DispositionCode,
    PatientKey,
    Place,
    Rejection,
    VisitKey,
)
from services.admissions.hl7 import er7, moments, person
from services.admissions.hl7 import stay as stays
from services.admissions.hl7.datatypes import person_name, written
from services.admissions.hl7.dialect import Dialect
from services.admissions.hl7.disposition import STILL_PATIENT
from services.admissions.hl7.er7 import Segments
from services.admissions.hl7.header import Header
from services.admissions.hl7.identifiers import Identifiers
from services.admissions.hl7.rules import FeedRules
from services.admissions.hl7.times import Times
from services.admissions.hl7.triggers import GROUPED, LINKS, MAY_NULL, NEEDS_NO_PATIENT, TYPES
from services.admissions.hl7.visit import Stated, without_nulls

_NO_PID = Rejection("no_patient_identifier", "There is no PID segment.", "PID")
_NO_PATIENT = Rejection(
    "no_patient_identifier", "PID-3 holds no identifier of a type and authority in use.", "PID", 3
)

_PERSONAL = frozenset({"PID", "PD1", "NK1", "ROL", "PRT", "MRG"})


class _Personal(Struct, frozen=True, gc=False):
    """What is read of the segments about the person: `died` is PID-29 as written, `flags` what could not be read."""

    patient: PatientKey | None = None
    identifiers: tuple[PatientKey, ...] = ()
    enterprise: PatientKey | None = None
    account: VisitKey | None = None
    said: Demographics = Demographics()
    died: str = ""
    test: bool = False
    has_mrg: bool = False
    flags: Sequence[str] = ()


_NOBODY = _Personal()


class _Prior(Struct, frozen=True, gc=False):
    """What MRG, or the other PID of a link, says of the identifiers before."""

    patient: PatientKey | None = None
    account: VisitKey | None = None
    visit: VisitKey | None = None


_NO_PRIOR = _Prior()


def build(
    header: Header,
    lines: list[str],
    message: er7.Message,
    rules: FeedRules,
    zone_of: Callable[[str], ZoneInfo],
    received_at: datetime,
) -> AdtEvent | Rejection:
    """One event; a Rejection where no patient can be named and the event is about one."""
    kind, dialect = header.kind, message.dialect
    trigger, sender, may_null = kind.trigger, kind.facility, kind.trigger in MAY_NULL
    personal, of_stay = _told_apart(lines)
    whose = _personal(personal, dialect, rules, sender) if personal else _NOBODY
    if whose.patient is None and trigger in TYPES and trigger not in NEEDS_NO_PATIENT:
        return _NO_PATIENT if "PID" in er7.by_name(lines, dialect.field) else _NO_PID
    offset = moments.offset_of(header, dialect, rules)
    stay_in = (
        of_stay,
        dialect,
        rules,
        sender,
        _organisation(header, dialect),
        zone_of,
        offset,
    )
    stay = stays.kept(*stay_in)
    times = Times(stay.zone, dialect.component, [*message.flags])
    when = moments.read(header, times, rules, offset, received_at)
    if stay.by_day:
        stay = stays.read(*stay_in, tuple(times.anchors))
    prior, visit = _NO_PRIOR, stay.visit or whose.account
    if whose.has_mrg or trigger in LINKS:
        prior = _prior(
            whose, er7.by_name(lines, dialect.field), Identifiers(dialect, rules.identifiers, sender), trigger
        )
        if trigger == "A45" and not stay.numbered:
            visit = prior.visit
    stated = stay.stated if may_null else without_nulls(stay.stated)
    occurred_at = moments.occurred(trigger, stated, when)
    for word in stay.flags:
        times.flag(word)
    if moments.implausible(occurred_at, when, stated):
        times.flag(moments.IMPLAUSIBLE)
    if rules.part2 and _is_part2(stated, rules.part2):
        times.flag(PART2)
    said = whose.said
    if whose.died or said.dead is None:
        said = _with_death(whose, times, may_null=may_null)
    for word in (*whose.flags, *stay.later_flags):
        times.flag(word)
    event = AdtEvent(
        event_id=header.event_id,
        feed=rules.profile.feed,
        trigger=trigger,
        type=kind.type,
        control_id=header.control_id,
        fingerprint=message.fingerprint,
        sending_application=kind.application,
        sending_facility=sender,
        facility=stay.facility,
        occurred_at=occurred_at,
        recorded_at=when.recorded_at,
        created_at=when.created_at,
        received_at=received_at,
        stated_at=when.stated_at,
        sequence=header.sequence,
        test=kind.test or whose.test,
        patient=whose.patient,
        identifiers=whose.identifiers,
        enterprise=whose.enterprise,
        prior_patient=prior.patient,
        visit=visit,
        account=whose.account,
        prior_account=prior.account,
        prior_visit=prior.visit,
        patient_class=stated.patient_class,
        observation=stated.observation,
        admission_type=stated.admission_type,
        admit_source=stated.admit_source,
        hospital_service=stated.hospital_service,
        attending=stated.attending,
        location=stated.location,
        prior_location=stated.prior_location,
        admit_at=stated.admit_at,
        discharge_at=stated.discharge_at,
        expected_return_at=stay.expected_return_at,
        disposition=stated.disposition,
        diagnoses=stay.diagnoses,
        person=said,
        has_pv1=stay.has_pv1,
        flags=tuple(times.flags),
    )
    if trigger == "A03" and rules.profile.loa_as_a03 and _is_leave(stated):
        return _as_leave(event)
    return event


def _told_apart(lines: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines about the person and those about the stay; no others are read here."""
    personal, of_stay = [], []
    for line in lines:
        name = line[:3]
        if name in _PERSONAL:
            personal.append(line)
        elif name in stays.SEGMENTS:
            of_stay.append(line)
    return tuple(personal), tuple(of_stay)


# A hospital sends the same PID and NK1 with nearly every message of a visit; each is read once.
@lru_cache(maxsize=4096)
def _personal(lines: tuple[str, ...], dialect: Dialect, rules: FeedRules, sender: str) -> _Personal:
    segments = er7.by_name(lines, dialect.field)
    if "PID" not in segments:
        return _Personal(has_mrg="MRG" in segments)
    pid, ids = dialect.fields(segments["PID"][0]), Identifiers(dialect, rules.identifiers, sender)
    patient, identifiers = ids.patient(pid[2], pid[3])
    name = person_name(pid[5], dialect)
    said, flags = person.read(pid, segments, dialect, name)
    nobody = person.is_placeholder(name, said.birth_date)
    return _Personal(
        patient=patient,
        identifiers=identifiers,
        enterprise=None if nobody else ids.enterprise(patient, identifiers),
        account=ids.visit(pid[18]),
        said=said,
        died=pid[29],
        test=_is_test_name(name, rules),
        has_mrg="MRG" in segments,
        flags=flags,
    )


def _with_death(whose: _Personal, times: Times, *, may_null: bool) -> Demographics:
    death_at = times.read(whose.died, "PID-29") if whose.died else UNSET
    said = structs.replace(whose.said, death_at=death_at)
    if may_null:
        return said
    return structs.replace(said, death_at=death_at or UNSET, dead=UNSET if said.dead is None else said.dead)


def _organisation(header: Header, dialect: Dialect) -> str:
    """EVN-7, else MSH-4: one sender may speak for many hospitals."""
    return (
        dialect.organisation(header.event_type[7]) if header.event_type[7] else ""
    ) or header.kind.facility


def _prior(whose: _Personal, segments: Segments, ids: Identifiers, trigger: str) -> _Prior:
    if "MRG" in segments:
        mrg = ids.dialect.fields(segments["MRG"][0])
        return _Prior(
            # A06 and A07 carry MRG too, for the account that changes with the class, and merge nobody.
            ids.prior(mrg[1], whose.patient) if trigger in GROUPED or trigger in LINKS else None,
            ids.visit(mrg[3]),
            # MRG-6, the alternate visit, is all some senders of A45 fill; their PID-18 is where the visit goes.
            ids.visit(mrg[5] or (mrg[6] if trigger == "A45" else "")),
        )
    if len(segments.get("PID", ())) > 1:
        other = ids.dialect.fields(segments["PID"][1])
        return _Prior(ids.patient(other[2], other[3])[0])
    return _NO_PRIOR


def _is_leave(stated: Stated) -> bool:
    return isinstance(stated.disposition, DispositionCode) and stated.disposition.code == STILL_PATIENT


def _is_part2(stated: Stated, part2: bool | frozenset[str]) -> bool:
    """Whether the message comes from a programme under 42 CFR Part 2: all of the feed do, or its unit is one."""
    if isinstance(part2, bool):
        return part2
    return any(isinstance(at, Place) and at.unit in part2 for at in (stated.location, stated.prior_location))


def _as_leave(event: AdtEvent) -> AdtEvent:
    """An A03 that is no discharge: the A21 it stands for, at the time it gives for the departure."""
    return structs.replace(
        event,
        trigger="A21",
        type=TYPES["A21"],
        discharge_at=UNSET,
        disposition=UNSET,
        flags=(*event.flags, "leave_sent_as_a03"),
    )


def _is_test_name(name: tuple[str, str], rules: FeedRules) -> bool:
    if rules.test_names is None:
        return False
    family, given = name
    spellings = (family, f"{family} {given}", f"{family}^{given}", written(family, given))
    return any(map(rules.test_names.match, spellings))
