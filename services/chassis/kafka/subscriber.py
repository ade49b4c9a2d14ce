"""One consumer of ours: what it has in hand, what it has applied, how it tries again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError
from faststream.exceptions import NackMessage
from faststream.kafka.message import KafkaAckableMessage
from faststream.message import AckStatus

from services.chassis import metrics
from services.chassis.clock import monotonic, wall
from services.chassis.health import Progress
from services.chassis.kafka.records import Record, from_kafka
from services.chassis.logs import get_logger
from services.chassis.postgres import backoff, is_transient
from services.chassis.settings import ServiceSettings

log = get_logger("consuming")

Handler = Callable[[list[Record]], Awaitable[None]]
Batch = tuple[ConsumerRecord, ...]

COMMIT_TIMEOUT = 5.0
# Until a broker that does not answer is asked again where to go back to.
GO_BACK_AGAIN = 0.5
# How often an idle consumer looks whether it has moved past what it committed.
IDLE_COMMIT = 1.0


class Subscriber:
    """One consumer of ours: knows what it has in hand, what it has applied, and how it is getting on."""

    def __init__(
        self,
        settings: ServiceSettings,
        group: str,
        handler: Handler,
        progress: Progress,
        registry: metrics.Registry,
    ) -> None:
        self.group = group
        self.name = f"consume {group}"
        self.stopping = asyncio.Event()
        self._settings = settings
        self._prefix = len(settings.topic_prefix)
        self._handler = handler
        self._progress = progress
        self._registry = registry
        self._pauses = self._fresh_pauses()
        self._in_hand: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._looked = 0.0
        self._faststream: Any = None
        for counter in (metrics.BATCHES, metrics.RETRIES):
            registry.counter(counter).labels(group)

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        return self._faststream.consumer if self._faststream is not None else None

    def attach(self, faststream: Any) -> None:
        """Stand between FastStream's subscriber and its consumer, so that every poll is seen."""
        self._faststream = faststream
        poll = faststream.get_msg

        async def watched(consumer: AIOKafkaConsumer) -> Batch:
            await self._between_batches(consumer)
            before = {tp: await _position(consumer, tp) for tp in consumer.assignment()}
            try:
                batch: Batch = await poll(consumer)
            except (KafkaError, ConsumerStoppedError):
                await _go_back(consumer, before)
                raise
            except Exception as error:  # noqa: BLE001
                # A record that aiokafka itself cannot read holds up its partition, and FastStream would start its
                # loop again at once, for ever.
                await _go_back(consumer, before)
                await self._pause(error, 0)
                return ()
            # No await since the position moved: what is handed out is in hand at that very moment.
            for record in batch:
                self._in_hand.setdefault(TopicPartition(record.topic, record.partition), record.offset)
            return batch

        faststream.get_msg = watched

    async def applied(self) -> dict[tuple[str, int], int]:
        """Up to which offset each partition assigned to us is applied, exclusive."""
        consumer = self.consumer
        found: dict[tuple[str, int], int] = {}
        for tp in consumer.assignment() if consumer is not None else ():
            position = await _position(consumer, tp)
            if position is not None:
                # Asked in this order, and without an await between: a batch taken meanwhile shows up in hand.
                found[tp.topic[self._prefix :], tp.partition] = self._in_hand.get(tp, position)
        return found

    async def parse(self, batch: Batch) -> KafkaAckableMessage:
        """FastStream's message around the batch; unlike the stock parser it cannot fail on a header."""
        return _Delivery(self, batch, body=b"", raw_message=batch, consumer=self.consumer)

    async def decode(self, delivery: Any) -> list[Record]:
        return [from_kafka(raw, self._prefix) for raw in delivery.raw_message]

    async def handle(self, records: list[Record]) -> None:
        """Apply a batch; when that fails, pause, then have it rewound. Its error goes no further than our log."""
        started = monotonic()
        try:
            await self._handler(records)
        except Exception as error:  # noqa: BLE001  (whatever it is: nothing may be skipped)
            await self._pause(error, len(records))
        else:
            self._pauses = self._fresh_pauses()
            self._count(records, monotonic() - started)
            return
        # Outside the except block: FastStream would log the original with its message, which may quote a record.
        raise NackMessage

    async def commit(self) -> None:
        """Commit what has been applied; a failure only means that some records come again."""
        consumer = self.consumer
        if consumer is None:
            return
        positions = {tp: await _position(consumer, tp) for tp in consumer.assignment()}
        try:
            with self._progress.waiting(self.name):
                async with asyncio.timeout(COMMIT_TIMEOUT):
                    await consumer.commit()
        except CommitFailedError:
            log.info("the group was rebalanced; a batch will be read again", group=self.group)
        except (TimeoutError, KafkaError) as error:
            log.warning("offsets could not be committed yet", group=self.group, exc_info=error)
        else:
            self._committed = {tp: at for tp, at in positions.items() if at is not None}

    def rewind(self, batch: Batch) -> None:
        """Go back to the first record of the batch in each partition that is still ours.

        FastStream's own rewind stops at the first partition that a rebalance has taken away, and the others
        would then be committed past records that were never applied.
        """
        consumer = self.consumer
        earliest: dict[TopicPartition, int] = {}
        for record in batch:
            earliest.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for tp, offset in earliest.items():
            if consumer is not None and tp in consumer.assignment():
                consumer.seek(tp, offset)

    async def _between_batches(self, consumer: AIOKafkaConsumer) -> None:
        self._in_hand = {}
        self._progress.beat(self.name)
        if monotonic() - self._looked < IDLE_COMMIT:
            return
        # Commits that failed, and offsets taken by transaction markers, show as lag until they are committed.
        self._looked = monotonic()
        for tp in consumer.assignment():
            position = await _position(consumer, tp)
            if position is not None and self._committed.get(tp) != position:
                await self.commit()
                return

    async def _pause(self, error: Exception, records: int) -> None:
        pause = next(self._pauses)
        self._registry.counter(metrics.RETRIES).labels(self.group).inc()
        tell = log.warning if is_transient(error) else log.error
        tell(
            "a batch failed and will be read again",
            group=self.group,
            count=records,
            retry_in=round(pause, 2),
            exc_info=error,
        )
        with self._progress.waiting(self.name):
            try:
                async with asyncio.timeout(pause):
                    await self.stopping.wait()
            except TimeoutError:
                pass

    def _fresh_pauses(self) -> Iterator[float]:
        return backoff(self._settings.retry_min, self._settings.retry_max)

    def _count(self, records: list[Record], seconds: float) -> None:
        self._registry.counter(metrics.BATCHES).labels(self.group).inc()
        self._registry.histogram(metrics.BATCH_SECONDS).labels(self.group).observe(seconds)
        if records and not self._settings.controlled_clock:
            oldest = min(record.timestamp for record in records)
            lag = (wall() - oldest).total_seconds()
            self._registry.histogram(metrics.RECORD_LAG).labels(self.group).observe(max(0.0, lag))
        handled = self._registry.counter(metrics.RECORDS)
        for topic in {record.topic for record in records}:
            handled.labels(self.group, topic).inc(sum(record.topic == topic for record in records))


