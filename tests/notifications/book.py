"""A book of alerts kept in memory, as `baton replay` keeps one: what the pure rules do without a database."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from schemas.transitions import DeadlineEvent, EpisodeEvent
from services.notifications.domain import alerts
from services.notifications.domain.desired import subject_of
from services.notifications.domain.model import DROPPED, Alert


class Book:
    """The alerts by id; only an event newer than the last of its subject is applied."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Alert] = {}
        self.revisions: dict[str, int] = {}

    def apply(self, event: DeadlineEvent | EpisodeEvent, now: datetime) -> tuple[Alert, ...]:
        subject = subject_of(event)
        if event.revision <= self.revisions.get(subject, 0):
            return ()
        self.revisions[subject] = event.revision
        return self._put(
            alerts.reconcile([r for r in self.rows.values() if r.subject == subject], event, now)
        )

    def advance(self, now: datetime) -> tuple[Alert, ...]:
        return self._put(alerts.raise_held(list(self.rows.values()), now))

    def of(self, kind: str) -> Alert:
        """The only alert of that kind."""
        (found,) = [row for row in self.rows.values() if row.kind == kind]
        return found

    def kinds(self) -> dict[str, str]:
        """Status by kind, in order of kind."""
        return {row.kind: row.status for row in sorted(self.rows.values(), key=lambda r: r.kind)}

    def _put(self, changes: Iterable[Alert]) -> tuple[Alert, ...]:
        changes = tuple(changes)
        for change in changes:
            if change.status == DROPPED:
                del self.rows[change.alert_id]
            else:
                self.rows[change.alert_id] = change
        return changes
