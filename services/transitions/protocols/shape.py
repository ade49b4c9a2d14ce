"""The shape of a protocol file, and how it becomes what the plan reads; knows nothing of where files are."""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.transitions.domain import protocol as rules
from services.transitions.domain.risk.rules import RiskRules
from services.transitions.protocols.risk import ProgrammeFile, RiskFile


def _span(value: object) -> object:
    if isinstance(value, str) and value.startswith("P"):
        return value
    raise ValueError("is no duration; write ISO 8601 such as PT72H or PT90M")


def _clock(value: object) -> object:
    if isinstance(value, str):
        return value
    raise ValueError('is no time of day; write it in quotes, such as "15:00"')


Span = Annotated[timedelta, BeforeValidator(_span), Field(ge=timedelta(0))]
Level = Literal["P1", "P2", "P3", "P4"]
Role = Literal["coordinator", "clinician", "pharmacist", "practice", "receiving_unit", "receiving_facility"]
Channel = Literal["phone", "secure_message", "in_person", "other"]
Outcome = Literal["reached", "no_answer", "left_message", "wrong_number", "refused", "language_barrier"]
Version = Annotated[int, Field(ge=1)]
WholeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _OneOf(Part):
    """A mapping of which exactly one key is given, whatever stands in `_beside`."""

    _beside: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        names = [name for name in type(self).model_fields if name not in self._beside]
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise ValueError(f"says not exactly one of {', '.join(names)}; write one of them")
        return self


class DueFile(_OneOf):
    elapsed: Span | None = None
    business_days: Annotated[int, Field(ge=1, le=60)] | None = None
    end_of_day: Annotated[int, Field(ge=0, le=366)] | None = None
    with_visit: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None

    def build(self, others: Mapping[str, "DeadlineFile"]) -> rules.Due:
        if self.with_visit is not None:
            visits = [others[kind] for kind in self.with_visit]
            return rules.WithVisit(tuple((visit.complexity, visit.due.of_days()) for visit in visits))
        return rules.Elapsed(self.elapsed) if self.elapsed is not None else self.of_days()

    def of_days(self) -> rules.BusinessDays | rules.DayEnds:
        if self.business_days is not None:
            return rules.BusinessDays(self.business_days)
        return rules.DayEnds(self.end_of_day or 0)


class WarningFile(_OneOf):
    before_due: Span | None = None
    after_start: Span | None = None
    business_day: Annotated[int, Field(ge=1, le=60)] | None = None
    day: Annotated[int, Field(ge=0, le=366)] | None = None
    last_day: Literal[True] | None = None
    at: Annotated[time, BeforeValidator(_clock)] | None = None
    severity: Level
    unless_attempted: bool = False
    unless_booked: bool = False

    _beside = frozenset({"at", "severity", "unless_attempted", "unless_booked"})

    @model_validator(mode="after")
    def _time_of_day(self) -> Self:
        of_a_day = (self.business_day, self.day, self.last_day) != (None, None, None)
        if (self.at is not None) != of_a_day:
            raise ValueError("needs `at` with a day and only then; write a day and its time, or a span")
        return self

    def build(self) -> rules.WarningRule:
        when: rules.BeforeDue | rules.AfterStart | rules.OnBusinessDay | rules.OnDay | rules.OnLastDay
        if self.before_due is not None:
            when = rules.BeforeDue(self.before_due)
        elif self.after_start is not None:
            when = rules.AfterStart(self.after_start)
        elif self.business_day is not None:
            when = rules.OnBusinessDay(self.business_day, self.at or time())
        elif self.day is not None:
            when = rules.OnDay(self.day, self.at or time())
        else:
            when = rules.OnLastDay(self.at or time())
        return rules.WarningRule(when, self.severity, self.unless_attempted, self.unless_booked)


class ContactFile(Part):
    outcomes: Annotated[frozenset[Outcome], Field(min_length=1)]
    channels: Annotated[frozenset[Channel], Field(min_length=1)]
    attempts: Annotated[int, Field(ge=0, le=10)] = 0
    no_attempt: frozenset[Outcome] = frozenset()
    clinician: bool = False


class AckFile(Part):
    read_back: bool = True
    checklist: Literal["shown", "complete"] = "shown"


class ActionFile(Part):
    type: Literal["pcp_notified", "visit_completed", "medications_reconciled"]
    specialty: Name | None = None
    from_day: Annotated[int, Field(ge=0, le=366)] = 0


