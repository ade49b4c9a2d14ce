"""What admissions keeps in Postgres: one typed function a statement; the caller opens the transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from services.admissions.domain.identity import MergeFact
from services.admissions.domain.joins import AccountMove, Join
from services.admissions.domain.model import AdtEvent, PatientKey, Rejection
from services.admissions.domain.person import Registers
from services.chassis import sql
from services.chassis.kafka import Record
from services.chassis.kafka.retries import retry_of
from services.chassis.postgres import Db

SQL = sql.load("services.admissions")

_events = msgspec.json.Decoder(AdtEvent)
_registers = msgspec.json.Decoder(Registers)
_facts = msgspec.json.Decoder(MergeFact)
_joins = msgspec.json.Decoder(Join)
_moves = msgspec.json.Decoder(AccountMove)
encode = msgspec.json.encode

RootKey = tuple[str, str, str]
"""(feed, authority, number) of a visit number."""


@dataclass(slots=True)
class Kept:
    """One event under the surrogates of its identifier and its visit number, with what it says of others."""

    event: AdtEvent
    event_id: UUID
    patient_id: UUID | None
    root_id: UUID | None
    enterprise_id: UUID | None = None
    merges: tuple[tuple[MergeFact, UUID, UUID], ...] = ()
    joins: tuple[tuple[Join, UUID, UUID], ...] = ()
    moved: tuple[AccountMove, UUID] | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge as kept; `undone_at` where an operator said that it was wrong."""

    event_id: UUID
    retired_id: UUID
    surviving_id: UUID
    fact: MergeFact
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Member:
    """One identifier of a patient, and what was said of the person under it."""

    patient_id: UUID
    key: PatientKey
    survivor_id: UUID
    registers: Registers | None
    person: str | None


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit as it is written; `document` is the JSON of `schemas.encounters.Visit`."""

    visit_id: UUID
    root_id: UUID
    generation: int
    reported_id: UUID
    patient_id: UUID
    feed: str
    live: bool
    test: bool
    state: str
    discharged_at: datetime | None
    learned_at: datetime
    cause: str
    changed: tuple[str, ...]
    document: str
    folded_into: UUID | None
    revision: int


async def share_joining(db: Db, *, alone: bool) -> None:
    """Keep visit numbers from becoming one until the caller's transaction ends; `alone`: to make them one."""
    await db.execute(SQL["hold_joining" if alone else "share_joining"])


async def resolve_patients(db: Db, keys: Collection[PatientKey]) -> dict[PatientKey, UUID]:
    """Give each of these (different) identifiers its surrogate. May lack one that is just being made."""
    rows = await db.fetch(
        SQL["resolve_patients"],
        [key.authority for key in keys],
        [key.type for key in keys],
        [key.id for key in keys],
    )
    return {PatientKey(row["authority"], row["type"], row["number"]): row["patient_id"] for row in rows}


async def resolve_roots(
    db: Db, accounts: Mapping[RootKey, str | None]
) -> dict[RootKey, tuple[UUID, str | None]]:
    """Give each visit number its surrogate, and the account it was first told under; those given are for new ones.

    May lack one that is just being made.
    """
    rows = await db.fetch(
        SQL["resolve_roots"],
        [key[0] for key in accounts],
        [key[1] for key in accounts],
        [key[2] for key in accounts],
        list(accounts.values()),
    )
    return {(row[1], row[2], row[3]): (row[0], row[4]) for row in rows}


async def insert_accounts(db: Db, told: Collection[tuple[str, str, UUID]]) -> None:
    """Keep (feed, account, visit number) besides the first account of each."""
    await db.execute(
        SQL["insert_accounts"], [one[0] for one in told], [one[1] for one in told], [one[2] for one in told]
    )


async def roots_of_accounts(db: Db, accounts: Collection[tuple[str, str]]) -> set[UUID]:
    """The numbers of all visits ever told under these accounts (feed, account)."""
    rows = await db.fetch(
        SQL["roots_of_accounts"], [feed for feed, _ in accounts], [account for _, account in accounts]
    )
    return {row["root_id"] for row in rows}


async def lock_set(db: Db, patients: Iterable[UUID], roots: Iterable[UUID]) -> set[UUID]:
    """The survivors that a batch over these identifiers and visit numbers must hold."""
    rows = await db.fetch(SQL["lock_set"], list(patients), list(roots))
    return {row["patient_id"] for row in rows}


