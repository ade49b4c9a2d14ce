"""What a batch is about, by surrogates, and the locks that it needs."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from services.admissions import people, store
from services.admissions.domain.identity import LINKS, MERGES, MOVES, RENAMES, MergeFact, merge_facts, own_key
from services.admissions.domain.joins import JOINS, MOVES_ACCOUNT, AccountMove, Join, account_move, joins
from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey
from services.admissions.people import SetGrewError
from services.admissions.store import Kept, RootKey
from services.admissions.surrogates import Surrogates
from services.chassis.postgres import Db

_TIES = MERGES | MOVES | RENAMES | LINKS.keys() | JOINS | {MOVES_ACCOUNT}


class Held(msgspec.Struct, frozen=True):
    """What the transaction holds: survivors, and all visit numbers that may come out otherwise; `tied`: some mean one visit;
    `moves`: accounts were moved.
    """

    patients: set[UUID]
    roots: set[UUID]
    tied: bool = False
    moves: bool = False


def feed_of(event: AdtEvent) -> str:
    """The feed under which an event counts; test messages live apart from real visits."""
    return event.feed + "!test" if event.test else event.feed


def root_key(event: AdtEvent, key: VisitKey | None) -> RootKey | None:
    """The visit number under which an event counts; test messages live apart from real visits."""
    if key is None:
        return None
    return feed_of(event), key.authority, key.number


def account_text(account: VisitKey) -> str:
    """An account of a feed in one text."""
    return f"{account.authority}\x1f{account.number}"


class Ties(msgspec.Struct, frozen=True):
    """What an event says of other identifiers and numbers than its own."""

    merges: tuple[MergeFact, ...]
    joins: tuple[tuple[Join, RootKey, RootKey], ...]
    moved: AccountMove | None


def ties(event: AdtEvent) -> Ties | None:
    """None for most events."""
    if event.trigger not in _TIES:
        return None
    related = tuple(
        (fact, one, other)
        for fact in joins(event)
        if (one := root_key(event, fact.retired)) and (other := root_key(event, fact.surviving))
    )
    found = Ties(merge_facts(event), related, account_move(event))
    return found if found.merges or found.joins or found.moved else None


async def surrogates(
    db: Db, events: Sequence[tuple[UUID, AdtEvent]], found: Surrogates | None = None
) -> list[Kept]:
    """Give every event the surrogates of its identifier and its visit number, and of those it speaks of besides.

    What must be asked for goes into `found`.
    """
    found = found or Surrogates()
    patients: set[PatientKey] = set()
    roots: dict[RootKey, str | None] = {}
    accounts: list[tuple[RootKey, str]] = []
    asked = []
    alone = False
    for event_id, event in events:
        own = own_key(event, event.patient) if event.patient else None
        root, tied = root_key(event, event.visit), ties(event)
        if own is not None:
            patients.add(own)
        if root is not None:
            account = account_text(event.account) if event.account and event.account != event.visit else None
            if account is not None:
                accounts.append((root, account))
            if roots.get(root) is None:
                roots[root] = account
        if event.enterprise is not None:
            patients.add(own_key(event, event.enterprise))
        if tied is not None:
            alone = alone or bool(tied.joins) or tied.moved is not None
            patients.update(key for fact in tied.merges for key in (fact.retired, fact.surviving))
            for _, *pair in tied.joins:
                roots = dict.fromkeys(pair) | roots
        asked.append((event_id, event, own, root, tied))
    await store.share_joining(db, alone=alone)
    await found.find(db, patients, roots)
    others = {
        (root[0], account, found.roots[root][0])
        for root, account in accounts
        if account != found.roots[root][1]
    }
    if others:
        await store.insert_accounts(db, others)
    return [_kept(event_id, event, own, root, tied, found) for event_id, event, own, root, tied in asked]


def _kept(
    event_id: UUID,
    event: AdtEvent,
    own: PatientKey | None,
    root: RootKey | None,
    tied: Ties | None,
    found: Surrogates,
) -> Kept:
    patients, roots = found.patients, found.roots
    one = Kept(event, event_id, patients[own] if own else None, roots[root][0] if root else None)
    if event.enterprise is not None:
        one.enterprise_id = patients[own_key(event, event.enterprise)]
    if tied is not None:
        one.merges = tuple((fact, patients[fact.retired], patients[fact.surviving]) for fact in tied.merges)
        one.joins = tuple((fact, roots[end][0], roots[other][0]) for fact, end, other in tied.joins)
        one.moved = (tied.moved, patients[own]) if tied.moved and own else None
    return one


async def hold(db: Db, kept: Sequence[Kept], wanted: set[UUID]) -> Held:
    """Lock the old and the new patient of every visit, and all that a merge joins."""
    patients = {one.patient_id for one in kept if one.patient_id} | wanted
    patients |= {one.enterprise_id for one in kept if one.enterprise_id}
    if any(one.merges for one in kept):
        patients |= await people.closure(db, {end for one in kept for _, *pair in one.merges for end in pair})
    roots = {one.root_id for one in kept if one.root_id}
    if moved := {(feed_of(one.event), account_text(one.moved[0].account)) for one in kept if one.moved}:
        roots |= await store.roots_of_accounts(db, moved)
    joined, any_moves = await store.ever_told(db)
    tied = any(one.joins for one in kept)
    if joined or tied:
        ends = {end for one in kept for _, *pair in one.joins for end in pair}
        roots, known = await _related(db, roots | ends)
        tied = tied or known
    held = await store.lock_set(db, patients, roots)
    await store.lock_patients(db, held)
    now_needed = await store.lock_set(db, patients, roots)
    if not now_needed <= held:
        raise SetGrewError(patients | now_needed)
    return Held(held, roots, tied, moves=any_moves or bool(moved))


async def _related(db: Db, roots: set[UUID]) -> tuple[set[UUID], bool]:
    """All visit numbers that any merge or re-label connects with these, and whether one does."""
    while True:
        around = await store.joins_around(db, roots) if roots else []
        larger = roots | {end for one, other, _ in around for end in (one, other)}
        if larger == roots:
            return roots, bool(around)
        roots = larger
