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
    DiagnosisEntry,
    DispositionCode,
    PatientKey,
    Place,
    Rejection,
    Time,
    VisitKey,
)
from services.admissions.hl7 import er7, moments, person, visit
from services.admissions.hl7.datatypes import person_name, written
from services.admissions.hl7.dialect import Dialect
from services.admissions.hl7.disposition import STILL_PATIENT
from services.admissions.hl7.er7 import Segments
from services.admissions.hl7.header import Header
from services.admissions.hl7.identifiers import Identifiers
from services.admissions.hl7.rules import FeedRules
from services.admissions.hl7.times import Times
from services.admissions.hl7.triggers import GROUPED, LINKS, MAY_NULL, NEEDS_NO_PATIENT, TYPES

_NO_PID = Rejection("no_patient_identifier", "There is no PID segment.", "PID")
_NO_PATIENT = Rejection(
    "no_patient_identifier", "PID-3 holds no identifier of a type and authority in use.", "PID", 3
)

_NO_FIELDS = [""] * 64
_PERSONAL = ("PID", "PD1", "NK1", "ROL", "PRT")


class _Personal(Struct, frozen=True, gc=False):
    """What is read of the segments about the person: `died` is PID-29 as written, `flags` what could not be read."""

    patient: PatientKey | None = None
    identifiers: tuple[PatientKey, ...] = ()
    enterprise: PatientKey | None = None
    account: VisitKey | None = None
    said: Demographics = Demographics()
    died: str = ""
    test: bool = False
    flags: Sequence[str] = ()


_NOBODY = _Personal()


class _Who(Struct, gc=False):
    """PID-3, PV1-19 and PID-18, and what MRG says of them before."""

    patient: PatientKey | None
    identifiers: tuple[PatientKey, ...]
    visit: VisitKey | None
    account: VisitKey | None
    enterprise: PatientKey | None = None
    prior_patient: PatientKey | None = None
    prior_account: VisitKey | None = None
    prior_visit: VisitKey | None = None


class _Facts(Struct, gc=False):
    """All that is read of one patient's segments."""

    facility: str
    who: _Who
    when: moments.When
    stated: visit.Stated
    person: Demographics
    diagnoses: tuple[DiagnosisEntry, ...]
    expected_return_at: Time
    test: bool
    has_pv1: bool
    flags: list[str]


def build(
    header: Header,
    segments: Segments,
    message: er7.Message,
    rules: FeedRules,
    zone_of: Callable[[str], ZoneInfo],
    received_at: datetime,
) -> AdtEvent | Rejection:
    """One event; a Rejection where no patient can be named and the event is about one."""
    dialect, trigger, sender = message.dialect, header.trigger, header.facility
    may_null = trigger in MAY_NULL
    whose, stay, number = _NOBODY, None, None
    if "PID" in segments:
        lines = tuple([line for name in _PERSONAL if name in segments for line in segments[name]])
        whose = _personal(lines, dialect, rules, sender)
    if "PV1" in segments:
        stay, number = _visit(segments["PV1"][0], dialect, rules, sender)
    who = _Who(whose.patient, whose.identifiers, number or whose.account, whose.account, whose.enterprise)
    if "MRG" in segments or trigger in LINKS:
        _add_prior(who, segments, Identifiers(dialect, rules.identifiers, sender), trigger)
        if trigger == "A45" and not (stay and stay.number):
            who.visit = who.prior_visit
    if who.patient is None and trigger in TYPES and trigger not in NEEDS_NO_PATIENT:
        return _NO_PATIENT if "PID" in segments else _NO_PID
    facility = (stay.facility if stay else "") or _organisation(header, dialect)
    times = Times(rules.zone or zone_of(facility), dialect.component, [*message.flags])
    when = moments.read(header, times, rules, received_at)
    stated = visit.NOTHING
    if stay is not None:
        stated = visit.stated(stay, times, may_null=may_null)
        when.occurred_at = moments.occurred(trigger, stated, when)
    if moments.implausible(when, stated):
        times.flag(moments.IMPLAUSIBLE)
    if rules.part2 and _is_part2(stated, rules.part2):
        times.flag(PART2)
    said = whose.said
    if whose.died or said.dead is None:
        said = _with_death(whose, times, may_null=may_null)
    for word in whose.flags:
        times.flag(word)
    facts = _Facts(
        facility=facility,
        who=who,
        when=when,
        stated=stated,
        person=said,
        diagnoses=visit.diagnoses(tuple(segments["DG1"]), dialect) if "DG1" in segments else (),
        expected_return_at=visit.expected_return(segments["PV2"], dialect, times)
        if "PV2" in segments
        else UNSET,
        test=header.test or whose.test,
        has_pv1=stay is not None,
        flags=times.flags,
    )
    if trigger == "A03" and rules.profile.loa_as_a03 and _is_leave(stated):
        return _as_leave(_event(header, message, rules, facts, received_at))
    return _event(header, message, rules, facts, received_at)


