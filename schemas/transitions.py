"""`care.transitions`: episodes and deadlines as they now stand, whole, with a revision."""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from schemas.base import Instant, Message


class EpisodeKind(StrEnum):
    """What was handed over to whom."""

    DISCHARGE = "discharge"
    FACILITY_HANDOFF = "facility_handoff"
    UNIT_HANDOFF = "unit_handoff"


class EpisodeStatus(StrEnum):
    """open -> closed (it ended) or void (it turned out never to have been)."""

    OPEN = "open"
    CLOSED = "closed"
    VOID = "void"


class CloseReason(StrEnum):
    """Why an episode ended."""

    COMPLETED = "completed"
    LEFT = "left"
    WINDOW_ENDED = "window_ended"
    READMITTED = "readmitted"
    DIED = "died"
    MERGED = "merged"


class DeadlineStatus(StrEnum):
    """pending -> met | missed | attempted; missed -> met | met_late | attempted; any -> void | superseded."""

    PENDING = "pending"
    MET = "met"
    ATTEMPTED = "attempted"
    MISSED = "missed"
    MET_LATE = "met_late"
    VOID = "void"
    SUPERSEDED = "superseded"
    WAIVED = "waived"


class Verdict(StrEnum):
    """What a new arrival within thirty days is taken for. None of them is an HRRP result."""

    READMIT_SUSPECTED_UNPLANNED = "readmit_suspected_unplanned"
    READMIT_SUSPECTED_PLANNED = "readmit_suspected_planned"
    TRANSFER_CHAIN = "transfer_chain"
    SAME_DAY_COMBINED = "same_day_combined"
    ED_REVISIT = "ed_revisit"
    OBS_REVISIT = "obs_revisit"


class Warning(Message):  # noqa: A001 - the field's word
    """An instant before the due time at which someone should hear that time is running out.

    `known_at` is given where that came true only later: the attempt or the booking that had spared them was taken back.
    """

    at: Instant
    severity: str
    known_at: Instant | None = None


class Ack(Message):
    """Someone has an alert of this subject. `at` is when they took it, `known_at` when we heard of it."""

    kind: str
    at: Instant
    known_at: Instant
    by: str | None = None


class TeamAck(Message):
    """Someone of the team has the list of what was late when it was learned.

    `withdrawn`: whoever said so has taken it back, and nobody has it; `at` is then when that reached us.
    """

    team: str
    revision: int
    at: Instant
    known_at: Instant
    by: str | None = None
    withdrawn: bool = False


class DeadlineEvent(Message):
    """One dated obligation as it now stands.

    `due_at` is an exclusive upper bound. `learned_at` is the arrival of the message that caused this due
    time, `known_at` the arrival of what gave the present status (for a deadline that simply ran out: the
    due time). `owed` tells whether someone still has to act: pending or missed, in an open episode; or missed as the
    window of its episode ended, for the week after that.
    `warned` counts the entries of `warnings` already due; `warned_at` is the offset instant of the latest.
    `hold_until` is the end of the settle window: nobody is paged before it. `generation` rises whenever an
    alert that was sent before must not be taken for this obligation. `severity` is that of a miss. `responsible` is the
    role that owes it: coordinator, clinician, pharmacist, practice, receiving_unit, receiving_facility.
    """

    deadline_id: UUID
    episode_id: str
    patient_id: UUID
    visit_id: UUID
    revision: int
    kind: str
    status: DeadlineStatus
    due_at: Instant
    settled_at: Instant | None = None
    generation: int = 0
    late_known: bool = False
    provisional: bool = False
    owed: bool = True
    behind: bool = False
    because: str
    severity: str
    warnings: tuple[Warning, ...] = ()
    warned: int = 0
    warned_at: Instant | None = None
    hold_until: Instant | None = None
    learned_at: Instant
    known_at: Instant
    facility: str
    unit: str | None = None
    team: str
    live: bool = True
    acknowledged: tuple[Ack, ...] = ()
    responsible: str = "coordinator"


class Readmission(Message):
    """A later arrival of the same person, judged against the stay of this episode.

    `at` is the start of the new stay, `known_at` the arrival of what made it so; `notice` tells whether a
    person should hear of it. `index_ama`: the patient had left against advice. `needs_review`: back on the same day at
    the same place with a diagnosis that is not known: the two might be one stay.
    """

    visit_id: UUID
    verdict: Verdict
    at: Instant
    known_at: Instant
    index_ama: bool = False
    notice: bool = True
    needs_review: bool = False


class Lace(Message):
    """The LACE index of a discharge: points of length of stay, acuity, comorbidity and emergency visits, and their sum.

    `provisional` until a final diagnosis is known. `rules` names weights, code list and its version. `notes` say what
    was missing: `admission_type_unknown`, `diagnosis_not_icd10cm`, `no_coded_diagnosis`.
    """

    l: int  # noqa: E741 - the part's own name
    a: int
    c: int
    e: int
    total: int
    band: Literal["low", "moderate", "high"]
    provisional: bool
    rules: str
    notes: tuple[str, ...] = ()


class ProgrammeDecision(StrEnum):
    """How much care management a patient is owed; `needs_review` where the facts do not decide."""

    CASE_MANAGEMENT = "case_management"
    CARE_COORDINATION = "care_coordination"
    NEEDS_REVIEW = "needs_review"


