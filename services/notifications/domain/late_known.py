"""What was already past when it was learned is work, not a page: one alert for all such items of a team."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.notifications.domain.model import (
    ACKNOWLEDGED,
    DONE,
    FIRING,
    LATE_KNOWN,
    RESOLVED,
    Alert,
    identity,
)


class Team(Struct, frozen=True, gc=False):
    """A team's list of late-known work, and when someone last said to have it.

    Items of shadow feeds make a list of their own, which is kept and never sent.
    """

    name: str
    live: bool
    acknowledged_at: datetime | None = None

    @property
    def subject(self) -> str:
        return f"{LATE_KNOWN}:{self.name}" if self.live else f"{LATE_KNOWN}:{self.name}:shadow"


class Ripe(Struct, frozen=True, gc=False):
    """The items of a list whose instant has come: how many, and the instant of the first."""

    items: int
    first: datetime


def ripe(since: Iterable[datetime], now: datetime) -> Ripe | None:
    """What has come to its instant, of items that are owed since then."""
    due = [at for at in since if at <= now]
    return Ripe(len(due), min(due)) if due else None


def reconcile(
    team: Team, last: Alert | None, found: Ripe | None, ended_at: datetime | None, now: datetime
) -> Alert | None:
    """The change to the team's alert, None if there is none.

    `last` is the alert of the latest run, ended or not; `ended_at` is the arrival of what ended the last item.
    """
    if last is None or not last.standing:
        if not found:
            return None
        if last is not None and last.ended_at is not None and found.first <= last.ended_at:
            return _resumed(last, found)
        return _first(team, last.generation + 1 if last else 1, found)
    if not found:
        if ended_at is None or ended_at <= last.raised_at:
            ended_at = max(now, last.raised_at)
        return _ended(last, ended_at)
    new = _acknowledged(replace(last, items=found.items), team)
    if new == last:
        return None
    revision = last.revision + 1
    again = last.status == ACKNOWLEDGED and new.status == FIRING
    return replace(new, revision=revision, told_of=revision if again else last.told_of)


def _first(team: Team, run: int, found: Ripe) -> Alert:
    alert = Alert(
        alert_id=identity(team.subject, run),
        subject=team.subject,
        kind=LATE_KNOWN,
        severity="P3",
        status=FIRING,
        raised_at=found.first,
        team=team.name,
        live=team.live,
        generation=run,
        items=found.items,
        revision=1,
        told_of=1,
    )
    return _acknowledged(alert, team)


def _resumed(row: Alert, found: Ripe) -> Alert:
    """There was no instant without an item: what ended the last and what began the next came in two batches."""
    revision = row.revision + 1
    return replace(
        row,
        status=ACKNOWLEDGED if row.acknowledged_at else FIRING,
        ending=None,
        ended_at=None,
        items=found.items,
        revision=revision,
        told_of=revision,
    )


def _ended(row: Alert, ended_at: datetime) -> Alert:
    revision = row.revision + 1
    return replace(row, status=RESOLVED, ending=DONE, ended_at=ended_at, revision=revision, told_of=revision)


def _acknowledged(row: Alert, team: Team) -> Alert:
    """The alert with the team's word on it, if that was given after it was raised and not taken back."""
    at = team.acknowledged_at
    if at is None or at < row.raised_at:
        return replace(row, status=FIRING, acknowledged_at=None)
    return replace(row, status=ACKNOWLEDGED, acknowledged_at=row.acknowledged_at or at)
