"""From stored events to what is known now: identities, persons and visits, inside the caller's transaction."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID, uuid5

import asyncpg
import msgspec

from schemas.encounters import CareClass, Identifier, Patient, Visit, VisitState
from services.admissions import store
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.identity import merge_facts, survivors
from services.admissions.domain.model import AdtEvent, PatientKey
from services.admissions.domain.order import order_key
from services.admissions.domain.person import Registers, absorb, alike, combine, person
from services.admissions.feeds import DEFAULT, Feeds
from services.admissions.store import Kept, Member, RootKey, VisitRow
from services.chassis.postgres import Db

NEVER_WAS = "never_was"
"""The flag of a visit that turned out to be none; whoever lists visits leaves it out."""


class SetGrewError(Exception):
    """Reading showed that the batch touches more patients than it holds: roll back and take the larger set."""

    def __init__(self, patients: set[UUID]) -> None:
        super().__init__()
        self.patients = patients


def patient_key(event: AdtEvent, key: PatientKey | None) -> PatientKey | None:
    """The identifier under which an event counts; test messages live apart from real patients."""
    if key is None or not event.test:
        return key
    return PatientKey("test:" + key.authority, key.type, key.id)


def root_key(event: AdtEvent) -> RootKey | None:
    """The visit number under which an event counts; test messages live apart from real visits."""
    if event.visit is None:
        return None
    return (event.feed + "!test" if event.test else event.feed, event.visit.authority, event.visit.number)


async def surrogates(db: Db, events: Sequence[tuple[UUID, AdtEvent]]) -> list[Kept]:
    """Give every event the surrogates of its identifier and its visit number."""
    patients: set[PatientKey] = set()
    roots: set[RootKey] = set()
    for _, event in events:
        merged = [fact_key for fact in merge_facts(event) for fact_key in (fact.retired, fact.surviving)]
        for key in (event.patient, *merged):
            if (own := patient_key(event, key)) is not None:
                patients.add(own)
        if (root := root_key(event)) is not None:
            roots.add(root)
    known_patients = await store.resolve_patients(db, patients) if patients else {}
    known_roots = await store.resolve_roots(db, roots) if roots else {}
    if len(known_patients) < len(patients) or len(known_roots) < len(roots):
        raise SetGrewError(set())
    kept = []
    for event_id, event in events:
        key, root = patient_key(event, event.patient), root_key(event)
        kept.append(
            Kept(event, event_id, None if key is None else known_patients[key], root and known_roots[root])
        )
    return kept


async def hold(db: Db, kept: Sequence[Kept], wanted: set[UUID]) -> set[UUID]:
    """Lock the old and the new patient of every visit, and all that a merge joins; give the survivors held."""
    patients = {one.patient_id for one in kept if one.patient_id} | wanted
    roots = {one.root_id for one in kept if one.root_id}
    if any(merge_facts(one.event) for one in kept):
        patients |= await _merge_closure(db, kept, patients)
    held = await store.lock_set(db, patients, roots)
    await store.lock_patients(db, held)
    now_needed = await store.lock_set(db, patients, roots)
    if not now_needed <= held:
        raise SetGrewError(patients | now_needed)
    return held


async def _merge_closure(db: Db, kept: Sequence[Kept], patients: set[UUID]) -> set[UUID]:
    closure = set(patients)
    keys = {
        patient_key(one.event, key): None
        for one in kept
        for fact in merge_facts(one.event)
        for key in (fact.retired, fact.surviving)
    }
    closure |= set((await store.resolve_patients(db, [key for key in keys if key])).values())
    while True:
        around = await store.merges_around(db, closure)
        larger = closure | {one[1] for one in around} | {one[2] for one in around}
        if larger == closure:
            return closure
        closure = larger


async def settle(db: Db, kept: Sequence[Kept], held: set[UUID], feeds: Feeds) -> int:
    """Bring identities, persons and visits up to date with these (already stored) events.

    Gives the number of visits that changed. The transaction holds the patients `held`.
    """
    newest = max(kept, key=lambda one: one.event.received_at).event
    moved = await _merge(db, kept, newest)
    people = await store.members(db, held | moved)
    changed_people = await _persons(db, kept, people)
    written = await _visits(db, kept, {one.patient_id: one for one in people}, feeds)
    if changed_people:
        await store.touch_visits(
            db, changed_people, newest.received_at, newest.trigger, [row.visit_id for row in written]
        )
    return len(written)


async def _merge(db: Db, kept: Sequence[Kept], newest: AdtEvent) -> set[UUID]:
    """Fold identity anew where a merge came; give the survivors concerned."""
    facts = [(one, fact) for one in kept for fact in merge_facts(one.event)]
    if not facts:
        return set()
    keys = {
        key
        for one, fact in facts
        for key in (patient_key(one.event, fact.retired), patient_key(one.event, fact.surviving))
        if key
    }
    ids = await store.resolve_patients(db, keys)
    own = []
    for one, fact in facts:
        retired, surviving = patient_key(one.event, fact.retired), patient_key(one.event, fact.surviving)
        if retired and surviving:
            fact = msgspec.structs.replace(fact, retired=retired, surviving=surviving)  # noqa: PLW2901
            own.append((one.event_id, ids[retired], ids[surviving], fact))
    await store.insert_merges(db, own)
    closure = await _merge_closure(db, kept, set())
    around = await store.merges_around(db, closure)
    id_of = {fact.retired: retired for _, retired, _, fact in around}
    id_of |= {fact.surviving: surviving for _, _, surviving, fact in around}
    resolved, refused = survivors([fact for *_, fact in around])
    reasons = {fact.event_id: reason for fact, reason in refused}
    await store.mark_merges(db, {event_id: reasons.get(fact.event_id) for event_id, _, _, fact in around})
    new = {own_id: id_of[resolved.get(key, key)] for key, own_id in id_of.items()}
    await store.update_survivors(db, new)
    await store.move_visits(db, set(id_of.values()), newest.received_at, newest.trigger)
    return set(new.values()) | set(new)


async def _persons(db: Db, kept: Sequence[Kept], people: Sequence[Member]) -> set[UUID]:
    """Take in what the events say of the persons; give the survivors whose published person changed."""
    by_id = {one.patient_id: one for one in people}
    said: dict[UUID, Registers] = {}
    news: set[UUID] = set()
    for one in kept:
        if one.patient_id in by_id and one.patient_id is not None:
            before = said.get(one.patient_id, by_id[one.patient_id].registers)
            after = absorb(before, one.event)
            if after is not before:
                said[one.patient_id] = after
                if not alike(before, after):
                    news.add(one.patient_id)
    if said:
        await store.update_registers(db, said)
    groups: dict[UUID, list[Member]] = defaultdict(list)
    for member in people:
        groups[member.survivor_id].append(member)
    persons = {}
    for survivor_id, group in groups.items():
        head = by_id[survivor_id]
        if head.person is not None and len(group) == 1 and head.patient_id not in news:
            continue
        registers = [said.get(member.patient_id, member.registers) for member in group]
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


async def _visits(db: Db, kept: Sequence[Kept], people: dict[UUID, Member], feeds: Feeds) -> list[VisitRow]:
    """Fold every visit number touched, and write the visits that differ from what stands."""
    roots = {one.root_id: one.event.feed for one in kept if one.root_id is not None}
    if not roots:
        return []
    events = await store.events_of_roots(db, roots)
    stand = await store.visits_of_roots(db, roots)
    rows = []
    for root_id, feed in roots.items():
        profile = feeds.by_name.get(feed) or feeds.by_name[DEFAULT]
        own = [event for _, event in events[root_id]]
        reporter = reported_by(events[root_id])
        if reporter is None:
            continue
        if reporter not in people:
            raise SetGrewError({reporter})
        visits = list(fold(own, profile))
        while (ghost := stand.get((root_id, len(visits)))) is not None:
            visits.append(vanished(Visit.model_validate_json(ghost["document"])))
        for generation, visit in enumerate(visits):
            before = stand.get((root_id, generation))
            row = _visit_row(root_id, generation, visit, own, profile, reporter, people, before)
            if row is not None:
                rows.append(row)
    if rows:
        await store.upsert_visits(db, rows)
    return rows


def vanished(visit: Visit) -> Visit:
    """A stay taken for the next use of its number, until a late cancel told that the one before had not ended."""
    return Visit(
        number=visit.number,
        authority=visit.authority,
        facility=visit.facility,
        generation=visit.generation,
        state=VisitState.CANCELLED,
        patient_class=None,
        care_class=CareClass.OTHER,
        inpatient=False,
        flags=(NEVER_WAS,),
    )


def reported_by(events: Sequence[tuple[UUID | None, AdtEvent]]) -> UUID | None:
    """The identifier the latest event came under; an A31 speaks of the person, not of the visit."""
    return max(
        (
            (order_key(event), patient_id)
            for patient_id, event in events
            if patient_id and event.trigger != "A31"
        ),
        default=(None, None),
    )[1]


def _visit_row(
    root_id: UUID,
    generation: int,
    visit: Visit,
    events: Sequence[AdtEvent],
    profile: FeedProfile,
    reported_id: UUID,
    people: dict[UUID, Member],
    before: asyncpg.Record | None,
) -> VisitRow | None:
    document = visit.model_dump_json(exclude_none=True, exclude_defaults=True)
    test = events[0].test
    patient_id = people[reported_id].survivor_id
    if (
        before is not None
        and before["document"] == document
        and before["patient_id"] == patient_id
        and before["reported_id"] == reported_id
    ):
        return None
    newest = max(events, key=lambda event: (event.received_at, event.event_id))
    return VisitRow(
        visit_id=before["visit_id"] if before else _visit_id(root_id, generation),
        root_id=root_id,
        generation=generation,
        reported_id=reported_id,
        patient_id=patient_id,
        feed=newest.feed,
        live=profile.mode == "live" and not test,
        test=test,
        state=visit.state.value,
        discharged_at=visit.discharged_at,
        learned_at=newest.received_at,
        cause=newest.trigger,
        changed=_changed(before["document"] if before else None, document),
        document=document,
        revision=before["revision"] + 1 if before else 1,
    )


def _visit_id(root_id: UUID, generation: int) -> UUID:
    return uuid5(root_id, str(generation)) if generation else root_id


def _changed(before: str | None, after: str) -> tuple[str, ...]:
    if before is None:
        return ("new",)
    old, new = msgspec.json.decode(before), msgspec.json.decode(after)
    return tuple(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))) or (
        "patient",
    )


def hour(instant: datetime) -> datetime:
    """The hour (UTC) an instant falls in."""
    return instant.replace(minute=0, second=0, microsecond=0)


def event_uuid(event: AdtEvent) -> UUID:
    """The id an event is stored under; messages that give several events (A17) have a suffix in theirs."""
    if len(event.event_id) == 32:
        return UUID(event.event_id)
    return UUID(bytes=hashlib.sha256(event.event_id.encode()).digest()[:16])
