"""`adt.encounters`: a visit as it now stands, whole, with a revision; and how far admissions has read."""

from datetime import date
from enum import StrEnum
from typing import Literal
from uuid import UUID

from schemas.base import Instant, Message


class VisitState(StrEnum):
    """States of a visit (the state table of the HL7 ADT events)."""

    PLANNED = "planned"
    REGISTERED = "registered"
    ADMITTED = "admitted"
    ON_LEAVE = "on_leave"
    DISCHARGED = "discharged"
    CANCELLED = "cancelled"
    FOLDED = "folded"


class CareClass(StrEnum):
    """What PV1-2 and PV1-18 mean for follow-up, whatever words the feed uses."""

    INPATIENT = "inpatient"
    OBSERVATION = "observation"
    EMERGENCY = "emergency"
    OUTPATIENT = "outpatient"
    RECURRING = "recurring"
    PREADMIT = "preadmit"
    NEWBORN = "newborn"
    OTHER = "other"


class Identifier(Message):
    """One repetition of PID-3: never the bare number."""

    id: str
    authority: str
    type: str


class Location(Message):
    """PV1-3: where the patient is. Only unit (PV1-3.1) and facility (PV1-3.4) decide a handoff."""

    unit: str | None = None
    room: str | None = None
    bed: str | None = None
    facility: str | None = None


class Transfer(Message):
    """A move between admitted places that hands the patient to other people (A02, A06).

    `at` is the event time; `learned_at` the arrival of the first message that told of it.
    `cancelled` never appears here: a cancelled transfer is simply gone.
    """

    at: Instant
    learned_at: Instant
    trigger: Literal["A02", "A06"]
    origin: Location
    destination: Location
    service: str | None = None


class Disposition(Message):
    """PV1-36 as a UB-04 code (form locator 17) and the category of its destination.

    `code` is None when nothing was sent or the word is unmapped; `stated` tells the two apart.
    `planned_readmission` is declared by the codes 81 to 95.
    """

    code: str | None = None
    category: str
    stated: bool = False
    planned_readmission: bool = False
    learned_at: Instant


class Diagnosis(Message):
    """One DG1: code without change, coding system as sent, type A admitting, W working or F final.

    `stated_at` is the event time at which it was first said, `withdrawn_at` that at which it was taken back (DG1-21,
    or a new set of its type without it).
    """

    code: str
    system: str | None = None
    type: str | None = None
    rank: str | None = None
    stated_at: Instant | None = None
    withdrawn_at: Instant | None = None


class Telecom(Message):
    """A way to reach a person; `use` and `equipment` as in XTN (PRN, WPN; PH, CP, Internet)."""

    number: str
    use: str | None = None
    equipment: str | None = None


class Caregiver(Message):
    """NK1: someone to speak with when the patient cannot."""

    name: str | None = None
    relationship: str | None = None
    telecom: tuple[Telecom, ...] = ()
    language: str | None = None


class Death(Message):
    """PID-29/PID-30. `at` is PID-29, else the event time of the first message that reported the death."""

    at: Instant
    learned_at: Instant


class Patient(Message):
    """The person of a visit under the surviving identifier; only the worklist keeps names."""

    patient_id: UUID
    number: str
    authority: str
    identifiers: tuple[Identifier, ...] = ()
    name: str | None = None
    birth_date: date | None = None
    sex: str | None = None
    language: str | None = None
    telecom: tuple[Telecom, ...] = ()
    caregivers: tuple[Caregiver, ...] = ()
    primary_care_provider: str | None = None
    death: Death | None = None


class Source(Message):
    """A message that told of a fact of the visit: its arrival, by which the fact finds it, its event and its MSH-10."""

    learned_at: Instant
    trigger: str
    control_id: str


class Visit(Message):
    """A visit as all standing messages together describe it.

    `admitted_at` is the inpatient start (of a converted emergency visit the conversion), `started_at` the
    first arrival. `discharge_learned_at` is the arrival of the first standing message that reported this
    very discharge time. `settle_from` is the latest arrival of an A03, A13 or A11. `gap` tells that an
    earlier message is missing (interface go-live, lost message). `sources` are the messages
    that told of its facts, found by the `learned_at` of each. `security_label` is `R/42CFRPart2` where a programme for
    substance use disorder told of it: not to be passed on without the patient's consent (42 CFR Part 2).
    """

    number: str | None = None
    authority: str | None = None
    facility: str
    generation: int = 0
    state: VisitState
    patient_class: str | None = None
    care_class: CareClass
    inpatient: bool = False
    admission_type: str | None = None
    admit_source: str | None = None
    hospital_service: str | None = None
    started_at: Instant | None = None
    admitted_at: Instant | None = None
    admit_learned_at: Instant | None = None
    discharged_at: Instant | None = None
    discharge_learned_at: Instant | None = None
    cancelled_at: Instant | None = None
    leave_started_at: Instant | None = None
    expected_return_at: Instant | None = None
    settle_from: Instant | None = None
    disposition: Disposition | None = None
    location: Location | None = None
    transfers: tuple[Transfer, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    former_diagnoses: tuple[Diagnosis, ...] = ()
    attending: str | None = None
    emergency_phase: bool = False
    preadmitted: bool = False
    gap: bool = False
    flags: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    security_label: str | None = None


class EncounterEvent(Message):
    """The whole visit and its patient. The highest revision of a visit wins; anything else is ignored.

    `root_id` is shared by all generations of one visit number. `learned_at` is the arrival of the newest
    message in this state. `live` is False for test patients, test messages and shadow feeds: everything
    is computed for those, and nothing is sent.
    """

    visit_id: UUID
    root_id: UUID
    revision: int
    feed: str
    live: bool = True
    test: bool = False
    learned_at: Instant
    cause: str
    changed: tuple[str, ...] = ()
    visit: Visit
    patient: Patient


class AppliedMark(Message):
    """Everything that reached `adt.inbound` before `mark` stands in the visits published before this record.

    One is sent to each of the topic's `partitions`, behind the visits.
    """

    mark: Instant
    partitions: int


ENCOUNTER_TYPE = "baton.adt.encounter"
MARK_TYPE = "baton.adt.applied_mark"
