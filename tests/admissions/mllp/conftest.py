"""A listener in this process on the shared Kafka, and what a sender needs to talk to it byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import pytest

from schemas.topics import ADT_INBOUND
from services.admissions.mllp.listener import Listener
from services.admissions.mllp.settings import Settings
from services.chassis.kafka import Admin, Producer, Record, TopicSpec, ensure_topics
from services.chassis.service import Service
from tests.infra import KafkaServer

PARTITIONS = 3
WITHIN = 60.0


@dataclass
class Stand:
    """One listener and the topic it writes."""

    port: int
    settings: Settings
    service: Service
    running: asyncio.Task[None]

    @asynccontextmanager
    async def sender(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Sender"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
        try:
            yield Sender(reader, writer)
        finally:
            writer.transport.abort()

    async def stored(self) -> list[bytes]:
        """What every record of adt.inbound holds."""
        return [record.value or b"" for record in await stored(self.settings)]

    def counted(self, name: str, *labels: str) -> float:
        line = name + ("{" if labels else " ")
        said = self.service.registry.exposition().decode().splitlines()
        found = [
            each for each in said if each.startswith(line) and all(f'"{label}"' in each for label in labels)
        ]
        return sum(float(each.rpartition(" ")[2]) for each in found)


@dataclass
class Sender:
    """A sender that says what it likes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> Self:
        self.writer.write(data)
        await self.writer.drain()
        return self

    async def answer(self) -> list[str]:
        """The segments of the next acknowledgement, without its framing."""
        async with asyncio.timeout(WITHIN):
            frame = await self.reader.readuntil(b"\x1c\r")
        assert frame[:1] == b"\x0b"
        return frame[1:-2].decode("latin-1").removesuffix("\r").split("\r")

    async def code(self) -> str:
        """MSA-1 and MSA-2 of the next acknowledgement."""
        return " ".join((await self.answer())[1].split("|")[1:3])

    async def is_over(self) -> bool:
        """Return when the listener has closed the connection; False where it said something first."""
        async with asyncio.timeout(WITHIN):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


def frame(message: bytes) -> bytes:
    return b"\x0b" + message + b"\x1c\r"


async def stored(settings: Settings) -> list[Record]:
    """Every record of adt.inbound, those of each partition in order."""
    async with Admin(settings, "test") as admin:
        return [record async for record in admin.records(ADT_INBOUND)]


def settings_for(broker: KafkaServer, prefix: str, **given: Any) -> Settings:
    return Settings(
        database_url="postgresql://nobody@127.0.0.1:1/nothing",
        kafka_bootstrap_servers=broker.bootstrap_servers,
        kafka_idempotence=broker.is_apache,
        topic_prefix=prefix,
        retry_min=0.05,
        **({"mllp_port": 0} | given),
    )


@asynccontextmanager
async def listening(settings: Settings, *, create: bool = True) -> AsyncIterator[Stand]:
    """Run a listener until the `with` ends, and then end it as a signal would."""
    if create:
        spec = TopicSpec(
            ADT_INBOUND, PARTITIONS, compacted=False, retention_ms=3_600_000, max_bytes=2 * 1024 * 1024
        )
        await ensure_topics(settings, [spec])
    listener = Listener(settings)
    service = Service("mllp", settings, loops=[listener.run], writes=[ADT_INBOUND], postgres=False)
    service.producer, service.admin = Producer(settings, "mllp"), Admin(settings, "mllp")
    running = asyncio.create_task(listener.run(service))
    try:
        while not listener.listening:
            await asyncio.sleep(0.01)
            if running.done():
                running.result()
        yield Stand(listener.port, settings, service, running)
    finally:
        running.cancel()
        await asyncio.wait({running})
        await service.producer.stop()
        await service.admin.stop()


@pytest.fixture
def listener(kafka_broker: KafkaServer, topic_prefix: str) -> Callable[..., Any]:
    """Each call starts one, with these settings, for the length of an `async with`."""
    return lambda **given: listening(settings_for(kafka_broker, topic_prefix, **given))
