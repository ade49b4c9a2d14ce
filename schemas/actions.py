"""`care.actions`: what people did. A line of `baton act` is the same object."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec
from pydantic import Field, TypeAdapter

from schemas.base import Instant, Message


class _Action(Message):
    """What every action may carry. `id` makes a repetition harmless; `note` never leaves the application.

    `patient` is a number of the patient (PID-3) for whom it is meant: given, it must be one of the visit's patient's,
    else the action is noted without effect. It guards against a visit number entered wrongly.
    """

    id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    visit: Annotated[str, Field(min_length=1, max_length=200)]
    facility: str | None = None
    authority: str | None = None
    patient: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    by: str | None = None
    note: str | None = None


Answered = Literal["yes", "no", "not_needed"]


class CallForm(Message):
    """What was asked in a call, and the answers; a question that was not asked is left out. Stays in the application.

    `identity_confirmed`: by two identifiers. `clinician_callback`: a clinician must call back, which is owed from then
    on. `red_flag`: a warning sign that cannot wait: the team is alerted at once, and a call back is owed as well.
    """

    identity_confirmed: bool | None = None
    condition: Literal["better", "same", "worse"] | None = None
    new_or_worse_symptoms: bool | None = None
    medicines_obtained: Answered | None = None
    medicines_understood: bool | None = None
    appointments_known: Answered | None = None
    transport_arranged: Answered | None = None
    equipment_arrived: Answered | None = None
    services_started: Answered | None = None
    results_pending: bool | None = None
    knows_whom_to_call: bool | None = None
    caregiver_available: Answered | None = None
    language: Annotated[str, Field(max_length=60)] | None = None
    interpreter_used: Answered | None = None
    clinician_callback: bool = False
    red_flag: bool = False


class ContactAttempted(_Action):
    """An attempt to speak with the patient or a caregiver after discharge. `clinician`: made by one."""

    type: Literal["contact_attempted"]
    channel: Literal["phone", "secure_message", "in_person", "other"]
    party: Literal["patient", "caregiver"]
    outcome: Literal["reached", "no_answer", "left_message", "wrong_number", "refused", "language_barrier"]
    occurred_at: Instant | None = None
    clinician: bool = False
    form: CallForm | None = None


class HandoffChecklist(Message):
    """What the receiver was told, item by item of I-PASS; `synthesis` is what they said back in words of their own."""

    illness_severity: bool = False
    patient_summary: bool = False
    action_list: bool = False
    situation_awareness: bool = False
    synthesis: bool = False


class HandoffAcknowledged(_Action):
    """The receiver has taken over. Without read-back it is noted and does not satisfy.

    `checklist` left out: nobody said what was handed over.
    """

    type: Literal["handoff_acknowledged"]
    read_back: bool
    kind: str | None = None
    occurred_at: Instant | None = None
    checklist: HandoffChecklist | None = None


class HandoffDeclined(_Action):
    """The receiver will not take over, and why. The sender goes on being responsible."""

    type: Literal["handoff_declined"]
    reason: str
    kind: str | None = None
    occurred_at: Instant | None = None


class HandoffDelegated(_Action):
    """The receiver passes it on: `to` is whoever is to take over instead. Until they do, nobody else has."""

    type: Literal["handoff_delegated"]
    to: Annotated[str, Field(min_length=1, max_length=200)]
    reason: str | None = None
    kind: str | None = None
    occurred_at: Instant | None = None


class AppointmentBooked(_Action):
    """A follow-up visit has a date."""

    type: Literal["appointment_booked"]
    occurs_at: Instant


class VisitCompleted(_Action):
    """The follow-up visit took place.

    `specialty` is a word such as behavioural_health where a protocol asks for one. `discharging_practitioner`:
    whoever saw the patient also bills the day of discharge, whose own visit does not count (CPT 99495, 99496).
    """

    type: Literal["visit_completed"]
    occurred_at: Instant | None = None
    specialty: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)] | None = None
    discharging_practitioner: bool = False


class MedicationsReconciled(_Action):
    """Medicines were reconciled and documented."""

    type: Literal["medications_reconciled"]
    occurred_at: Instant | None = None


class PcpNotified(_Action):
    """The primary care provider has the notice of discharge."""

    type: Literal["pcp_notified"]
    occurred_at: Instant | None = None


class ComplexityAssessed(_Action):
    """A clinician's judgement of medical decision making."""

    type: Literal["complexity_assessed"]
    complexity: Literal["moderate", "high"]


