"""The servers under the tests do what the tests rely on."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.infra import KafkaServer, PostgresServer, nursery


async def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=3000)
    try:
        await producer.start()
        for value in values:
            # One key, one partition: the embedded broker gives a new topic several.
            await producer.send_and_wait(topic, value, key=b"key")
    finally:
        await producer.stop()


async def consume(bootstrap: str, topic: str, count: int, group: str | None = None) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return [(await asyncio.wait_for(anext(consumer), 30)).value or b"" for _ in range(count)]
    finally:
        await consumer.stop()


async def scalar(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.mark.postgres
async def test_a_database_is_empty_and_ones_own(empty_database: str) -> None:
    """A test may create what it likes without meeting another test's tables."""
    found = await scalar(empty_database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")

    assert found == 0

    await scalar(empty_database, "CREATE TABLE leftover ()")


@pytest.mark.postgres
async def test_a_database_is_empty_again_afterwards(empty_database: str) -> None:
    """The same once more: in whichever order the two run, one comes second."""
    await test_a_database_is_empty_and_ones_own(empty_database)


@pytest.mark.postgres
async def test_postgres_killed_keeps_what_was_committed(own_postgres: PostgresServer) -> None:
    """A durable server recovers committed rows, on the same port."""
    dsn = own_postgres.fresh_database()
    await scalar(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")

    own_postgres.kill()
    with pytest.raises(OSError):
        await scalar(dsn, "SELECT 1")
    own_postgres.start()

    assert await scalar(dsn, "SELECT answer FROM kept") == 42


async def test_records_come_back(kafka_broker: KafkaServer, topic_prefix: str) -> None:
    """What is produced is consumed, by a group too."""
    topic = topic_prefix + "round"
    await produce(kafka_broker.bootstrap_servers, topic, b"one", b"two")

    assert await consume(kafka_broker.bootstrap_servers, topic, 2, group=topic_prefix + "group") == [
        b"one",
        b"two",
    ]


@pytest.mark.kafka
async def test_kafka_killed_keeps_its_records(own_kafka: KafkaServer, topic_prefix: str) -> None:
    """A broker that was killed comes back at the same address with what it had."""
    topic = topic_prefix + "kept"
    await produce(own_kafka.bootstrap_servers, topic, b"kept")

    own_kafka.stop(kill=True)
    with pytest.raises(KafkaError):
        await produce(own_kafka.bootstrap_servers, topic, b"lost")
    own_kafka.start()

    assert await consume(own_kafka.bootstrap_servers, topic, 1) == [b"kept"]


@pytest.mark.kafka
async def test_kafka_paused_answers_when_resumed(own_kafka: KafkaServer, topic_prefix: str) -> None:
    """A frozen broker makes clients wait; thawed, it goes on."""
    topic = topic_prefix + "frozen"
    await produce(own_kafka.bootstrap_servers, topic, b"before")

    own_kafka.pause()
    with pytest.raises(KafkaError):
        await produce(own_kafka.bootstrap_servers, topic, b"during")
    own_kafka.resume()

    assert await consume(own_kafka.bootstrap_servers, topic, 1) == [b"before"]


def test_no_setting_leaks_in() -> None:
    """The shell's settings are gone while a test runs."""
    leaked = [name for name in os.environ if name.startswith("KAFKA_") or name == "DATABASE_URL"]

    assert leaked == []


def test_a_forked_command_is_a_process_of_its_own() -> None:
    """It has the words, environment, input and output it was given, and ends with its own code."""
    mine = os.environ | {"BATON_LOG_LEVEL": "ERROR"}

    refused = nursery.baton("nonsense", env=mine)
    read = nursery.baton("normalize", "-", env=mine, given="MSH|nothing")
    closed = nursery.baton("run", "admissions", env={"DATABASE_URL": "postgresql://x/y"})

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "invalid choice: 'nonsense'" in refused.stderr
    assert read.stdout.startswith("{")
    assert closed.returncode == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in closed.stderr
    assert "BATON_LOG_LEVEL" not in os.environ


def test_a_forked_process_is_killed_like_any_other(tmp_path: Path) -> None:
    """Killed, it is gone, and says by what."""
    nowhere = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/y", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    process = nursery.Baton(["run", "admissions"], log=tmp_path / "log", env=nowhere)
    process.wait_until(lambda: '"event": "serving"' in process.said(), within=60)
    assert process.alive

    process.process.kill()

    assert process.process.wait(20) == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(process.process.pid, 0)
