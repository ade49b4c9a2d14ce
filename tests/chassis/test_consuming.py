"""Reading from a real broker: a record is applied and committed, or it comes again; nothing else can happen."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from services.chassis import metrics
from services.chassis.health import Progress
from services.chassis.kafka import (
    Admin,
    KafkaAwayError,
    Outgoing,
    Producer,
    Record,
    Subscriber,
    UnsafeSubscriberError,
    ensure_topics,
    header_names,
    new_broker,
    subscribe,
    subscriber,
)
from services.chassis.settings import ServiceSettings
from tests.chassis.conftest import a_settings, a_topic, an_item, on_broker, until
from tests.infra import KafkaServer
from tests.odd_headers import NoText, write_any_header_name

GROUP = "readers"
SECRET = "SMITH^JOHN"


class Applied:
    """What a handler has applied so far, by partition, first times only."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.values: defaultdict[tuple[str, int], list[bytes | None]] = defaultdict(list)
        self._seen: set[tuple[str, int, int]] = set()

    def take(self, records: list[Record]) -> None:
        for record in records:
            key = (record.topic, record.partition, record.offset)
            if key not in self._seen:
                self._seen.add(key)
                self.records.append(record)
                self.values[record.topic, record.partition].append(record.value)

    async def __call__(self, records: list[Record]) -> None:
        self.take(records)

    def __len__(self) -> int:
        return len(self.records)


@asynccontextmanager
async def reading(
    settings: ServiceSettings,
    handler: Callable[[list[Record]], Awaitable[None]],
    *topics: str,
    registry: metrics.Registry | None = None,
):
    broker = new_broker(settings, "test")
    subscriber = subscribe(broker, settings, topics, GROUP, handler, progress=Progress(), registry=registry)
    await broker.start()
    try:
        yield subscriber
    finally:
        await broker.stop()


async def send(settings: ServiceSettings, topic: str, items: list[Outgoing]) -> None:
    producer = Producer(settings, "test")
    try:
        await producer.send_many(topic, items)
    finally:
        await producer.stop()


async def spread(settings: ServiceSettings, topic: str, partitions: int, each: int) -> None:
    items = [an_item(f"{p}.{n}", partition=p) for n in range(each) for p in range(partitions)]
    await send(settings, topic, items)


async def nothing_is_left(settings: ServiceSettings, *topics: str) -> None:
    async with Admin(settings) as admin:

        async def no_lag() -> bool:
            return sum((await admin.lag(GROUP, topics)).values()) == 0

        await until(no_lag)


async def test_failing_batches_lose_nothing_and_keep_the_order(settings: ServiceSettings):
    """Batches of several partitions fail at random; in the end each record was applied, in its partition's order."""
    settings = settings.model_copy(update={"batch_max_records": 70, "retry_min": 0.01, "retry_max": 0.02})
    await ensure_topics(settings, [a_topic("in", 3), a_topic("other", 2)])
    await spread(settings, "in", 3, 200)
    await spread(settings, "other", 2, 100)
    applied, chance, sizes, mixed = Applied(), random.Random(7), [], []

    async def handle(records: list[Record]) -> None:
        sizes.append(len(records))
        mixed.append(len({(record.topic, record.partition) for record in records}))
        if chance.random() < 0.4:
            raise ValueError(SECRET)
        applied.take(records)

    async with reading(settings, handle, "in", "other"):
        await until(lambda: len(applied) == 800)
        await nothing_is_left(settings, "in", "other")
    for (topic, partition), values in applied.values.items():
        each = 200 if topic == "in" else 100
        assert values == [f"{partition}.{n}".encode() for n in range(each)]
    assert max(sizes) <= 70
    assert max(mixed) > 1


async def test_one_batch_that_never_succeeds_is_tried_slowly_and_nothing_is_skipped(
    settings: ServiceSettings, log_lines: Callable[[], str]
):
    """The pauses grow to retry_max; the log tells class and place but not the message; the offsets stay."""
    await ensure_topics(settings, [a_topic("in", 1)])
    await send(settings, "in", [an_item("x")])
    tries, registry = [], metrics.Registry()

    async def handle(records: list[Record]) -> None:
        tries.append([record.offset for record in records])
        raise ValueError(SECRET)

    async with reading(settings, handle, "in", registry=registry):
        await until(lambda: tries)
        await asyncio.sleep(2.5)
    async with Admin(settings) as admin:
        assert await admin.lag(GROUP, ["in"]) == {"in": 1}

    # 0.05 + 0.1 + 0.2 + 0.4 + 0.4 …, a little less each, and what polling takes.
    assert 5 <= len(tries) <= 12
    assert all(offsets == [0] for offsets in tries)
    assert b'baton_batch_retried_total{group="' in registry.exposition()
    text = log_lines()
    assert '"error": "ValueError"' in text
    assert SECRET not in text


