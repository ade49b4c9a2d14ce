"""`baton send`: HL7 v2 messages into a running system, over Kafka or MLLP, confirmed when they are safe."""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime

from baton import addresses, ground
from baton.confirm import wait_until_applied
from baton.files import read_bytes
from baton.mllp import send_over_mllp
from baton.trouble import Misuse, Trouble
from schemas.topics import ADT_INBOUND
from services.admissions.hl7 import frames
from services.chassis import clock
from services.chassis.kafka import KafkaAwayError, Outgoing, Producer, RecordRefusedError, TopicMissingError
from services.chassis.settings import MIB

CHUNK = 500
CONSUMER = "admissions"


class Refused:
    """Counts what was not sent, and says so at once."""

    def __init__(self) -> None:
        self.count = 0

    def say(self, sentence: str) -> None:
        self.count += 1
        print(sentence, file=sys.stderr)


def messages(files: Sequence[str], refused: Refused) -> Iterator[bytes]:
    """Give the messages of all files; one that is too large is named and left out."""
    for file in files:
        for number, raw in enumerate(frames.split(read_bytes(file)), start=1):
            if len(raw) > MIB:
                refused.say(f"{file}: message {number} is larger than 1 MiB and was not sent.")
            else:
                yield raw


async def send(files: Sequence[str], *, to: str, feed: str | None, at: datetime | None) -> int:
    """Send every message of the files; 1 where one was refused."""
    refused = Refused()
    ready = list(messages(files, refused))
    if to == "kafka":
        await _send_to_kafka(ready, feed=feed, at=at)
    elif to.startswith("mllp://"):
        if feed is not None or at is not None:
            raise Misuse("--feed and --at are headers of a Kafka record; MLLP has no place for them.")
        await send_over_mllp(to, ready, refused.say)
    else:
        raise Misuse(f"Where is {to}? Say kafka, or mllp://HOST:PORT.")
    return 1 if refused.count else 0


async def _send_to_kafka(ready: Sequence[bytes], *, feed: str | None, at: datetime | None) -> None:
    where = addresses.find()
    headers = [("feed", feed.encode())] if feed else []
    stamp = await arrival_ms(where, at)
    records = [Outgoing(None, raw, headers, timestamp_ms=stamp) for raw in ready]
    await produce(where, ADT_INBOUND, records)
    print(f"{len(records)} messages sent.", file=sys.stderr)
    if where.embedded and records:
        await wait_until_applied(where, CONSUMER, ADT_INBOUND)
        print(f"{len(records)} messages committed in Postgres.", file=sys.stderr)


async def arrival_ms(where: addresses.Addresses, at: datetime | None) -> int | None:
    """Give the timestamp for records that arrive at `at`, else at the controlled clock's time, else now (None)."""
    if at is None:
        try:
            async with ground.database(where) as db:
                at = await clock.now(db) if await clock.controlled(db) else None
        except Trouble:
            if where.embedded or where.controlled_clock:
                raise
            # Kafka alone is enough to send; without the database real time decides.
    return None if at is None else round(at.timestamp() * 1000)


async def produce(where: addresses.Addresses, topic: str, records: Sequence[Outgoing]) -> None:
    """Send the records and return when the broker has them all."""
    producer = Producer(ground.settings_of(where), "cli")
    try:
        for start in range(0, len(records), CHUNK):
            await producer.send_many(topic, records[start : start + CHUNK])
            if sys.stderr.isatty():
                print(
                    f"\r{min(start + CHUNK, len(records))} of {len(records)}",
                    end="\r",
                    file=sys.stderr,
                    flush=True,
                )
    except (KafkaAwayError, TopicMissingError, RecordRefusedError) as error:
        raise Trouble(f"{error} Sending again is harmless: what has arrived is known.") from None
    finally:
        await producer.stop()
