"""From a discharge handed to Kafka to its deadline in Postgres, seen from outside.

A trigger in the benchmark's own database notifies when a deadline is inserted; Postgres delivers that when the
inserting transaction has committed. What is measured is the time from just before the message is given to the
producer to the arrival of the notification here: an upper bound of the time to the commit, without a change to
the product and without polling.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from schemas.topics import ADT_INBOUND
from tests.bench.feed import Message
from tests.bench.progress import Progress
from tests.bench.stand import PARTITIONS, Ground

RATE = 200

_TELL = """
CREATE FUNCTION public.bench_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('bench_deadline', NEW.episode_id); RETURN NULL; END $$;
CREATE TRIGGER bench_tell AFTER INSERT ON transitions.deadline FOR EACH ROW EXECUTE FUNCTION public.bench_tell();
"""
_EPISODES = """
SELECT e.episode_id, v.number FROM transitions.episode e JOIN transitions.visit v USING (visit_id)
WHERE e.kind = 'discharge' AND v.number = ANY($1::text[])
"""


async def measure(progress: Progress, messages: Sequence[Message], lying: Sequence[int]) -> dict[str, Any]:
    """Send the messages at RATE; `lying` tells how many records each partition of adt.inbound holds already."""
    heard: dict[object, float] = {}

    def hear(_connection: object, _pid: int, _channel: str, episode: object) -> None:
        heard.setdefault(episode, time.monotonic())

    await progress.db.execute(_TELL)
    listener = await asyncpg.connect(progress.ground.database_url)
    try:
        await listener.add_listener("bench_deadline", hear)
        handed = await _send_evenly(progress.ground, messages)
        wanted = [count + len(messages[number::PARTITIONS]) for number, count in enumerate(lying)]
        await progress.until_applied("admissions", ADT_INBOUND, wanted)
        await progress.until_rest()
    finally:
        await listener.close()
    rows = await progress.db.fetch(_EPISODES, list(handed))
    waited = sorted(
        heard[row["episode_id"]] - handed[row["number"]] for row in rows if row["episode_id"] in heard
    )
    if len(waited) < 0.9 * len(handed):
        raise RuntimeError(f"only {len(waited)} of {len(handed)} discharges led to a deadline")
    return {
        "p99_seconds": _quantile(waited, 0.99),
        "p50_seconds": _quantile(waited, 0.5),
        "max_seconds": round(waited[-1], 3),
        "latency_of": f"{len(waited)} discharges among {len(messages)} messages at {RATE}/s",
    }


async def _send_evenly(ground: Ground, messages: Sequence[Message]) -> dict[str, float]:
    """Send at an even rate; gives when each inpatient's discharge to home was handed over, by visit."""
    producer = AIOKafkaProducer(bootstrap_servers=ground.bootstrap_servers, acks="all")
    handed: dict[str, float] = {}
    await producer.start()
    try:
        began = time.monotonic()
        for index, message in enumerate(messages):
            ahead = began + index / RATE - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            if message.goes_home:
                handed[message.visit] = time.monotonic()
            await producer.send(ground.prefix + ADT_INBOUND, message.data, partition=index % PARTITIONS)
        if time.monotonic() - began > len(messages) / RATE * 1.05 + 0.1:
            raise RuntimeError(f"this machine could not send {RATE} messages a second")
    finally:
        await producer.stop()
    return handed


def _quantile(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)
