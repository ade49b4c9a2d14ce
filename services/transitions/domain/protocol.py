"""A protocol of care as the plan reads it: which stay opens what, owed by when; knows nothing of its file."""

from datetime import date, time, timedelta

from msgspec import Struct
from msgspec.structs import replace

from schemas.reference.facilities import Facility
from services.transitions.domain.model import COORDINATOR, Stay
from services.transitions.domain.risk.rules import RiskRules

UNKNOWN = "unknown"
OPENS_ON_DISCHARGE = frozenset({"inpatient", "observation"})
"""CPT 99495 names inpatient and observation stays as origins; an emergency visit alone is none."""


class Elapsed(Struct, frozen=True, gc=False):
    """Hours on a watch, counted from the instant of discharge or transfer."""

    within: timedelta


class BusinessDays(Struct, frozen=True, gc=False):
    """To the end of the n-th business day after the local date (CPT 99495: the contact within two)."""

    days: int


class DayEnds(Struct, frozen=True, gc=False):
    """To the end of the n-th calendar day after the local date."""

    days: int


class WithVisit(Struct, frozen=True, gc=False):
    """To the end of the day of the follow-up visit, at the latest when that is due itself (CPT 99495, 99496).

    `visits` are the deadlines of which one is the visit's: for which complexity (None: any), and by when.
    """

    visits: tuple[tuple[str | None, BusinessDays | DayEnds], ...]


Due = Elapsed | BusinessDays | DayEnds | WithVisit


class BeforeDue(Struct, frozen=True, gc=False):
    """So long before the due time."""

    lead: timedelta


class AfterStart(Struct, frozen=True, gc=False):
    """So long after the discharge or transfer."""

    wait: timedelta


class OnBusinessDay(Struct, frozen=True, gc=False):
    """At a time of day on the n-th business day."""

    day: int
    clock: time


class OnDay(Struct, frozen=True, gc=False):
    """At a time of day on the n-th calendar day."""

    day: int
    clock: time


class OnLastDay(Struct, frozen=True, gc=False):
    """At a time of day on the last day on which it is not yet late."""

    clock: time


class WarningRule(Struct, frozen=True, gc=False):
    """When and how loudly to say that time is running out.

    `unless_attempted` spares whoever has tried, `unless_booked` whoever has a date in time for the visit.
    """

    when: BeforeDue | AfterStart | OnBusinessDay | OnDay | OnLastDay
    severity: str
    unless_attempted: bool = False
    unless_booked: bool = False


class ContactRule(Struct, frozen=True, gc=False):
    """Which conversations count, and after how many separate tries in vain the duty counts as attempted.

    `clinician`: only those that a clinician held.
    """

    outcomes: frozenset[str]
    channels: frozenset[str]
    no_attempt: frozenset[str]
    attempts: int = 0
    clinician: bool = False


class AckRule(Struct, frozen=True, gc=False):
    """The receiver takes over; `read_back` asks that it was repeated back (Joint Commission PC.02.02.01 EP 2).

    `complete` asks for every item of the checklist too; else what is missing is shown, and satisfies.
    """

    read_back: bool = True
    complete: bool = False


class ArrivalRule(Struct, frozen=True, gc=False):
    """The patient is admitted at another facility whose feed we read."""


class ActionRule(Struct, frozen=True, gc=False):
    """An action of this type since the discharge satisfies.

    `specialty`: only where the action names it. `from_day`: days after the local date of the discharge
    before which it does not count (1: not on the day itself).
    """

    action: str
    specialty: str | None = None
    from_day: int = 0


class DeadlineRule(Struct, frozen=True, gc=False):
    """One dated obligation.

    `severity` is that of a miss while the risk is high or unknown; `low_risk` that of a patient known to be
    at low risk, `elsewhere` that in a unit the facility does not page for. None: no difference.
    `complexity`: owed only where medical decision making is of this complexity. `opened_by`: owed only from when a
    call asked for it. `responsible`: the role that does the work, or takes over.
    """

    kind: str
    due: Due
    severity: str
    met_by: ContactRule | AckRule | ActionRule | ArrivalRule
    warnings: tuple[WarningRule, ...] = ()
    low_risk: str | None = None
    elsewhere: str | None = None
    complexity: str | None = None
    opened_by: str | None = None
    responsible: str = COORDINATOR

    @property
    def tells_others(self) -> bool:
        """Whether it is done by telling somebody outside of the patient."""
        return isinstance(self.met_by, ActionRule) and self.met_by.action == "pcp_notified"


