"""Who is one person, and what is known of them: kept in step with every merge, link, re-label and undoing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, field

from schemas.encounters import Identifier, Patient
from services.admissions import store
from services.admissions.domain.identity import Undo, people
from services.admissions.domain.model import PatientKey
from services.admissions.domain.person import Registers, absorb, alike, combine, person
from services.admissions.store import Kept, Member
from services.chassis.postgres import Db


class SetGrewError(Exception):
    """Reading showed that the batch touches more patients than it holds: roll back and take the larger set."""

    def __init__(self, patients: set[UUID]) -> None:
        super().__init__()
        self.patients = patients


class Said(Struct):
    """What a batch says of persons: the registers it changed, whose published person may be another now (`news`),
    and who may be somebody else now: by enterprise identifier (`anew`), or as heard of before a re-label (`earlier`).
    """

    registers: dict[UUID, Registers] = field(default_factory=dict)
    news: set[UUID] = field(default_factory=set)
    anew: set[UUID] = field(default_factory=set)
    earlier: set[UUID] = field(default_factory=set)


async def closure(db: Db, patients: Iterable[UUID]) -> set[UUID]:
    """All identifiers that any merge, link or person connects with these."""
    found = set(patients)
    while True:
        around = await store.merges_around(db, found)
        larger = found | {one.retired_id for one in around} | {one.surviving_id for one in around}
        larger |= {member.patient_id for member in await store.persons_of(db, larger)}
        if larger == found:
            return found
        found = larger


def hear(kept: Sequence[Kept], members: Iterable[Member]) -> Said:
    """Take in what the events say of the persons."""
    known = {member.patient_id: member.registers for member in members}
    said = Said()
    for one in kept:
        if one.patient_id is None or one.patient_id not in known:
            continue
        before = said.registers.get(one.patient_id, known[one.patient_id])
        after = absorb(before, one.event)
        if after is not before:
            said.registers[one.patient_id] = after
            if not alike(before, after):
                said.news.add(one.patient_id)
            if before is None or before.enterprise is not after.enterprise:
                old = before.enterprise if before else None
                if after.enterprise is not None and (old is None or old.value != after.enterprise.value):
                    said.anew.add(one.patient_id)
            if before is not None and before.first != after.first:
                said.earlier.add(one.patient_id)
    return said


async def doubtful(db: Db, kept: Sequence[Kept], said: Said) -> set[UUID]:
    """Whose identity must be folded anew after these events: mostly nobody's."""
    ids = {number for one in kept for _, *pair in one.merges for number in pair} | said.anew
    if ids:
        ids |= {one.enterprise_id for one in kept if one.enterprise_id is not None}
    if said.earlier:
        around = await store.merges_around(db, said.earlier)
        ids |= {one.surviving_id for one in around if one.fact.kind == "renamed"}
    return ids


async def identify(
    db: Db,
    patients: Iterable[UUID],
    held: set[UUID],
    said: Mapping[UUID, Registers],
    at: datetime,
    cause: str,
) -> tuple[set[UUID], set[UUID]]:
    """Fold identity anew around these identifiers; give the persons concerned, and those to be told of again."""
    ids = await closure(db, patients)
    members = await store.persons_of(db, ids)
    if not {member.survivor_id for member in members} <= held:
        raise SetGrewError(ids)
    registers = {member.key: said.get(member.patient_id, member.registers) for member in members}
    enterprise = {
        key: own.enterprise.value
        for key, own in registers.items()
        if own is not None and own.enterprise is not None
    }
    unknown = set(enterprise.values()) - registers.keys()
    if unknown:
        raise SetGrewError(ids | set((await store.resolve_patients(db, unknown)).values()))
    around = await store.merges_around(db, ids)
    found = people(
        [one.fact for one in around],
        first={key: own.first for key, own in registers.items() if own is not None and own.first is not None},
        enterprise=enterprise,
        undone=[Undo(one.fact.retired, one.fact.surviving, one.undone_at) for one in around if one.undone_at],
    )
    reasons = {fact.event_id: reason for fact, reason in found.refused}
    await store.mark_merges(db, {one.event_id: reasons.get(one.fact.event_id) for one in around})
    id_of = {member.key: member.patient_id for member in members}
    now: dict[UUID, tuple[UUID, UUID | None]] = {}
    for key, own_id in id_of.items():
        lead = id_of[found.persons.get(key, key)]
        record = id_of[found.records.get(key, key)]
        now[own_id] = (lead, None if record == lead else record)
    renumbered = await store.update_survivors(db, now)
    await store.move_visits(db, set(now), at, cause)
    return {lead for lead, _ in now.values()}, renumbered


async def tell(db: Db, members: Sequence[Member], said: Said, anew: set[UUID]) -> set[UUID]:
    """Keep what was said, and the persons as published; gives those that changed. `anew`: composed in any case."""
    by_id = {one.patient_id: one for one in members}
    if said.registers:
        await store.update_registers(db, said.registers)
    groups: dict[UUID, list[Member]] = defaultdict(list)
    for member in members:
        groups[member.survivor_id].append(member)
    persons = {}
    for survivor_id, group in groups.items():
        head = by_id[survivor_id]
        settled = len(group) == 1 and head.patient_id not in said.news and survivor_id not in anew
        if head.person is not None and settled:
            continue
        registers = [said.registers.get(member.patient_id, member.registers) for member in group]
        now = person_of(head.patient_id, head.key, [member.key for member in group], registers)
        document = now.model_dump_json(exclude_none=True, exclude_defaults=True)
        if document != head.person:
            persons[survivor_id] = document
    if persons:
        await store.update_persons(db, persons)
    return {survivor_id for survivor_id in persons if by_id[survivor_id].person is not None}


def person_of(
    patient_id: UUID, key: PatientKey, keys: Iterable[PatientKey], registers: Iterable[Registers | None]
) -> Patient:
    """The person as published under the surviving identifier, from what was said under each of `keys`."""
    return Patient(
        patient_id=patient_id,
        number=key.id,
        authority=key.authority.removeprefix("test:"),
        identifiers=tuple(
            Identifier(id=one.id, authority=one.authority, type=one.type) for one in sorted(keys)
        ),
        **person(combine(*(one for one in registers if one is not None))),
    )
