"""Publication from a state table: whatever happens, the latest state arrives."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.chassis import clock, metrics
from services.chassis.health import Progress
from services.chassis.kafka import (
    KafkaAwayError,
    Outgoing,
    Producer,
    RecordTooLargeError,
    end_offsets,
    ensure_topics,
)
from services.chassis.outbox import CHUNK, Outlet, Relay, republish
from services.chassis.postgres import Pool, close_pool, open_pool
from services.chassis.settings import ServiceSettings
from tests.chassis.conftest import a_settings, a_topic, until

TABLE = """
CREATE TABLE thing (
    id bigint PRIMARY KEY,
    words text NOT NULL DEFAULT '',
    revision bigint NOT NULL DEFAULT 1,
    published_revision bigint NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT statement_timestamp()
)
"""


def compose(row: asyncpg.Record) -> Outgoing:
    if row["words"] == "unspeakable":
        raise ValueError("SMITH^JOHN")
    return Outgoing(b"%d" % row["id"], f"{row['id']}:{row['revision']}:{row['words']}".encode())


THINGS = Outlet(
    name="things",
    select_sql="SELECT id, revision, words FROM thing WHERE revision > published_revision ORDER BY changed_at LIMIT $1",
    mark_sql="""
        UPDATE thing SET published_revision = greatest(published_revision, sent.revision)
        FROM unnest($1::bigint[], $2::bigint[]) AS sent (id, revision) WHERE thing.id = sent.id
    """,
    topic="things",
    compose=compose,
    reset_sql="UPDATE thing SET published_revision = 0 WHERE $1::timestamptz IS NULL OR changed_at >= $1",
)


class Kept:
    """A producer that remembers, and does what else a test wants."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.before: Any = None
        self.after: Any = None
        self.limit = 10_000

    async def send_many(self, topic: str, items: list[Outgoing], **_: Any) -> None:
        if self.before is not None:
            await self.before()
        too_large = [index for index, item in enumerate(items) if len(item.value or b"") > self.limit]
        self.sent += [(item.value or b"").decode() for n, item in enumerate(items) if n not in too_large]
        if self.after is not None:
            await self.after()
        if too_large:
            raise RecordTooLargeError(topic, too_large)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(a_settings(database_url=database), schema="public")
    await opened.execute(TABLE)
    yield opened
    await close_pool(opened)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def a_relay(pool: Pool, producer: Any, registry: metrics.Registry | None = None) -> Relay:
    return Relay(pool, producer, [THINGS], progress=Progress(), service="test", registry=registry)


async def add(pool: Pool, *words: str) -> None:
    await pool.executemany(
        "INSERT INTO thing (id, words) VALUES ($1, $2) "
        "ON CONFLICT (id) DO UPDATE SET words = excluded.words, revision = thing.revision + 1, changed_at = now()",
        list(enumerate(words)),
    )


async def test_what_changed_is_published_once(pool: Pool, kept: Kept):
    """Only what is ahead of what was published goes out, as it stands; then all is drained."""
    relay = a_relay(pool, kept)
    async with pool.acquire() as db:
        assert await relay.drained(db)
        await add(pool, "a", "b")
        assert not await relay.drained(db)
        await relay.once()
        await relay.once()
        await add(pool, "c")
        await add(pool, "d")
        await relay.once()

        assert kept.sent == ["0:1:a", "1:1:b", "0:3:d"]
        assert await relay.drained(db)


async def test_more_than_one_chunk_goes_in_one_pass(pool: Pool, kept: Kept):
    """A pass ends when nothing is left."""
    await pool.execute("INSERT INTO thing (id) SELECT generate_series(1, $1::bigint)", 2 * CHUNK + 7)
    await a_relay(pool, kept).once()

    assert len(kept.sent) == len(set(kept.sent)) == 2 * CHUNK + 7


async def test_a_change_while_it_is_sent_is_sent_too(pool: Pool, kept: Kept):
    """What was sent is marked by its revision, so a newer one stays due."""
    await add(pool, "old")
    changes = ["newer"]

    async def change() -> None:
        if changes:
            await add(pool, changes.pop())

    kept.before = change
    await a_relay(pool, kept).once()

    assert kept.sent == ["0:1:old", "0:2:newer"]


