"""What a page or the API shows: frozen values, read from the read model, with no behaviour of their own."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.alerts import AlertStatus
from schemas.base import Instant
from schemas.encounters import Caregiver, Identifier, Telecom, VisitState
from schemas.transitions import DeadlineStatus, EpisodeKind, EpisodeStatus, Handoff, Lace, ProgrammeStep

SEARCH_MAX = 200
"""Characters of a search that are looked at; what is longer is cut, not refused."""
PAGE_MAX = 200

Word = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class View(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Narrowed(View):
    """What the list is narrowed to; all that is given must hold, and all of it may be part of an address.

    `mine`: held by the one who asks.
    """

    team: Word | None = None
    unit: Word | None = None
    facility: Word | None = None
    kind: Word | None = None
    programme: Word | None = None
    mine: bool = False
    overdue: bool = False
    late_known: bool = False


class Filters(Narrowed):
    """The same and a search: `q` is a patient's name or number, or a case, by the beginnings of its words.

    Addresses end in logs and histories, so it is never part of one (45 CFR 164.312(e)).
    """

    q: Annotated[str, Field(max_length=20_000)] | None = None


class Taken(View):
    """Somebody works on this patient, until the lease ends by itself."""

    by: str
    until: Instant


class Hours(View):
    """When the patient may be called: from and to, on the clock of `zone`, and whether that is now.

    `next_open` is the next instant at which calls may begin; None while they may.
    """

    zone: str
    start: str
    end: str
    open: bool
    next_open: Instant | None = None


class Item(View):
    """A deadline that is owed, on the list. `case` is its episode's public id.

    `attempts` counts the attempts to reach the patient in this episode that are known. `pending` counts actions of
    this case that nobody has confirmed yet. `source` is the id of the event that gave this state.
    """

    deadline_id: UUID
    case: str
    patient_id: UUID
    kind: str
    status: DeadlineStatus
    due_at: Instant
    overdue: bool
    late_known: bool
    provisional: bool
    severity: str
    because: str
    team: str
    facility: str
    unit: str | None
    programme: str | None
    name: str | None
    number: str | None
    birth_date: date | None
    language: str | None
    visit_number: str | None
    taken: Taken | None
    hours: Hours
    attempts: int = 0
    pending: int = 0
    source: str


class Counts(View):
    """How many open items there are under the same filters."""

    total: int
    overdue: int
    late_known: int
    mine: int


class ListPage(View):
    """One page of the list, soonest due first. `next` is the cursor of the page behind it; None: this is the last.

    `change`, here and below: the number of a change that this has seen; `/api/v1/events?after=` goes on from there.
    """

    items: tuple[Item, ...]
    next: str | None
    counts: Counts
    as_of: Instant
    change: int = 0


class Choice(View):
    """A word the list can be filtered by, with how many open items have it."""

    value: str
    items: int


class Choices(View):
    """The words there are to filter by."""

    teams: tuple[Choice, ...]
    units: tuple[Choice, ...]
    facilities: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    programmes: tuple[Choice, ...]


class Person(View):
    """The patient, and who else to speak with."""

    patient_id: UUID
    name: str | None
    birth_date: date | None
    sex: str | None
    language: str | None
    number: str
    authority: str
    identifiers: tuple[Identifier, ...] = ()
    telecom: tuple[Telecom, ...] = ()
    caregivers: tuple[Caregiver, ...] = ()
    primary_care_provider: str | None = None
    died_at: Instant | None = None


class Found(View):
    """A patient that a search found, with the latest case and what is owed."""

    patient_id: UUID
    name: str | None
    birth_date: date | None
    number: str
    case: str | None
    owed: int


class VisitView(View):
    """A stay. `source` is the id of the event that told of it.

    `doubtful`: a time of it cannot be right (discharged before the admission, far ahead, long past), so nothing of it pages.
    `security_label`: `R/42CFRPart2` for whoever may read it; others see no unit, service and attending of such a stay.
    """

    visit_id: UUID
    number: str | None
    facility: str
    unit: str | None
    state: VisitState
    started_at: Instant | None
    admitted_at: Instant | None
    discharged_at: Instant | None
    disposition: str | None
    attending: str | None
    hospital_service: str | None
    live: bool
    doubtful: bool = False
    security_label: str | None = None
    source: str


class FactKind(StrEnum):
    """What a mark on the timeline is."""

    STAY = "stay"
    TRANSFER = "transfer"
    DISCHARGE = "discharge"
    DEATH = "death"
    DEADLINE = "deadline"
    ALERT = "alert"
    ACTION = "action"
    READMISSION = "readmission"


class Fact(View):
    """One mark on the patient's timeline. `at` is when it happened (of a deadline: the due time).

    `words` is one plain sentence. `source` is the id of what said so: the
    MSH-10 of the message, else the id of the event or action. `until` is given where it
    spans time. `case` is left out where it belongs to no episode.
    """

    kind: FactKind
    at: Instant
    until: Instant | None = None
    name: str
    words: str
    status: str | None = None
    by: str | None = None
    case: str | None = None
    source: str


class DeadlineView(View):
    """One obligation of a case; `because` says how the due time came about, `responsible` which role owes it."""

    deadline_id: UUID
    kind: str
    status: DeadlineStatus
    due_at: Instant
    settled_at: Instant | None
    owed: bool
    overdue: bool
    late_known: bool
    provisional: bool
    severity: str
    because: str
    responsible: str = "coordinator"
    warnings: tuple[Instant, ...] = ()
    source: str


class ProgrammeView(View):
    """Which programme a case belongs to since when, and why, in words of domain codes.

    What only some may read of the criteria is left out; of the reasons `hidden` says so. `missing` is what a person has
    to find out, `notes` what could not be read (`diagnosis_not_icd10cm`). `steps` are those of case management.
    """

    decision: str
    since: Instant
    reasons: tuple[str, ...] = ()
    hidden: bool = False
    not_met: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    proposed: str | None = None
    confirmed_by: str | None = None
    notes: tuple[str, ...] = ()
    steps: tuple[ProgrammeStep, ...] = ()


class CaseView(View):
    """An episode with what is owed in it. `responsible`: the party that answers for the patient now."""

    case: str
    kind: EpisodeKind
    status: EpisodeStatus
    opened_at: Instant
    closed_at: Instant | None
    close_reason: str | None
    facility: str
    unit: str | None
    team: str
    programme: str | None
    why_programme: ProgrammeView | None = None
    lace: Lace | None = None
    handoff: Handoff | None = None
    responsible: str | None = None
    readmission: str | None
    visit_id: UUID
    visit_number: str | None
    deadlines: tuple[DeadlineView, ...]
    source: str


class AlertView(View):
    """Someone was told of something, and whether anybody answered. `answered_by` may be unknown."""

    alert_id: UUID
    kind: str
    severity: str
    status: AlertStatus
    raised_at: Instant
    ended_at: Instant | None
    acknowledged_at: Instant | None
    answered_by: str | None
    case: str | None
    team: str
    unit: str | None
    due_at: Instant | None
    items: int
    source: str


class ActionState(StrEnum):
    """waiting -> sent -> confirmed | refused.

    waiting: Kafka has not got it. sent: Kafka has it, and transitions has not yet said that it counts.
    """

    WAITING = "waiting"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class ActionView(View):
    """Something a person did. `body` is the action as published. `withdrawn`: it was undone since.

    `ours` is False for actions that other systems sent. `effect` is what transitions says became of it: counted,
    noted, waiting or withdrawn; `kinds` are the deadlines it settled. `reason` is the word for why it was refused, or
    has no effect (see ActionApplied in schemas/transitions.py).
    """

    action_id: str
    type: str
    state: ActionState
    case: str | None
    by: str | None
    at: Instant
    occurred_at: Instant
    body: dict[str, object]
    ours: bool = True
    withdrawn: bool = False
    effect: str | None = None
    kinds: tuple[str, ...] = ()
    reason: str | None = None


class PatientPage(View):
    """Everything about one patient. `case` is the one the page was opened by, else the one most urgent, if any."""

    person: Person
    hours: Hours
    taken: Taken | None
    case: str | None
    cases: tuple[CaseView, ...]
    visits: tuple[VisitView, ...]
    facts: tuple[Fact, ...]
    alerts: tuple[AlertView, ...]
    actions: tuple[ActionView, ...]
    as_of: Instant
    change: int = 0


class BoardSlot(View):
    """What falls due in one hour that begins at `at`, by severity."""

    at: Instant
    items: int
    severities: dict[str, int]


class Holding(View):
    """Who works on how many patients, and when the first of those leases ends."""

    by: str
    patients: int
    until: Instant


class BoardView(View):
    """The wall view of a unit or team: the next hours, what is overdue, and who holds what."""

    counts: Counts
    hours: tuple[BoardSlot, ...]
    overdue: tuple[Item, ...]
    next: tuple[Item, ...]
    holders: tuple[Holding, ...]
    alerts: tuple[AlertView, ...]
    as_of: Instant
    change: int = 0


class Feed(View):
    """One consumer and topic: up to when everything that reached it is applied, and how long ago that is."""

    consumer: str
    topic: str
    mark: Instant | None
    behind_seconds: float | None


class Refused(View):
    """How many records of a topic, and feed, were refused for one reason, and when the last of them was."""

    topic: str
    feed: str
    code: str
    records: int
    last: Instant


class OpsView(View):
    """The main pictures for an operator.

    `lag` is the age of the oldest thing not yet applied, by consumer and topic. `feeds` gives the newest visit heard
    of each feed. `actions` counts our own actions by state. `refusals` are those of the last seven days at either door,
    dealt with or not, `refused` their number. `changes` is the number of the last change seen.
    """

    lag: tuple[Feed, ...]
    feeds: dict[str, Instant]
    deadlines: dict[str, int]
    alerts: dict[str, int]
    actions: dict[str, int]
    refused: int
    refusals: tuple[Refused, ...] = ()
    oldest_waiting: Instant | None
    changes: int
    build: int
    rebuilding: bool
    as_of: Instant
