"""From events to the read model: newer states in, changes for open pages out; each batch is one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from schemas import topics
from schemas.actions import ACTION, ActionWithdrawn, derived_id
from schemas.alerts import ALERT_TYPE, AlertEvent
from schemas.encounters import ENCOUNTER_TYPE, EncounterEvent
from schemas.transitions import (
    ACTION_APPLIED_TYPE,
    DEADLINE_TYPE,
    EPISODE_TYPE,
    ActionApplied,
    DeadlineEvent,
    EpisodeEvent,
)
from services.chassis import clock, metrics
from services.chassis.arrivals import arrived
from services.chassis.kafka import Record
from services.chassis.logs import get_logger
from services.chassis.postgres import Db, transaction
from services.chassis.reading import newest
from services.chassis.service import Service
from services.worklist import changes, store
from services.worklist.changes import Touched

log = get_logger("worklist")

TOPICS = (
    topics.ADT_ENCOUNTERS,
    topics.CARE_TRANSITIONS,
    topics.CARE_ALERTS,
    topics.CARE_ACTIONS,
    topics.CARE_REJECTED,
    topics.ADT_REJECTED,
)
UNREADABLE = metrics.declare(
    "baton_worklist_unreadable_total",
    "counter",
    "Records that the worklist cannot read. Their writer is newer than the worklist, or wrong.",
    ["topic"],
    known=[[topic] for topic in TOPICS],
)

Event = EncounterEvent | EpisodeEvent | DeadlineEvent | AlertEvent | ActionApplied
_MODELS: Mapping[str | None, type[Event]] = {
    ENCOUNTER_TYPE: EncounterEvent,
    EPISODE_TYPE: EpisodeEvent,
    DEADLINE_TYPE: DeadlineEvent,
    ALERT_TYPE: AlertEvent,
    ACTION_APPLIED_TYPE: ActionApplied,
}
_E = TypeVar("_E", bound=Event)
Subject = tuple[str, UUID | str]


class Door:
    """The handler of the worklist."""

    async def on_records(self, service: Service, records: list[Record]) -> None:
        """Follow the newest state of every subject among the records, and the actions and refusals."""
        events = read(service.registry, records)
        async with transaction(service.pool) as db:
            now = await clock.now(db)
            actions = [heard for record in records if (heard := read_action(record, now)) is not None]
            refused = [said for record in records if (said := read_refusal(record)) is not None]
            await store.lock_projection(db)
            touched = await follow(db, events)
            await _follow_actions(db, actions, refused, touched)
            await _follow_effects(db, _of(events, ActionApplied), touched)
            if noted := [one for record in records if (one := read_rejection(record, now)) is not None]:
                await store.note_refusals(db, noted)
            await service.marks.write(db, records)
            await changes.note(db, touched)

    async def refuse(self, service: Service, record: Record, why: str) -> None:
        """Pass by what cannot be kept: its owner holds it, and publishes it again when asked."""
        async with service.pool.acquire() as db:
            await service.marks.write(db, [record])
        _pass_by(service.registry, record, [why])


def read(registry: metrics.Registry, records: Iterable[Record]) -> dict[Subject, Event]:
    """The newest event of each subject."""
    return newest(records, _MODELS, _subject, partial(_pass_by, registry))


def _subject(event: Event) -> Subject:
    if isinstance(event, EncounterEvent):
        return "visit", event.visit_id
    if isinstance(event, EpisodeEvent):
        return "episode", event.episode_id
    if isinstance(event, DeadlineEvent):
        return "deadline", event.deadline_id
    if isinstance(event, ActionApplied):
        return "action", event.action_id
    return "alert", event.alert_id


def _pass_by(registry: metrics.Registry, record: Record, places: list[str]) -> None:
    registry.counter(UNREADABLE).labels(record.topic).inc()
    where = {"topic": record.topic, "partition": record.partition, "offset": record.offset, "places": places}
    log.error("a record cannot be read", **where)


def read_action(record: Record, now: datetime) -> store.Heard | None:
    """An action as it stands on care.actions; None for what transitions refuses as no action."""
    if record.topic != topics.CARE_ACTIONS or record.value is None:
        return None
    try:
        action = ACTION.validate_json(record.value)
    except ValidationError:
        return None
    at = arrived(record, now)
    withdraws = action.id if isinstance(action, ActionWithdrawn) else None
    return store.Heard(
        action_id=store.withdrawal_id(withdraws) if withdraws else action.id or derived_id(action, at),
        type=action.type,
        by=action.by,
        at=at,
        occurred_at=getattr(action, "occurred_at", None) or at,
        number=action.visit,
        facility=action.facility,
        authority=action.authority,
        withdraws=withdraws,
        body=action.model_dump_json(exclude_none=True),
        partition=record.partition,
        offset=record.offset,
    )


def read_refusal(record: Record) -> tuple[int, int, str] | None:
    """(partition, offset, code) of a refused action, from the headers; None where they do not say."""
    if record.topic != topics.CARE_REJECTED or record.header("source_topic") != topics.CARE_ACTIONS:
        return None
    partition, offset = record.header("source_partition") or "", record.header("source_offset") or ""
    if not (partition.isdecimal() and offset.isdecimal()):
        return None
    return int(partition), int(offset), record.header("code") or "refused"


def read_rejection(record: Record, now: datetime) -> store.Refusal | None:
    """What was refused at either door and why, from the headers alone; None for any other record."""
    if record.topic not in {topics.ADT_REJECTED, topics.CARE_REJECTED}:
        return None
    partition, offset = record.header("source_partition") or "", record.header("source_offset") or ""
    if not (partition.isdecimal() and offset.isdecimal()):
        return None
    source, code = record.header("source_topic") or "", record.header("code") or "refused"
    return store.Refusal(
        source, int(partition), int(offset), code, record.header("feed") or "", arrived(record, now)
    )


async def follow(db: Db, events: Mapping[Subject, Event]) -> Touched:
    """Apply what is newer than what was heard before; gives what changed."""
    touched = Touched()
    visits = {event.visit_id: event for event in _of(events, EncounterEvent)}
    if visits:
        for visit_id in await store.take_visits(db, visits):
            event = visits[visit_id]
            unit = event.visit.location.unit if event.visit.location else None
            touched.place(case=None, patient=event.patient.patient_id, team=None, unit=unit)
    await _follow_cases(db, events, touched)
    return touched


async def _follow_cases(db: Db, events: Mapping[Subject, Event], touched: Touched) -> None:
    """Episodes first: their deadlines carry their programme."""
    if episodes := _of(events, EpisodeEvent):
        taken = await store.take_episodes(db, episodes)
        for episode in episodes:
            if episode.episode_id in taken:
                _place(touched, episode)
    if deadlines := _of(events, DeadlineEvent):
        ids = await store.take_deadlines(db, deadlines)
        for deadline in deadlines:
            if deadline.deadline_id in ids:
                _place(touched, deadline)
    if alerts := _of(events, AlertEvent):
        ids = await store.take_alerts(db, alerts)
        for alert in alerts:
            if alert.alert_id in ids:
                _place(touched, alert)


def _of(events: Mapping[Subject, Event], kind: type[_E]) -> list[_E]:
    """Events of one kind, in one order for every process."""
    return [event for _, event in sorted(events.items(), key=_by_text) if isinstance(event, kind)]


def _by_text(item: tuple[Subject, BaseModel]) -> tuple[str, str]:
    (kind, name), _ = item
    return kind, str(name)


def _place(touched: Touched, event: EpisodeEvent | DeadlineEvent | AlertEvent) -> None:
    touched.place(case=event.episode_id, patient=event.patient_id, team=event.team, unit=event.unit)


async def _follow_actions(
    db: Db, actions: Sequence[store.Heard], refused: Sequence[tuple[int, int, str]], touched: Touched
) -> None:
    numbers: set[str] = set()
    if actions:
        newest = {action.action_id: action for action in actions}
        await store.hear_actions(db, [newest[key] for key in sorted(newest)])
        numbers |= {action.number for action in actions if action.number is not None}
    if refused:
        numbers |= set(await store.refuse_actions(db, refused))
    if numbers:
        await touch_visits(db, numbers, touched)


async def _follow_effects(db: Db, events: Sequence[ActionApplied], touched: Touched) -> None:
    """After the actions themselves: what became of one that this batch brings counts as well."""
    if not events:
        return
    news = await store.apply_actions(db, events)
    for event in events:
        if event.action_id in news:
            touched.place(case=event.episode_id, patient=event.patient_id, team=None, unit=None)


async def touch_visits(db: Db, numbers: Iterable[str], touched: Touched) -> None:
    """Note that something about visits of these numbers changed."""
    for row in await store.places_of_visits(db, numbers):
        touched.place(case=row["episode_id"], patient=row["patient_id"], team=row["team"], unit=row["unit"])