class ProgrammeStep(Message):
    """One step of case management: `assess plan follow adjust hand_over`, done at an instant by somebody, or to be.

    `owner` is who does it, `due_at` by when, where somebody has said so.
    """

    step: str
    at: Instant | None = None
    by: str | None = None
    owner: str | None = None
    due_at: Instant | None = None


class Programme(Message):
    """Which programme the patient of a discharge belongs to since when (event time), and why.

    `reasons` are the criteria met, `not_met` and `unknown` the others. `missing` is what a person has to find out
    before care coordination can be chosen. `sensitive` are the words among `reasons` and `chronic` that only roles with
    permission may read: to others say "clinical criteria met". `proposed` is a lower programme that takes effect only
    by the action `programme_confirmed`. `chronic` and `hospitalisations` are what was counted, both lower bounds.
    """

    decision: ProgrammeDecision
    since: Instant
    reasons: tuple[str, ...] = ()
    not_met: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    proposed: ProgrammeDecision | None = None
    confirmed_at: Instant | None = None
    confirmed_by: str | None = None
    chronic: tuple[str, ...] = ()
    hospitalisations: int = 0
    rules: str = ""
    notes: tuple[str, ...] = ()
    steps: tuple[ProgrammeStep, ...] = ()


class Notice(Message):
    """Something that someone must hear of at once: `red_flag`, `handoff_declined`; more words may come.

    `at` is when it happened, `known_at` when it reached us. `ended` is done or not_needed, `ended_at` the arrival of
    what ended it. One whose action was withdrawn is gone.
    """

    notice_id: UUID
    kind: str
    severity: str
    at: Instant
    known_at: Instant
    ended: str | None = None
    ended_at: Instant | None = None


class Handoff(Message):
    """How a handoff stands: offered, delegated, declined, noted (taken without read-back), accepted; since `at`.

    `missing` names the items of the checklist that were not handed over; `checked` tells whether anybody said.
    `arrived_at` is when the patient was admitted at a facility whose feed we read.
    """

    state: str
    at: Instant
    checked: bool = False
    missing: tuple[str, ...] = ()
    arrived_at: Instant | None = None


class Span(Message):
    """Who is responsible from `since` until `until` (exclusive; None: for good): sender, receiver, team or nobody.

    A span may lie ahead: this is how it will be if nothing more happens.
    """

    party: str
    since: Instant
    until: Instant | None = None


class EpisodeEvent(Message):
    """A transition case as it now stands. `known_at` is the arrival of what gave the present status.

    The spans of `responsibility` follow each other without gap or overlap from `opened_at` to `closed_at`.
    """

    episode_id: str
    patient_id: UUID
    visit_id: UUID
    revision: int
    kind: EpisodeKind
    status: EpisodeStatus
    opened_at: Instant
    closed_at: Instant | None = None
    close_reason: CloseReason | None = None
    protocol: str
    facility: str
    unit: str | None = None
    team: str
    live: bool = True
    readmission: Readmission | None = None
    programme: Programme | None = None
    lace: Lace | None = None
    learned_at: Instant
    known_at: Instant
    acknowledged: tuple[Ack, ...] = ()
    notices: tuple[Notice, ...] = ()
    handoff: Handoff | None = None
    responsibility: tuple[Span, ...] = ()


class ActionEffect(StrEnum):
    """waiting -> counted | noted; any -> withdrawn. What counts may turn into what is only noted, and back."""

    COUNTED = "counted"
    NOTED = "noted"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"


class ActionApplied(Message):
    """What became of one action, as things now stand.

    `counted`: it is part of a case; `kinds` are the deadlines it settled, none where it settled nothing by itself
    (an attempt, a booking). `noted`: kept, without effect; `reason` says why in one of these words:

    - `before_discharge`: done before the discharge that it would follow up; `episode_over`: after the case ended
    - `no_episode`: the visit has opened no case; `nothing_waiting`: nothing there waits for it, or no more
    - `kind_not_owed`, `no_such_alert`: the visit owes no such deadline, has no such alert
    - `no_read_back`, `checklist_incomplete`; `too_early`: before any handoff it could be of; `no_attempt`: a wrong number is none
    - `visit_cancelled`, `visit_folded`: the visit turned out never to have been, or to be another
    - `other_patient`: it names another patient than the visit's

    `waiting`: `unknown_visit`, `ambiguous_visit`, `no_discharge_yet`, or, of a withdrawal, `unknown_action`. A
    withdrawal is told of under the id of what it undoes. More words may come. `at` is when the action reached us,
    `known_at` the arrival of what gave this answer.
    """

    action_id: str
    type: str
    revision: int
    effect: ActionEffect
    reason: str | None = None
    kinds: tuple[str, ...] = ()
    patient_id: UUID | None = None
    visit_id: UUID | None = None
    episode_id: str | None = None
    at: Instant
    occurred_at: Instant
    known_at: Instant


EPISODE_TYPE = "baton.care.episode"
DEADLINE_TYPE = "baton.care.deadline"
TEAM_ACK_TYPE = "baton.care.team_acknowledgement"
ACTION_APPLIED_TYPE = "baton.care.action_applied"