async def test_a_relay_that_dies_before_it_has_marked_sends_again(pool: Pool, kept: Kept):
    """Consumers ignore what is not newer; nothing is lost."""
    await add(pool, "a")

    async def die() -> None:
        raise KafkaAwayError("gone")

    kept.after = die
    with pytest.raises(KafkaAwayError):
        await a_relay(pool, kept).once()
    kept.after = None
    await a_relay(pool, kept).once()

    assert kept.sent == ["0:1:a", "0:1:a"]


async def test_one_that_cannot_go_does_not_hold_up_the_others(pool: Pool, kept: Kept, log_lines: Any):
    """Too large, or not to be told at all: logged without its words, counted, skipped until it changes."""
    registry = metrics.Registry()
    relay = a_relay(pool, kept, registry)
    await add(pool, "x" * 20_000, "fits", "unspeakable")
    await relay.once()
    await relay.once()

    assert kept.sent == ["1:1:fits"]
    assert b'baton_outbox_refused{outlet="things"} 2.0' in registry.exposition()
    assert "SMITH" not in log_lines()
    async with pool.acquire() as db:
        assert await relay.drained(db)
    await add(pool, "shorter", "fits", "still here")
    await relay.once()

    assert sorted(kept.sent) == ["0:2:shorter", "1:1:fits", "1:2:fits", "2:2:still here"]
    assert b'baton_outbox_refused{outlet="things"} 0.0' in registry.exposition()


async def test_everything_can_be_published_again(pool: Pool, kept: Kept):
    """All of it, or what changed since; a command needs only the database."""
    relay = a_relay(pool, kept)
    await add(pool, "a", "b")
    await pool.execute("UPDATE thing SET changed_at = changed_at - interval '1 day' WHERE id = 0")
    await relay.once()
    kept.sent.clear()
    async with pool.acquire() as db:
        await republish(db, [THINGS], await clock.now(db) - timedelta(hours=1))
        await relay.once()
        assert kept.sent == ["1:1:b"]
        await relay.republish(db)
    await relay.once()

    assert sorted(kept.sent) == ["0:1:a", "1:1:b", "1:1:b"]


async def test_another_kafka_is_given_everything(pool: Pool, kept: Kept):
    """The embedded broker forgets; the first sight of one, or the same again, is no reason."""
    relay = a_relay(pool, kept)
    await add(pool, "a")
    await relay.on_cluster("one")
    await relay.once()
    await relay.on_cluster("one")
    await a_relay(pool, kept).on_cluster("one")
    await relay.once()

    assert kept.sent == ["0:1:a"]
    await a_relay(pool, kept).on_cluster("two")
    await relay.once()
    assert kept.sent == ["0:1:a", "0:1:a"]
    await relay.on_cluster("two")
    await relay.once()
    assert len(kept.sent) == 2


async def test_waking_publishes_at_once(pool: Pool, kept: Kept):
    """The handler wakes the relay after its commit; the rest of a second is only for when nobody does."""
    relay = a_relay(pool, kept)
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(0.2)
    await add(pool, "a")
    started = asyncio.get_running_loop().time()
    relay.wake()
    await until(lambda: kept.sent, pause=0.005)

    assert asyncio.get_running_loop().time() - started < 0.3
    await add(pool, "b")
    await until(lambda: len(kept.sent) == 2)
    task.cancel()
    await asyncio.wait({task})


async def test_several_relays_leave_nothing_out(settings: ServiceSettings, pool: Pool):
    """On a real broker, with changes meanwhile: all arrive, most of them once."""
    await ensure_topics(settings, [a_topic("things", 3)])
    producer = Producer(settings, "test")
    tasks = [asyncio.create_task(a_relay(pool, producer).run()) for _ in range(3)]
    for _ in range(5):
        await pool.execute(
            "INSERT INTO thing (id) SELECT generate_series(1, 700) "
            "ON CONFLICT (id) DO UPDATE SET revision = thing.revision + 1"
        )
        await asyncio.sleep(0.1)

    async def drained() -> bool:
        async with pool.acquire() as db:
            return await a_relay(pool, producer).drained(db)

    await until(drained)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await producer.stop()
    published = sum((await end_offsets(settings, ["things"])).values())

    assert 700 <= published <= 5 * 700 + CHUNK