async def test_odd_records_are_records(settings: ServiceSettings):
    """A header that is no text, a tombstone, an empty value, no key, an old timestamp: each arrives as it is."""
    await ensure_topics(settings, [a_topic("in", 1)])
    odd = [
        Outgoing(
            None, b"x", headers=[("feed", b"\xff\xfe"), ("correlation_id", b"\xff"), ("reply_to", b"\xfe")]
        ),
        Outgoing(b"k", None),
        Outgoing(None, b"", headers=[("content-type", b"application/json")]),
        Outgoing(None, None),
        Outgoing(b"\xff", b"\x00\xff{", timestamp_ms=0),
        an_item("the last"),
    ]
    await send(settings, "in", odd)
    applied = Applied()
    async with reading(settings, applied, "in"):
        await until(lambda: len(applied) == len(odd))
        await nothing_is_left(settings, "in")
    values = [record.value for record in applied.records]

    assert values == [b"x", None, b"", b"", b"\x00\xff{", b"the last"]
    assert applied.records[0].header("feed") is None
    assert applied.records[0].headers[0] == ("feed", b"\xff\xfe")
    assert {record.topic for record in applied.records} == {"in"}


async def test_any_timestamp_is_one(kafka_broker: KafkaServer, topic_prefix: str):
    """Given a broker that lets in any stamp, and records of before 1970 and of the year 10889; then each arrives."""
    settings = on_broker(kafka_broker, topic_prefix, controlled_clock=True)
    await ensure_topics(settings, [a_topic("in", 1)])
    stamps = (-1, -86_400_000_000, 2**48, 2**62)
    await send(settings, "in", [an_item(str(stamp), timestamp_ms=stamp) for stamp in stamps])
    applied = Applied()
    async with reading(settings, applied, "in"):
        await until(lambda: len(applied) == len(stamps))

    assert [record.timestamp.year for record in applied.records] == [1970, 1970, 9999, 9999]


