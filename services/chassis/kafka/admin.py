"""Asking Kafka: which topics and partitions there are, how far they reach, who has read how much."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import CommitFailedError, KafkaError, TopicAlreadyExistsError, for_code

from schemas.topics import config
from services.chassis.kafka import security
from services.chassis.kafka.producing import KafkaAwayError
from services.chassis.kafka.records import Record, from_kafka
from services.chassis.logs import error_name, get_logger
from services.chassis.settings import ServiceSettings

log = get_logger("topics")

T = TypeVar("T")
Offsets = dict[tuple[str, int], int]

REQUEST_TIMEOUT = 10.0
CLOSE_TIMEOUT = 1.0
RETRY = 0.1
KNOWN_WITHIN = 5.0
LOOK_AGAIN = 0.02
# As many copies as Kafka's own topics usually have, where there are as many brokers.
REPLICAS = 3


class TopicError(Exception):
    """A topic could not be created."""


class GroupBusyError(Exception):
    """A consumer group cannot be moved while somebody reads in it."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be; `max_bytes` is the largest record in it, the broker's own limit by default."""

    name: str
    partitions: int
    compacted: bool
    retention_ms: int
    max_bytes: int | None = None


class Admin:
    """One connection for questions, apart from the consumers', whose requests wait for records."""

    def __init__(self, settings: ServiceSettings, service: str = "admin") -> None:
        self._settings = settings
        self._client_id = f"baton-{service}-admin"
        self._client: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._connected()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        client, self._client = self._client, None
        reader, self._reader = self._reader, None
        closing = [each for each in (client and client.close(), reader and reader.stop()) if each is not None]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await asyncio.gather(*closing, return_exceptions=True)

    async def cluster_id(self) -> str:
        """The id of this cluster; a broker that forgot everything has another one."""
        client, _ = await self._connected()
        return str((await _answer(client.describe_cluster))["cluster_id"])

    async def partitions(self, topics: Sequence[str]) -> dict[str, list[int]]:
        """The partitions of those of `topics` that exist."""
        client, _ = await self._connected()
        wanted = {self._settings.topic(topic): topic for topic in topics}
        # Asking for all of them: asking for one by name would create it.
        found = await _answer(client.describe_topics)
        return {
            wanted[each["topic"]]: sorted(part["partition"] for part in each["partitions"])
            for each in found
            if each["topic"] in wanted and each["partitions"]
        }

    async def end_offsets(self, topics: Sequence[str]) -> Offsets:
        """The offset the next record of each partition will get."""
        partitions = await self.partitions(topics)
        return await self.ends(
            {(topic, number) for topic, numbers in partitions.items() for number in numbers}
        )

    async def ends(self, partitions: set[tuple[str, int]]) -> Offsets:
        """The same for partitions already known."""
        _, reader = await self._connected()
        asked = {
            TopicPartition(self._settings.topic(topic), number): (topic, number)
            for topic, number in partitions
        }
        if not asked:
            return {}
        found = await _answer(partial(reader.end_offsets, list(asked)))
        return {asked[tp]: offset for tp, offset in found.items()}

    async def records(self, topic: str) -> AsyncIterator[Record]:
        """Every record that is in the topic now, in the order of each partition."""
        _, reader = await self._connected()
        ends = {
            TopicPartition(self._settings.topic(topic), number): end
            for (_, number), end in (await self.end_offsets([topic])).items()
        }
        reader.assign(list(ends))
        await reader.seek_to_beginning(*ends)
        while left := [tp for tp, end in ends.items() if await reader.position(tp) < end]:
            for batch in (await reader.getmany(*left, timeout_ms=int(RETRY * 1000))).values():
                for raw in batch:
                    yield from_kafka(raw, len(self._settings.topic_prefix))
        reader.unsubscribe()

    async def committed(self, group: str, topics: Sequence[str]) -> Offsets:
        """What the group has committed, for the partitions where it has."""
        client, _ = await self._connected()
        partitions = await self.partitions(topics)
        asked = {
            TopicPartition(self._settings.topic(topic), number): (topic, number)
            for topic, numbers in partitions.items()
            for number in numbers
        }
        if not asked:
            return {}
        # Named one by one: the embedded broker does not know "all of them".
        question = partial(client.list_consumer_group_offsets, partitions=list(asked))
        found = await _answer(partial(question, self._settings.topic_prefix + group))
        return {asked[tp]: at.offset for tp, at in found.items() if at.offset >= 0}

    async def move(self, group: str, offsets: Offsets) -> None:
        """Have a group go on at these offsets; raises GroupBusyError while it has members."""
        name = self._settings.topic_prefix + group
        tps = {
            TopicPartition(self._settings.topic(topic), part): offset
            for (topic, part), offset in offsets.items()
        }
        consumer = AIOKafkaConsumer(
            **security.connection(self._settings),
            client_id=self._client_id,
            group_id=name,
            enable_auto_commit=False,
        )
        consumer.assign(list(tps))
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                await consumer.start()
                await consumer.commit(tps)
        except CommitFailedError:
            raise GroupBusyError(f"The consumer group {name} has members.") from None
        except (TimeoutError, KafkaError) as error:
            raise KafkaAwayError(f"The offsets of {name} could not be set: {error_name(error)}.") from None
        finally:
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await consumer.stop()

    async def lag(self, group: str, topics: Sequence[str]) -> dict[str, int]:
        """How many records of each topic the group has yet to commit."""
        ends = await self.end_offsets(topics)
        committed = await self.committed(group, topics)
        behind = dict.fromkeys(topics, 0)
        for (topic, partition), end in ends.items():
            behind[topic] += max(0, end - committed.get((topic, partition), 0))
        return behind

    async def ensure(self, specs: Sequence[TopicSpec]) -> None:
        """Create the topics that are missing; those that exist stay as they are."""
        client, _ = await self._connected()
        existing = await self.partitions([spec.name for spec in specs])
        missing = [spec for spec in specs if spec.name not in existing]
        for spec in specs:
            if spec.name in existing and len(existing[spec.name]) < spec.partitions:
                log.warning(
                    "a topic has fewer partitions than planned", topic=spec.name, planned=spec.partitions
                )
        if not missing:
            return
        replicas = min(REPLICAS, len((await _answer(client.describe_cluster))["brokers"]))
        topics = [self._new_topic(spec, replicas) for spec in missing]
        response = await _answer(partial(client.create_topics, topics))
        for name, code, *_ in response.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise TopicError(f"The topic {name} could not be created: {for_code(code).__name__}.")
        # The controller has made them; it takes the brokers a moment to know. Whoever sends waits for them in any case.
        made = [spec.name for spec in missing]
        with suppress(TimeoutError):
            async with asyncio.timeout(KNOWN_WITHIN):
                while len(await self.partitions(made)) < len(made):  # noqa: ASYNC110  (Kafka tells nobody)
                    await asyncio.sleep(LOOK_AGAIN)

    def _new_topic(self, spec: TopicSpec, replicas: int) -> NewTopic:
        said = config(compacted=spec.compacted, retention_ms=spec.retention_ms, max_bytes=spec.max_bytes)
        configs = {name: str(value) for name, value in said.items()}
        if self._settings.controlled_clock:
            # Records are stamped by that clock: neither too old to keep nor too far ahead to take.
            configs |= {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**63 - 1)}
        return NewTopic(self._settings.topic(spec.name), spec.partitions, replicas, topic_configs=configs)

    async def configs(self, topics: Sequence[str]) -> dict[str, dict[str, str]]:
        """The settings of topics that exist, by Kafka's own names, defaults of the broker included."""
        client, _ = await self._connected()
        asked = {self._settings.topic(topic): topic for topic in topics}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in asked]
        answers = await _answer(partial(client.describe_configs, resources))
        return {
            asked[name]: {entry[0]: entry[1] for entry in entries}
            for answer in answers
            for code, _, _, name, entries in answer.resources
            if code == 0
        }

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        async with self._lock:
            if self._client is None or self._reader is None:
                await self._connect()
            assert self._client is not None
            assert self._reader is not None
            return self._client, self._reader

    async def _connect(self) -> None:
        connection = security.connection(self._settings)
        self._client = AIOKafkaAdminClient(**connection, client_id=self._client_id)
        self._reader = AIOKafkaConsumer(
            **connection,
            client_id=self._client_id,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                await self._client.start()
                await self._reader.start()
        except (TimeoutError, KafkaError) as error:
            await self.stop()
            raise KafkaAwayError(f"Kafka cannot be reached: {error_name(error)}.") from None
        except BaseException:
            await self.stop()
            raise


async def _answer(question: Callable[[], Awaitable[T]]) -> T:
    """Ask until Kafka answers; a cluster that is just electing someone asks to be asked again."""
    said = "no answer"
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT):
            while True:
                try:
                    return await question()
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    said = error_name(error)
                await asyncio.sleep(RETRY)
    except TimeoutError:
        raise KafkaAwayError(f"Kafka did not answer within {REQUEST_TIMEOUT:.0f} s: {said}.") from None


async def ensure_topics(settings: ServiceSettings, specs: Sequence[TopicSpec]) -> None:
    """Create the topics that are missing."""
    async with Admin(settings) as admin:
        await admin.ensure(specs)


async def cluster_id(settings: ServiceSettings) -> str:
    async with Admin(settings) as admin:
        return await admin.cluster_id()


async def end_offsets(settings: ServiceSettings, topics: Sequence[str]) -> Offsets:
    async with Admin(settings) as admin:
        return await admin.end_offsets(topics)


async def lag(settings: ServiceSettings, group: str, topics: Sequence[str]) -> dict[str, int]:
    async with Admin(settings) as admin:
        return await admin.lag(group, topics)