class AssessmentRecorded(_Action):
    """What a coordinator learned about supports, stability and social needs."""

    type: Literal["assessment_recorded"]
    specialists: int | None = None
    supports: Literal["reliable", "unreliable", "unknown"] | None = None
    stability: Literal["stable", "unstable", "unknown"] | None = None
    interpreter_needed: bool | None = None
    housing_unstable: bool | None = None
    food_insecure: bool | None = None
    ltc_decision_pending: bool | None = None
    occurred_at: Instant | None = None


class ProgrammeConfirmed(_Action):
    """A person confirms a programme, a downgrade included."""

    type: Literal["programme_confirmed"]
    decision: Literal["case_management", "care_coordination"]
    occurred_at: Instant | None = None


class CarePlanRecorded(_Action):
    """A plan of case management, or its adjustment: who owns what comes next, and when it is looked at again."""

    type: Literal["care_plan_recorded"]
    owner: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    review_at: Instant | None = None
    occurred_at: Instant | None = None


class DeadlineWaived(_Action):
    """The work is not owed for a stated reason."""

    type: Literal["deadline_waived"]
    kind: str
    reason: str
    occurred_at: Instant | None = None


class ProtocolMoved(_Action):
    """The cases that this visit has opened go on under another protocol, named as NAME@VERSION."""

    type: Literal["protocol_moved"]
    protocol: Annotated[str, Field(min_length=1, max_length=400)]
    reason: str


class ItemTaken(_Action):
    """Someone is working on it."""

    type: Literal["item_taken"]
    kind: str


class ItemReleased(_Action):
    """Someone no longer works on it."""

    type: Literal["item_released"]
    kind: str


class AlertAcknowledged(_Action):
    """Someone has the alert. `visit` is left out for `late_known`."""

    type: Literal["alert_acknowledged"]
    visit: str | None = None  # type: ignore[assignment]
    kind: str
    occurred_at: Instant | None = None


class ActionWithdrawn(_Action):
    """An action entered wrongly never happened. `id` names the action to undo."""

    type: Literal["action_withdrawn"]
    id: Annotated[str, Field(min_length=1, max_length=200)]
    visit: str | None = None  # type: ignore[assignment]
    reason: str | None = None


Action = Annotated[
    ContactAttempted
    | HandoffAcknowledged
    | HandoffDeclined
    | HandoffDelegated
    | AppointmentBooked
    | VisitCompleted
    | MedicationsReconciled
    | PcpNotified
    | ComplexityAssessed
    | AssessmentRecorded
    | ProgrammeConfirmed
    | CarePlanRecorded
    | DeadlineWaived
    | ProtocolMoved
    | ItemTaken
    | ItemReleased
    | AlertAcknowledged
    | ActionWithdrawn,
    Field(discriminator="type"),
]

ACTION: TypeAdapter[Action] = TypeAdapter(Action)
ACTION_TYPE = "baton.care.action"
TYPES: tuple[str, ...] = tuple(
    get_args(model.model_fields["type"].annotation)[0] for model in get_args(get_args(Action)[0])
)


def derived_id(action: Action, at: datetime) -> str:
    """The id of an action that carries none: the same content, done at the same time, is the same action."""
    content = action.model_dump(mode="json", exclude_none=True, exclude={"id"})
    if not isinstance(action, ActionWithdrawn):
        content.setdefault("occurred_at", at.isoformat())
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:32]
