"""PV1-2 and PV1-18 in words that do not depend on the feed (HL7 table 0004 and common local habits)."""

from schemas.encounters import CareClass

_CLASSES = {
    "I": CareClass.INPATIENT,
    "B": CareClass.INPATIENT,
    "E": CareClass.EMERGENCY,
    "O": CareClass.OUTPATIENT,
    "P": CareClass.PREADMIT,
    "R": CareClass.RECURRING,
    "N": CareClass.NEWBORN,
    "C": CareClass.OTHER,
}

UNKNOWN = frozenset({"", "U"})
"""Classes that say nothing."""

KNOWN = UNKNOWN | _CLASSES.keys()
"""Classes whose meaning does not depend on the feed; of any other nothing is known."""

BY_EVENT = {"A01": "I", "A06": "I", "A04": "O", "A07": "O"}
"""The class an event implies where PV1-2 is empty or unknown."""


def care_class(patient_class: str | None, *, observation: bool) -> CareClass:
    """What a class means for follow-up; `observation` is the feed's own sign of an observation stay."""
    if observation:
        return CareClass.OBSERVATION
    return _CLASSES.get((patient_class or "").upper(), CareClass.OTHER)


def admitted_class(patient_class: str | None) -> bool:
    """Whether the class is one of admitted patients."""
    return _CLASSES.get((patient_class or "").upper()) is CareClass.INPATIENT
