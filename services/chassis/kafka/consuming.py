"""Reading: batches that are applied and then committed, or rewound after a pause and read again."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from services.chassis import metrics
from services.chassis.health import Progress
from services.chassis.kafka import header_names
from services.chassis.kafka.security import of_faststream
from services.chassis.kafka.subscriber import Handler, Subscriber
from services.chassis.logs import get_logger
from services.chassis.settings import ServiceSettings

log = get_logger("consuming")

# Time for the batch in hand to end by itself when the process is told to stop, and then to leave the group.
GRACE = 4.0
LEAVE = 1.0
# A request for partitions where nothing happens holds up the one for those where something does, and a rewind.
FETCH_WAIT_MS = 100


class UnsafeSubscriberError(Exception):
    """A subscriber would acknowledge records that were not applied: use services.chassis.kafka.subscribe."""


class Broker(KafkaBroker):
    """FastStream's broker, which starts only when no subscriber of it can lose a record."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ours: list[Subscriber] = []

    async def start(self) -> None:
        """Connect and join the groups; raises, with nothing left open, when Kafka is away."""
        for subscriber in self.subscribers:
            if subscriber.ack_policy is not AckPolicy.NACK_ON_ERROR:
                raise UnsafeSubscriberError(f"{subscriber!r} has the policy {subscriber.ack_policy}")
        for each in self.ours:
            each.stopping.clear()
        try:
            await super().start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self, *args: Any, **kwargs: Any) -> None:
        """Finish the batch in hand and leave the groups, or leave without a word when Kafka does not answer."""
        for each in self.ours:
            each.stopping.set()
        try:
            async with asyncio.timeout(GRACE + LEAVE):
                await super().stop(*args, **kwargs)
        except TimeoutError:
            log.warning("Kafka did not let the consumers leave in time; it will notice that they are gone")
            for each in self.ours:
                await _abandon(each.consumer)


def new_broker(settings: ServiceSettings, service: str) -> Broker:
    """FastStream's broker for one service; it only consumes, since sending is Producer's."""
    library = logging.getLogger("kafka")
    library.addFilter(_not_a_reminder)
    header_names.read_any()
    return Broker(
        settings.kafka_bootstrap_servers.split(","),
        security=of_faststream(settings),
        client_id=f"baton-{service}",
        consumer_only=True,
        allow_auto_create_topics=False,
        graceful_timeout=GRACE,
        apply_types=False,
        logger=library,
        log_level=logging.DEBUG,
        specification_url="kafka",
    )


def subscribe(
    broker: Broker,
    settings: ServiceSettings,
    topics: Sequence[str],
    group: str,
    handler: Handler,
    *,
    progress: Progress,
    registry: metrics.Registry | None = None,
) -> Subscriber:
    """Have `handler` called with batches of `topics`. It returns: committed. It raises: rewound and retried.

    A batch mixes topics and partitions; order holds within a partition. After a rebalance or a crash records
    come again, so applying one twice must be the same as applying it once.
    """
    ours = Subscriber(
        settings, settings.topic_prefix + group, handler, progress, registry or metrics.Registry()
    )
    progress.register(ours.name)
    faststream = broker.subscriber(
        *map(settings.topic, topics),
        batch=True,
        group_id=ours.group,
        group_instance_id=f"{settings.instance}.{topics[0]}" if settings.instance else None,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_records=settings.batch_max_records,
        batch_timeout_ms=settings.batch_timeout_ms,
        parser=ours.parse,
        decoder=ours.decode,
    )
    faststream(ours.handle)
    ours.attach(faststream)
    broker.ours.append(ours)
    return ours


def _not_a_reminder(line: logging.LogRecord) -> bool:
    # FastStream warns at every start that it will not create topics, which is what we asked for.
    return not str(line.msg).startswith("Auto create topics is disabled")


async def _abandon(consumer: AIOKafkaConsumer | None) -> None:
    """Close what an interrupted `stop()` leaves open."""
    if consumer is None:
        return
    coordinator = consumer._coordinator  # noqa: SLF001
    parts = (
        coordinator._stop_heartbeat_task,  # noqa: SLF001
        coordinator._stop_commit_offsets_refresh_task,  # noqa: SLF001
        consumer._fetcher.close,  # noqa: SLF001
        consumer._client.close,  # noqa: SLF001
    )
    for part in parts:
        with suppress(Exception):
            async with asyncio.timeout(0.2):
                await part()
