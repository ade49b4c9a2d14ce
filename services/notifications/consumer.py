"""From `care.transitions` to alerts: newer states in, changes of alerts out; each batch is one transaction."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeGuard

from schemas.alerts import AlertStatus
from schemas.transitions import (
    DEADLINE_TYPE,
    EPISODE_TYPE,
    TEAM_ACK_TYPE,
    DeadlineEvent,
    EpisodeEvent,
    TeamAck,
)
from services.chassis import clock, metrics
from services.chassis.kafka import Record
from services.chassis.logs import get_logger
from services.chassis.postgres import Db, transaction
from services.chassis.reading import newest
from services.chassis.service import Service
from services.notifications import book, store
from services.notifications.contacts import Contacts
from services.notifications.domain import alerts
from services.notifications.domain.desired import subject_of
from services.notifications.domain.model import Alert

log = get_logger("notifications")

UNREADABLE = metrics.declare(
    "baton_transitions_unreadable_total",
    "counter",
    "Records on care.transitions that this version cannot read. Transitions wrote something newer, or wrong.",
)
CHANGED = metrics.declare(
    "baton_alerts_changed_total",
    "counter",
    "Changes of alerts, by what they became.",
    ["status"],
    known=[[status] for status in AlertStatus],
)
ALERTS = metrics.declare(
    "baton_alerts",
    "gauge",
    "Alerts by status, counted every 15 s. Every replica counts them all: take the largest, not the sum.",
    ["status"],
)

Event = DeadlineEvent | EpisodeEvent | TeamAck
_TYPES: Mapping[str | None, type[Event]] = {
    DEADLINE_TYPE: DeadlineEvent,
    EPISODE_TYPE: EpisodeEvent,
    TEAM_ACK_TYPE: TeamAck,
}


class Door:
    """The handler of notifications."""

    def __init__(self, contacts: Contacts, tell: Callable[[], None]) -> None:
        """Call `tell` after alerts have changed."""
        self._contacts = contacts
        self._tell = tell

    async def on_transitions(self, service: Service, records: list[Record]) -> None:
        """Follow the newest state of every deadline, episode and team among the records."""
        events = read(service.registry, records)
        async with transaction(service.pool) as db:
            changes = await follow(db, events, self._contacts, await clock.now(db))
            await service.marks.write(db, records)
        if changes:
            announce(service, changes)
            self._tell()

    async def refuse(self, service: Service, record: Record, why: str) -> None:
        """Pass by what cannot be kept: transitions holds it, and publishes it again when asked."""
        async with service.pool.acquire() as db:
            await service.marks.write(db, [record])
        _pass_by(service.registry, record, [why])


def announce(service: Service, changes: Iterable[Alert]) -> None:
    """After the commit: publish, and count."""
    service.relay.wake()
    for alert in changes:
        service.registry.counter(CHANGED).labels(alert.status).inc()


def read(registry: metrics.Registry, records: Iterable[Record]) -> dict[str, Event]:
    """The newest event of each subject."""
    return newest(records, _TYPES, _subject, partial(_pass_by, registry))


def _pass_by(registry: metrics.Registry, record: Record, places: list[str]) -> None:
    registry.counter(UNREADABLE).inc()
    where = {"partition": record.partition, "offset": record.offset, "places": places}
    log.error("a record on care.transitions cannot be read", **where)


def _subject(event: Event) -> str:
    return f"team:{event.team}" if isinstance(event, TeamAck) else subject_of(event)


async def follow(db: Db, events: Mapping[str, Event], contacts: Contacts, now: datetime) -> list[Alert]:
    """Apply what is newer than what was heard before; gives the changes of alerts."""
    newer = await store.claim_subjects(db, {subject: event.revision for subject, event in events.items()})
    if not newer:
        return []
    rows = await store.lock_alerts(db, newer)
    stood = await store.late_items(db, [key for key in newer if _may_be_late(events[key])])
    changes: list[Alert] = []
    late: dict[str, store.LateItem] = {}
    for subject in newer:
        event = events[subject]
        if isinstance(event, TeamAck):
            continue
        changed = alerts.reconcile(rows.get(subject, ()), event, now)
        changes += changed
        if _may_be_late(event):
            after = {alert.alert_id: alert for alert in (*rows.get(subject, ()), *changed)}
            before = stood.get(subject)
            since = alerts.late_since(event, after.values(), before.since if before else None, now)
            if since is not None:
                late[subject] = store.LateItem(subject, event.team, event.live, since)
    await book.write(db, changes, contacts, now)
    lists = await _keep_lists(db, {key: events[key] for key in newer}, stood, late)
    return changes + await book.follow_lists(db, lists, contacts, now)


def _may_be_late(event: Event) -> TypeGuard[DeadlineEvent]:
    return isinstance(event, DeadlineEvent) and event.late_known


async def _keep_lists(
    db: Db,
    events: Mapping[str, Event],
    stood: dict[str, store.LateItem],
    late: Mapping[str, store.LateItem],
) -> dict[store.List, datetime | None]:
    """Bring late-known work up to date; gives the lists it stands or stood on, with the arrival of what ended items."""
    gone = [key for key, event in events.items() if isinstance(event, DeadlineEvent) and key not in late]
    if gone:
        stood |= await store.drop_late_items(db, gone)
    if late:
        await store.keep_late_items(db, list(late.values()))
    acks = {
        event.team: None if event.withdrawn else event.at
        for event in events.values()
        if isinstance(event, TeamAck)
    }
    if acks:
        await store.acknowledge_lists(db, acks)
    lists: dict[store.List, datetime | None] = {(team, live): None for team in acks for live in (False, True)}
    lists |= dict.fromkeys((item.team, item.live) for item in late.values())
    for subject, item in stood.items():
        event = events[subject]
        assert isinstance(event, DeadlineEvent)
        known = lists.get((item.team, item.live))
        lists[item.team, item.live] = max(known or event.known_at, event.known_at)
    return lists
