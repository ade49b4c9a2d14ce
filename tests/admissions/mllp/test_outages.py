"""Kafka away, the process killed or ended, senders that crawl: what was acknowledged is in Kafka, and nothing is lost."""

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest

from schemas.topics import ADT_INBOUND
from services.chassis.kafka import TopicSpec, ensure_topics
from tests.admissions.mllp.conftest import PARTITIONS, frame, listening, settings_for, stored
from tests.admissions.mllp.load import Load, control_of, message
from tests.chassis.conftest import until
from tests.infra import KafkaServer, nursery
from tests.infra.processes import Child


async def test_kafka_freezes_and_comes_back(own_kafka: KafkaServer, topic_prefix: str) -> None:
    """Given senders at work, when Kafka stands still for some seconds, then none hears AA meanwhile, and when it
    answers again everybody goes on; each message that was accepted is in Kafka, and no answer names another message.
    """
    async with listening(settings_for(own_kafka, topic_prefix)) as stand:
        load = Load(stand.port)
        await load.until(50)
        own_kafka.pause()
        await asyncio.sleep(1)
        before = len(load.accepted)
        await asyncio.sleep(2)
        meanwhile = len(load.accepted) - before
        own_kafka.resume()
        await load.until(50)
        await load.end()
        kept = {control_of(value) for value in await stand.stored()}

    assert meanwhile == 0
    assert load.accepted <= kept
    assert load.refused == []
    assert load.twice == []


@pytest.mark.kafka
async def test_kafka_away_for_longer_than_a_message_may_wait(
    own_kafka: KafkaServer, topic_prefix: str
) -> None:
    """Given no Kafka for longer than MLLP_STORE_SECONDS, then a sender in original mode loses the connection without an
    answer, or hears AE where that is set, and one in enhanced mode hears CE with 207; after it is back all is taken.
    """
    enhanced = message("C2").replace(b"|P|2.5.1", b"|P|2.5.1|||AL|NE")
    silent = message("C3").replace(b"|P|2.5.1", b"|P|2.5.1|||NE|AL")
    given = {"mllp_store_seconds": 1.0}
    async with (
        listening(settings_for(own_kafka, topic_prefix, **given)) as closing,
        closing.sender() as first,
    ):
        assert await (await first.say(frame(message("C0")))).code() == "AA C0"
        answering_settings = settings_for(own_kafka, topic_prefix, **given, mllp_when_away="answer")
        async with listening(answering_settings, create=False) as answering, answering.sender() as second:
            own_kafka.stop()
            await first.say(frame(message("C1")))
            assert await first.is_over()
            assert await (await second.say(frame(message("C1")))).code() == "AE C1"
            async with closing.sender() as third, closing.sender() as fourth:
                refused = await (await third.say(frame(enhanced))).answer()
                assert refused[1:] == ["MSA|CE|C2", "ERR|||207^Application internal error^HL70357|E"]
                await fourth.say(frame(silent))
                assert await fourth.is_over()
                own_kafka.start()
                await until(lambda: _taken(third.say, third.code, enhanced, "CA C2"))
                kept = [control_of(value) for value in await closing.stored()]
    assert set(kept) >= {"C0", "C2"}


async def _taken(say: Callable[..., Any], code: Callable[..., Any], what: bytes, wanted: str) -> bool:
    await say(frame(what))
    return bool(await code() == wanted)


class Listening:
    """`baton run mllp` as its own process."""

    def __init__(self, settings: Any, folder: Path) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BATON_")},
            "DATABASE_URL": settings.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "BATON_KAFKA_IDEMPOTENCE": str(settings.kafka_idempotence),
            "BATON_TOPIC_PREFIX": settings.topic_prefix,
            "BATON_MLLP_PORT": "0",
            "BATON_HOME": str(folder),
        }
        self.log = folder / "mllp.log"
        self.child = self._start()

    def _start(self) -> Child:
        return nursery.Baton(["run", "mllp"], log=self.log, env=self.environment, dies_by=SIGTERM)

    def start_again(self) -> None:
        self.child = self._start()

    async def port(self) -> int:
        await asyncio.to_thread(
            self.child.wait_until, lambda: '"event": "listening"' in self.child.said(), within=60
        )
        lines = [json.loads(line) for line in self.child.said().splitlines() if '"listening"' in line]
        port = int(lines[-1]["port"])
        self.environment["BATON_MLLP_PORT"] = str(port)
        return port