async def lock_patients(db: Db, patients: Iterable[UUID]) -> None:
    """Hold the patients until the caller's transaction ends, in the order of their ids."""
    await db.fetch(SQL["lock_patients"], list(patients))


async def members(db: Db, survivors: Iterable[UUID]) -> list[Member]:
    """Every identifier that now stands for one of the survivors."""
    return [_member(row) for row in await db.fetch(SQL["members"], list(survivors))]


async def persons_of(db: Db, patients: Iterable[UUID]) -> list[Member]:
    """Every identifier of the persons that these belong to."""
    return [_member(row) for row in await db.fetch(SQL["persons_of"], list(patients))]


def _member(row: asyncpg.Record) -> Member:
    return Member(
        row["patient_id"],
        PatientKey(row["authority"], row["type"], row["number"]),
        row["survivor_id"],
        None if row["registers"] is None else _registers.decode(row["registers"]),
        row["person"],
    )


async def roots(db: Db, ids: Iterable[UUID]) -> dict[UUID, RootKey]:
    """Visit numbers by their surrogates."""
    return {row[0]: (row[1], row[2], row[3]) for row in await db.fetch(SQL["roots"], list(ids))}


async def insert_joins(db: Db, joins: Sequence[tuple[UUID, Join, UUID, UUID]]) -> None:
    """Keep merges and re-labels of visits: (event, what it says, retired, surviving)."""
    await db.execute(
        SQL["insert_joins"],
        [one[0] for one in joins],
        [one[2] for one in joins],
        [one[3] for one in joins],
        [encode(one[1]).decode() for one in joins],
    )


async def mark_joins(db: Db, joins: Sequence[tuple[UUID, UUID, str | None]]) -> None:
    """Note which merges and re-labels of visits were refused: (event, retired, why); None where one stands."""
    await db.execute(
        SQL["mark_joins"], [one[0] for one in joins], [one[1] for one in joins], [one[2] for one in joins]
    )


async def ever_told(db: Db) -> tuple[bool, bool]:
    """Whether any two visit numbers ever became one, and whether any account was ever moved."""
    row = await db.fetchrow(SQL["ever_told"])
    return (row["joins"], row["moves"]) if row else (False, False)


async def joins_around(db: Db, ids: Iterable[UUID]) -> list[tuple[UUID, UUID, Join]]:
    """Every merge or re-label touching one of these visit numbers: (retired, surviving, what was said)."""
    rows = await db.fetch(SQL["joins_around"], list(ids))
    return [(row[0], row[1], _joins.decode(row[2])) for row in rows]


async def insert_moves(db: Db, moves: Sequence[tuple[UUID, str, AccountMove, UUID]]) -> None:
    """Keep moves of accounts: (event, feed, what it says, patient)."""
    await db.execute(
        SQL["insert_moves"],
        [one[0] for one in moves],
        [one[1] for one in moves],
        [one[2].account.authority for one in moves],
        [one[2].account.number for one in moves],
        [one[3] for one in moves],
        [encode(one[2]).decode() for one in moves],
    )


async def moves_of_accounts(
    db: Db, accounts: Collection[RootKey]
) -> dict[RootKey, list[tuple[UUID, AccountMove]]]:
    """Where each of these accounts went: (patient, what was said)."""
    found: dict[RootKey, list[tuple[UUID, AccountMove]]] = {}
    rows = await db.fetch(
        SQL["moves_of_accounts"],
        [one[0] for one in accounts],
        [one[1] for one in accounts],
        [one[2] for one in accounts],
    )
    for row in rows:
        found.setdefault((row[0], row[1], row[2]), []).append((row[3], _moves.decode(row[4])))
    return found


async def insert_events(db: Db, kept: Sequence[Kept], applied: Sequence[bool]) -> set[UUID]:
    """Keep events, and tell which of them were new."""
    rows = await db.fetch(
        SQL["insert_events"],
        [one.event_id for one in kept],
        [one.root_id for one in kept],
        [one.patient_id for one in kept],
        [one.event.feed for one in kept],
        [one.event.trigger for one in kept],
        list(applied),
        [one.event.occurred_at for one in kept],
        [one.event.received_at for one in kept],
        [encode(one.event) for one in kept],
    )
    return {row["event_id"] for row in rows}


