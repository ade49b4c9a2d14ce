"""From stored events to what is known now: identities, persons and visits, inside the caller's transaction."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid5

import asyncpg
import msgspec

from schemas.encounters import CareClass, Visit, VisitState
from services.admissions import people, store
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.identity import merge_facts, own_key
from services.admissions.domain.joins import AccountMove, Join, account_move, groups, joins, reported_by
from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey
from services.admissions.domain.sources import sources
from services.admissions.feeds import DEFAULT, Feeds
from services.admissions.people import SetGrewError
from services.admissions.store import Kept, Member, RootKey, VisitRow
from services.admissions.storms import Seen
from services.chassis.postgres import Db

NEVER_WAS = "never_was"
"""The flag of a visit that turned out to be none; whoever lists visits leaves it out."""

Told = tuple[UUID | None, AdtEvent]
"""An event, and the identifier it came under."""


class Held(msgspec.Struct, frozen=True):
    """What the transaction holds: survivors, and all visit numbers that may come out otherwise; `tied`: some mean one visit."""

    patients: set[UUID]
    roots: set[UUID]
    tied: bool = False


class Whose(msgspec.Struct, frozen=True):
    """Whose visit it is, by whom it was reported, and where a folded one went on."""

    reported_id: UUID
    patient_id: UUID
    folded_into: UUID | None = None


class Sheaf(msgspec.Struct, frozen=True):
    """The visit numbers that mean one visit, by their surrogates; mostly one. See `domain.joins.Group`."""

    owner: UUID
    members: Sequence[UUID]
    named: VisitKey | None = None
    retired: Mapping[UUID, UUID] = {}


def root_key(event: AdtEvent, key: VisitKey | None) -> RootKey | None:
    """The visit number under which an event counts; test messages live apart from real visits."""
    if key is None:
        return None
    return (event.feed + "!test" if event.test else event.feed, key.authority, key.number)


def account_text(account: VisitKey) -> str:
    """An account of a feed in one text."""
    return f"{account.authority}\x1f{account.number}"


async def surrogates(db: Db, events: Sequence[tuple[UUID, AdtEvent]]) -> list[Kept]:
    """Give every event the surrogates of its identifier and its visit number, and of those it speaks of besides."""
    patients: set[PatientKey] = set()
    roots: dict[RootKey, str | None] = {}
    asked = []
    alone = False
    for event_id, event in events:
        merges, related, moved = merge_facts(event), joins(event), account_move(event)
        alone = alone or bool(related) or moved is not None
        own = own_key(event, event.patient) if event.patient else None
        enterprise = own_key(event, event.enterprise) if event.enterprise else None
        root = root_key(event, event.visit)
        ends = [(fact, root_key(event, fact.retired), root_key(event, fact.surviving)) for fact in related]
        patients.update(key for key in (own, enterprise) if key is not None)
        patients.update(key for fact in merges for key in (fact.retired, fact.surviving))
        for key in (end for _, *pair in ends for end in pair):
            if key is not None:
                roots.setdefault(key, None)
        account = None
        if root is not None:
            account = account_text(event.account) if event.account and event.account != event.visit else None
            if roots.get(root) is None:
                roots[root] = account
        asked.append((event_id, event, own, enterprise, root, account, merges, ends, moved))
    await store.share_joining(db, alone=alone)
    patient_ids = await store.resolve_patients(db, patients) if patients else {}
    found = await store.resolve_roots(db, roots) if roots else {}
    if len(patient_ids) < len(patients) or len(found) < len(roots):
        raise SetGrewError(set())
    others = {
        (root[0], account, found[root][0])
        for _, _, _, _, root, account, *_ in asked
        if root is not None and account is not None and account != found[root][1]
    }
    if others:
        await store.insert_accounts(db, others)
    root_ids = {key: root_id for key, (root_id, _) in found.items()}
    return [
        Kept(
            event,
            event_id,
            patient_ids[own] if own else None,
            root_ids[root] if root else None,
            patient_ids[enterprise] if enterprise else None,
            tuple((fact, patient_ids[fact.retired], patient_ids[fact.surviving]) for fact in merges),
            tuple((fact, root_ids[one], root_ids[other]) for fact, one, other in ends if one and other),
            (moved, patient_ids[own]) if moved and own else None,
        )
        for event_id, event, own, enterprise, root, _, merges, ends, moved in asked
    ]


async def hold(db: Db, kept: Sequence[Kept], wanted: set[UUID]) -> Held:
    """Lock the old and the new patient of every visit, and all that a merge joins."""
    patients = {one.patient_id for one in kept if one.patient_id} | wanted
    patients |= {one.enterprise_id for one in kept if one.enterprise_id}
    if any(one.merges for one in kept):
        patients |= await people.closure(db, {end for one in kept for _, *pair in one.merges for end in pair})
    roots = {one.root_id for one in kept if one.root_id}
    if moved := {(_feed(one.event), account_text(one.moved[0].account)) for one in kept if one.moved}:
        roots |= await store.roots_of_accounts(db, moved)
    roots, tied = await _related(db, roots | {end for one in kept for _, *pair in one.joins for end in pair})
    held = await store.lock_set(db, patients, roots)
    await store.lock_patients(db, held)
    now_needed = await store.lock_set(db, patients, roots)
    if not now_needed <= held:
        raise SetGrewError(patients | now_needed)
    return Held(held, roots, tied or any(one.joins for one in kept))


async def _related(db: Db, roots: set[UUID]) -> tuple[set[UUID], bool]:
    """All visit numbers that any merge or re-label connects with these, and whether one does."""
    while True:
        around = await store.joins_around(db, roots) if roots else []
        larger = roots | {end for one, other, _ in around for end in (one, other)}
        if larger == roots:
            return roots, bool(around)
        roots = larger


async def settle(db: Db, kept: Sequence[Kept], held: Held, feeds: Feeds, seen: Seen | None = None) -> int:
    """Bring identities, persons and visits up to date with these (already stored) events.

    Gives the number of visits that changed. The transaction holds `held`. With `seen`, visits of which nothing new is
    told are passed over.
    """
    newest = max(kept, key=lambda one: one.event.received_at).event
    at, cause = newest.received_at, newest.trigger
    if merges := [(one.event_id, *merge) for one in kept for merge in one.merges]:
        await store.insert_merges(db, merges)
    if related := [(one.event_id, *join) for one in kept for join in one.joins]:
        await store.insert_joins(db, related)
    if moves := [(one.event_id, _feed(one.event), *one.moved) for one in kept if one.moved]:
        await store.insert_moves(db, moves)
    members = await store.members(db, held.patients)
    said = people.hear(kept, members)
    anew, renumbered = set[UUID](), set[UUID]()
    if doubtful := await people.doubtful(db, kept, said):
        anew, renumbered = await people.identify(db, doubtful, held.patients, said.registers, at, cause)
        members = await store.members(db, held.patients | anew)
    changed = await people.tell(db, members, said, anew) | renumbered
    by_id = {one.patient_id: one for one in members}
    if seen is not None and not (held.tied or moves):
        held = msgspec.structs.replace(held, roots=held.roots - await seen.echoes(db, kept, feeds.by_name))
    written = await _visits(db, held, by_id, feeds, seen)
    if changed:
        await store.touch_visits(db, changed, at, cause, [row.visit_id for row in written])
    return len(written)


def _feed(event: AdtEvent) -> str:
    return event.feed + "!test" if event.test else event.feed


async def _visits(
    db: Db, held: Held, members: dict[UUID, Member], feeds: Feeds, seen: Seen | None
) -> list[VisitRow]:
    """Fold every visit number concerned, and write the visits that differ from what stands."""
    if not held.roots:
        return []
    events = await store.events_of_roots(db, held.roots)
    stand = await store.visits_of_roots(db, held.roots)
    moves = await _moves(db, events)
    rows = []
    for sheaf in await _sheaves(db, held, events):
        told = [each for root_id in sheaf.members for each in events.get(root_id, ())]
        reporter = reported_by(told, of_accounts(moves, told)) if told else None
        if reporter is None:
            continue
        if reporter not in members:
            raise SetGrewError({reporter})
        own = [event for _, event in told]
        profile = feeds.by_name.get(own[0].feed) or feeds.by_name[DEFAULT]
        if seen is not None and not held.tied:
            seen.folded(sheaf.owner, own, profile)
        patient_id = members[reporter].survivor_id
        for root_id, visits, into in described(sheaf, events, own, profile):
            while (ghost := stand.get((root_id, len(visits)))) is not None:
                visits.append(vanished(Visit.model_validate_json(ghost["document"])))
            for generation, visit in enumerate(visits):
                before = stand.get((root_id, generation))
                row = _visit_row(
                    root_id, generation, visit, own, profile, Whose(reporter, patient_id, into), before
                )
                if row is not None:
                    rows.append(row)
    if rows:
        await store.upsert_visits(db, rows)
    return rows


async def _moves(
    db: Db, events: Mapping[UUID, Sequence[Told]]
) -> dict[RootKey, list[tuple[UUID, AccountMove]]]:
    accounts = {
        key
        for told in events.values()
        for _, event in told
        if event.account is not None and (key := root_key(event, event.account)) is not None
    }
    return await store.moves_of_accounts(db, accounts) if accounts else {}


def of_accounts(
    moves: Mapping[RootKey, Sequence[tuple[UUID, AccountMove]]], told: Sequence[Told]
) -> list[tuple[UUID, AccountMove]]:
    """The moves that concern a visit: those of the accounts it was ever under."""
    if not moves:
        return []
    accounts = {root_key(event, event.account) for _, event in told if event.account is not None}
    return [move for key in accounts if key is not None for move in moves.get(key, ())]


async def _sheaves(db: Db, held: Held, events: Mapping[UUID, Sequence[Told]]) -> list[Sheaf]:
    if not held.tied:
        return [Sheaf(root_id, (root_id,)) for root_id in held.roots]
    around = [(retired, fact) for retired, _, fact in await store.joins_around(db, held.roots)]
    return sheaves(await store.roots(db, held.roots), around, events)


def sheaves(
    numbers: Mapping[UUID, RootKey],
    around: Iterable[tuple[UUID, Join]],
    events: Mapping[UUID, Sequence[Told]],
) -> list[Sheaf]:
    """Put together the visit numbers that mean one visit; `around` gives every join with the number it retires."""
    by_feed: dict[str, dict[VisitKey, UUID]] = defaultdict(dict)
    for root_id, (feed, authority, number) in numbers.items():
        by_feed[feed][VisitKey(authority, number)] = root_id
    facts: dict[str, list[Join]] = defaultdict(list)
    for root_id, fact in around:
        facts[numbers[root_id][0]].append(fact)
    found = []
    for feed, ids in by_feed.items():
        told = {key: [event for _, event in events.get(root_id, ())] for key, root_id in ids.items()}
        for group in groups(facts[feed], told):
            retired = {ids[key]: ids[row] for key, row in group.retired.items()}
            named = group.named if retired else None
            found.append(Sheaf(ids[group.owner], (ids[group.named], *retired), named, retired))
    return found


def described(
    sheaf: Sheaf, events: Mapping[UUID, Sequence[Told]], own: Sequence[AdtEvent], profile: FeedProfile
) -> list[tuple[UUID, list[Visit], UUID | None]]:
    """The visits of a sheaf: for each number, under which surrogate they are kept and where they went on."""
    found: list[tuple[UUID, list[Visit], UUID | None]] = [
        (sheaf.owner, list(fold(own, profile, sheaf.named)), None)
    ]
    for number, row in sheaf.retired.items():
        before = fold([event for _, event in events.get(number, ())], profile)
        found.append((row, [folded(visit) for visit in before], sheaf.owner))
    return found


def vanished(visit: Visit) -> Visit:
    """A stay taken for the next use of its number, until a late cancel told that the one before had not ended."""
    return _gone(visit, VisitState.CANCELLED, (NEVER_WAS,))


def folded(visit: Visit) -> Visit:
    """A visit whose number was merged into another's: what it was is told there."""
    return _gone(visit, VisitState.FOLDED, ())


