"""The nouns of notifications: an alert as it is kept, and what makes two of them the same."""

from collections.abc import Hashable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from msgspec import Struct

from schemas.ids import uuid5
from schemas.transitions import Ack, DeadlineStatus, Warning  # noqa: A004

# HELD: true, but not yet to be shown or sent. DROPPED: a held one that stopped being true; the row goes.
HELD, FIRING, ACKNOWLEDGED, RESOLVED, RETRACTED, DROPPED = (
    "held", "firing", "acknowledged", "resolved", "retracted", "dropped",
)  # fmt: skip
LIVE = (FIRING, ACKNOWLEDGED)

# Why an alert ended: the work was done, it gave way to its `_missed`, or nobody has to act any more.
DONE, OVERDUE, NOT_NEEDED = "done", "overdue", "not_needed"

LATE_KNOWN = "late_known"
READMISSION_DETECTED = "readmission_detected"
MISSED, DUE_SOON = "_missed", "_due_soon"

_NAMESPACE = UUID("7f0c2d7e-9d5b-5b0c-8a55-2a1f3f1e6b01")


@lru_cache(maxsize=16384)
def identity(*parts: Hashable) -> UUID:
    """The id of the alert with this key: one live alert for each, however often it is derived."""
    return uuid5(_NAMESPACE, ":".join(("toc", *map(str, parts))))


class Deadline(Struct, frozen=True, gc=False):
    """What alerts of a deadline follow from, where no event tells of it; see `schemas.transitions.DeadlineEvent`.

    `subject` is what its alerts follow: its id as text.
    """

    subject: str
    deadline_id: UUID
    episode_id: str
    patient_id: UUID
    visit_id: UUID
    kind: str
    status: DeadlineStatus
    due_at: datetime
    generation: int
    late_known: bool
    owed: bool
    severity: str
    warnings: tuple[Warning, ...]
    warned: int
    hold_until: datetime | None
    learned_at: datetime
    known_at: datetime
    facility: str
    unit: str | None
    team: str
    live: bool
    acknowledged: tuple[Ack, ...]


class Alert(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Someone must hear of something.

    `subject` is what it follows: a deadline's or an episode's id, or a team. `raise_at` is set while it waits
    for its instant (status held; or ended, and to be raised again); nobody sees it before. `told_of` is the
    revision that people should have heard of, 0 while there is nothing to tell. `live` False: kept, never sent.
    """

    alert_id: UUID
    subject: str
    kind: str
    severity: str
    status: str
    raised_at: datetime
    team: str
    live: bool
    generation: int = 0
    raise_at: datetime | None = None
    ended_at: datetime | None = None
    ending: str | None = None
    acknowledged_at: datetime | None = None
    episode_id: str | None = None
    visit_id: UUID | None = None
    patient_id: UUID | None = None
    deadline_id: UUID | None = None
    facility: str | None = None
    unit: str | None = None
    due_at: datetime | None = None
    items: int = 1
    revision: int = 0
    told_of: int = 0

    @property
    def standing(self) -> bool:
        """Whether it is true and may be seen."""
        return self.status in LIVE
