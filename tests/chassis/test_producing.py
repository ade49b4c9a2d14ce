"""Sending to a real broker: back when it has everything, and with a clear error when it never will."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.chassis.kafka import (
    Admin,
    KafkaAwayError,
    Outgoing,
    Producer,
    RecordTooLargeError,
    TopicMissingError,
    cluster_id,
    end_offsets,
    ensure_topics,
)
from services.chassis.kafka.producing import RecordRefusedError
from services.chassis.settings import ServiceSettings
from tests.chassis.conftest import a_topic, an_item, on_broker
from tests.infra import KafkaServer


async def all_of(settings: ServiceSettings, topic: str) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        ends = await end_offsets(settings, [topic])
        consumer.assign([TopicPartition(settings.topic(name), number) for name, number in ends])
        found: list[ConsumerRecord] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += records
        return found
    finally:
        await consumer.stop()


async def test_everything_arrives_as_it_was_given(settings: ServiceSettings):
    """Key, value, headers, partition and timestamp; keys spread over the partitions, each to its own."""
    await ensure_topics(settings, [a_topic("out", 3)])
    producer = Producer(settings, "test")
    keyed = [Outgoing(b"%d" % (n % 20), b"%d" % n) for n in range(1000)]
    placed = Outgoing(b"k", b"v", headers=[("a", b"\xff")], partition=2, timestamp_ms=1_700_000_000_000)
    await producer.send_many("out", [*keyed, placed, Outgoing(b"k", None), Outgoing(None, None)])
    await producer.send_many("out", [])
    await producer.stop()
    found = await all_of(settings, "out")
    (like_placed,) = (each for each in found if each.headers)
    homes = {
        key: {each.partition for each in found if each.key == key} for key in {item.key for item in keyed}
    }

    assert len(found) == 1003
    assert (like_placed.partition, like_placed.timestamp, like_placed.headers) == (
        2,
        1_700_000_000_000,
        (("a", b"\xff"),),
    )
    assert all(len(partitions) == 1 for partitions in homes.values())
    assert len(set.union(*homes.values())) == 3


@pytest.mark.parametrize("size", [200_000, 3_000_000])
async def test_a_record_too_large_is_named_and_the_others_arrive(settings: ServiceSettings, size: int):
    """Too large for the topic or for ourselves: a typed error at once, no retry, and the producer goes on."""
    await ensure_topics(settings, [a_topic("out", 1, max_bytes=100_000)])
    producer = Producer(settings.model_copy(update={"max_record_bytes": 1_000_000}), "test")
    many = [an_item("fits") for _ in range(50)]
    if size < 1_000_000 and not settings.kafka_idempotence:
        pytest.skip("the embedded broker has no limit of its own")
    for _ in range(2):
        with pytest.raises(RecordTooLargeError) as caught:
            await producer.send_many("out", [*many, Outgoing(b"k", b"x" * size), *many])

        assert caught.value.indexes == (50,)
        await producer.send_many("out", many)
    await producer.stop()

    assert sum((await end_offsets(settings, ["out"])).values()) == 300


async def test_a_missing_topic_is_not_created(settings: ServiceSettings):
    """Apache Kafka would create it, with one partition and no word."""
    producer = Producer(settings, "test")
    with pytest.raises(TopicMissingError, match="does not exist"):
        await producer.send_many("nowhere", [an_item("x")])
    await producer.stop()

    assert await end_offsets(settings, ["nowhere"]) == {}


async def test_a_kafka_that_is_away_is_said_to_be(own_kafka: KafkaServer):
    """Stopped, frozen and back: errors that pass by themselves, in the time given, and then it works."""
    settings = on_broker(own_kafka)
    await ensure_topics(settings, [a_topic("out", 1)])
    producer = Producer(settings, "test")
    await producer.send_many("out", [an_item("x")])
    own_kafka.pause()
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(KafkaAwayError, match="did not confirm within 1 s"):
            await producer.send_many("out", [an_item("x")], timeout=1)

    assert time.monotonic() - started < 6
    own_kafka.resume()
    await producer.send_many("out", [an_item("x")])
    await producer.stop()
    own_kafka.stop()
    with pytest.raises(KafkaAwayError, match="cannot be reached"):
        await Producer(settings, "test").send_many("out", [an_item("x")])
    with pytest.raises(KafkaAwayError):
        await cluster_id(settings)


async def test_several_may_send_at_once(settings: ServiceSettings):
    """A relay and a handler share one producer."""
    await ensure_topics(settings, [a_topic("out", 3)])
    producer = Producer(settings, "test")
    await asyncio.gather(*(producer.send_many("out", [an_item(str(n))] * 20) for n in range(20)))
    await producer.stop()

    assert sum((await end_offsets(settings, ["out"])).values()) == 400


async def test_topics_are_created_once(settings: ServiceSettings):
    """Asking again changes nothing; what exists is listed, what does not is not."""
    specs = [a_topic("one", 2), a_topic("two", 1)]
    await ensure_topics(settings, specs)
    await ensure_topics(settings, specs)
    async with Admin(settings) as admin:
        assert await admin.partitions(["one", "two", "three"]) == {"one": [0, 1], "two": [0]}
        assert await admin.lag("nobody", ["one", "two"]) == {"one": 0, "two": 0}
        assert await admin.cluster_id() == await cluster_id(settings)


@pytest.mark.kafka
async def test_under_the_controlled_clock_any_time_goes(settings: ServiceSettings):
    """Apache Kafka refuses what is stamped more than an hour ahead, unless the topic is made for it."""
    ahead = Outgoing(
        None, b"x", timestamp_ms=int((datetime.now(UTC) + timedelta(days=400)).timestamp() * 1000)
    )
    controlled = settings.model_copy(update={"controlled_clock": True})
    await ensure_topics(settings, [a_topic("usual", 1)])
    await ensure_topics(controlled, [a_topic("controlled", 1)])
    producer = Producer(settings, "test")
    await producer.send_many("controlled", [ahead])
    with pytest.raises(RecordRefusedError) as caught:
        await producer.send_many("usual", [ahead])

    assert not isinstance(caught.value, RecordTooLargeError)
    await producer.stop()
