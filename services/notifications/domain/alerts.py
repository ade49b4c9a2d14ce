"""From what is owed to who must hear of it: the alerts that ought to exist, compared with those that do."""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from schemas.transitions import DeadlineStatus
from services.notifications.domain.desired import AnyDeadline, Event, desired, end_of, of_deadline
from services.notifications.domain.model import (
    ACKNOWLEDGED,
    DROPPED,
    DUE_SOON,
    FIRING,
    HELD,
    MISSED,
    NOT_NEEDED,
    RETRACTED,
    Alert,
)


def reconcile(rows: Iterable[Alert], event: Event, now: datetime) -> tuple[Alert, ...]:
    """What changes among the alerts of the event's subject: new rows, changed rows, and dropped ones.

    `rows` are all alerts of that subject. Call it with the newest state only; it is its own repetition.
    """
    wanted = desired(event)
    stored = {row.alert_id: row for row in rows}
    if not wanted and not stored:
        return ()
    changes = [_merge(stored.pop(want.alert_id, None), want, event, now) for want in wanted]
    changes += [_unwanted(row, event, now) for row in stored.values()]
    return tuple([change for change in changes if change is not None])


def raise_held(rows: Iterable[Alert], now: datetime) -> tuple[Alert, ...]:
    """Those of `rows` whose instant has come, raised."""
    due = [row for row in rows if row.raise_at is not None and row.raise_at <= now]
    return tuple(
        replace(
            row,
            status=FIRING,
            raised_at=row.raise_at,
            raise_at=None,
            ended_at=None,
            ending=None,
            acknowledged_at=None,
            revision=row.revision + 1,
            told_of=row.revision + 1,
        )
        for row in due
    )


def late_since(
    event: AnyDeadline, rows: Iterable[Alert], before: datetime | None, now: datetime
) -> datetime | None:
    """Since when this deadline is an item of its team's `late_known` alert; None where it is none.

    One that was paged as missed before a correction made it late-known stays what it was, and one that has been
    an item since `before` stays that. `rows` are the alerts of the deadline after `reconcile`.
    """
    if not (event.late_known and event.owed and event.status is DeadlineStatus.MISSED):
        return None
    if any(_kept(row, event) for row in rows):
        return None
    if before is not None and before <= now:
        return before
    arrived = max(event.learned_at, event.known_at)
    return max(arrived, event.hold_until or arrived)


def _merge(row: Alert | None, want: Alert, event: Event, now: datetime) -> Alert | None:
    if row is None or row.status == HELD:
        return _fresh(row, want, event, now)
    if row.standing:
        if want.ended_at is None:
            return _updated(row, want, event)
        return _end_row(row, want.status, want.ending, _after(row, want.ended_at, now))
    if want.ended_at is not None:
        return replace(row, raise_at=None) if row.raise_at else None
    return _again(row, want, event, now)


def _fresh(row: Alert | None, want: Alert, event: Event, now: datetime) -> Alert | None:
    """An alert nobody has seen yet: held until its instant, or raised, or, if over already, only noted."""
    if want.ended_at is not None:
        if not want.generation or event.status is DeadlineStatus.MISSED:
            return replace(want, revision=1)
        # Of a later generation that was seen there would be a row: it began after what this one tells of.
        return replace(row, status=DROPPED) if row else None
    if want.raised_at > now:
        held = replace(want, status=HELD, raise_at=want.raised_at)
        return held if held != row else None
    return _raised_now(want, event, revision=1)


def _raised_now(want: Alert, event: Event, revision: int) -> Alert:
    at = _acknowledged_at(want, event)
    status = ACKNOWLEDGED if at else FIRING
    return replace(want, status=status, acknowledged_at=at, revision=revision, told_of=revision)


def _updated(row: Alert, want: Alert, event: Event) -> Alert | None:
    """A standing alert with what is new about it. It keeps the instant at which it was raised."""
    at = _acknowledged_at(row, event)
    new = replace(
        want,
        status=ACKNOWLEDGED if at else FIRING,
        acknowledged_at=at,
        raised_at=row.raised_at,
        revision=row.revision,
        told_of=row.told_of,
    )
    if new == row:
        return None
    news = (new.severity, new.due_at, new.team, new.live) != (row.severity, row.due_at, row.team, row.live)
    revision = row.revision + 1
    fires_again = row.status == ACKNOWLEDGED and at is None
    return replace(new, revision=revision, told_of=revision if news or fires_again else row.told_of)


def _again(row: Alert, want: Alert, event: Event, now: datetime) -> Alert | None:
    """An ended alert that is true again: the same alert, raised a second time."""
    if want.raised_at <= now:
        return _raised_now(want, event, row.revision + 1)
    return replace(row, raise_at=want.raised_at) if row.raise_at != want.raised_at else None


def _unwanted(row: Alert, event: Event, now: datetime) -> Alert | None:
    if row.raise_at is not None:
        return replace(row, status=DROPPED) if row.status == HELD else replace(row, raise_at=None)
    if not row.standing:
        return None
    if not isinstance(event, AnyDeadline):
        return _end_row(row, RETRACTED, NOT_NEEDED, _after(row, event.known_at, now))
    if _kept(row, event):
        want = of_deadline(event, MISSED, event.severity, row.raised_at)
        return _updated(row, want, event)
    if _still_warned(row, event):
        want = of_deadline(event, DUE_SOON, event.warnings[event.warned - 1].severity, row.raised_at)
        return _updated(row, want, event)
    status, ending, ended_at = end_of(row.kind, row.generation, event)
    return _end_row(row, status, ending, _after(row, ended_at, now))


def _kept(row: Alert, event: AnyDeadline) -> bool:
    """Whether a page already made stays, although the corrected deadline would not be paged any more.

    A correction among past due times makes a missed deadline late-known. Whoever was paged is not told "no
    longer needed" of work that is still owed.
    """
    missed = event.status is DeadlineStatus.MISSED and event.owed and event.late_known
    return missed and row.standing and row.kind.endswith(MISSED) and row.generation == event.generation


def _still_warned(row: Alert, event: AnyDeadline) -> bool:
    """Whether a warning already given stays, although a settle window begun since lasts beyond the due time."""
    pending = event.status is DeadlineStatus.PENDING and event.warned and not event.late_known
    return bool(pending) and row.kind.endswith(DUE_SOON) and row.generation == event.generation


def _end_row(row: Alert, status: str, ending: str | None, ended_at: datetime) -> Alert:
    revision = row.revision + 1
    return replace(row, status=status, ending=ending, ended_at=ended_at, revision=revision, told_of=revision)


def _after(row: Alert, at: datetime, now: datetime) -> datetime:
    """`at`, unless the alert was raised only then or later: what ended it came to light now."""
    return at if at > row.raised_at else max(now, row.raised_at)


def _acknowledged_at(alert: Alert, event: Event) -> datetime | None:
    """When the alert, as now raised, was first acknowledged.

    At one instant actions come before timers: who acknowledges a deadline's alert at the very instant that
    raises it spoke of another. A readmission is raised by a message, which comes first.
    """
    if not event.acknowledged:
        return None
    timed = isinstance(event, AnyDeadline)
    instants = [ack.at for ack in event.acknowledged if ack.kind == alert.kind]
    return min(
        (at for at in instants if at > alert.raised_at or (at == alert.raised_at and not timed)), default=None
    )
