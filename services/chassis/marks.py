"""The applied mark: up to which time a consumer has applied everything that reached its topics."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.chassis import clock
from services.chassis.clock import NOW, monotonic
from services.chassis.kafka import Admin, Record, Subscriber
from services.chassis.postgres import Db, Pool, transaction

# Partitions are added rarely.
PARTITIONS_AGE = 10.0

WANTED = "baton_mark_wanted"
"""The channel of Postgres on which a mark is asked for."""

# A record stamped in the future says nothing about what reaches Kafka until then.
_RAISE = f"""
INSERT INTO baton.applied_mark AS held (consumer, topic, "partition", mark, applied_offset)
SELECT $1, topic, "partition", least(mark, {NOW}), applied_offset
FROM unnest($2::text[], $3::integer[], $4::timestamptz[], $5::bigint[])
    AS given (topic, "partition", mark, applied_offset)
ORDER BY topic, "partition"
ON CONFLICT (consumer, topic, "partition") DO UPDATE
SET mark = greatest(held.mark, excluded.mark),
    applied_offset = coalesce(excluded.applied_offset, held.applied_offset)
"""
_KNOW = """
INSERT INTO baton.applied_mark (consumer, topic, "partition")
SELECT $1, topic, "partition" FROM unnest($2::text[], $3::integer[]) AS given (topic, "partition")
ON CONFLICT DO NOTHING
"""
_FORGET = """
DELETE FROM baton.applied_mark AS held
WHERE consumer = $1 AND topic = ANY ($4)
  AND NOT EXISTS (
    SELECT FROM unnest($2::text[], $3::integer[]) AS given (topic, "partition")
    WHERE given.topic = held.topic AND given."partition" = held."partition"
  )
"""
_LOWEST = """
SELECT CASE WHEN count(mark) = count(*) AND count(DISTINCT topic) = cardinality($2::text[]) THEN min(mark) END
FROM baton.applied_mark
WHERE consumer = $1 AND topic = ANY ($2)
"""

_APPLIED = """
SELECT "partition", applied_offset FROM baton.applied_mark
WHERE consumer = $1 AND topic = $2 AND applied_offset IS NOT NULL
"""


class Marks:
    """The marks of one consumer on the topics it reads."""

    def __init__(self, consumer: str, topics: Sequence[str]) -> None:
        self.consumer = consumer
        self.topics = tuple(dict.fromkeys(topics))
        self._partitions: set[tuple[str, int]] = set()
        self._partitions_at = -PARTITIONS_AGE

    async def write(self, db: Db, records: Sequence[Record]) -> None:
        """In the batch's own transaction: everything up to these records is applied."""
        last = {(record.topic, record.partition): record for record in records}
        await self._raise(db, [(*key, record.timestamp, record.offset) for key, record in last.items()])

    async def cover_idle(self, pool: Pool, admin: Admin, subscribers: Sequence[Subscriber]) -> None:
        """Mark as applied up to now every partition of ours in which nothing is left to apply."""
        await self._know_partitions(pool, admin)
        # The order decides: what comes after `now` may be missed below, what came before may not.
        async with pool.acquire() as db:
            now = await clock.now(db)
        before = await _applied(subscribers)
        ends = await admin.ends(self._partitions & before.keys())
        after = await _applied(subscribers)
        # An end before where we already were is a broker that lost its records; there the position means nothing.
        covered = [
            (*key, now, None) for key, end in ends.items() if before[key] <= end and after.get(key, -1) >= end
        ]
        async with pool.acquire() as db:
            await self._raise(db, covered)

    async def lowest(self, db: Db) -> datetime | None:
        """The time up to which everything that reached the topics is applied; None until that is known."""
        return await lowest(db, self.consumer, self.topics)

    async def _raise(self, db: Db, marks: Sequence[tuple[str, int, datetime, int | None]]) -> None:
        if marks:
            topics, partitions, times, offsets = zip(*marks, strict=True)
            await db.execute(_RAISE, self.consumer, topics, partitions, times, offsets)

    async def _know_partitions(self, pool: Pool, admin: Admin) -> None:
        """A partition that nobody has covered yet must hold the lowest mark back, so it needs its row."""
        if monotonic() - self._partitions_at < PARTITIONS_AGE:
            return
        found = await admin.partitions(self.topics)
        if set(found) != set(self.topics):
            return
        keys = sorted((topic, number) for topic, numbers in found.items() for number in numbers)
        topics, numbers = zip(*keys, strict=True)
        async with transaction(pool) as db:
            await db.execute(_KNOW, self.consumer, topics, numbers)
            await db.execute(_FORGET, self.consumer, topics, numbers, self.topics)
        self._partitions = set(keys)
        self._partitions_at = monotonic()


async def lowest(db: Db, consumer: str, topics: Sequence[str]) -> datetime | None:
    """The time up to which `consumer` has applied all partitions of `topics`; None until that is known."""
    mark: datetime | None = await db.fetchval(_LOWEST, consumer, list(dict.fromkeys(topics)))
    return mark


async def want(db: Db) -> None:
    """Ask every consumer to mark its idle partitions now: something is due and waits for it."""
    await db.execute("SELECT pg_notify($1, '')", WANTED)


async def unapplied(db: Db, consumer: str, topic: str, ends: Mapping[int, int]) -> int:
    """Count the records before `ends` (exclusive, by partition) that `consumer` has not committed."""
    applied = {
        row["partition"]: row["applied_offset"] + 1 for row in await db.fetch(_APPLIED, consumer, topic)
    }
    return sum(max(0, end - applied.get(partition, 0)) for partition, end in ends.items())


async def _applied(subscribers: Sequence[Subscriber]) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for subscriber in subscribers:
        found |= await subscriber.applied()
    return found
