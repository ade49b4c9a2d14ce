"""One stay: what is known of it once its messages are told."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.auditor.domain.diagnoses import Dg1, Diagnosis
from services.auditor.domain.message import Message

INPATIENT = frozenset({"I", "B"})
_CARE = {
    "I": "inpatient", "B": "inpatient", "E": "emergency", "O": "outpatient", "P": "preadmit", "R": "recurring", "N": "newborn"
}  # fmt: skip
COMES = frozenset({"A01", "A04", "A06"})
_LONG_AGO, _AHEAD = timedelta(days=30), timedelta(hours=24)


@dataclass(eq=False, slots=True)
class Transfer:
    """A move between units of an admitted patient; `at` is when, `cause` the message that says so."""

    at: datetime
    unit: str
    cause: Message


@dataclass(eq=False, slots=True)
class Stay:
    """One stay under a visit number. `started` is its inpatient start, where the feed told of one."""

    key: tuple[str, str, str]
    generation: int
    state: str = "none"
    patient_class: str = ""
    patient_type: str = ""
    unit: str = ""
    place: str = ""
    service: str = ""
    facility: str = ""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    number: str = ""
    emergency: bool = False
    admission_type: str = ""
    moved_when: datetime | None = None
    started: datetime | None = None
    start_told: bool = False
    started_by_change: bool = False
    admitted: tuple[tuple[object, ...], datetime] | None = None
    left: tuple[tuple[object, ...], datetime] | None = None
    left_event: datetime | None = None
    disposition: tuple[tuple[object, ...], str] | None = None
    transfers: list[Transfer] = field(default_factory=list)
    applied: list[Message] = field(default_factory=list)
    told: list[tuple[datetime, tuple[Dg1, ...]]] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)

    @property
    def inpatient(self) -> bool:
        return self.patient_class in INPATIENT

    @property
    def observation(self) -> bool:
        feed = self.applied[-1].feed
        return self.patient_class in feed.observation_classes or (
            self.patient_class == "O" and self.patient_type in feed.observation_types
        )

    @property
    def care(self) -> str:
        """What the class means for follow-up."""
        if self.observation:
            return "observation"
        return _CARE.get(self.patient_class.upper(), "other")

    @property
    def discharged(self) -> datetime | None:
        """When the patient left, of a stay that is over."""
        if self.state != "discharged":
            return None
        return self.left[1] if self.left else self.left_event

    @property
    def begun(self) -> datetime | None:
        """The inpatient start: of an admission its latest recorded admit time, of a change that of the change."""
        if self.started is None:
            return None
        return self.started if self.started_by_change or not self.admitted else self.admitted[1]

    @property
    def first(self) -> datetime | None:
        """When the patient came, in whatever class."""
        admissions = (m.happened for m in self.applied if m.trigger in COMES)
        return self.admitted[1] if self.admitted else min(admissions, default=None)

    @property
    def arrived(self) -> datetime | None:
        """The inpatient start of a visit that began otherwise, else when the patient came."""
        return self.started if self.inpatient and self.started_by_change else self.first

    @property
    def implausible(self) -> bool:
        """Left before coming, or a discharge dated over a day ahead of its typing or over 30 days back (domain 1.8.3)."""
        left = self.discharged
        if left is None:
            return False
        if self.arrived is not None and left < self.arrived:
            return True
        ways = [
            m for m in self.applied if m.discharged == left or (m.trigger == "A03" and m.happened == left)
        ]
        return any(
            m.happened - m.recorded < -_LONG_AGO
            or left - m.recorded > _AHEAD
            or (m.admitted is not None and left < m.admitted)
            for m in ways
        )

    @property
    def code(self) -> str:
        return self.disposition[1] if self.disposition else ""