@pytest.mark.parametrize("by", [SIGKILL, SIGTERM])
async def test_it_ends_under_load(
    kafka_broker: KafkaServer, topic_prefix: str, tmp_path: Path, by: Any
) -> None:
    """Given senders at work, when the process is killed, or told to end, and starts again, then every message that was
    acknowledged is in Kafka and the senders go on. It says nothing of a message; told to end, it does so with 0.
    """
    settings = settings_for(kafka_broker, topic_prefix)
    spec = TopicSpec(ADT_INBOUND, PARTITIONS, compacted=False, retention_ms=3_600_000)
    await ensure_topics(settings, [spec])
    process = Listening(settings, tmp_path)
    try:
        load = Load(await process.port())
        await load.until(200)
        process.child.send(by)
        code = await asyncio.to_thread(process.child.process.wait, 30)
        said = process.child.said()
        process.start_again()
        await process.port()
        await load.until(100)
        await load.end()
        kept = [control_of(record.value or b"") for record in await stored(settings)]
    finally:
        process.child.end(SIGTERM)

    assert code == (0 if by == SIGTERM else -SIGKILL)
    assert load.accepted <= set(kept)
    assert (load.refused, load.twice) == ([], [])
    assert "70001" not in said
    assert "ALPHA" not in said
    if by == SIGTERM:
        # Nothing that was held at the end was stored without being answered, so nothing came twice.
        assert sorted(kept) == sorted(set(kept))


async def test_idle_and_slow_senders_disturb_nobody(listener: Callable[..., Any]) -> None:
    """Given 500 connections that say nothing and 20 that send a byte now and then, then others are served as before;
    the slow ones are ended in time, the idle ones stay, and each of them is heard when it speaks at last.
    """
    async with listener(mllp_frame_seconds=2.0) as stand:
        idle = [await asyncio.open_connection("127.0.0.1", stand.port) for _ in range(500)]
        slow = [await asyncio.open_connection("127.0.0.1", stand.port) for _ in range(20)]
        crawling = [asyncio.create_task(_crawl(*line)) for line in slow]
        load = Load(stand.port)
        await load.until(200)
        await asyncio.gather(*crawling)
        await load.end()
        assert stand.counted("baton_mllp_violation_total", "slow") == 20
        assert stand.counted("baton_mllp_connections") >= 500
        for number, (_, writer) in enumerate(idle):
            writer.write(frame(message(f"I{number}")))
        answers = await asyncio.gather(*(reader.readuntil(b"\x1c\r") for reader, _ in idle))
        assert all(f"MSA|AA|I{number}\r".encode() in answer for number, answer in enumerate(answers))
        for _, writer in idle + slow:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _crawl(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    gone = asyncio.create_task(reader.read())
    for byte in frame(message("slow")):
        writer.write(bytes([byte]))
        done, _ = await asyncio.wait({gone}, timeout=0.1)
        if done:
            break
    with_nothing = await asyncio.wait_for(asyncio.gather(gone, return_exceptions=True), 60)
    assert with_nothing[0] == b"" or isinstance(with_nothing[0], ConnectionError)


async def test_a_sender_that_pipelines_is_answered_in_order(listener: Callable[..., Any]) -> None:
    """2,000 messages without waiting, more than one connection may hold: as many answers, in their order; the records
    of the connection stand in Kafka in that order too.
    """
    wanted = [f"P{number}" for number in range(2000)]
    async with listener(mllp_held=100) as stand, stand.sender() as sender:
        sending = asyncio.create_task(sender.say(b"".join(frame(message(control)) for control in wanted)))
        answered = [await sender.code() for _ in wanted]
        await sending
        records = await stored(stand.settings)
    assert answered == [f"AA {control}" for control in wanted]
    assert [control_of(record.value or b"") for record in records] == wanted
    assert len({record.partition for record in records}) == 1
