"""Events that say something else now: what followed from their earlier words is taken back before the new ones are heard."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from msgspec import json

from schemas.encounters import Visit
from services.admissions import ledger, store
from services.admissions.domain.fold import applied
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.person import absorb, without
from services.admissions.holding import Held
from services.admissions.store import SQL, Kept, VisitRow
from services.chassis.postgres import Db

_events = json.Decoder(AdtEvent)


async def replace(db: Db, old: Sequence[Kept], new: Sequence[Kept], held: Held) -> set[UUID]:
    """Keep the new words of events in place of the old; give the identifiers that may be another person's now.

    The transaction holds `held`, and all that both speak of is in it.
    """
    ids = [one.event_id for one in new]
    await db.execute(SQL["note_reread"])
    await db.execute(
        SQL["replace_events"],
        ids,
        [one.root_id for one in new],
        [one.patient_id for one in new],
        [one.event.trigger for one in new],
        [applied(one.event.trigger) for one in new],
        [one.event.occurred_at for one in new],
        [store.encode(one.event) for one in new],
    )
    await _ties(db, ids, new)
    await _registers(db, old, held)
    both = [*old, *new]
    ends = {end for one in both for _, *pair in one.merges for end in pair}
    return ends | {
        number for one in both for number in (one.patient_id, one.enterprise_id) if number is not None
    }


async def _ties(db: Db, ids: Sequence[UUID], new: Sequence[Kept]) -> None:
    merges = [(one.event_id, *merge) for one in new for merge in one.merges]
    await db.execute(SQL["forget_merges"], list({*ids} - {event_id for event_id, *_ in merges}))
    await db.execute(
        SQL["replace_merges"],
        [event_id for event_id, *_ in merges],
        [retired for _, _, retired, _ in merges],
        [surviving for *_, surviving in merges],
        [store.encode(fact).decode() for _, fact, *_ in merges],
    )
    await db.execute(SQL["forget_joins"], ids)
    await db.execute(SQL["forget_moves"], ids)


async def _registers(db: Db, old: Sequence[Kept], held: Held) -> None:
    """Take back what the old words had the last say in, and hear again what others said of it."""
    spoken: dict[UUID, list[AdtEvent]] = defaultdict(list)
    for one in old:
        if one.patient_id is not None:
            spoken[one.patient_id].append(one.event)
    registers = {}
    for member in await store.members(db, held.patients):
        if member.registers is not None and member.patient_id in spoken:
            left = without(member.registers, spoken[member.patient_id])
            if left is not member.registers:
                registers[member.patient_id] = left
    if not registers:
        return
    rows = await db.fetch(SQL["events_of_patients"], list(registers), list(held.patients), list(held.roots))
    for patient_id, body in rows:
        registers[patient_id] = absorb(registers[patient_id], _events.decode(body))
    await store.update_registers(db, registers)


async def empty(db: Db, old: Sequence[Kept]) -> int:
    """Take back the visits under numbers of which no event tells any more; gives how many there were."""
    roots = {one.root_id for one in old if one.root_id is not None}
    if not roots:
        return 0
    counts, _ = await store.count_events(db, roots)
    newest = max((one.event for one in old), key=lambda event: event.received_at)
    rows = []
    for (root_id, generation), before in (await store.visits_of_roots(db, roots - counts.keys())).items():
        visit = ledger.vanished(Visit.model_validate_json(before["document"]))
        document = visit.model_dump_json(exclude_none=True, exclude_defaults=True)
        if before["checkpointed_at"] or document == before["document"]:
            continue
        rows.append(
            VisitRow(
                visit_id=before["visit_id"],
                root_id=root_id,
                generation=generation,
                reported_id=before["reported_id"],
                patient_id=before["patient_id"],
                feed=before["feed"],
                live=before["live"],
                test=before["test"],
                state=visit.state.value,
                discharged_at=None,
                learned_at=newest.received_at,
                cause=newest.trigger,
                changed=ledger.changed_keys(before["document"], document),
                document=document,
                folded_into=None,
                revision=before["revision"] + 1,
            )
        )
    if rows:
        await store.upsert_visits(db, rows)
    return len(rows)
