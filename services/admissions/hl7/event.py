"""From the segments of one patient in one ADT message to the canonical event."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct

from services.admissions.domain.model import (
    AdtEvent,
    Demographics,
    DispositionCode,
    PatientKey,
    Rejection,
    Time,
    VisitKey,
)
from services.admissions.hl7 import disposition, er7, person, visit
from services.admissions.hl7.datatypes import person_name, written
from services.admissions.hl7.dialect import Dialect
from services.admissions.hl7.er7 import Segments
from services.admissions.hl7.identifiers import Identifiers
from services.admissions.hl7.rules import FeedRules
from services.admissions.hl7.times import Times, offset_in
from services.admissions.hl7.triggers import GROUPED, LINKS, MAY_NULL, NEEDS_NO_PATIENT, OCCURRED, TYPES

_NO_PID = Rejection("no_patient_identifier", "There is no PID segment.", "PID")
_NO_PATIENT = Rejection(
    "no_patient_identifier", "PID-3 holds no identifier of a type and authority in use.", "PID", 3
)

IMPLAUSIBLE = "implausible_time"
_FUTURE = timedelta(hours=24)
_PAST = timedelta(days=30)
_NO_FIELDS = [""] * 64
_NOBODY = Demographics()


class Header(Struct, gc=False):
    """MSH and EVN: what all events of one message share."""

    trigger: str
    type: str
    control_id: str
    application: str
    facility: str
    event_id: str
    test: bool
    sequence: int | None
    msh: list[str]
    event_type: list[str]


def build(
    header: Header,
    segments: Segments,
    message: er7.Message,
    rules: FeedRules,
    zone_of: Callable[[str], ZoneInfo],
    received_at: datetime,
) -> AdtEvent | Rejection:
    """One event; a Rejection where no patient can be named and the event is about one."""
    dialect, trigger = message.dialect, header.trigger
    ids = Identifiers(dialect, rules.identifiers, header.facility)
    pid = dialect.fields(segments["PID"][0]) if "PID" in segments else _NO_FIELDS
    patient, identifiers = ids.patient(pid[2], pid[3])
    if patient is None and trigger in TYPES and trigger not in NEEDS_NO_PATIENT:
        return _NO_PATIENT if "PID" in segments else _NO_PID
    has_pv1 = "PV1" in segments
    pv1 = dialect.fields(segments["PV1"][0]) if has_pv1 else _NO_FIELDS
    facility = _facility(pv1, header, dialect)
    flags = [*message.flags]
    times = Times(rules.zone or zone_of(facility), dialect.component, flags)
    created, recorded, stated_at = _header_times(header, times, rules)
    may_null = trigger in MAY_NULL
    stated = visit.read(pv1, dialect, times, rules.visits, may_null=may_null) if has_pv1 else visit.NOTHING
    name = person_name(pid[5], dialect) if pid[5] else ("", "")
    recorded_at = recorded or created or received_at
    occurred_at = _occurred(trigger, stated, stated_at) or recorded_at
    if _implausible(occurred_at, recorded_at, stated):
        flags.append(IMPLAUSIBLE)
    account = ids.visit(pid[18])
    prior = _prior(segments, ids, patient, trigger)
    leave = trigger == "A03" and rules.profile.loa_as_a03 and _is_leave(stated)
    if leave:
        flags.append("leave_sent_as_a03")
    return AdtEvent(
        event_id=header.event_id,
        feed=rules.profile.feed,
        trigger="A21" if leave else trigger,
        type=TYPES["A21"] if leave else header.type,
        control_id=header.control_id,
        fingerprint=message.fingerprint,
        sending_application=header.application,
        sending_facility=header.facility,
        facility=facility,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        created_at=created or received_at,
        received_at=received_at,
        stated_at=stated_at or None,
        sequence=header.sequence,
        test=header.test or (rules.test_names is not None and _is_test_name(name, rules)),
        patient=patient,
        identifiers=identifiers,
        prior_patient=prior[0],
        visit=ids.visit(pv1[19]) or account,
        account=account,
        prior_account=prior[1],
        prior_visit=prior[2],
        patient_class=stated.patient_class,
        observation=stated.observation,
        admission_type=stated.admission_type,
        admit_source=stated.admit_source,
        hospital_service=stated.hospital_service,
        attending=stated.attending,
        location=stated.location,
        prior_location=stated.prior_location,
        admit_at=stated.admit_at,
        discharge_at=UNSET if leave else stated.discharge_at,
        expected_return_at=_expected_return(segments, dialect, times),
        disposition=UNSET if leave else stated.disposition,
        diagnoses=visit.diagnoses(segments["DG1"], dialect) if "DG1" in segments else (),
        person=_NOBODY
        if pid is _NO_FIELDS
        else person.read(pid, segments, dialect, times, name, may_null=may_null),
        has_pv1=has_pv1,
        flags=tuple(flags),
    )


def _facility(pv1: list[str], header: Header, dialect: Dialect) -> str:
    """PV1-3.4, else PV1-39, else EVN-7, else MSH-4: one sender may speak for many hospitals."""
    place = dialect.first_repetition(pv1[3])
    if place and (name := dialect.authority(place, dialect.leaves(place))):
        return name
    if pv1[39] and (name := dialect.value(pv1[39])):
        return name
    return (dialect.organisation(header.event_type[7]) if header.event_type[7] else "") or header.facility


def _header_times(header: Header, times: Times, rules: FeedRules) -> tuple[Time, Time, Time]:
    """MSH-7, EVN-2 and EVN-6, each of which anchors those after it that name only a day."""
    msh7 = header.msh[7]
    created = times.read(msh7, "MSH-7")
    if rules.profile.trust_msh7_offset:
        times.offset = offset_in(msh7.partition(times.component)[0].strip())
    # MSH-7 is written by a machine: its midnight is one.
    times.zero_is_date = rules.profile.zero_time_means_date_only
    times.anchor(created)
    recorded = times.read(header.event_type[2], "EVN-2")
    times.anchor(recorded)
    stated_at = times.read(header.event_type[6], "EVN-6")
    times.anchor(stated_at)
    return created, recorded, stated_at


def _occurred(trigger: str, stated: visit.Stated, stated_at: Time) -> datetime | None:
    """The event time, as far as the message gives one better than the time of its recording."""
    for source in OCCURRED.get(trigger, ("stated",)):
        found = (
            stated.admit_at
            if source == "admit"
            else stated.discharge_at
            if source == "discharge"
            else stated_at
        )
        if found:
            return found
    return None


def _implausible(occurred_at: datetime, recorded_at: datetime, stated: visit.Stated) -> bool:
    """Judged by the time of recording, so that a message says the same whenever it is read."""
    if occurred_at is not recorded_at and not -_PAST <= occurred_at - recorded_at <= _FUTURE:
        return True
    admit_at, discharge_at = stated.admit_at, stated.discharge_at
    if not discharge_at:
        return False
    return discharge_at - recorded_at > _FUTURE or (
        isinstance(admit_at, datetime) and discharge_at < admit_at
    )


def _prior(
    segments: Segments, ids: Identifiers, patient: PatientKey | None, trigger: str
) -> tuple[PatientKey | None, VisitKey | None, VisitKey | None]:
    """MRG-1, MRG-3 and MRG-5; of a link the second PID. A06 and A07 carry MRG too, and merge nobody."""
    dialect = ids.dialect
    if "MRG" not in segments:
        if trigger in LINKS and len(segments["PID"]) > 1:
            other = dialect.fields(segments["PID"][1])
            return ids.patient(other[2], other[3])[0], None, None
        return None, None, None
    mrg = dialect.fields(segments["MRG"][0])
    # MRG-6, the alternate visit, is all some senders of A45 fill.
    visit_field = mrg[5] or (mrg[6] if trigger == "A45" else "")
    before = ids.prior(mrg[1], patient) if trigger in GROUPED or trigger in LINKS else None
    return before, ids.visit(mrg[3]), ids.visit(visit_field)


def _expected_return(segments: Segments, dialect: Dialect, times: Times) -> Time:
    if "PV2" not in segments:
        return UNSET
    return times.read(dialect.fields(segments["PV2"][0])[47], "PV2-47")


def _is_leave(stated: visit.Stated) -> bool:
    return (
        isinstance(stated.disposition, DispositionCode)
        and stated.disposition.code == disposition.STILL_PATIENT
    )


def _is_test_name(name: tuple[str, str], rules: FeedRules) -> bool:
    family, given = name
    spellings = (family, f"{family} {given}", f"{family}^{given}", written(family, given))
    return rules.test_names is not None and any(map(rules.test_names.match, spellings))