def _gone(visit: Visit, state: VisitState, flags: tuple[str, ...]) -> Visit:
    return Visit(
        number=visit.number,
        authority=visit.authority,
        facility=visit.facility,
        generation=visit.generation,
        state=state,
        patient_class=None,
        care_class=CareClass.OTHER,
        inpatient=False,
        flags=flags,
    )


def _visit_row(
    root_id: UUID,
    generation: int,
    visit: Visit,
    events: Sequence[AdtEvent],
    profile: FeedProfile,
    whose: Whose,
    before: asyncpg.Record | None,
) -> VisitRow | None:
    visit = visit.model_copy(update={"sources": sources(visit, events)})
    document = visit.model_dump_json(exclude_none=True, exclude_defaults=True)
    test = events[0].test
    live = profile.mode == "live" and not test
    if before is not None and (document, whose.patient_id, whose.reported_id, live, whose.folded_into) == (
        before["document"], before["patient_id"], before["reported_id"], before["live"], before["folded_into"]
    ):  # fmt: skip
        return None
    newest = max(events, key=lambda event: (event.received_at, event.event_id))
    return VisitRow(
        visit_id=before["visit_id"] if before else _visit_id(root_id, generation),
        root_id=root_id,
        generation=generation,
        reported_id=whose.reported_id,
        patient_id=whose.patient_id,
        feed=newest.feed,
        live=live,
        test=test,
        state=visit.state.value,
        discharged_at=visit.discharged_at,
        learned_at=newest.received_at,
        cause=newest.trigger,
        changed=_changed(before["document"] if before else None, document),
        document=document,
        folded_into=whose.folded_into,
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
