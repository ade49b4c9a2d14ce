"""The nouns of transitions: the stays and actions it plans from, and the rows it keeps."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from services.transitions.domain.risk.model import Lace, Programme

COORDINATOR = "coordinator"
"""Whoever is responsible for a deadline where its protocol names nobody."""


class Move(Struct, frozen=True, gc=False, omit_defaults=True):
    """A transfer that hands the patient to other people. `learned_at` is the arrival of its first report."""

    at: datetime
    learned_at: datetime
    trigger: str
    unit: str | None = None
    facility: str | None = None


class Diagnosis(Struct, frozen=True, gc=False, omit_defaults=True):
    """One DG1, as sent; see `schemas.encounters.Diagnosis`. `until`: it was taken back at this event time."""

    code: str
    system: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Stay(Struct, frozen=True, gc=False, omit_defaults=True):
    """One visit, as far as follow-up depends on it. Instants are UTC; see `schemas.encounters.Visit`.

    `age` is in whole years on the day of discharge, `age_in_year` that reached by 31 December of it.
    `aliases` are the other numbers of its patient, merged away or of other authorities. `part2`: a programme under
    42 CFR Part 2 told of it.
    """

    visit_id: UUID
    root_id: UUID
    patient_id: UUID
    patient_number: str
    revision: int
    feed: str
    learned_at: datetime
    number: str | None
    authority: str | None
    facility: str
    generation: int
    state: str
    care_class: str
    inpatient: bool
    live: bool = True
    patient_class: str | None = None
    admission_type: str | None = None
    hospital_service: str | None = None
    started_at: datetime | None = None
    admitted_at: datetime | None = None
    admit_learned_at: datetime | None = None
    discharged_at: datetime | None = None
    discharge_learned_at: datetime | None = None
    settle_from: datetime | None = None
    disposition_code: str | None = None
    disposition_category: str | None = None
    disposition_stated: bool = False
    disposition_learned_at: datetime | None = None
    planned_readmission: bool = False
    unit: str | None = None
    moves: tuple[Move, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    emergency_phase: bool = False
    preadmitted: bool = False
    gap: bool = False
    implausible: bool = False
    language: str | None = None
    death_at: datetime | None = None
    death_learned_at: datetime | None = None
    aliases: tuple[str, ...] = ()
    age: int | None = None
    age_in_year: int | None = None
    part2: bool = False

    @property
    def start_told(self) -> bool:
        """Whether a message admitted the patient: the start of a stay first seen in the middle was never told."""
        return not self.gap or self.admit_learned_at is not None


class News(Struct, frozen=True, gc=False):
    """What a batch tells of: the visits whose start or end is in it, and when the newest word of each had come before.

    A visit never heard of is `told` and not in `before`. `fresh` are the arrivals of what is told of a visit for the first time,
    though a newer word of it was read before: Kafka's partitions are read side by side.
    """

    told: frozenset[UUID] = frozenset()
    before: Mapping[UUID, datetime] = {}
    fresh: Mapping[UUID, frozenset[datetime]] = {}


NO_NEWS = News()


class Assessment(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a coordinator found out (`assessment_recorded`); None where nothing was said."""

    specialists: int | None = None
    supports: str | None = None
    stability: str | None = None
    interpreter_needed: bool | None = None
    housing_unstable: bool | None = None
    food_insecure: bool | None = None
    ltc_decision_pending: bool | None = None


class Deed(Struct, frozen=True, gc=False, omit_defaults=True):
    """One action, bound to a visit number (`root_id`), not withdrawn. `at` is when it reached us.

    `occurred_at` is when it was done (default: `at`). `detail` holds the fields of its type: outcome,
    channel, party, read_back, kind, reason, complexity, occurs_at …
    """

    action_id: str
    type: str
    at: datetime
    occurred_at: datetime
    root_id: UUID
    by: str | None = None
    outcome: str | None = None
    channel: str | None = None
    party: str | None = None
    kind: str | None = None
    read_back: bool | None = None
    occurs_at: datetime | None = None
    complexity: str | None = None
    protocol: str | None = None
    specialty: str | None = None
    discharging_practitioner: bool = False
    patient: str | None = None
    decision: str | None = None
    owner: str | None = None
    review_at: datetime | None = None
    assessment: Assessment | None = None
    clinician: bool = False
    callback: bool = False
    red_flag: bool = False
    checklist: tuple[str, ...] | None = None


class Answer(Struct, frozen=True, gc=False):
    """What became of an action, with the case it is part of; see `schemas.transitions.ActionApplied`."""

    effect: str
    reason: str | None = None
    kinds: tuple[str, ...] = ()
    visit_id: UUID | None = None
    episode_id: str | None = None


class AnswerRow(Struct, frozen=True, gc=False):
    """A row of transitions.answer. `deed` is what was answered."""

    deed: Deed
    answer: Answer
    known_at: datetime
    revision: int


class WarningAt(Struct, frozen=True, gc=False, omit_defaults=True):
    """An instant at which someone should hear that time is running out.

    `known_at` is set where that came true only later: whatever had spared them was taken back.
    """

    at: datetime
    severity: str
    known_at: datetime | None = None


