"""From what is owed to who must hear of it: the alerts that ought to exist, compared with those that do.

Knows no clinical rule: a deadline arrives with its status, its severity and its warnings.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from schemas.transitions import Ack, DeadlineEvent, DeadlineStatus, EpisodeEvent, EpisodeStatus
from services.notifications.domain.model import (
    ACKNOWLEDGED,
    DONE,
    DROPPED,
    DUE_SOON,
    FIRING,
    HELD,
    MISSED,
    NOT_NEEDED,
    OVERDUE,
    READMISSION_DETECTED,
    RESOLVED,
    RETRACTED,
    Alert,
    identity,
)

Event = DeadlineEvent | EpisodeEvent
_RAN_ON = (DeadlineStatus.MET, DeadlineStatus.MET_LATE, DeadlineStatus.ATTEMPTED, DeadlineStatus.MISSED)


def subject_of(event: Event) -> str:
    """What the alerts of this event follow."""
    return str(event.deadline_id) if isinstance(event, DeadlineEvent) else event.episode_id


# --- what ought to exist ------------------------------------------------------------------------------------


def desired(event: Event) -> tuple[Alert, ...]:
    """The alerts that this state alone calls for, firing, or ended where it tells that they were raised.

    So a reader that never saw the state between (only the latest is published) ends with the same alerts.
    """
    if isinstance(event, EpisodeEvent):
        return _of_episode(event)
    if event.status is DeadlineStatus.PENDING and not event.warned:
        return ()
    return tuple(alert for alert in (_due_soon(event), _missed(event)) if alert is not None)


def _missed(event: DeadlineEvent) -> Alert | None:
    if event.late_known:
        return None
    instants = [event.due_at, event.hold_until or event.due_at]
    if event.status is DeadlineStatus.MISSED and event.owed:
        return _of_deadline(event, MISSED, event.severity, max(*instants, event.known_at))
    if event.status not in _RAN_ON:
        return None
    return _ended(_of_deadline(event, MISSED, event.severity, max(instants)), event)


def _due_soon(event: DeadlineEvent) -> Alert | None:
    standing = event.warnings[: event.warned]
    if event.late_known or not standing:
        return None
    raised_at = max(standing[0].at, event.learned_at, event.hold_until or standing[0].at)
    alert = _of_deadline(event, DUE_SOON, standing[-1].severity, raised_at)
    return alert if event.status is DeadlineStatus.PENDING else _ended(alert, event)


def _ended(alert: Alert, event: DeadlineEvent) -> Alert | None:
    """The alert as it was ended, or nothing where it cannot have been raised before that."""
    status, ending, ended_at = _end(alert, event)
    if ended_at <= alert.raised_at:
        return None
    return replace(alert, status=status, ending=ending, ended_at=ended_at)


def _of_deadline(event: DeadlineEvent, suffix: str, severity: str, raised_at: datetime) -> Alert:
    kind = event.kind + suffix
    return Alert(
        alert_id=identity(event.deadline_id, event.generation, kind),
        subject=str(event.deadline_id),
        kind=kind,
        severity=severity,
        status=FIRING,
        raised_at=raised_at,
        team=event.team,
        live=event.live,
        generation=event.generation,
        episode_id=event.episode_id,
        visit_id=event.visit_id,
        patient_id=event.patient_id,
        deadline_id=event.deadline_id,
        facility=event.facility,
        unit=event.unit,
        due_at=event.due_at,
    )


def _of_episode(event: EpisodeEvent) -> tuple[Alert, ...]:
    found = event.readmission
    if found is None or not found.notice or event.status is EpisodeStatus.VOID:
        return ()
    alert = Alert(
        alert_id=identity(event.episode_id, found.visit_id, READMISSION_DETECTED),
        subject=event.episode_id,
        kind=READMISSION_DETECTED,
        severity="P2",
        status=FIRING,
        raised_at=found.known_at,
        team=event.team,
        live=event.live,
        episode_id=event.episode_id,
        visit_id=found.visit_id,
        patient_id=event.patient_id,
        facility=event.facility,
        unit=event.unit,
    )
    return (alert,)


# --- compared with what does --------------------------------------------------------------------------------


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
    return tuple(change for change in changes if change is not None)


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


def late_since(event: DeadlineEvent, rows: Iterable[Alert]) -> datetime | None:
    """Since when this deadline is an item of its team's `late_known` alert; None where it is none.

    One that was paged as missed before a correction made it late-known stays what it was. `rows` are the
    alerts of the deadline after `reconcile`.
    """
    if not (event.late_known and event.owed and event.status is DeadlineStatus.MISSED):
        return None
    if any(_kept(row, event) for row in rows):
        return None
    arrived = max(event.learned_at, event.known_at)
    return max(arrived, event.hold_until or arrived)


def _merge(row: Alert | None, want: Alert, event: Event, now: datetime) -> Alert | None:
    if row is None or row.status == HELD:
        return _fresh(row, want, event, now)
    if row.standing:
        if want.ended_at is None:
            return _updated(row, want, event)
        return _end_row(row, want.status, want.ending, want.ended_at)
    if want.ended_at is not None:
        return replace(row, raise_at=None) if row.raise_at else None
    return _again(row, want, event, now)


def _fresh(row: Alert | None, want: Alert, event: Event, now: datetime) -> Alert | None:
    """An alert nobody has seen yet: held until its instant, or raised, or, if over already, only noted."""
    if want.ended_at is not None:
        return replace(want, revision=1)
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
    if isinstance(event, EpisodeEvent):
        return _end_row(row, RETRACTED, NOT_NEEDED, _after(row, event.known_at, now))
    if _kept(row, event):
        want = _of_deadline(event, MISSED, event.severity, row.raised_at)
        return _updated(row, want, event)
    status, ending, ended_at = _end(row, event)
    return _end_row(row, status, ending, _after(row, ended_at, now))


def _kept(row: Alert, event: DeadlineEvent) -> bool:
    """Whether a page already made stays, although the corrected deadline would not be paged any more.

    A correction among past due times makes a missed deadline late-known. Whoever was paged is not told "no
    longer needed" of work that is still owed.
    """
    missed = event.status is DeadlineStatus.MISSED and event.owed and event.late_known
    return missed and row.standing and row.kind.endswith(MISSED) and row.generation == event.generation


def _end(alert: Alert, event: DeadlineEvent) -> tuple[str, str, datetime]:
    """How and when an alert of this deadline ends: status, ending, instant."""
    if alert.generation == event.generation:
        if alert.kind.endswith(DUE_SOON) and event.status in _RAN_ON and not event.late_known:
            in_time = event.status is not DeadlineStatus.MISSED and event.known_at <= event.due_at
            return RESOLVED, DONE if in_time else OVERDUE, min(event.known_at, event.due_at)
        if event.status is DeadlineStatus.MET_LATE:
            return RESOLVED, DONE, event.known_at
    # A pending deadline has its status since it is known; what moved it is what brought its due time.
    pending = event.status is DeadlineStatus.PENDING
    return RETRACTED, NOT_NEEDED, max(event.known_at, event.learned_at) if pending else event.known_at


def _end_row(row: Alert, status: str, ending: str | None, ended_at: datetime | None) -> Alert:
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
    timed = isinstance(event, DeadlineEvent)
    acks: Sequence[Ack] = event.acknowledged
    instants = [ack.at for ack in acks if ack.kind == alert.kind]
    return min(
        (at for at in instants if at > alert.raised_at or (at == alert.raised_at and not timed)), default=None
    )
