"""A corrected feed profile: the raw messages still kept are read by it again, and what they say replaces what they said."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct, field, json, structs

from services.admissions import holding, ledger, replacing, store
from services.admissions.domain.fold import applied
from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.feeds import Feeds
from services.admissions.hl7 import adt
from services.admissions.hl7.describe import describe
from services.admissions.people import SetGrewError
from services.admissions.store import SQL
from services.chassis.postgres import Db, Pool, transaction

PAGE = 100
"""Visit numbers, or identifiers told of without one, that are brought up to date in one transaction."""

_events = json.Decoder(AdtEvent)
_FIRST = UUID(int=0)


class Stored(Struct, frozen=True):
    """An event as it was understood, and the bytes of its message where they are still kept."""

    event_id: UUID
    event: AdtEvent
    raw: bytes | None


class Found(Struct):
    """What reading again comes to: events by what became of them, and the visits that changed.

    `fields` counts the keys of the canonical event that are others, `refused` codes; neither holds a value.
    """

    events: int = 0
    pruned: int = 0
    otherwise: int = 0
    visits: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Found") -> None:
        """Count another page too."""
        self.events += other.events
        self.pruned += other.pruned
        self.otherwise += other.otherwise
        self.visits += other.visits
        self.refused.update(other.refused)
        self.fields.update(other.fields)


Tell = Callable[[Found], None]


class Page(Struct, frozen=True):
    """Some visit numbers of the feed, or some identifiers of which it told without a visit: all of their events."""

    ids: Sequence[UUID]
    by_visit: bool


class Reader:
    """Reads what is kept of one feed by its profile as it is now. `zone_of` as for `adt.normalize`."""

    def __init__(self, feeds: Feeds, feed: str, zone_of: Callable[[str], ZoneInfo]) -> None:
        self._feeds, self._feed, self._zone_of = feeds, feed, zone_of
        self._profile = feeds.named(feed)
        # Under its new number a message may come by once more.
        self._moved: set[UUID] = set()

    async def preview(self, pool: Pool, tell: Tell | None = None) -> Found:
        """What would be another, with nothing changed."""
        found = Found()
        async for page in self._pages(pool):
            async with pool.acquire() as db:
                _, here = self._read(await self._stored(db, page))
            found.add(here)
            if tell:
                tell(found)
        return found

    async def refold(self, pool: Pool, tell: Tell | None = None) -> Found:
        """Replace what the messages say, and bring persons and visits up to date.

        All messages of a visit number go in one transaction. Safe beside a running system and safe to repeat: nothing
        changes where nothing differs. A message that would be refused now, or whose bytes are pruned, stays as it is.
        """
        found = Found()
        async for page in self._pages(pool):
            wanted: set[UUID] = set()
            while True:
                try:
                    async with transaction(pool) as db:
                        here, moved = await self._apply(db, page, wanted)
                except SetGrewError as grown:
                    wanted |= grown.patients
                else:
                    break
            self._moved |= moved
            found.add(here)
            if tell:
                tell(found)
        return found

    def again(self, raw: bytes, event: AdtEvent) -> AdtEvent | Rejection:
        """What a message says now that was understood as `event`; of a swap or merge, the part of the same group."""
        said = adt.normalize(raw, self._profile, zone_of=self._zone_of, received_at=event.received_at)
        if isinstance(said, Rejection):
            return said
        parts = (said,) if isinstance(said, AdtEvent) else said
        _, _, number = event.event_id.partition("-")
        n = int(number) - 1 if number else 0
        return structs.replace(parts[n], event_id=event.event_id) if n < len(parts) else event

    async def _pages(self, pool: Pool) -> AsyncIterator[Page]:
        """What names no visit comes first: merges hold before visits come under their new identifiers."""
        asked: tuple[tuple[str, Any], ...] = (
            ("patients_without_visit", self._feed),
            ("roots_of_feeds", [self._feed, self._feed + "!test"]),
        )
        for statement, feed in asked:
            after = _FIRST
            while True:
                async with pool.acquire() as db:
                    rows = await db.fetch(SQL[statement], feed, after, PAGE)
                if not rows:
                    break
                yield Page([row[0] for row in rows], statement == "roots_of_feeds")
                after = rows[-1][0]

    async def _stored(self, db: Db, page: Page) -> list[Stored]:
        if page.by_visit:
            rows = await db.fetch(SQL["messages_of_roots"], page.ids)
        else:
            rows = await db.fetch(SQL["messages_of_patients"], self._feed, page.ids)
        return [Stored(row["event_id"], _events.decode(row["body"]), row["raw"]) for row in rows]

    def _read(self, stored: Iterable[Stored]) -> tuple[dict[UUID, AdtEvent], Found]:
        """What the messages say now, of those that say something else."""
        found, others = Found(), {}
        for one in stored:
            if one.event_id in self._moved:
                continue
            found.events += 1
            if one.raw is None:
                found.pruned += 1
                continue
            said = self.again(one.raw, one.event)
            if isinstance(said, Rejection):
                found.refused[said.code] += 1
            elif said != one.event:
                found.otherwise += 1
                found.fields.update(differing(one.event, said))
                others[one.event_id] = said
        return others, found

    async def _apply(self, db: Db, page: Page, wanted: set[UUID]) -> tuple[Found, set[UUID]]:
        await db.execute(SQL["hold_reread"])
        stored = await self._stored(db, page)
        others, found = self._read(stored)
        if not stored:
            return found, set()
        before = [(one.event_id, one.event) for one in stored if one.event_id in others]
        now = [(one.event_id, others.get(one.event_id, one.event)) for one in stored]
        both = await holding.surrogates(db, [*before, *now])
        old, new = both[: len(before)], both[len(before) :]
        held = await holding.hold(db, both, wanted)
        anew: set[UUID] = set()
        if others:
            anew = await replacing.replace(db, old, [one for one in new if one.event_id in others], held)
        found.visits = await ledger.settle(db, new, held, self._feeds, anew=anew)
        found.visits += await replacing.empty(db, old)
        await store.mark_applied(db, [one.event_id for one in new if applied(one.event.trigger)])
        earlier = {one.event_id: (one.root_id, one.patient_id) for one in old}
        return found, {
            one.event_id
            for one in new
            if one.event_id in earlier and earlier[one.event_id] != (one.root_id, one.patient_id)
        }


def differing(before: AdtEvent, now: AdtEvent) -> set[str]:
    """The keys of the canonical event, as `baton normalize` prints them, that have another value."""
    one, other = _flat(describe(before)), _flat(describe(now))
    return {
        key
        for key in one.keys() | other.keys()
        if (key in one, one.get(key)) != (key in other, other.get(key))
    }


def _flat(said: dict[str, Any]) -> dict[str, Any]:
    person = said.pop("person", {})
    return said | {f"person.{key}": value for key, value in person.items()}
