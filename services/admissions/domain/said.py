"""What the messages of a stay say of it in the end: facility, class, diagnoses and the rest, the newer over the older."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET

from schemas.encounters import CareClass
from services.admissions.domain.classes import BY_EVENT, UNKNOWN, admitted_class, care_class
from services.admissions.domain.model import AdtEvent, DiagnosisEntry, Place, Text

DECIDES_CLASS = frozenset({"A01", "A06", "A07"})
"""Events that admit, or end an admission, where they change the state."""


Told = tuple[DiagnosisEntry, datetime]
"""A diagnosis, and the event time at which it was first said."""


class Said:
    """Each field as last stated: an empty one keeps what was said before, the explicit null deletes it."""

    __slots__ = (
        "_class", "_classed_by", "_implied", "_observation", "_set", "admission_type", "admit_source", "attending", "care_class",
        "diagnoses", "emergency", "expected_return_at", "facility", "former", "inpatient", "patient_class",
    )  # fmt: skip

    def __init__(self) -> None:
        self.facility = ""
        self.patient_class: str | None = None
        self.care_class = CareClass.OTHER
        self.inpatient = False
        self.emergency = False
        self.admission_type: str | None = None
        self.admit_source: str | None = None
        self.attending: str | None = None
        self.expected_return_at: datetime | None = None
        self.diagnoses: dict[tuple[str, str | None], Told] = {}
        self.former: list[tuple[Told, datetime]] = []
        self._set: Sequence[DiagnosisEntry] = ()
        self._class: str | None = None
        self._classed_by = -1
        self._implied: str | None = None
        self._observation = False

    def where(self, event: AdtEvent) -> None:
        """PV1-3.4 and its stand-ins; the sender, for want of them, only until they are known."""
        if not self.facility or event.facility != event.sending_facility or _names_facility(event):
            self.facility = event.facility

    def take(self, event: AdtEvent, n: int, *, effective: bool, moved: bool) -> None:
        """Take over one event, the n-th that was recorded; `moved`: it changed the state."""
        if moved and effective and event.trigger in DECIDES_CLASS:
            self._classed_by = n
        # Who recorded this earlier did not know yet that the patient had been admitted.
        if n >= self._classed_by:
            self._classify(event, effective=effective, moved=moved)
        if event.admission_type is not UNSET:
            self.admission_type = _word(event.admission_type)
        if event.admit_source is not UNSET:
            self.admit_source = _word(event.admit_source)
        if event.attending is not UNSET and (effective or event.trigger != "A54"):
            self.attending = _word(event.attending)
        if event.expected_return_at is None or isinstance(event.expected_return_at, datetime):
            self.expected_return_at = event.expected_return_at
        # A set said again changes nothing.
        if event.diagnoses and event.diagnoses != self._set:
            self._diagnose(event.diagnoses, event.occurred_at)

    def _classify(self, event: AdtEvent, *, effective: bool, moved: bool) -> None:
        """PV1-2; where it is empty or unknown the event that changes the state also changes the class."""
        implied = BY_EVENT.get(event.trigger) if effective else None
        if stated := stated_class(event):
            # PV1-18, often the only sign of observation, may be empty in later messages of the same class.
            same = self._observation if stated == self._class else False
            observation = same if event.observation is UNSET else event.observation
            if stated == self._class and observation == self._observation and not implied:
                return
            self._class, self._observation = stated, observation
        elif event.patient_class is None or (implied and moved):
            self._class, self._observation = None, False
        if implied and (moved or self._implied is None):
            self._implied = implied
        self.patient_class = self._class or self._implied
        self.care_class = care_class(self.patient_class, observation=self._observation)
        self.inpatient = self.care_class is CareClass.INPATIENT
        self.emergency |= self.care_class is CareClass.EMERGENCY

    def _diagnose(self, entries: Sequence[DiagnosisEntry], at: datetime) -> None:
        """DG1-21 acts on single codes; without it a new set replaces the old one of its DG1-6 type."""
        replaced = {entry.type for entry in entries if entry.action is None}
        before = self.diagnoses
        stands = {key: told for key, told in before.items() if key[1] not in replaced}
        for entry in entries:
            key = entry.code, entry.type
            if entry.action == "D":
                stands.pop(key, None)
            else:
                stands[key] = entry, before[key][1] if key in before else at
        self.former += ((told, at) for key, told in before.items() if key not in stands)
        self.diagnoses = stands
        self._set = entries if all(entry.action is None for entry in entries) else ()


def stated_class(event: AdtEvent) -> str | None:
    """PV1-2 where it says something."""
    stated = event.patient_class
    return stated if isinstance(stated, str) and stated not in UNKNOWN else None


def without_admission(event: AdtEvent) -> bool:
    """Whether the event speaks of somebody who is here without being admitted."""
    if event.trigger in ("A04", "A07"):
        return True
    return (
        event.trigger in ("A02", "A08")
        and (said := stated_class(event)) is not None
        and not admitted_class(said)
    )


def _word(said: Text) -> str | None:
    return said if isinstance(said, str) and said else None


def _names_facility(event: AdtEvent) -> bool:
    return isinstance(event.location, Place) and event.location.facility is not None