async def insert_messages(db: Db, items: Sequence[tuple[Kept, Record, bytes]]) -> None:
    """Keep the bytes of new events."""
    await db.execute(
        SQL["insert_messages"],
        [kept.event_id for kept, _, _ in items],
        [kept.event.received_at for kept, _, _ in items],
        [record.topic for _, record, _ in items],
        [record.partition for _, record, _ in items],
        [record.offset for _, record, _ in items],
        [raw for _, _, raw in items],
    )


async def events_of_roots(db: Db, roots: Iterable[UUID]) -> dict[UUID, list[tuple[UUID | None, AdtEvent]]]:
    """All events of these visit numbers with the identifier each came under, by visit number."""
    events: dict[UUID, list[tuple[UUID | None, AdtEvent]]] = {}
    for root_id, patient_id, body in await db.fetch(SQL["events_of_roots"], list(roots)):
        events.setdefault(root_id, []).append((patient_id, _events.decode(body)))
    return events


async def count_events(db: Db, roots: Iterable[UUID]) -> tuple[dict[UUID, int], int | None]:
    """How many events there are of each of these visit numbers, and how often messages were read again."""
    rows = await db.fetch(SQL["count_events"], list(roots))
    return {row["root_id"]: row["events"] for row in rows}, rows[0]["reread"] if rows else None


async def visits_of_roots(db: Db, roots: Iterable[UUID]) -> dict[tuple[UUID, int], asyncpg.Record]:
    """The visits these numbers have now, by (visit number, generation)."""
    rows = await db.fetch(SQL["visits_of_roots"], list(roots))
    return {(row["root_id"], row["generation"]): row for row in rows}


async def upsert_visits(db: Db, rows: Sequence[VisitRow]) -> None:
    """Write visits as they now stand."""
    await db.execute(
        SQL["upsert_visits"],
        [row.visit_id for row in rows],
        [row.root_id for row in rows],
        [row.generation for row in rows],
        [row.reported_id for row in rows],
        [row.patient_id for row in rows],
        [row.feed for row in rows],
        [row.live for row in rows],
        [row.test for row in rows],
        [row.state for row in rows],
        [row.discharged_at for row in rows],
        [row.learned_at for row in rows],
        [row.cause for row in rows],
        [",".join(row.changed) for row in rows],
        [row.document for row in rows],
        [row.folded_into for row in rows],
        [row.revision for row in rows],
    )


async def touch_visits(
    db: Db, patients: Iterable[UUID], at: datetime, cause: str, except_visits: Iterable[UUID]
) -> None:
    """Publish the visits of these patients again, but those just written."""
    await db.execute(SQL["touch_visits_of_patients"], list(patients), at, cause, list(except_visits))


async def move_visits(db: Db, patients: Iterable[UUID], at: datetime, cause: str) -> None:
    """Let the visits of these patients follow their identifiers to the survivors."""
    await db.execute(SQL["move_visits"], list(patients), at, cause)


async def update_registers(db: Db, registers: dict[UUID, Registers]) -> None:
    """Keep what was said under each identifier."""
    await db.execute(
        SQL["update_registers"], list(registers), [encode(one).decode() for one in registers.values()]
    )


async def update_persons(db: Db, persons: dict[UUID, str]) -> None:
    """Keep the persons as published."""
    await db.execute(SQL["update_persons"], list(persons), list(persons.values()))


async def update_survivors(db: Db, survivors: dict[UUID, tuple[UUID, UUID | None]]) -> set[UUID]:
    """Keep identity: (person, record where that is another). Gives persons of whom only a record changed."""
    rows = await db.fetch(
        SQL["update_survivors"],
        list(survivors),
        [person for person, _ in survivors.values()],
        [record for _, record in survivors.values()],
    )
    return {row["survivor_id"] for row in rows if row["stays"]}


async def insert_merges(db: Db, merges: Sequence[tuple[UUID, MergeFact, UUID, UUID]]) -> None:
    """Keep merges: (event, what it says, retired, surviving)."""
    await db.execute(
        SQL["insert_merges"],
        [one[0] for one in merges],
        [one[2] for one in merges],
        [one[3] for one in merges],
        [encode(one[1]).decode() for one in merges],
    )