class _Delivery(KafkaAckableMessage):
    """A batch on its way through FastStream, which decides only whether to call ack or nack."""

    def __init__(self, subscriber: Subscriber, batch: Batch, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._subscriber = subscriber
        self._batch = batch

    async def ack(self) -> None:
        if not self.committed:
            await self._subscriber.commit()
            self.committed = AckStatus.ACKED

    async def nack(self) -> None:
        if not self.committed:
            self._subscriber.rewind(self._batch)
            self.committed = AckStatus.NACKED


async def _go_back(consumer: AIOKafkaConsumer, before: Mapping[TopicPartition, int | None]) -> None:
    """Undo what a failed poll moved: it drops what it had already taken from other partitions.

    A partition that became ours only during the poll goes back to what was committed.
    """
    for tp in consumer.assignment():
        while True:
            try:
                at = before.get(tp)
                at = await consumer.committed(tp) if at is None else at
                if at is None:
                    await consumer.seek_to_beginning(tp)
                elif await _position(consumer, tp) != at:
                    consumer.seek(tp, at)
            except (IllegalStateError, ConsumerStoppedError):
                break  # no longer ours
            except KafkaError:
                await asyncio.sleep(GO_BACK_AGAIN)
            else:
                break


async def _position(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int | None:
    """The position if it is known at this moment; never waits for it."""
    try:
        async with asyncio.timeout(0):
            position: int = await consumer.position(tp)
    except (TimeoutError, IllegalStateError, KafkaError):
        return None
    return position
