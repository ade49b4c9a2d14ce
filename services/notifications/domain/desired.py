"""The alerts that the state of a deadline or an episode calls for, as if nothing were known before.

Knows no clinical rule: a deadline arrives with its status, its severity and its warnings.
"""

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec.structs import replace

from schemas.transitions import DeadlineEvent, DeadlineStatus, EpisodeEvent, EpisodeStatus, Notice
from services.notifications.domain.model import (
    DONE,
    DUE_SOON,
    FIRING,
    MISSED,
    NOT_NEEDED,
    OVERDUE,
    READMISSION_DETECTED,
    RESOLVED,
    RETRACTED,
    Alert,
    Deadline,
    identity,
)

AnyDeadline: TypeAlias = Deadline | DeadlineEvent
Event: TypeAlias = AnyDeadline | EpisodeEvent
_PENDING, _MISSED = DeadlineStatus.PENDING, DeadlineStatus.MISSED
_RAN_ON = (DeadlineStatus.MET, DeadlineStatus.MET_LATE, DeadlineStatus.ATTEMPTED, DeadlineStatus.MISSED)


def subject_of(event: Event) -> str:
    """What the alerts of this event follow."""
    if isinstance(event, Deadline):
        return event.subject
    return str(event.deadline_id) if isinstance(event, DeadlineEvent) else event.episode_id


def desired(event: Event) -> tuple[Alert, ...]:
    """The alerts that this state alone calls for, firing, or ended where it tells that they were raised.

    So a reader that never saw the state between (only the latest is published) ends with the same alerts.
    """
    if not isinstance(event, AnyDeadline):
        return _of_episode(event)
    if event.late_known or (event.status is _PENDING and not event.warned):
        return ()
    return tuple([alert for alert in (_due_soon(event), _missed(event)) if alert is not None])


def _missed(event: AnyDeadline) -> Alert | None:
    raised_at = max(event.due_at, event.hold_until or event.due_at)
    if event.status is _MISSED and event.owed:
        return of_deadline(event, MISSED, event.severity, max(raised_at, event.known_at))
    return _ended(event, MISSED, event.severity, raised_at) if event.status in _RAN_ON else None


def _due_soon(event: AnyDeadline) -> Alert | None:
    standing = event.warnings[: event.warned]
    if not standing:
        return None
    if event.generation and event.status is _MISSED and event.known_at > event.due_at:
        return None  # owed again only after its due time: nobody was warned of that anew
    # What is owed again is pending since the arrival that brought it back.
    pending = event.known_at if event.status is _PENDING else event.learned_at
    first = min([warning.known_at or warning.at for warning in standing])
    raised_at = max(first, event.learned_at, pending, event.hold_until or first)
    if raised_at >= event.due_at:
        return None
    told = of_deadline if event.status is _PENDING else _ended
    return told(event, DUE_SOON, standing[-1].severity, raised_at)


def _ended(event: AnyDeadline, suffix: str, severity: str, raised_at: datetime) -> Alert | None:
    """The alert as it was ended, or nothing where it cannot have been raised before that."""
    status, ending, ended_at = end_of(suffix, event.generation, event)
    if ended_at <= raised_at:
        return None
    alert = of_deadline(event, suffix, severity, raised_at)
    return replace(alert, status=status, ending=ending, ended_at=ended_at)


def of_deadline(event: AnyDeadline, suffix: str, severity: str, raised_at: datetime) -> Alert:
    subject, kind = subject_of(event), event.kind + suffix
    return Alert(
        alert_id=identity(subject, event.generation, kind),
        subject=subject,
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
    if event.status is EpisodeStatus.VOID:
        return ()
    alerts = [alert for notice in event.notices if (alert := _of_notice(event, notice)) is not None]
    found = event.readmission
    if found is not None and found.notice:
        key = event.episode_id, found.visit_id, READMISSION_DETECTED
        alerts.append(_at_once(event, key, "P2", found.known_at, found.visit_id))
    return tuple(alerts)


def _of_notice(event: EpisodeEvent, notice: Notice) -> Alert | None:
    """Raised when it reached us, ended when it says so; nothing where it was over before anybody could hear of it."""
    key = event.episode_id, notice.notice_id, notice.kind
    alert = _at_once(event, key, notice.severity, notice.known_at, event.visit_id)
    if notice.ended is None:
        return alert
    ended_at = notice.ended_at or event.known_at
    if ended_at <= alert.raised_at:
        return None
    status, ending = (RESOLVED, DONE) if notice.ended == DONE else (RETRACTED, NOT_NEEDED)
    return replace(alert, status=status, ending=ending, ended_at=ended_at)


def _at_once(
    event: EpisodeEvent, key: tuple[str, UUID, str], severity: str, raised_at: datetime, visit_id: UUID
) -> Alert:
    return Alert(
        alert_id=identity(*key),
        subject=event.episode_id,
        kind=key[-1],
        severity=severity,
        status=FIRING,
        raised_at=raised_at,
        team=event.team,
        live=event.live,
        episode_id=event.episode_id,
        visit_id=visit_id,
        patient_id=event.patient_id,
        facility=event.facility,
        unit=event.unit,
    )


def end_of(kind: str, generation: int, event: AnyDeadline) -> tuple[str, str, datetime]:
    """How and when an alert of this deadline ends: status, ending, instant."""
    if generation == event.generation:
        if kind.endswith(DUE_SOON) and event.status in _RAN_ON and not event.late_known:
            in_time = event.status is not _MISSED and event.known_at <= event.due_at
            return RESOLVED, DONE if in_time else OVERDUE, min(event.known_at, event.due_at)
        if event.status is DeadlineStatus.MET_LATE:
            return RESOLVED, DONE, event.known_at
    # A pending deadline has its status since it is known; what moved it is what brought its due time.
    pending = event.status is _PENDING
    return RETRACTED, NOT_NEEDED, max(event.known_at, event.learned_at) if pending else event.known_at