class PlannedDeadline(Struct, frozen=True, gc=False, omit_defaults=True):
    """What ought to be owed.

    `settled` holds (status, instant of the fact) where facts alone decide; else the deadline is pending
    before `due_at` and becomes `becomes` at it. `learned_at` is the arrival of what caused this due time.
    `owed` False: nobody has to act any more although the status may be missed (episode closed, waived).
    `waived`: somebody has said so.
    """

    kind: str
    due_at: datetime
    becomes: str
    because: str
    severity: str
    learned_at: datetime
    settled: tuple[str, datetime] | None = None
    provisional: bool = False
    owed: bool = True
    warnings: tuple[WarningAt, ...] = ()
    hold_until: datetime | None = None
    waived: bool = False
    responsible: str = COORDINATOR


class PlannedReadmission(Struct, frozen=True, gc=False, omit_defaults=True):
    """The later stay that counts against this episode's stay, and what it is taken for.

    `needs_review`: with a diagnosis that is not known, the two might be one stay.
    """

    visit_id: UUID
    verdict: str
    at: datetime
    known_at: datetime
    index_ama: bool = False
    notice: bool = True
    needs_review: bool = False


class Notice(Struct, frozen=True, gc=False, omit_defaults=True):
    """Something someone must hear of at once; see `schemas.transitions.Notice`. A plan may leave `ended_at` open."""

    notice_id: UUID
    kind: str
    severity: str
    at: datetime
    known_at: datetime
    ended: str | None = None
    ended_at: datetime | None = None


class Handoff(Struct, frozen=True, gc=False, omit_defaults=True):
    """How a handoff stands; see `schemas.transitions.Handoff`."""

    state: str
    at: datetime
    checked: bool = False
    missing: tuple[str, ...] = ()
    arrived_at: datetime | None = None


class Span(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who is responsible from `since` until `until` (None: for good); see `schemas.transitions.Span`."""

    party: str
    since: datetime
    until: datetime | None = None


class PlannedEpisode(Struct, frozen=True, gc=False, omit_defaults=True):
    """An episode that ought to exist. `anchor` is empty for a discharge, the event key of a move for a handoff.

    `closed` holds (reason, instant) where it has ended. `opens_at` is set where nothing was said of the
    destination: the episode waits until then for a word, unless it is open already. `window_end` is when time
    alone ends it. `episode_id` is its name for ever. `said` are the actions that
    were found to speak of this handoff.
    """

    episode_id: str
    visit_id: UUID
    kind: str
    anchor: str
    protocol: str
    opened_at: datetime
    learned_at: datetime
    facility: str
    team: str
    unit: str | None
    live: bool
    deadlines: tuple[PlannedDeadline, ...] = ()
    closed: tuple[str, datetime] | None = None
    readmission: PlannedReadmission | None = None
    opens_at: datetime | None = None
    window_end: datetime | None = None
    programme: Programme | None = None
    lace: Lace | None = None
    notices: tuple[Notice, ...] = ()
    handoff: Handoff | None = None
    responsibility: tuple[Span, ...] = ()
    said: frozenset[str] = frozenset()


class Plan(Struct, frozen=True, gc=False):
    """Everything one patient is owed. `replan_at` is the next instant at which the plan changes by itself.

    `alarms` are visits that cannot be this person's, each with a word for why: `admitted_after_death`.
    """

    episodes: tuple[PlannedEpisode, ...] = ()
    readmissions: tuple[tuple[UUID, PlannedReadmission], ...] = ()
    replan_at: datetime | None = None
    alarms: tuple[tuple[UUID, str], ...] = ()


class DeadlineRow(Struct, gc=False, omit_defaults=True):
    """A row of transitions.deadline. Fields as in `schemas.transitions.DeadlineEvent`."""

    deadline_id: UUID
    episode_id: str
    kind: str
    status: str
    due_at: datetime
    becomes: str
    settled_at: datetime | None
    generation: int
    late_known: bool
    provisional: bool
    owed: bool
    behind: bool
    because: str
    severity: str
    warnings: tuple[WarningAt, ...]
    warned: int
    warned_at: datetime | None
    hold_until: datetime | None
    learned_at: datetime
    known_at: datetime
    revision: int
    waived: bool = False
    responsible: str = COORDINATOR


class EpisodeRow(Struct, gc=False, omit_defaults=True):
    """A row of transitions.episode with its deadlines by kind. Fields as in `schemas.transitions.EpisodeEvent`."""

    episode_id: str
    patient_id: UUID
    visit_id: UUID
    kind: str
    anchor: str
    status: str
    opened_at: datetime
    closed_at: datetime | None
    close_reason: str | None
    protocol: str
    facility: str
    unit: str | None
    team: str
    live: bool
    readmission: PlannedReadmission | None
    programme: Programme | None
    lace: Lace | None
    learned_at: datetime
    known_at: datetime
    revision: int
    deadlines: dict[str, DeadlineRow]
    notices: tuple[Notice, ...] = ()
    handoff: Handoff | None = None
    responsibility: tuple[Span, ...] = ()
