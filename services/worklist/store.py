"""Writing the read model: one typed function a statement; the caller opens the transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from schemas.alerts import AlertEvent
from schemas.encounters import EncounterEvent
from schemas.transitions import ActionApplied, ActionEffect, DeadlineEvent, EpisodeEvent
from services.chassis.postgres import Db, Row
from services.worklist.sql import SQL
from services.worklist.words import words

WITHDRAWN = "action_withdrawn"


@dataclass(frozen=True, slots=True)
class Heard:
    """An action as it stands on care.actions."""

    action_id: str
    type: str
    by: str | None
    at: datetime
    occurred_at: datetime
    number: str | None
    facility: str | None
    authority: str | None
    withdraws: str | None
    body: str
    partition: int
    offset: int


def withdrawal_id(action_id: str) -> str:
    """Under which id the withdrawal of an action is kept: an action is undone once."""
    return f"withdrawal of {action_id}"


async def lock_projection(db: Db) -> None:
    """Let no other batch be applied until the transaction ends."""
    await db.execute(SQL["lock_projection"])


async def take_visits(db: Db, events: Mapping[UUID, EncounterEvent]) -> set[UUID]:
    """Take over what is newer of visits and their patients, moves between patients included; gives the visits taken."""
    before = {
        row["visit_id"]: row["patient_id"] for row in await db.fetch(SQL["visit_patients"], list(events))
    }
    taken = await _upsert_visits(db, list(events.values()))
    newer = [events[visit_id] for visit_id in taken]
    if not newer:
        return taken
    await _take_patients(db, newer)
    await _keep_words(
        db, {event.visit_id: (event.patient.patient_id, [event.visit.number]) for event in newer}
    )
    moved = {
        visit_id: (before[visit_id], events[visit_id].patient.patient_id)
        for visit_id in taken
        if visit_id in before and before[visit_id] != events[visit_id].patient.patient_id
    }
    # A deadline may be heard of before its visit is, with the patient as transitions knew them.
    await db.execute(SQL["move_episodes"], list(taken))
    await db.execute(SQL["move_deadlines"], list(taken))
    if moved:
        old, new = zip(*sorted(set(moved.values())), strict=True)
        await db.execute(SQL["move_leases"], old, new)
        await db.execute(SQL["forget_patients"], old)
    return taken


async def _upsert_visits(db: Db, events: Sequence[EncounterEvent]) -> set[UUID]:
    rows = await db.fetch(
        SQL["upsert_visits"],
        [event.visit_id for event in events],
        [event.patient.patient_id for event in events],
        [event.visit.number for event in events],
        [event.visit.authority for event in events],
        [event.visit.facility for event in events],
        [event.feed for event in events],
        [event.live and not event.test for event in events],
        [event.learned_at for event in events],
        [event.model_dump_json(exclude={"patient"}, exclude_none=True) for event in events],
        [event.revision for event in events],
    )
    return {row["visit_id"] for row in rows}


async def _take_patients(db: Db, events: Iterable[EncounterEvent]) -> None:
    newest: dict[UUID, EncounterEvent] = {}
    for event in sorted(events, key=lambda event: (event.learned_at, event.visit_id)):
        newest[event.patient.patient_id] = event
    rows = await db.fetch(
        SQL["upsert_patients"],
        list(newest),
        [event.patient.name for event in newest.values()],
        [event.patient.number for event in newest.values()],
        [event.patient.birth_date for event in newest.values()],
        [event.patient.language for event in newest.values()],
        [event.learned_at for event in newest.values()],
        [event.patient.model_dump_json(exclude_none=True) for event in newest.values()],
    )
    people = {row["patient_id"]: newest[row["patient_id"]].patient for row in rows}
    await _keep_words(
        db,
        {
            patient_id: (patient_id, [person.name, person.number, *(one.id for one in person.identifiers)])
            for patient_id, person in people.items()
        },
    )


async def _keep_words(db: Db, said: Mapping[UUID, tuple[UUID, Sequence[str | None]]]) -> None:
    """Have each patient found by these texts of a subject, and by none that it had before."""
    rows = [
        (subject, word, patient_id) for subject, (patient_id, texts) in said.items() for word in words(*texts)
    ]
    await db.execute(SQL["forget_words"], list(said))
    if rows:
        await db.execute(SQL["keep_words"], *zip(*rows, strict=True))


async def take_episodes(db: Db, events: Sequence[EpisodeEvent]) -> set[str]:
    """Take over what is newer of episodes; gives those taken."""
    rows = await db.fetch(
        SQL["upsert_episodes"],
        [event.episode_id for event in events],
        [event.patient_id for event in events],
        [event.visit_id for event in events],
        [event.status for event in events],
        [event.opened_at for event in events],
        [programme_of(event) for event in events],
        [event.model_dump_json(exclude_none=True) for event in events],
        [event.revision for event in events],
    )
    taken = {row["episode_id"] for row in rows}
    await db.execute(SQL["give_programmes"], list(taken))
    return taken


def programme_of(event: EpisodeEvent) -> str | None:
    """The decision of the programme that an episode is in."""
    programme = getattr(event, "programme", None)
    decision = getattr(programme, "decision", programme)
    return None if decision is None else str(decision)


async def take_deadlines(db: Db, events: Sequence[DeadlineEvent]) -> set[UUID]:
    """Take over what is newer of deadlines; gives those taken."""
    rows = await db.fetch(
        SQL["upsert_deadlines"],
        [event.deadline_id for event in events],
        [event.episode_id for event in events],
        [event.patient_id for event in events],
        [event.visit_id for event in events],
        [event.kind for event in events],
        [event.status for event in events],
        [event.due_at for event in events],
        [event.owed for event in events],
        [event.late_known for event in events],
        [event.provisional for event in events],
        [event.live for event in events],
        [event.severity for event in events],
        [event.because for event in events],
        [event.team for event in events],
        [event.facility for event in events],
        [event.unit for event in events],
        [event.model_dump_json(exclude_none=True) for event in events],
        [event.revision for event in events],
    )
    return {row["deadline_id"] for row in rows}


async def take_alerts(db: Db, events: Sequence[AlertEvent]) -> set[UUID]:
    """Take over what is newer of alerts; gives those taken."""
    rows = await db.fetch(
        SQL["upsert_alerts"],
        [event.alert_id for event in events],
        [event.patient_id for event in events],
        [event.episode_id for event in events],
        [event.status for event in events],
        [event.raised_at for event in events],
        [event.team for event in events],
        [event.facility for event in events],
        [event.unit for event in events],
        [event.live for event in events],
        [event.model_dump_json(exclude_none=True) for event in events],
        [event.revision for event in events],
    )
    return {row["alert_id"] for row in rows}


async def hear_actions(db: Db, actions: Sequence[Heard]) -> None:
    """Keep actions that stand on care.actions."""
    await db.execute(
        SQL["hear_actions"],
        [one.action_id for one in actions],
        [one.type for one in actions],
        [one.by for one in actions],
        [one.at for one in actions],
        [one.occurred_at for one in actions],
        [one.number for one in actions],
        [one.facility for one in actions],
        [one.authority for one in actions],
        [one.withdraws for one in actions],
        [one.body for one in actions],
        [one.partition for one in actions],
        [one.offset for one in actions],
    )


async def refuse_actions(db: Db, refused: Sequence[tuple[int, int, str]]) -> list[str]:
    """Note (partition, offset, reason) of actions that were refused; gives the visit numbers they were for."""
    rows = await db.fetch(SQL["refuse_actions"], *zip(*refused, strict=True))
    return [row["number"] for row in rows if row["number"] is not None]


class Refusal(NamedTuple):
    """What was refused: where it stood, the word for why, of a message its feed, and when."""

    source_topic: str
    partition: int
    record_offset: int
    code: str
    feed: str
    at: datetime


async def note_refusals(db: Db, refusals: Sequence[Refusal]) -> None:
    """Note what was refused; a refusal told twice is one."""
    await db.execute(SQL["note_refusals"], *zip(*refusals, strict=True))


async def apply_actions(db: Db, events: Sequence[ActionApplied]) -> set[str]:
    """Note what became of actions; gives those of which that is news. A withdrawal is told of with what it undoes."""
    deeds = [event for event in events if event.type != WITHDRAWN]
    rows = await db.fetch(
        SQL["apply_actions"],
        [event.action_id for event in deeds],
        [event.type for event in deeds],
        [event.at for event in deeds],
        [event.occurred_at for event in deeds],
        [event.patient_id for event in deeds],
        [event.episode_id for event in deeds],
        [event.effect for event in deeds],
        [event.reason for event in deeds],
        [",".join(event.kinds) for event in deeds],
        [event.revision for event in deeds],
    )
    undone = [e.action_id for e in events if e.type == WITHDRAWN or e.effect is ActionEffect.WITHDRAWN]
    await db.execute(SQL["confirm_withdrawals"], undone)
    return {row["action_id"] for row in rows}


async def places_of_visits(db: Db, numbers: Iterable[str]) -> list[Row]:
    """What is owed under these visit numbers: (episode_id, patient_id, team, unit)."""
    return await db.fetch(SQL["places_of_visits"], list(numbers))
