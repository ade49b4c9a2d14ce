"""The canonical ADT event: what one HL7 message says, in words that no longer depend on HL7's spelling."""

from datetime import date, datetime

from msgspec import UNSET, Struct, UnsetType

Text = str | None | UnsetType
"""A field's statement: a value, None for the explicit null `""` (delete), UNSET for no statement (keep)."""

Time = datetime | None | UnsetType


class PatientKey(Struct, frozen=True, gc=False, order=True):
    """(authority, type, id) of one repetition of PID-3 or MRG-1: never the bare number."""

    authority: str
    type: str
    id: str


class VisitKey(Struct, frozen=True, gc=False, order=True):
    """(authority, number) from PV1-19, else from PID-18; with the feed it names a visit."""

    authority: str
    number: str


class Place(Struct, frozen=True, gc=False, omit_defaults=True):
    """PV1-3 or PV1-6; None where the component is empty."""

    unit: str | None = None
    room: str | None = None
    bed: str | None = None
    facility: str | None = None


class DispositionCode(Struct, frozen=True, gc=False, omit_defaults=True):
    """PV1-36 after the feed's map: the UB-04 code, or None where the word is unmapped."""

    code: str | None
    category: str
    planned_readmission: bool = False


class DiagnosisEntry(Struct, frozen=True, gc=False, omit_defaults=True):
    """One DG1. `action` is DG1-21 (A, U, D)."""

    code: str
    system: str | None = None
    type: str | None = None
    rank: str | None = None
    action: str | None = None


class Phone(Struct, frozen=True, gc=False, omit_defaults=True):
    """One XTN: number as dialled, use and equipment codes as sent."""

    number: str
    use: str | None = None
    equipment: str | None = None


class NextOfKin(Struct, frozen=True, gc=False, omit_defaults=True):
    """One NK1."""

    name: str | None = None
    relationship: str | None = None
    telecom: tuple[Phone, ...] = ()
    language: str | None = None


class Demographics(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a message says of the person. UNSET: no statement; None: explicit null; lists replace lists."""

    name: Text = UNSET
    birth_date: date | None | UnsetType = UNSET
    sex: Text = UNSET
    language: Text = UNSET
    telecom: tuple[Phone, ...] | None | UnsetType = UNSET
    caregivers: tuple[NextOfKin, ...] | None | UnsetType = UNSET
    primary_care_provider: Text = UNSET
    death_at: Time = UNSET
    dead: bool | None | UnsetType = UNSET


class AdtEvent(Struct, frozen=True, gc=False, omit_defaults=True):
    """One ADT message, normalised. All instants are UTC.

    `event_id` is derived from feed, MSH-3, MSH-4, MSH-10 and the fingerprint, so that a repetition is the
    same event. `fingerprint` is SHA-256 (hex) of the message without MSH-7, MSH-10 and line ends.

    `occurred_at` is the event time by the precedence of its trigger; `recorded_at` is EVN-2, else MSH-7, else
    arrival; `stated_at` is EVN-6 where valued; `created_at` is MSH-7, else arrival; `received_at` the arrival
    and never decides anything but what was known when.

    `enterprise` is the enterprise identifier in PID-3, where the feed links persons by it.

    `observation` is what PV1-2 and PV1-18 say together: UNSET where an outpatient class comes without PV1-18.
    """

    event_id: str
    feed: str
    trigger: str
    type: str
    control_id: str
    fingerprint: str
    sending_application: str
    sending_facility: str
    facility: str
    occurred_at: datetime
    recorded_at: datetime
    created_at: datetime
    received_at: datetime
    stated_at: datetime | None = None
    sequence: int | None = None
    test: bool = False
    patient: PatientKey | None = None
    identifiers: tuple[PatientKey, ...] = ()
    enterprise: PatientKey | None = None
    prior_patient: PatientKey | None = None
    visit: VisitKey | None = None
    account: VisitKey | None = None
    prior_account: VisitKey | None = None
    prior_visit: VisitKey | None = None
    patient_class: Text = UNSET
    observation: bool | UnsetType = UNSET
    admission_type: Text = UNSET
    admit_source: Text = UNSET
    hospital_service: Text = UNSET
    attending: Text = UNSET
    location: Place | None | UnsetType = UNSET
    prior_location: Place | None | UnsetType = UNSET
    admit_at: Time = UNSET
    discharge_at: Time = UNSET
    expected_return_at: Time = UNSET
    disposition: DispositionCode | None | UnsetType = UNSET
    diagnoses: tuple[DiagnosisEntry, ...] = ()
    person: Demographics = Demographics()
    has_pv1: bool = False
    flags: tuple[str, ...] = ()


class Rejection(Struct, frozen=True, gc=False):
    """Why a message was refused: a word of ours, the position, a sentence that holds no value of the message."""

    code: str
    detail: str
    segment: str | None = None
    field: int | None = None
