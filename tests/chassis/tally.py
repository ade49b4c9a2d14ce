"""A service with nothing but a chassis: counts words and publishes the counts. Run: python -m tests.chassis.tally."""

import asyncio
from collections import Counter

import asyncpg
from pydantic import Field

from services.chassis.kafka import Outgoing, Record, TopicSpec
from services.chassis.outbox import Outlet
from services.chassis.postgres import transaction
from services.chassis.service import Service, Subscription, main
from services.chassis.settings import ServiceSettings, SettingsError, fail, load

SCHEMA = """
CREATE SCHEMA tally;
CREATE TABLE tally.record (topic text, partition int, at bigint, PRIMARY KEY (topic, partition, at));
CREATE TABLE tally.word (
    id text PRIMARY KEY, count bigint NOT NULL, revision bigint NOT NULL DEFAULT 1,
    published_revision bigint NOT NULL DEFAULT 0
);
"""
TOPICS = (
    TopicSpec("words", 3, compacted=False, retention_ms=3_600_000),
    TopicSpec("counts", 2, compacted=True, retention_ms=3_600_000),
)
_REMEMBER = """
INSERT INTO record SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
ON CONFLICT DO NOTHING RETURNING topic, partition, at
"""
_COUNT = """
INSERT INTO word (id, count) SELECT * FROM unnest($1::text[], $2::bigint[]) AS given (id, count) ORDER BY id
ON CONFLICT (id) DO UPDATE SET count = word.count + excluded.count, revision = word.revision + 1
"""


class TallySettings(ServiceSettings):
    slow_by: float = Field(default=0.0, ge=0, description="how long a batch takes, in seconds")
    break_after: float = Field(default=0.0, ge=0, description="when a loop breaks, in seconds; 0 never")


async def on_words(service: Service, records: list[Record]) -> None:
    async with transaction(service.pool) as db:
        keys = [(record.topic, record.partition, record.offset) for record in records]
        new = {tuple(row) for row in await db.fetch(_REMEMBER, *map(list, zip(*keys, strict=True)))}
        words = Counter(
            (record.value or b"").decode()
            for record in records
            if (record.topic, record.partition, record.offset) in new
        )
        await db.execute(_COUNT, list(words), list(words.values()))
        await service.marks.write(db, records)
        await asyncio.sleep(getattr(service.settings, "slow_by", 0))
    service.relay.wake()


async def pass_by(service: Service, record: Record, _: str) -> None:
    async with transaction(service.pool) as db:
        await service.marks.write(db, [record])


def compose(row: asyncpg.Record) -> Outgoing:
    return Outgoing(row["id"].encode(), f"{row['revision']} {row['count']}".encode())


async def break_later(service: Service) -> None:
    await asyncio.sleep(getattr(service.settings, "break_after", 0) or 1e6)
    raise ValueError("SMITH^JOHN")


COUNTS = Outlet(
    name="counts",
    select_sql="SELECT * FROM word WHERE revision > published_revision LIMIT $1",
    mark_sql="""
        UPDATE word SET published_revision = greatest(published_revision, sent.revision)
        FROM unnest($1::text[], $2::bigint[]) AS sent (id, revision) WHERE word.id = sent.id
    """,
    topic="counts",
    compose=compose,
    reset_sql="UPDATE word SET published_revision = 0 WHERE $1::timestamptz IS NULL OR true",
)


def build(settings: TallySettings) -> Service:
    return Service(
        "tally",
        settings,
        subscriptions=[Subscription(["words"], on_words, pass_by)],
        outlets=[COUNTS],
        loops=[break_later],
        topics=TOPICS,
    )


if __name__ == "__main__":
    try:
        main(build(load(TallySettings)))
    except SettingsError as error:
        fail(str(error))