async def send_names_that_are_no_text(
    settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch, values: dict[int, list[str]], **given: Any
) -> None:
    """Send to each partition one batch in which the values that say `bad` have such a name."""
    write_any_header_name(monkeypatch)
    servers = settings.kafka_bootstrap_servers
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=500, **given)
    await producer.start()
    try:
        sent = [
            await producer.send(
                settings.topic("in"),
                value.encode(),
                partition=partition,
                headers=[("feed", b"main")] + [(NoText("name"), b"x")] * (value == "bad"),
            )
            for partition, each in values.items()
            for value in each
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_a_header_name_that_is_no_text_holds_nobody_up(
    settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch, compression: str | None
):
    """Given one in the middle of a batch, which aiokafka cannot read; then it arrives once, in its place, readable."""
    await ensure_topics(settings, [a_topic("in", 1)])
    await send_names_that_are_no_text(
        settings, monkeypatch, {0: ["1", "bad", "2", "bad", "3"]}, compression_type=compression
    )
    await send(settings, "in", [an_item("later")])
    applied = Applied()
    async with reading(settings, applied, "in"):
        await until(lambda: applied.records and applied.records[-1].value == b"later")
        await nothing_is_left(settings, "in")

    assert applied.values["in", 0] == [b"1", b"bad", b"2", b"bad", b"3", b"later"]
    assert applied.records[1].headers == (("feed", b"main"), ("\\xff\\xfe", b"x"))
    assert applied.records[1].header("feed") == "main"


@pytest.mark.parametrize("position", ["known", "not known yet"])
async def test_a_poll_that_fails_loses_nothing_of_the_other_partitions(
    settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch, position: str
):
    """Given a partition that cannot be read for a while; then what was read of the others beside it is not lost,
    though they became ours only as it was read.
    """
    if position == "not known yet":
        monkeypatch.setattr(subscriber, "_position", AsyncMock(return_value=None))
    await ensure_topics(settings, [a_topic("in", 3)])
    await send_names_that_are_no_text(
        settings, monkeypatch, {0: ["a1", "bad", "a2"], 1: ["b1", "b2"], 2: ["c1", "bad", "c2"]}
    )
    fails = iter(range(6))
    leniently = header_names._leniently

    def sometimes(data: memoryview) -> Any:
        if next(fails, None) is not None:
            raise ValueError(SECRET)
        return leniently(data)

    monkeypatch.setattr(header_names, "_leniently", sometimes)
    applied = Applied()
    async with reading(settings, applied, "in"):
        await until(lambda: {b"a2", b"c2"} <= {record.value for record in applied.records})
        await nothing_is_left(settings, "in")

    assert applied.values == {
        ("in", 0): [b"a1", b"bad", b"a2"],
        ("in", 1): [b"b1", b"b2"],
        ("in", 2): [b"c1", b"bad", b"c2"],
    }


async def test_a_rebalance_while_a_batch_fails_loses_nothing(settings: ServiceSettings):
    """Half of the partitions go to another process while a batch is in hand, then the batch fails."""
    await ensure_topics(settings, [a_topic("in", 4)])
    await spread(settings, "in", 4, 50)
    applied, joined, taken = Applied(), asyncio.Event(), []

    async def first(records: list[Record]) -> None:
        if not joined.is_set():
            taken.append({record.partition for record in records})
            await joined.wait()
            raise ValueError(SECRET)
        applied.take(records)

    async with reading(settings, first, "in") as one:
        await until(lambda: taken)
        async with reading(settings, applied, "in") as two:
            await until(lambda: two.consumer and two.consumer.assignment())
            await until(lambda: one.consumer and len(one.consumer.assignment()) == 2)
            joined.set()
            await until(lambda: len(applied) == 200)
            await nothing_is_left(settings, "in")
            await spread(settings, "in", 4, 50)
            await until(lambda: len(applied) == 400)
    for values in applied.values.values():
        assert len(values) == 100


def test_rewinding_goes_on_after_a_partition_that_was_taken_away():
    """FastStream's own rewind stops there, and the partitions after it would be committed unread."""
    sought = {}
    consumer = SimpleNamespace(
        assignment=lambda: {TopicPartition("t", 1)}, seek=lambda tp, offset: sought.update({tp: offset})
    )
    subscriber = Subscriber(a_settings(), GROUP, Applied(), Progress(), metrics.Registry())
    subscriber.attach(SimpleNamespace(consumer=consumer, get_msg=None))
    batch: Any = tuple(
        SimpleNamespace(topic="t", partition=p, offset=o) for p, o in [(0, 5), (0, 6), (1, 9), (1, 10)]
    )
    subscriber.rewind(batch)

    assert sought == {TopicPartition("t", 1): 9}


async def test_the_batch_in_hand_ends_before_the_process_does(settings: ServiceSettings):
    """Told to stop, the handler may finish, and what it did is committed."""
    await ensure_topics(settings, [a_topic("in", 1)])
    await send(settings, "in", [an_item("x")])
    entered, applied = asyncio.Event(), Applied()

    async def slow(records: list[Record]) -> None:
        entered.set()
        await asyncio.sleep(1)
        applied.take(records)

    async with reading(settings, slow, "in"):
        await entered.wait()
    async with Admin(settings) as admin:
        assert (len(applied), await admin.lag(GROUP, ["in"])) == (1, {"in": 0})


async def test_a_pause_before_a_retry_does_not_hold_up_the_end(settings: ServiceSettings):
    """Told to stop during a pause of minutes, the process ends at once and commits nothing."""
    settings = settings.model_copy(update={"retry_min": 60.0, "retry_max": 60.0})
    await ensure_topics(settings, [a_topic("in", 1)])
    await send(settings, "in", [an_item("x")])
    entered = asyncio.Event()

    async def fails(records: list[Record]) -> None:
        entered.set()
        raise ValueError(SECRET)

    async with asyncio.timeout(10):
        async with reading(settings, fails, "in"):
            await entered.wait()
            await asyncio.sleep(0.1)
    async with Admin(settings) as admin:
        assert await admin.lag(GROUP, ["in"]) == {"in": 1}


@pytest.mark.parametrize("given", [{}, {"group_id": "g"}])
async def test_a_subscriber_that_could_lose_records_keeps_the_broker_from_starting(given: dict[str, Any]):
    """FastStream's default acknowledges first; whoever forgets the policy learns it at the start."""
    broker = new_broker(a_settings(), "test")
    broker.subscriber("in", **given)(Applied())

    with pytest.raises(UnsafeSubscriberError):
        await broker.start()


async def test_what_is_applied_is_known_at_every_moment(settings: ServiceSettings):
    """In hand is not applied, whether the batch succeeds or fails; behind it is."""
    settings = settings.model_copy(update={"batch_max_records": 10})
    await ensure_topics(settings, [a_topic("in", 2)])
    go_on, fail = asyncio.Semaphore(0), []

    async def step(records: list[Record]) -> None:
        await go_on.acquire()
        if fail:
            raise fail.pop()

    await send(settings, "in", [an_item(str(n), partition=0) for n in range(20)])
    async with reading(settings, step, "in") as subscriber:

        async def has(first: int, second: int) -> None:
            found = {}

            async def so() -> bool:
                found.update(await subscriber.applied())
                return found == {("in", 0): first, ("in", 1): second}

            try:
                await until(so)
            except AssertionError:
                raise AssertionError(f"{found} instead of {first}, {second}") from None

        await has(0, 0)
        go_on.release()
        await has(10, 0)
        fail.append(ValueError())
        go_on.release()
        await has(10, 0)
        go_on.release()
        await has(20, 0)


@pytest.mark.kafka
async def test_transactions_leave_no_lag_and_what_was_aborted_was_never_there(settings: ServiceSettings):
    """Markers take offsets at a partition's end; they count as applied and are committed though no batch came."""
    await ensure_topics(settings, [a_topic("in", 1)])
    sender = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=f"{settings.topic_prefix}tx"
    )
    await sender.start()
    try:
        async with sender.transaction():
            await sender.send_and_wait(settings.topic("in"), b"kept")
        with pytest.raises(ValueError, match="on purpose"):
            async with sender.transaction():
                await sender.send_and_wait(settings.topic("in"), b"aborted")
                raise ValueError("on purpose")
    finally:
        await sender.stop()
    applied = Applied()
    async with reading(settings, applied, "in") as subscriber, Admin(settings) as admin:
        await nothing_is_left(settings, "in")
        ends = await admin.end_offsets(["in"])

        assert ends == {("in", 0): 4}
        assert await subscriber.applied() == ends
    assert [record.value for record in applied.records] == [b"kept"]


