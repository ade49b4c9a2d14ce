"""`care.alerts`: alerts as they now stand, whole, with a revision. No patient value, ever."""

from enum import StrEnum
from uuid import UUID

from schemas.base import Instant, Message


class AlertStatus(StrEnum):
    """firing -> acknowledged -> resolved (done) or retracted (no longer owed, or never missed)."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    RETRACTED = "retracted"


class AlertEvent(Message):
    """One alert: someone must hear of something. `subject` is what it is about: a deadline, an episode, a team.

    `raised_at` is the first instant at which it was true and known, `ended_at` the arrival of what ended it.
    """

    alert_id: UUID
    revision: int
    kind: str
    severity: str
    status: AlertStatus
    raised_at: Instant
    ended_at: Instant | None = None
    acknowledged_at: Instant | None = None
    episode_id: str | None = None
    visit_id: UUID | None = None
    patient_id: UUID | None = None
    deadline_id: UUID | None = None
    team: str
    facility: str | None = None
    unit: str | None = None
    due_at: Instant | None = None
    items: int = 1
    live: bool = True


ALERT_TYPE = "baton.care.alert"
