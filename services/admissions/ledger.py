"""From stored events to what is known now: identities, persons and visits, inside the caller's transaction."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from schemas.encounters import CareClass, Visit, VisitState
from schemas.ids import uuid5
from services.admissions import checkpoints, people, store
from services.admissions.domain.checkpoints import filled, parted
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.joins import (
    AccountMove,
    Join,
    groups,
    refusals,
    reported_by,
)
from services.admissions.domain.model import AdtEvent, VisitKey
from services.admissions.domain.sources import sources
from services.admissions.feeds import DEFAULT, Feeds
from services.admissions.holding import Held, feed_of, root_key
from services.admissions.people import SetGrewError
from services.admissions.store import Kept, Member, RootKey, VisitRow
from services.admissions.storms import Seen
from services.chassis.postgres import Db

NEVER_WAS = "never_was"
"""The flag of a visit that turned out to be none; whoever lists visits leaves it out."""

Told = tuple[UUID | None, AdtEvent]
"""An event, and the identifier it came under."""


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


async def settle(
    db: Db,
    kept: Sequence[Kept],
    held: Held,
    feeds: Feeds,
    seen: Seen | None = None,
    anew: Collection[UUID] = (),
) -> int:
    """Bring identities, persons and visits up to date with these (already stored) events.

    Gives the number of visits that changed. The transaction holds `held`. With `seen`, long visits are
    not read again. `anew`: identifiers of which something else was said until now.
    """
    newest = max(kept, key=lambda one: one.event.received_at).event
    at, cause = newest.received_at, newest.trigger
    if merges := [(one.event_id, *merge) for one in kept for merge in one.merges]:
        await store.insert_merges(db, merges)
    if related := [(one.event_id, *join) for one in kept for join in one.joins]:
        await store.insert_joins(db, related)
    if moves := [(one.event_id, feed_of(one.event), *one.moved) for one in kept if one.moved]:
        await store.insert_moves(db, moves)
    members = await store.members(db, held.patients)
    said = people.hear(kept, members)
    persons, renumbered = set[UUID](), set[UUID]()
    if doubtful := await people.doubtful(db, kept, said) | {*anew}:
        persons, renumbered = await people.identify(db, doubtful, held.patients, said.registers, at, cause)
        members = await store.members(db, held.patients | persons)
    changed = await people.tell(db, members, said, persons) | renumbered
    by_id = {one.patient_id: one for one in members}
    written = await _visits(db, kept, held, by_id, feeds, seen)
    if changed:
        await store.touch_visits(db, changed, at, cause, [row.visit_id for row in written])
    return len(written)


async def _visits(
    db: Db, kept: Sequence[Kept], held: Held, members: dict[UUID, Member], feeds: Feeds, seen: Seen | None
) -> list[VisitRow]:
    """Fold every visit number concerned, and write the visits that differ from what stands."""
    if not held.roots:
        return []
    alone = None if held.tied or held.moves else seen
    recalled = await alone.recall(db, kept, feeds.by_name) if alone is not None else {}
    events, stand, closed = await _read(db, held, recalled)
    moves = await _moves(db, events) if held.moves else {}
    rows = []
    for sheaf in await _sheaves(db, held, events):
        told: Sequence[Told] = [each for root_id in sheaf.members for each in events.get(root_id, ())]
        if not told:
            continue
        profile = feeds.by_name.get(told[0][1].feed) or feeds.by_name[DEFAULT]
        if alone is not None and sheaf.owner not in recalled:
            told = alone.read(sheaf.owner, told, profile)
            events[sheaf.owner] = told
        first = 0
        if sheaf.owner in closed:
            late, told, first = _after_checkpoint(sheaf.owner, told, stand, profile)
            rows += late
        reporter = reported_by(told, of_accounts(moves, told))
        if reporter is None:
            continue
        if reporter not in members:
            raise SetGrewError({reporter})
        own = [event for _, event in told]
        patient_id = members[reporter].survivor_id
        for root_id, visits, into in described(sheaf, events, own, profile):
            while (ghost := stand.get((root_id, first + len(visits)))) is not None:
                visits.append(vanished(Visit.model_validate_json(ghost["document"])))
            for generation, visit in enumerate(visits, first):
                before = stand.get((root_id, generation))
                row = _visit_row(
                    root_id, generation, visit, own, profile, Whose(reporter, patient_id, into), before
                )
                if row is not None:
                    rows.append(row)
    if rows:
        await store.upsert_visits(db, rows)
    return rows


async def _read(
    db: Db, held: Held, recalled: dict[UUID, Sequence[Told]]
) -> tuple[dict[UUID, Sequence[Told]], dict[tuple[UUID, int], asyncpg.Record], set[UUID]]:
    """What was told under the visit numbers, the visits they have, and which of the numbers have a checkpoint."""
    events = recalled | await store.events_of_roots(db, held.roots - recalled.keys())
    stand = await store.visits_of_roots(db, held.roots)
    closed = {root_id for (root_id, _), row in stand.items() if row["checkpointed_at"]}
    if closed and (held.tied or held.moves) and (again := await checkpoints.joined_or_moved(db, closed)):
        await checkpoints.reopen(db, again)
        events |= await store.events_of_roots(db, again)
        closed -= again
    return events, stand, closed


def _after_checkpoint(
    root_id: UUID,
    told: Sequence[Told],
    stand: Mapping[tuple[UUID, int], asyncpg.Record],
    profile: FeedProfile,
) -> tuple[list[VisitRow], Sequence[Told], int]:
    """Rows of closed visits in which late messages filled a gap; what was told of later stays, and their first number."""
    rows: list[asyncpg.Record] = []
    while (row := stand.get((root_id, len(rows)))) is not None and row["checkpointed_at"]:
        rows.append(row)
    visits = [Visit.model_validate_json(row["document"]) for row in rows]
    parts, following = parted(visits, told)
    found = []
    for row, visit, part in zip(rows, visits, parts, strict=True):
        own = [event for _, event in part]
        now = filled(visit, own, profile)
        if now is not visit:
            whose = Whose(row["reported_id"], row["patient_id"], row["folded_into"])
            written = _visit_row(root_id, row["generation"], now, own, profile, whose, row)
            if written is not None:
                found.append(replace(written, live=row["live"]))
    return found, following, len(rows)


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
    numbers = await store.roots(db, held.roots)
    refused: dict[Join, str] = {}
    for _, facts, told in _by_feed(numbers, around, events):
        refused |= refusals(facts, told)
    await store.mark_joins(
        db, [(_uuid(fact.event_id), root_id, refused.get(fact)) for root_id, fact in around]
    )
    return sheaves(numbers, around, events)


def sheaves(
    numbers: Mapping[UUID, RootKey],
    around: Iterable[tuple[UUID, Join]],
    events: Mapping[UUID, Sequence[Told]],
) -> list[Sheaf]:
    """Put together the visit numbers that mean one visit; `around` gives every join with the number it retires."""
    found = []
    for ids, facts, told in _by_feed(numbers, around, events):
        for group in groups(facts, told):
            retired = {ids[key]: ids[row] for key, row in group.retired.items()}
            named = group.named if retired else None
            found.append(Sheaf(ids[group.owner], (ids[group.named], *retired), named, retired))
    return found


def _by_feed(
    numbers: Mapping[UUID, RootKey],
    around: Iterable[tuple[UUID, Join]],
    events: Mapping[UUID, Sequence[Told]],
) -> Iterator[tuple[Mapping[VisitKey, UUID], list[Join], dict[VisitKey, list[AdtEvent]]]]:
    """For each feed its visit numbers with their surrogates, what was said of them, and all their events."""
    by_feed: dict[str, dict[VisitKey, UUID]] = defaultdict(dict)
    for root_id, (feed, authority, number) in numbers.items():
        by_feed[feed][VisitKey(authority, number)] = root_id
    facts: dict[str, list[Join]] = defaultdict(list)
    for root_id, fact in around:
        facts[numbers[root_id][0]].append(fact)
    for feed, ids in by_feed.items():
        told = {key: [event for _, event in events.get(root_id, ())] for key, root_id in ids.items()}
        yield ids, facts[feed], told


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
    told = {one.learned_at: one for one in (*sources(visit, events), *visit.sources)}
    visit = visit.model_copy(
        update={"sources": tuple(told[at] for at in sorted(told)), "generation": generation}
    )
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
        changed=changed_keys(before["document"] if before else None, document),
        document=document,
        folded_into=whose.folded_into,
        revision=before["revision"] + 1 if before else 1,
    )


def _visit_id(root_id: UUID, generation: int) -> UUID:
    return uuid5(root_id, str(generation)) if generation else root_id


def changed_keys(before: str | None, after: str) -> tuple[str, ...]:
    """What of a visit's document is another: keys, or `new`, or `patient` where only whose it is changed."""
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
    return _uuid(event.event_id)


def _uuid(event_id: str) -> UUID:
    if len(event_id) == 32:
        return UUID(event_id)
    return UUID(bytes=hashlib.sha256(event_id.encode()).digest()[:16])