async def merges_around(db: Db, patients: Iterable[UUID]) -> list[Merge]:
    """Every merge touching one of these identifiers."""
    rows = await db.fetch(SQL["merges_around"], list(patients))
    return [Merge(row[0], row[1], row[2], _facts.decode(row[3]), row[4]) for row in rows]


async def undo_merge(
    db: Db, event_id: UUID, at: datetime, by: str, why: str
) -> tuple[UUID, UUID, datetime] | None:
    """Note that a merge was wrong; gives the two it joined and since when it is undone, None where there is none."""
    await db.execute(SQL["undo_merge"], event_id, at, by, why)
    row = await db.fetchrow(SQL["merge"], event_id)
    return None if row is None else (row["retired_id"], row["surviving_id"], row["undone_at"])


async def mark_merges(db: Db, refused: dict[UUID, str | None]) -> None:
    """Note which merges were refused, and why; None where one stands."""
    await db.execute(SQL["mark_merges"], list(refused), list(refused.values()))


async def message_months(db: Db) -> set[str]:
    """Names of the monthly partitions of raw messages."""
    return {row["name"] for row in await db.fetch(SQL["message_months"])}


async def ensure_message_month(db: Db, instant: datetime) -> None:
    """Make the partition of raw messages for the month of `instant`."""
    await db.execute(SQL["ensure_message_month"], instant)


async def insert_rejections(
    db: Db, items: Sequence[tuple[UUID, Record, str, Rejection, bytes, datetime]]
) -> None:
    """Keep refused messages: (id, record, feed, why, bytes, arrival)."""
    await db.fetch(
        SQL["insert_rejections"],
        [one[0] for one in items],
        [one[5] for one in items],
        [one[1].topic for one in items],
        [one[1].partition for one in items],
        [one[1].offset for one in items],
        [one[2] for one in items],
        [one[3].code for one in items],
        [one[3].segment for one in items],
        [one[3].field for one in items],
        [one[3].detail for one in items],
        [one[1].key for one in items],
        [one[4] for one in items],
        [_storable(one[1].header("feed")) for one in items],
        [retry_of(one[1]) for one in items],
    )


def _storable(text: str | None) -> str | None:
    """No name of a feed has a NUL in it, and no text column takes one."""
    return None if text is not None and "\0" in text else text


Tally = dict[tuple[str, datetime], list[int]]
"""(feed, hour) -> received, normalized, rejected, duplicates, test, unapplied."""


async def count_messages(db: Db, tally: Tally) -> None:
    """Add to what each feed sent."""
    counts = list(tally.values())
    await db.execute(
        SQL["count_messages"],
        [feed for feed, _ in tally],
        [hour for _, hour in tally],
        *([count[i] for count in counts] for i in range(6)),
    )


Heard = dict[tuple[str, str, str, datetime], tuple[int, datetime]]
"""(feed, facility, unit, hour) -> messages and the latest arrival."""


async def hear(db: Db, heard: Heard) -> None:
    """Note how much each feed and unit has sent."""
    feeds, facilities, units, hours = zip(*heard, strict=True)
    counts, latest = zip(*heard.values(), strict=True)
    await db.execute(SQL["hear"], feeds, facilities, units, hours, counts, latest)


async def stored_roots(db: Db, after: UUID, limit: int) -> list[UUID]:
    """A page of the visit numbers by id."""
    return [row["root_id"] for row in await db.fetch(SQL["stored_roots"], after, limit)]


async def stored_events(db: Db, roots: Iterable[UUID]) -> list[Kept]:
    """The events of these visit numbers, but those in a checkpoint."""
    return [_kept(row) for row in await db.fetch(SQL["stored_events"], list(roots))]


async def stored_events_without_visit(db: Db, after: UUID, limit: int) -> list[Kept]:
    """A page of the events that name no visit, by id."""
    return [_kept(row) for row in await db.fetch(SQL["stored_events_without_visit"], after, limit)]


def _kept(row: asyncpg.Record) -> Kept:
    return Kept(_events.decode(row["body"]), row["event_id"], row["patient_id"], row["root_id"])


async def mark_applied(db: Db, events: Iterable[UUID]) -> None:
    """These events have effect now."""
    await db.execute(SQL["mark_applied"], list(events))
