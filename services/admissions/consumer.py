"""From `adt.inbound` to visits: read each record, keep what it says, bring the visits up to date, once."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.admissions import holding, ledger, store
from services.admissions.domain.fold import applied
from services.admissions.domain.model import AdtEvent, Place, Rejection
from services.admissions.feeds import Feeds
from services.admissions.hl7 import adt, frames
from services.admissions.hl7.sender import sender
from services.admissions.hl7.triggers import TYPES
from services.admissions.lanes import Lanes
from services.admissions.line import STOPPED, Line
from services.admissions.people import SetGrewError
from services.admissions.settings import Settings
from services.admissions.store import Heard, Kept, Tally
from services.admissions.storms import Seen, Storms
from services.admissions.surrogates import Surrogates
from services.chassis import clock, metrics
from services.chassis.arrivals import arrived
from services.chassis.kafka import Record
from services.chassis.postgres import Db, Pool, transaction
from services.chassis.service import Service

RECEIVED = metrics.declare(
    "baton_adt_messages_received_total", "counter", "ADT messages read from adt.inbound.", ["feed"]
)
REJECTED = metrics.declare(
    "baton_adt_messages_rejected_total",
    "counter",
    "ADT messages refused; look at `baton dlq`.",
    ["feed", "code"],
)
DUPLICATES = metrics.declare(
    "baton_adt_messages_duplicate_total", "counter", "ADT messages that were already known.", ["feed"]
)
UNAPPLIED = metrics.declare(
    "baton_adt_messages_unapplied_total",
    "counter",
    "ADT messages stored whose trigger has no effect in this version; `baton refold` applies them after an upgrade.",
    ["trigger"],
    known=[[trigger] for trigger in sorted(TYPES) if not applied(trigger)],
)
CHANGED = metrics.declare(
    "baton_visits_changed_total", "counter", "Visits that changed in something watched.", []
)

CODES = (
    "not_hl7", "not_adt", "no_control_id", "no_event", "unknown_event", "no_patient_identifier", "too_large",
    "unsupported_charset", "several_messages", "cannot_be_applied",
)  # fmt: skip
Item = tuple[AdtEvent, Record, bytes]
Refusal = tuple[UUID, Record, str, Rejection, bytes, datetime]


class _Knows(NamedTuple):
    """What one try at a batch knows beforehand: patients to hold besides, long visits, surrogates."""

    wanted: set[UUID]
    seen: Seen
    surrogates: Surrogates


class Inbound:
    """The handler of `adt.inbound`: each patient's part of a batch is kept in one transaction, or comes again."""

    def __init__(self, settings: Settings) -> None:
        self.feeds: Feeds = settings.feeds()
        self._newest = self.feeds
        self._storms = Storms()
        self._surrogates = Surrogates()
        self._lanes = Lanes()
        self.facilities = settings.facilities()
        self._months: set[str] = set()
        self.line = Line(settings.poison_share, settings.poison_window)

    def take(self, feeds: Feeds, registry: metrics.Registry) -> None:
        """Read by these profiles from the next batch on; the one in hand is read and folded by one set of them.

        The counters of every feed with a profile stand at 0 until something is counted.
        """
        self._newest = feeds
        for feed in feeds.by_name:
            for counter in (RECEIVED, DUPLICATES):
                registry.counter(counter).labels(feed)
            for code in CODES:
                registry.counter(REJECTED).labels(feed, code)

    def read(self, record: Record, now: datetime) -> tuple[list[Item], list[Refusal]]:
        """Read one record: usually one message; several where an engine batched them."""
        raw = record.value or b""
        arrival = arrived(record, now)
        items: list[Item] = []
        refusals: list[Refusal] = []
        plain = raw.startswith(b"MSH") and raw.count(b"MSH") == 1
        for index, part in enumerate([raw] if plain else list(frames.split(raw)) or [raw]):
            profile = self.feeds.of(record.topic, record.header("feed"), *sender(part))
            said = adt.normalize(part, profile, zone_of=self.facilities.zone_of, received_at=arrival)
            if isinstance(said, Rejection):
                refusals.append(
                    (_rejection_id(record, index, part), record, profile.feed, said, part, arrival)
                )
            elif isinstance(said, AdtEvent):
                items.append((said, record, part))
            else:
                items.extend((event, record, part) for event in said)
        return items, refusals

    async def on_inbound(self, service: Service, records: list[Record]) -> None:
        """Keep what a batch of records says and bring the visits up to date."""
        self.feeds = self._newest
        pool = service.pool
        async with pool.acquire() as db:
            now = await clock.now(db)
        items: list[Item] = []
        refusals: list[Refusal] = []
        for record in records:
            read, refused = self.read(record, now)
            items += read
            refusals += refused
        self._judge(service, items, refusals)
        await self._ensure_months(pool, items)
        async with asyncio.TaskGroup() as lanes:
            part = self._lanes.of([event for event, _, _ in items])
            for number in sorted({0, *part}):
                lane = [item for item, of in zip(items, part, strict=True) if of == number]
                lanes.create_task(self._keep_all(service, lane, () if number else refusals))
        async with pool.acquire() as db:
            if heard := _heard(items, refusals):
                await store.hear(db, heard)
            await service.marks.write(db, records)
        self.line.passed(len(items) + len(refusals), len(refusals))
        service.relay.wake()

    def _judge(self, service: Service, items: Sequence[Item], refusals: Sequence[Refusal]) -> None:
        try:
            self.line.judge(len(items) + len(refusals), (refusal[3].code for refusal in refusals))
        finally:
            service.registry.gauge(STOPPED).set(self.line.stopped is not None)

    async def check(self) -> str | None:
        """What /readyz says while the line stands."""
        return self.line.stopped

    async def refuse(self, service: Service, record: Record, why: str) -> None:
        """Keep a record as refused that was read and cannot be applied; `why` is the class of the error."""
        async with service.pool.acquire() as db:
            arrival = arrived(record, await clock.now(db))
        raw = record.value or b""
        feed = self.feeds.of(record.topic, record.header("feed"), *sender(raw)).feed
        said = Rejection("cannot_be_applied", f"applying it failed ({why})")
        await self._keep_all(service, [], [(_rejection_id(record, 0, raw), record, feed, said, raw, arrival)])
        async with service.pool.acquire() as db:
            await service.marks.write(db, [record])
        service.relay.wake()

    async def _keep_all(self, service: Service, items: Sequence[Item], refusals: Sequence[Refusal]) -> None:
        wanted: set[UUID] = set()
        while True:
            try:
                knows = _Knows(wanted, self._storms.begin(), self._surrogates.begin())
                async with transaction(service.pool) as db:
                    changed, tally = await self._apply(db, items, refusals, knows)
            except SetGrewError as grown:
                wanted |= grown.patients
            except Exception:
                self._surrogates.forget()
                raise
            else:
                self._storms.committed(knows.seen)
                self._surrogates.committed(knows.surrogates)
                break
        self._count(service.registry, tally, refusals, items, changed)

    async def _apply(
        self, db: Db, items: Sequence[Item], refusals: Sequence[Refusal], knows: _Knows
    ) -> tuple[int, Tally]:
        tally: Tally = defaultdict(lambda: [0] * 6)
        first: dict[UUID, Item] = {}
        for item in items:
            counts = tally[item[0].feed, ledger.hour(item[0].received_at)]
            counts[0] += _whole(item[0])
            if first.setdefault(ledger.event_uuid(item[0]), item) is not item:
                counts[3] += 1
        for *_, feed, _, _, arrival in refusals:
            counts = tally[feed, ledger.hour(arrival)]
            counts[0] += 1
            counts[2] += 1
        changed = await self._keep(db, first, tally, knows) if first else 0
        if refusals:
            await store.insert_rejections(db, refusals)
        if tally:
            await store.count_messages(db, tally)
        return changed, tally

    async def _keep(self, db: Db, first: dict[UUID, Item], tally: Tally, knows: _Knows) -> int:
        events = [(event_id, item[0]) for event_id, item in first.items()]
        kept = await holding.surrogates(db, events, knows.surrogates)
        held = await holding.hold(db, kept, knows.wanted)
        new = await store.insert_events(db, kept, [applied(one.event.trigger) for one in kept])
        fresh: list[Kept] = []
        for one in kept:
            counts = tally[one.event.feed, ledger.hour(one.event.received_at)]
            if one.event_id not in new:
                counts[3] += 1
                continue
            fresh.append(one)
            counts[1] += _whole(one.event)
            counts[4] += one.event.test
            counts[5] += not applied(one.event.trigger)
        if not fresh:
            return 0
        await store.insert_messages(db, [(one, *first[one.event_id][1:]) for one in fresh])
        return await ledger.settle(db, fresh, held, self.feeds, knows.seen)

    async def _ensure_months(self, pool: Pool, items: Sequence[Item]) -> None:
        months = {item[0].received_at.strftime("message_%Y_%m"): item[0].received_at for item in items}
        missing = months.keys() - self._months
        if missing:
            async with pool.acquire() as db:
                for name in missing:
                    await store.ensure_message_month(db, months[name])
                self._months = await store.message_months(db)

    def _count(
        self,
        registry: metrics.Registry,
        tally: Tally,
        refusals: Sequence[Refusal],
        items: Sequence[Item],
        changed: int,
    ) -> None:
        counter = registry.counter
        for (feed, _), counts in tally.items():
            counter(RECEIVED).labels(feed).inc(counts[0])
            counter(DUPLICATES).labels(feed).inc(counts[3])
        for refusal in refusals:
            counter(REJECTED).labels(refusal[2], refusal[3].code).inc()
        for event, _, _ in items:
            if not applied(event.trigger):
                counter(UNAPPLIED).labels(event.trigger).inc()
        counter(CHANGED).inc(changed)


def _heard(items: Sequence[Item], refusals: Sequence[Refusal]) -> Heard:
    """What each feed, and each unit named in PV1-3, has sent: to know when one of them falls silent."""
    heard: Heard = {}

    def count(feed: str, facility: str, unit: str, at: datetime) -> None:
        key = feed, facility, unit, ledger.hour(at)
        messages, latest = heard.get(key, (0, at))
        heard[key] = messages + 1, max(latest, at)

    for event, _, _ in items:
        count(event.feed, "", "", event.received_at)
        if isinstance(event.location, Place) and event.location.unit:
            count(event.feed, event.facility, event.location.unit, event.received_at)
    for *_, feed, _, _, arrival in refusals:
        count(feed, "", "", arrival)
    return heard


def _whole(event: AdtEvent) -> bool:
    """False for the further events of one message (A17), so that messages are counted and not events."""
    return "-" not in event.event_id


def _rejection_id(record: Record, index: int, raw: bytes) -> UUID:
    """The same record read again is the same refusal; another one at a reused offset is not."""
    name = f"{record.topic}/{record.partition}/{record.offset}/{record.timestamp.timestamp()}/{index}/"
    return UUID(bytes=hashlib.sha256(name.encode() + raw).digest()[:16])