class Complexity(Struct, frozen=True, gc=False):
    """When medical decision making is taken to be of high complexity before a clinician has assessed it."""

    high_lace: int
    high_programmes: frozenset[str]


class Opening(Struct, frozen=True, gc=False):
    """What a discharge of some category, or a transfer, opens. `raised`: counts as high risk whatever the score."""

    episode: str
    deadlines: tuple[DeadlineRule, ...] = ()
    provisional: bool = False
    raised: bool = False


class Population(Struct, frozen=True, gc=False):
    """For whom a layer is: everything that is said must hold; of facility types and services one is enough.

    Ages are whole years on the day of discharge, `min_age_in_year` those reached by 31 December. Where a
    birth date is unknown no condition on age holds. `discharged_by` is the last (month, day) of a discharge.
    """

    min_age: int | None = None
    max_age: int | None = None
    min_age_in_year: int | None = None
    discharged_by: tuple[int, int] | None = None
    inpatient: bool | None = None
    facility_types: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def has(self, stay: Stay, facility: Facility, day: date) -> bool:
        """Whether a stay that ended on this local day belongs to it."""
        named = facility.type in self.facility_types or stay.hospital_service in self.services
        return (
            (named or not (self.facility_types or self.services))
            and (self.min_age is None or (stay.age is not None and stay.age >= self.min_age))
            and (self.max_age is None or (stay.age is not None and stay.age <= self.max_age))
            and (
                self.min_age_in_year is None
                or (stay.age_in_year is not None and stay.age_in_year >= self.min_age_in_year)
            )
            and (self.discharged_by is None or (day.month, day.day) <= self.discharged_by)
            and (self.inpatient is None or stay.inpatient is self.inpatient)
        )


class Layer(Struct, frozen=True, gc=False):
    """What a protocol owes to some patients besides (`adds`, by category), and what it does not (`not_owed`).

    `opens_after` are care classes that it follows up beside those of the protocol.
    """

    label: str
    population: Population
    adds: dict[str, tuple[DeadlineRule, ...]]
    not_owed: frozenset[str]
    opens_after: frozenset[str]


class Engine(Struct, frozen=True, gc=False):
    """Spans that belong to no single deadline."""

    settle_window: timedelta
    attempt_gap: timedelta
    ed_to_ip_gap: timedelta
    ack_lead: timedelta
    clock_skew: timedelta
    window_days: int
    readmission_days: int


class Protocol(Struct, frozen=True, gc=False):
    """A whole protocol. `risk` is how LACE and programme are judged.

    `label` names it with its version and its layers: what an episode keeps of it. `dispositions` maps a
    destination category to what opens, None where nothing does.
    """

    name: str
    version: int
    label: str
    engine: Engine
    dispositions: dict[str, Opening | None]
    transfer: Opening | None
    unknown_kinds: frozenset[str]
    complexity: Complexity
    risk: RiskRules = RiskRules()

    layers: tuple[Layer, ...] = ()

    def for_destination(self, stay: Stay) -> Opening | None:
        """What discharges to where this patient went open, whoever they are."""
        return self.dispositions[self._category(stay)]

    def _category(self, stay: Stay) -> str:
        said = stay.disposition_category
        return said if said in self.dispositions else UNKNOWN

    def opening(self, stay: Stay, facility: Facility, day: date) -> Opening | None:
        """What the discharge of this stay opens, on a local day; an unknown category is as good as `unknown`."""
        opening = self.for_destination(stay)
        if not self.layers:
            return opening if stay.care_class in OPENS_ON_DISCHARGE else None
        mine = [layer for layer in self.layers if layer.population.has(stay, facility, day)]
        if stay.care_class not in OPENS_ON_DISCHARGE and not any(
            stay.care_class in layer.opens_after for layer in mine
        ):
            return None
        if opening is None or not mine:
            return opening
        category = self._category(stay)
        dropped = frozenset[str]().union(*(layer.not_owed for layer in mine))
        rules = (*opening.deadlines, *(rule for layer in mine for rule in layer.adds.get(category, ())))
        return replace(opening, deadlines=tuple(rule for rule in rules if rule.kind not in dropped))
