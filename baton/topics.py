"""`baton topics`: the topics as Kafka has them against the plan of schemas/topics.py; what is missing is made."""

import asyncio
import sys
from collections.abc import Iterator, Mapping

from baton import addresses, ground
from baton.dlq_text import columns
from baton.trouble import Trouble
from schemas.topics import TOPICS, Topic
from services.chassis.clock import monotonic
from services.chassis.kafka import Admin, KafkaAwayError

HEAD = ["TOPIC", "PARTITIONS", "CLEANUP", "RETENTION", "LARGEST RECORD", "STATE"]
SETTLE = 10.0
DAY_MS = 24 * 3600 * 1000
FOR_EVER = "-1"
MORE_IS_FINE = frozenset({"retention.ms", "max.message.bytes"})
"""Of every other number less is fine: how long Kafka waits before it compacts."""


async def topics(*, create: bool) -> int:
    """Make the missing topics if asked to, and print all of them; 1 where one is missing or falls short."""
    where = addresses.find()
    if create:
        await ground.ensure_topics(where)
    names = [topic.name for topic in TOPICS]
    try:
        async with Admin(ground.settings_of(where), "cli") as admin:
            partitions = await admin.partitions(names)
            give_up_at = monotonic() + SETTLE
            while create and len(partitions) < len(names) and monotonic() < give_up_at:
                # What one broker has made the others learn a little later.
                await asyncio.sleep(0.1)
                partitions = await admin.partitions(names)
            configs = await admin.configs(list(partitions))
    except KafkaAwayError as error:
        raise Trouble(f"{error} See KAFKA_BOOTSTRAP_SERVERS.") from None
    rows, problems = [HEAD], []
    for topic in TOPICS:
        held = configs.get(topic.name, {})
        count = len(partitions.get(topic.name, ()))
        wrong = list(shortfalls(topic, count, held))
        problems += [f"{topic.name}: {each}." for each in wrong]
        rows.append([topic.name, str(count), *_said(held), "FALLS SHORT" if wrong else "as planned"])
    print("\n".join(columns(rows)))
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


def shortfalls(topic: Topic, partitions: int, held: Mapping[str, str]) -> Iterator[str]:
    """Name what of a topic is less than planned, each with what was planned; `held` are Kafka's settings of it."""
    if not partitions:
        yield "it does not exist; `baton topics` creates it"
        return
    if partitions < topic.partitions:
        yield f"it has {partitions} partitions, planned are {topic.partitions}"
    for name, planned in topic.config.items():
        has = held.get(name)
        if has is not None and not _enough(name, has, planned):
            yield f"{name} is {has}, planned is {planned}"


def _enough(name: str, has: str, planned: str | float) -> bool:
    if isinstance(planned, str):
        return has == planned
    if name in MORE_IS_FINE:
        return has == FOR_EVER or float(has) >= planned
    return float(has) <= planned


def _said(held: Mapping[str, str]) -> list[str]:
    policy, retention = held.get("cleanup.policy", "unknown"), held.get("retention.ms", "unknown")
    if policy == "compact":
        kept = "the latest of each key"
    elif retention == FOR_EVER:
        kept = "for ever"
    else:
        kept = f"{int(retention) / DAY_MS:g} d" if retention.isdecimal() else retention
    return [policy, kept, held.get("max.message.bytes", "unknown")]