def _event(
    header: Header, message: er7.Message, rules: FeedRules, facts: _Facts, received_at: datetime
) -> AdtEvent:
    who, when, stated = facts.who, facts.when, facts.stated
    return AdtEvent(
        event_id=header.event_id,
        feed=rules.profile.feed,
        trigger=header.trigger,
        type=header.type,
        control_id=header.control_id,
        fingerprint=message.fingerprint,
        sending_application=header.application,
        sending_facility=header.facility,
        facility=facts.facility,
        occurred_at=when.occurred_at,
        recorded_at=when.recorded_at,
        created_at=when.created_at,
        received_at=received_at,
        stated_at=when.stated_at,
        sequence=header.sequence,
        test=facts.test,
        patient=who.patient,
        identifiers=who.identifiers,
        enterprise=who.enterprise,
        prior_patient=who.prior_patient,
        visit=who.visit,
        account=who.account,
        prior_account=who.prior_account,
        prior_visit=who.prior_visit,
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
        expected_return_at=facts.expected_return_at,
        disposition=stated.disposition,
        diagnoses=facts.diagnoses,
        person=facts.person,
        has_pv1=facts.has_pv1,
        flags=tuple(facts.flags),
    )


# A hospital sends the same PID, NK1 and PV1 with nearly every message of a visit; each is read once.
@lru_cache(maxsize=4096)
def _personal(lines: tuple[str, ...], dialect: Dialect, rules: FeedRules, sender: str) -> _Personal:
    segments = er7.by_name(lines, dialect.field)
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
        flags=flags,
    )


def _with_death(whose: _Personal, times: Times, *, may_null: bool) -> Demographics:
    death_at = times.read(whose.died, "PID-29") if whose.died else UNSET
    said = structs.replace(whose.said, death_at=death_at)
    if may_null:
        return said
    return structs.replace(said, death_at=death_at or UNSET, dead=UNSET if said.dead is None else said.dead)


@lru_cache(maxsize=4096)
def _visit(line: str, dialect: Dialect, rules: FeedRules, sender: str) -> tuple[visit.Pv1, VisitKey | None]:
    found = visit.read(dialect.fields(line), dialect, rules.visits)
    return found, Identifiers(dialect, rules.identifiers, sender).visit(found.number)


def _organisation(header: Header, dialect: Dialect) -> str:
    """EVN-7, else MSH-4: one sender may speak for many hospitals."""
    return (dialect.organisation(header.event_type[7]) if header.event_type[7] else "") or header.facility


def _add_prior(who: _Who, segments: Segments, ids: Identifiers, trigger: str) -> None:
    if "MRG" in segments:
        mrg = ids.dialect.fields(segments["MRG"][0])
        # A06 and A07 carry MRG too, for the account that changes with the class, and merge nobody.
        who.prior_patient = ids.prior(mrg[1], who.patient) if trigger in GROUPED or trigger in LINKS else None
        who.prior_account = ids.visit(mrg[3])
        # MRG-6, the alternate visit, is all some senders of A45 fill; their PID-18 is where the visit goes.
        who.prior_visit = ids.visit(mrg[5] or (mrg[6] if trigger == "A45" else ""))
    elif len(segments.get("PID", ())) > 1:
        other = ids.dialect.fields(segments["PID"][1])
        who.prior_patient = ids.patient(other[2], other[3])[0]


def _is_leave(stated: visit.Stated) -> bool:
    return isinstance(stated.disposition, DispositionCode) and stated.disposition.code == STILL_PATIENT


def _is_part2(stated: visit.Stated, part2: bool | frozenset[str]) -> bool:
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
