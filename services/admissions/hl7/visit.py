"""PV1, PV2 and DG1: what a message says of the visit."""

from functools import lru_cache

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import DiagnosisEntry, DispositionCode, Place, Text, Time
from services.admissions.hl7 import disposition
from services.admissions.hl7.datatypes import clinician, place
from services.admissions.hl7.dialect import Dialect
from services.admissions.hl7.times import Times

# Table 0004 spelled out, as some senders do.
_CLASS_WORDS = {
    "EMERGENCY": "E",
    "INPATIENT": "I",
    "OUTPATIENT": "O",
    "PREADMIT": "P",
    "RECURRING": "R",
    "RECURRING PATIENT": "R",
    "OBSTETRICS": "B",
    "COMMERCIAL ACCOUNT": "C",
    "NOT APPLICABLE": "N",
    "UNKNOWN": "U",
}
_DIAGNOSIS_WORDS = {"ADMITTING": "A", "WORKING": "W", "FINAL": "F"}


class VisitRules(Struct, frozen=True, gc=False):
    """What a feed profile says of visits, prepared for look-up."""

    observation_classes: frozenset[str]
    observation_types: frozenset[str]
    dispositions: disposition.DispositionRules


def rules_of(profile: FeedProfile) -> VisitRules:
    return VisitRules(
        observation_classes=frozenset(word.upper() for word in profile.observation_classes),
        observation_types=frozenset(word.upper() for word in profile.observation_types),
        dispositions=disposition.rules_of(profile),
    )


class Stated(Struct, frozen=True, gc=False):
    """What one PV1 states; everything UNSET where there is no PV1."""

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
    disposition: DispositionCode | None | UnsetType = UNSET


NOTHING = Stated()


class Pv1(Struct, frozen=True, gc=False):
    """One PV1 with its times as written; `facility` is PV1-3.4, else PV1-39, `number` PV1-19."""

    stated: Stated
    facility: str
    number: str
    admitted: str
    discharged: str


def read(pv1: list[str], dialect: Dialect, rules: VisitRules) -> Pv1:
    """PV1 by the numbers of its fields."""
    patient_class, observation = _class(pv1, dialect, rules)
    location = place(pv1[3], dialect) if pv1[3] else None
    return Pv1(
        Stated(
            patient_class=patient_class,
            observation=observation,
            admission_type=dialect.coded(pv1[4]),
            admit_source=dialect.coded(pv1[14]),
            hospital_service=dialect.coded(pv1[10]),
            attending=_attending(pv1[7], dialect),
            location=_place(pv1[3], dialect),
            prior_location=_place(pv1[6], dialect),
            disposition=disposition.read(pv1[36], dialect, rules.dispositions) if pv1[36] else UNSET,
        ),
        facility=(location.facility if location else None) or (dialect.value(pv1[39]) if pv1[39] else ""),
        number=pv1[19],
        admitted=pv1[44],
        discharged=_last(pv1[45], dialect),
    )


def stated(pv1: Pv1, times: Times) -> Stated:
    """What it states, its times read."""
    said = pv1.stated
    discharge_at = times.read(pv1.discharged, "PV1-45") if pv1.discharged else UNSET
    if said.disposition == disposition.UNKNOWN:
        times.flag(disposition.UNCONFIRMED)
    admit_at = times.read(pv1.admitted, "PV1-44") if pv1.admitted else UNSET
    return replace(said, admit_at=admit_at, discharge_at=discharge_at)


def without_nulls(said: Stated) -> Stated:
    """The same without the nulls that could undo care, which count only where the event allows them."""
    if said.patient_class is None or said.discharge_at is None or said.disposition is None:
        return replace(
            said,
            patient_class=said.patient_class or UNSET,
            discharge_at=said.discharge_at or UNSET,
            disposition=said.disposition or UNSET,
        )
    return said


def _class(pv1: list[str], dialect: Dialect, rules: VisitRules) -> tuple[Text, bool | UnsetType]:
    """PV1-2, and whether it or PV1-18 says observation, for which table 0004 has no code of its own.

    An outpatient class without PV1-18 says nothing about it.
    """
    stated = dialect.coded(pv1[2])
    if not stated:
        return stated, UNSET
    word = stated.upper()
    if word in rules.observation_classes:
        return word, True
    code = _CLASS_WORDS.get(word, word)
    if code != "O":
        return code, False
    if not pv1[18]:
        return code, UNSET
    kind = dialect.coded(pv1[18])
    return code, bool(kind) and str(kind).upper() in rules.observation_types


def _last(field: str, dialect: Dialect) -> str:
    """PV1-45 repeated in 2.4 to 2.5.1: the last repetition with a value is the discharge that counts."""
    if dialect.repetition not in field:
        return field
    filled = [part for part in dialect.repetitions(field) if dialect.leaves(part)[0]]
    return filled[-1] if filled else dialect.repetitions(field)[0]


def _attending(field: str, dialect: Dialect) -> Text:
    if not field:
        return UNSET
    return clinician(field, dialect) or (None if dialect.is_null(field) else UNSET)


def _place(field: str, dialect: Dialect) -> Place | None | UnsetType:
    if not field:
        return UNSET
    return place(field, dialect) or (None if dialect.is_null(field) else UNSET)


@lru_cache(maxsize=4096)
def diagnoses(lines: tuple[str, ...], dialect: Dialect) -> tuple[DiagnosisEntry, ...]:
    """DG1, each with a code: DG1-3, its system from DG1-3.3 or the older DG1-2."""
    found = []
    for line in lines:
        fields = dialect.fields(line)
        parts = dialect.first_leaves(fields[3])
        code, system = parts[0], parts[2]
        if not code:
            # CWE.4 and CWE.6: the same in another system.
            code, system = parts[3], parts[5]
        if not code:
            continue
        kind = dialect.coded(fields[6]) or None
        found.append(
            DiagnosisEntry(
                code,
                system or dialect.coded(fields[2]) or None,
                _DIAGNOSIS_WORDS.get(kind.upper(), kind) if kind else None,
                dialect.coded(fields[15]) or None,
                dialect.coded(fields[21]) or None,
            )
        )
    return tuple(found)


def expected_return(lines: list[str], dialect: Dialect, times: Times) -> Time:
    """PV2-47: when a patient on leave is expected back."""
    return times.read(dialect.fields(lines[0])[47], "PV2-47")
