"""The applied mark: never ahead of what is applied, and never behind for want of traffic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.chassis import clock, marks
from services.chassis.health import Progress
from services.chassis.kafka import Admin, Producer, Record, ensure_topics, new_broker, subscribe
from services.chassis.kafka.subscriber import Subscriber
from services.chassis.marks import Marks
from services.chassis.postgres import Pool, close_pool, open_pool, transaction
from services.chassis.settings import ServiceSettings
from tests.chassis.conftest import a_settings, a_topic, an_item, until

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def a_record(partition: int = 0, offset: int = 0, at: datetime = LONG_AGO, topic: str = "in") -> Record:
    return Record(topic, partition, offset, None, b"", (), at, "create")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(a_settings(database_url=database), schema="public")
    yield opened
    await close_pool(opened)


async def rows(pool: Pool) -> dict[tuple[str, int], datetime | None]:
    found = await pool.fetch("SELECT topic, partition, mark FROM baton.applied_mark WHERE consumer = 'c'")
    return {(row["topic"], row["partition"]): row["mark"] for row in found}


async def test_a_batch_marks_its_partitions_and_never_goes_back(pool: Pool):
    """The last record of each partition decides; an older one, read again, changes nothing."""
    kept = Marks("c", ["in"])
    async with transaction(pool) as db:
        await kept.write(
            db, [a_record(0, 1), a_record(1, 7, LONG_AGO + SECOND), a_record(0, 2, LONG_AGO + 2 * SECOND)]
        )
        await kept.write(db, [a_record(0, 1)])
        await kept.write(db, [])

    assert await rows(pool) == {("in", 0): LONG_AGO + 2 * SECOND, ("in", 1): LONG_AGO + SECOND}
    assert await pool.fetchval("SELECT applied_offset FROM baton.applied_mark WHERE partition = 1") == 7


async def test_the_future_is_not_applied(pool: Pool):
    """A clock that runs ahead, at a hospital or in a record, cannot let a deadline fire early."""
    kept = Marks("c", ["in"])
    async with transaction(pool) as db:
        await kept.write(db, [a_record(at=LONG_AGO + timedelta(days=36500))])
        mark, now = (await rows(pool)).get(("in", 0)), await clock.now(db)

    assert mark is None
    assert (await rows(pool))["in", 0] <= now + SECOND  # type: ignore[operator]
    async with transaction(pool) as db:
        await clock.set_clock(db, LONG_AGO + timedelta(days=2000))
        await kept.write(db, [a_record(1, at=LONG_AGO + timedelta(days=3000))])
    assert (await rows(pool))["in", 1] == LONG_AGO + timedelta(days=2000)


async def test_the_lowest_is_known_when_everything_is(pool: Pool):
    """One partition without a mark, or one topic without partitions, and nobody may rely on it."""
    kept = Marks("c", ["in", "other"])
    async with transaction(pool) as db:
        assert await kept.lowest(db) is None
        await kept.write(db, [a_record(0), a_record(0, topic="other", at=LONG_AGO + SECOND)])
        assert await kept.lowest(db) == LONG_AGO
        await db.execute(
            "INSERT INTO baton.applied_mark (consumer, topic, partition) VALUES ('c', 'other', 1)"
        )
        assert await kept.lowest(db) is None
        assert await marks.lowest(db, "c", ["in", "in"]) == LONG_AGO
        assert await marks.lowest(db, "somebody else", ["in"]) is None


@asynccontextmanager
async def reading(settings: ServiceSettings, handler: Any, *topics: str) -> AsyncIterator[Subscriber]:
    broker = new_broker(settings, "test")
    subscriber = subscribe(broker, settings, topics, "c", handler, progress=Progress())
    await broker.start()
    try:
        yield subscriber
    finally:
        await broker.stop()


async def test_where_nothing_happens_everything_is_applied(settings: ServiceSettings, pool: Pool):
    """Empty and idle partitions follow the clock; a batch in hand holds back its own partition only."""
    await ensure_topics(settings, [a_topic("in", 3)])
    kept, go_on, taken = Marks("c", ["in"]), asyncio.Event(), asyncio.Event()

    async def handle(records: list[Record]) -> None:
        taken.set()
        await go_on.wait()
        async with transaction(pool) as db:
            await kept.write(db, records)

    async with reading(settings, handle, "in") as subscriber, Admin(settings) as admin:
        await until(lambda: _all_marked(kept, pool, admin, subscriber))
        sent_at = await clock.now(pool)
        producer = Producer(settings, "test")
        await producer.send_many("in", [an_item("x", partition=1)])
        await producer.stop()
        await taken.wait()
        for _ in range(3):
            await kept.cover_idle(pool, admin, [subscriber])
        found = await rows(pool)
        assert found["in", 1] < sent_at  # type: ignore[operator]
        assert found["in", 0] > sent_at  # type: ignore[operator]
        assert found["in", 2] > sent_at  # type: ignore[operator]
        assert await kept.lowest(pool) == found["in", 1]

        go_on.set()
        await until(lambda: _all_marked(kept, pool, admin, subscriber, since=sent_at))


async def _all_marked(
    kept: Marks, pool: Pool, admin: Admin, *subscribers: Subscriber, since: datetime = LONG_AGO
) -> bool:
    await kept.cover_idle(pool, admin, subscribers)
    lowest = await kept.lowest(pool)
    return lowest is not None and lowest > since


async def test_a_record_that_nobody_has_fetched_yet_holds_the_mark_back(
    settings: ServiceSettings, pool: Pool
):
    """It is the broker's end that counts, not what the consumer has heard of."""
    await ensure_topics(settings, [a_topic("in", 1)])
    kept = Marks("c", ["in"])

    async def handle(records: list[Record]) -> None:
        raise ValueError

    producer = Producer(settings, "test")
    async with reading(settings, handle, "in") as subscriber, Admin(settings) as admin:
        await until(lambda: _all_marked(kept, pool, admin, subscriber))
        await producer.send_many("in", [an_item("x")])
        sent_at = await clock.now(pool)
        for _ in range(20):
            await kept.cover_idle(pool, admin, [subscriber])
            await asyncio.sleep(0.02)
        assert await kept.lowest(pool) < sent_at  # type: ignore[operator]
    await producer.stop()