class MetByFile(_OneOf):
    contact: ContactFile | None = None
    acknowledgement: AckFile | None = None
    action: ActionFile | None = None
    arrival: Literal[True] | None = None

    def build(self) -> rules.ContactRule | rules.AckRule | rules.ActionRule | rules.ArrivalRule:
        if self.action is not None:
            return rules.ActionRule(self.action.type, self.action.specialty, self.action.from_day)
        if self.arrival:
            return rules.ArrivalRule()
        if self.contact is None:
            said = self.acknowledgement or AckFile()
            return rules.AckRule(said.read_back, complete=said.checklist == "complete")
        return rules.ContactRule(**self.contact.model_dump())


class DeadlineFile(Part):
    complexity: Literal["moderate", "high"] | None = None
    opened_by: Literal["call"] | None = None
    due: DueFile
    met_by: MetByFile
    severity: Level
    severity_low_risk: Level | None = None
    severity_elsewhere: Level | None = None
    responsible: Role = "coordinator"
    warnings: tuple[WarningFile, ...] = ()

    @model_validator(mode="after")
    def _asked_for(self) -> Self:
        if self.opened_by and (self.met_by.contact is None or self.due.with_visit):
            raise ValueError("is opened by a call: let it be met by a contact, and due on a clock of its own")
        return self

    def build(self, kind: str, others: Mapping[str, "DeadlineFile"]) -> rules.DeadlineRule:
        return rules.DeadlineRule(
            kind=kind,
            due=self.due.build(others),
            severity=self.severity,
            met_by=self.met_by.build(),
            warnings=tuple(warning.build() for warning in self.warnings),
            low_risk=self.severity_low_risk,
            elsewhere=self.severity_elsewhere,
            complexity=self.complexity,
            opened_by=self.opened_by,
            responsible=self.responsible,
        )


class OpeningFile(Part):
    opens: Literal["discharge", "facility_handoff", "unit_handoff"]
    deadlines: tuple[Name, ...]
    provisional: bool = False
    raised: bool = False

    def build(self, known: dict[str, rules.DeadlineRule]) -> rules.Opening:
        chosen = tuple(known[kind] for kind in self.deadlines)
        return rules.Opening(self.opens, chosen, self.provisional, self.raised)


def _nothing(value: object) -> object:
    if value is None:
        raise ValueError("says nothing; write `none` where nothing is owed")
    return None if value == "none" else value


Opens = Annotated[OpeningFile | None, BeforeValidator(_nothing)]


class EngineFile(Part):
    settle_window: Span
    attempt_gap: Span
    ed_to_ip_gap: Span
    ack_lead: Span
    clock_skew: Span
    window_days: Annotated[int, Field(ge=1, le=366)]
    readmission_days: Annotated[int, Field(ge=1, le=366)]


class ComplexityFile(Part):
    high_lace: Annotated[int, Field(ge=0, le=20)] = 10
    high_programmes: frozenset[Name] = frozenset({"case_management"})


class ProtocolFile(Part):
    """The shape of a whole protocol."""

    name: WholeName
    version: Version
    engine: EngineFile
    complexity: ComplexityFile = ComplexityFile()
    deadlines: Annotated[dict[Name, DeadlineFile], Field(min_length=1)]
    risk: RiskFile = RiskFile()
    programme: ProgrammeFile = ProgrammeFile()
    transfers: Opens
    dispositions: dict[Name, Opens]

    def build(self) -> rules.Protocol:
        known = {kind: deadline.build(kind, self.deadlines) for kind, deadline in self.deadlines.items()}
        dispositions = {
            category: opening.build(known) if opening else None
            for category, opening in self.dispositions.items()
        }
        unknown = dispositions[rules.UNKNOWN]
        return rules.Protocol(
            name=self.name,
            version=self.version,
            label=f"{self.name}@{self.version}",
            engine=rules.Engine(**self.engine.model_dump()),
            risk=RiskRules(self.risk.build(), self.programme.build()),
            dispositions=dispositions,
            transfer=self.transfers.build(known) if self.transfers else None,
            unknown_kinds=frozenset(rule.kind for rule in unknown.deadlines) if unknown else frozenset(),
            complexity=rules.Complexity(self.complexity.high_lace, self.complexity.high_programmes),
        )


class FasterFile(Part):
    """The same protocol with other spans."""

    extends: str
    engine: dict[Literal["settle_window", "attempt_gap"], Span] = Field(default_factory=dict)
    elapsed: dict[Name, Span] = Field(default_factory=dict)