async def test_a_broker_that_is_away_at_the_start_may_come_later(own_kafka: KafkaServer):
    """Starting fails with nothing left open, and the same objects start once Kafka is there."""
    settings = on_broker(own_kafka)
    own_kafka.stop()
    broker, applied = new_broker(settings, "test"), Applied()
    subscribe(broker, settings, ["in"], GROUP, applied, progress=Progress())
    for _ in range(2):
        with pytest.raises(Exception, match="Unable to bootstrap"):
            await broker.start()
    own_kafka.start()
    await ensure_topics(settings, [a_topic("in", 1)])
    await broker.start()
    try:
        await send(settings, "in", [an_item("x")])
        await until(lambda: len(applied) == 1)
    finally:
        await broker.stop()


@pytest.mark.kafka
@pytest.mark.parametrize("kill", [False, True])
async def test_kafka_goes_away_under_load_and_comes_back(own_kafka: KafkaServer, kill: bool):
    """Whatever was confirmed before, during and after the outage is read; nothing is skipped."""
    settings = on_broker(own_kafka, batch_max_records=20)
    await ensure_topics(settings, [a_topic("in", 3)])
    applied, confirmed, producer = Applied(), [], Producer(settings, "test")
    stopping = asyncio.Event()

    async def load() -> None:
        number = 0
        while not stopping.is_set():
            items = [an_item(str(number + n), partition=n % 3) for n in range(30)]
            try:
                await producer.send_many("in", items, timeout=3)
            except KafkaAwayError:
                await asyncio.sleep(0.1)
                continue
            confirmed.extend(item.value for item in items)
            number += 30
            await asyncio.sleep(0.005)

    async with reading(settings, applied, "in"):
        task = asyncio.create_task(load())
        await until(lambda: len(applied) > 300)
        await asyncio.to_thread(own_kafka.stop, kill=kill)
        await asyncio.sleep(4)
        await asyncio.to_thread(own_kafka.start)
        before = len(confirmed)
        await until(lambda: len(confirmed) > before + 600, within=60)
        stopping.set()
        await task
        await until(lambda: {r.value for r in applied.records} >= set(confirmed), within=60)
        await nothing_is_left(settings, "in")
    await producer.stop()


async def test_the_broker_stops_in_time_while_kafka_is_away(own_kafka: KafkaServer):
    """A shutdown does not wait for a Kafka that will not answer."""
    settings = on_broker(own_kafka)
    await ensure_topics(settings, [a_topic("in", 1)])
    broker, applied = new_broker(settings, "test"), Applied()
    subscribe(broker, settings, ["in"], GROUP, applied, progress=Progress())
    await broker.start()
    await send(settings, "in", [an_item("x")])
    await until(lambda: len(applied) == 1)
    own_kafka.pause()
    try:
        async with asyncio.timeout(8):
            await broker.stop()
    finally:
        own_kafka.resume()


async def test_a_poll_that_fails_is_tried_again_slowly(log_lines: Callable[[], str]):
    """What aiokafka cannot read makes no hot loop, and nothing is passed over."""
    subscriber = Subscriber(a_settings(), GROUP, Applied(), Progress(), metrics.Registry())
    polls = []

    async def poll(consumer: object) -> tuple[Any, ...]:
        polls.append(consumer)
        raise UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET)

    faststream = SimpleNamespace(consumer=None, get_msg=poll)
    subscriber.attach(faststream)
    consumer = SimpleNamespace(assignment=set)
    started = asyncio.get_running_loop().time()
    found = [await faststream.get_msg(consumer) for _ in range(4)]

    assert found == [(), (), (), ()]
    assert asyncio.get_running_loop().time() - started > 0.5
    assert "UnicodeDecodeError" in log_lines()
    assert SECRET not in log_lines()