async def test_replicas_cover_what_is_theirs(settings: ServiceSettings, pool: Pool):
    """Together they cover all partitions; neither speaks for the other's."""
    await ensure_topics(settings, [a_topic("in", 4)])
    one, two = Marks("c", ["in"]), Marks("c", ["in"])

    async def handle(records: list[Record]) -> None: ...

    async with reading(settings, handle, "in") as first, reading(settings, handle, "in") as second:
        await until(lambda: all(len(s.consumer.assignment()) == 2 for s in (first, second) if s.consumer))
        async with Admin(settings) as admin:
            await one.cover_idle(pool, admin, [first])
            assert sum(mark is not None for mark in (await rows(pool)).values()) == 2
            assert await one.lowest(pool) is None
            await two.cover_idle(pool, admin, [second])
            assert await one.lowest(pool) is not None


async def test_a_partition_that_is_gone_holds_nothing_back(settings: ServiceSettings, pool: Pool):
    """A broker that was made anew may have fewer; and a topic that is away altogether changes nothing."""
    await ensure_topics(settings, [a_topic("in", 1)])
    kept = Marks("c", ["in"])
    async with transaction(pool) as db:
        await kept.write(db, [a_record(0), a_record(5)])

    async def handle(records: list[Record]) -> None: ...

    async with Admin(settings) as admin:
        await Marks("c", ["in", "nowhere"]).cover_idle(pool, admin, [])
        assert set(await rows(pool)) == {("in", 0), ("in", 5)}
        async with reading(settings, handle, "in") as subscriber:
            await until(lambda: _all_marked(kept, pool, admin, subscriber))
    assert set(await rows(pool)) == {("in", 0)}


async def test_a_broker_that_lost_its_records_is_not_taken_for_an_idle_one(pool: Pool):
    """Where the end is before our position, the position means nothing until the consumer has found out."""
    kept = Marks("c", ["in"])

    class Stub:
        async def partitions(self, topics: object) -> dict[str, list[int]]:
            return {"in": [0]}

        async def ends(self, partitions: object) -> dict[tuple[str, int], int]:
            return {("in", 0): 3}

        async def applied(self) -> dict[tuple[str, int], int]:
            return {("in", 0): 1000}

    stub: Any = Stub()
    await kept.cover_idle(pool, stub, [stub])

    assert await rows(pool) == {("in", 0): None}


async def test_two_processes_may_write_the_same_marks_at_once(pool: Pool):
    """The rows are locked in one order, so that nobody deadlocks."""
    kept = Marks("c", ["in"])
    there = [a_record(n, 1) for n in range(20)]

    async def write(records: list[Record]) -> None:
        for _ in range(20):
            async with transaction(pool) as db:
                await kept.write(db, records)

    try:
        await asyncio.gather(write(there), write(there[::-1]), write(there))
    except asyncpg.DeadlockDetectedError:
        pytest.fail("deadlock")
