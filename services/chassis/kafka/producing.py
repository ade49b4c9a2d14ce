"""Sending: many records at once, and back only when the broker has them all."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidMessageError,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from services.chassis.kafka import security
from services.chassis.kafka.records import Outgoing
from services.chassis.logs import error_name, get_logger
from services.chassis.settings import ServiceSettings

log = get_logger("producing")

SEND_TIMEOUT = 30.0
CLOSE_TIMEOUT = 1.0
# Fewer, larger requests: a burst of a thousand small records goes out in a handful of them.
BATCH_BYTES = 128 * 1024
# A refused record goes to its dead-letter topic with headers of ours around it.
ROOM_FOR_HEADERS = 64 * 1024

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_REFUSED = (*_TOO_LARGE, InvalidMessageError, InvalidTimestampError)


class KafkaAwayError(ConnectionError):
    """Kafka did not confirm in time; what was sent may or may not be there, and may be sent again."""


class TopicMissingError(ConnectionError):
    """The topic does not exist on this Kafka; create it with: baton topics, or deploy/topics."""


class RecordRefusedError(Exception):
    """Kafka will never take some of the records sent; the others of the same call have arrived."""

    def __init__(self, topic: str, indexes: Sequence[int]) -> None:
        super().__init__(f"{self.__doc__} ({topic}: {len(indexes)})")
        self.topic = topic
        self.indexes = tuple(indexes)


class RecordTooLargeError(RecordRefusedError):
    """Kafka will never take some of the records sent, because they are too large; the others have arrived."""


class Producer:
    """Sends with acks from all replicas; connects when first used, and anew after any failure."""

    def __init__(self, settings: ServiceSettings, service: str) -> None:
        self._settings = settings
        self._client_id = f"baton-{service}"
        self._inner: AIOKafkaProducer | None = None
        self._known: set[str] = set()
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Connect now rather than at the first record; raises KafkaAwayError when Kafka is away."""
        await self._connected()

    async def stop(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            await _close(inner)

    def forget_topics(self) -> None:
        """Look again whether topics exist, before the next record: this is another cluster than before."""
        self._known.clear()

    async def send_many(
        self,
        topic: str,
        items: Sequence[Outgoing],
        *,
        timeout: float = SEND_TIMEOUT,  # noqa: ASYNC109
    ) -> None:
        """Send them all and return when all have arrived; what was refused is raised after the rest has."""
        refused: dict[int, BaseException] = {}
        left = dict(enumerate(items))
        inner: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(timeout):
                while left:
                    inner = await self._connected()
                    await self._must_exist(inner, topic)
                    errors = await self._send(inner, self._settings.topic(topic), left)
                    found = {index: error for index, error in errors.items() if isinstance(error, _REFUSED)}
                    if errors:
                        # A refusal leaves a gap in the idempotent producer's numbers: what it sends after that
                        # is refused too, and must be sent again by a new one.
                        await self._discard(inner)
                    if errors and not found:
                        raise KafkaAwayError(f"Kafka did not take a record: {_names(errors)}.")
                    left = {index: left[index] for index in errors if index not in found}
                    refused |= found
        except TimeoutError:
            await self._discard(inner)
            raise KafkaAwayError(f"Kafka did not confirm within {timeout:.0f} s.") from None
        if refused:
            too_large = any(isinstance(error, _TOO_LARGE) for error in refused.values())
            raise (RecordTooLargeError if too_large else RecordRefusedError)(topic, sorted(refused))

    async def _send(
        self, inner: AIOKafkaProducer, topic: str, items: Mapping[int, Outgoing]
    ) -> dict[int, BaseException]:
        """Send them and wait for all; the errors of those that did not arrive."""
        errors: dict[int, BaseException] = {}
        flying: dict[int, asyncio.Future[Any]] = {}
        for index, item in items.items():
            # Kafka knows records with neither key nor value, aiokafka does not.
            value = b"" if item.value is None and item.key is None else item.value
            try:
                flying[index] = await inner.send(
                    topic, value, item.key, item.partition, item.timestamp_ms, item.headers
                )
            except KafkaError as error:
                errors[index] = error
        outcomes = zip(flying, await asyncio.gather(*flying.values(), return_exceptions=True), strict=True)
        return errors | {index: outcome for index, outcome in outcomes if isinstance(outcome, BaseException)}

    async def _connected(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._inner is None:
                inner = AIOKafkaProducer(
                    **security.connection(self._settings),
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=self._settings.kafka_idempotence,
                    # The embedded broker reports the end of a partition wrongly when a batch has several records.
                    max_batch_size=BATCH_BYTES if self._settings.kafka_idempotence else 1,
                    max_request_size=2 * self._settings.max_record_bytes + ROOM_FOR_HEADERS,
                )
                try:
                    await inner.start()
                except BaseException as error:
                    await _close(inner)
                    if isinstance(error, KafkaError):
                        raise KafkaAwayError(f"Kafka cannot be reached: {error_name(error)}.") from None
                    raise
                self._inner = inner
            return self._inner

    async def _must_exist(self, inner: AIOKafkaProducer, topic: str) -> None:
        # Asking aiokafka for one unknown topic would have the broker create it, with one partition.
        if topic in self._known:
            return
        cluster = await inner.client.fetch_all_metadata()
        if self._settings.topic(topic) not in cluster.topics():
            raise TopicMissingError(f"The topic {self._settings.topic(topic)} does not exist on this Kafka.")
        self._known.add(topic)

    async def _discard(self, inner: AIOKafkaProducer | None) -> None:
        if inner is not None and self._inner is inner:
            self._inner = None
            await _close(inner)


async def _close(inner: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await inner.stop()
    except (TimeoutError, KafkaError):
        # stop() waits for what was never confirmed. First cut the lines, then end the task that waits on them.
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await inner.client.close()
                await inner._sender.close()  # noqa: SLF001


def _names(errors: Mapping[int, BaseException]) -> str:
    return ", ".join(sorted({error_name(error) for error in errors.values()}))
