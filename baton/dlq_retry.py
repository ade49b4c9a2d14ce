"""`baton dlq retry`: refused records go through the same door again, after a look at what would become of them."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from baton import addresses, ground
from baton.config import settings
from baton.confirm import wait_until_applied
from baton.dlq import SQL, Asked, mark, person, resolve, whole
from baton.dlq_text import SHORT, columns, place
from baton.files import read_bytes
from baton.sending import arrival_ms, produce
from baton.trouble import Misuse
from schemas import topics
from services.admissions.consumer import Inbound
from services.admissions.settings import Settings
from services.chassis import clock
from services.chassis.kafka import Outgoing, Record
from services.chassis.kafka.retries import HEADER as RETRY_OF
from services.chassis.postgres import Db, Row
from services.chassis.settings import MIB, SettingsError
from services.transitions import store as transitions
from services.transitions.consumer import meant
from services.transitions.domain.actions import Refusal, read_action

CHUNK = 100
READER = {topics.ADT_INBOUND: "admissions", topics.CARE_ACTIONS: "transitions"}


async def retry(
    names: Sequence[str], asked: Asked | None, *, file: str | None, by: str | None, dry_run: bool
) -> int:
    """Send the named refusals again, or the open ones asked for; 1 where a dry run finds one that is refused again."""
    correction = None if file is None else _read(file, names)
    where = addresses.find()
    preview = Preview()
    seen: Counter[str] = Counter()
    async with ground.database(where) as db:
        ids = await resolve(db, names) if asked is None else await _asked(db, asked)
        now = await clock.now(db)
        stamp = await arrival_ms(where, None)
        for start in range(0, len(ids), CHUNK):
            rows = await whole(db, ids[start : start + CHUNK])
            records = [_record(row, now, correction) for row in rows]
            said = [await preview.of(db, record) for record in records]
            seen.update("refused" if each.startswith("refused") else "accepted" for each in said)
            if dry_run:
                print("\n".join(columns(map(_line, rows, said))))
                continue
            await _send(where, records, stamp)
            await mark(
                db, rows, "retried", by=person(by), reason=None if correction is None else "corrected by hand"
            )
    _conclude(len(ids), seen, dry_run=dry_run)
    return 1 if dry_run and seen["refused"] else 0


class Preview:
    """What the code of the services would do with a record, under the profiles and facilities that stand here."""

    def __init__(self) -> None:
        try:
            self._inbound = Inbound(settings(Settings))
        except SettingsError as error:
            raise Misuse(str(error)) from None

    async def of(self, db: Db, record: Record) -> str:
        """Give it in words, without any value of the record."""
        if record.topic == topics.CARE_ACTIONS:
            return await self._action(db, record)
        items, refusals = self._inbound.read(record, record.timestamp)
        if refusals:
            return "refused: " + ", ".join(dict.fromkeys(_why(refusal[3]) for refusal in refusals))
        events = [item[0] for item in items]
        return "accepted: " + ", ".join(
            f"{event.trigger} {event.type}, feed {event.feed}" for event in events
        )

    async def _action(self, db: Db, record: Record) -> str:
        said = read_action(record.value or b"", record.timestamp)
        if isinstance(said, Refusal):
            return f"refused: {said.code} ({said.detail})"
        if said.visit and len(meant(said, await transitions.visits_by_number(db, [said.visit]))) > 1:
            return "refused: ambiguous_visit"
        return f"accepted: {said.type}"


async def _asked(db: Db, asked: Asked) -> list[UUID]:
    rows = await db.fetch(SQL["find"], asked.topic, asked.code, asked.feed, asked.since, asked.status, None)
    return [row["rejection_id"] for row in reversed(rows)]


def _record(row: Row, now: datetime, correction: bytes | None) -> Record:
    """The record as it will be read: its key and the header `feed` as they were, its bytes too unless corrected."""
    headers = [] if row["feed_header"] is None else [("feed", row["feed_header"].encode())]
    headers.append((RETRY_OF, str(row["rejection_id"]).encode()))
    value = row["raw"] if correction is None else correction
    return Record(row["source_topic"], 0, 0, row["raw_key"], value, tuple(headers), now, "create")


async def _send(where: addresses.Addresses, records: Iterable[Record], stamp: int | None) -> None:
    """Return when the broker has them; the embedded one forgets them with its end, so there when Postgres has them."""
    records = list(records)
    for topic in {record.topic for record in records}:
        outgoing = [
            Outgoing(record.key, record.value, list(record.headers), timestamp_ms=stamp)
            for record in records
            if record.topic == topic
        ]
        await produce(where, topic, outgoing)
        if where.embedded:
            await wait_until_applied(where, READER[topic], topic)


def _read(file: str, names: Sequence[str]) -> bytes:
    if len(names) != 1:
        raise Misuse("--file corrects one refusal: name its id, and no other.")
    found = read_bytes(file)
    if not found or len(found) > MIB:
        raise Misuse(f"{file} is empty or larger than 1 MiB: nothing was sent.")
    return found


def _line(row: Row, said: str) -> list[str]:
    return [str(row["rejection_id"])[:SHORT], row["feed"] or "-", row["code"], place(dict(row)), said]


def _why(said: object) -> str:
    code, segment, field = (getattr(said, name) for name in ("code", "segment", "field"))
    return f"{code} {segment or ''}{'' if field is None else f'-{field}'}".strip()


def _conclude(count: int, seen: Counter[str], *, dry_run: bool) -> None:
    done = "would be sent" if dry_run else "sent and marked as retried"
    print(f"{count} {done}.", file=sys.stderr)
    if seen["refused"]:
        print(
            f"{seen['refused']} of them {'would be' if dry_run else 'will be'} refused again, by what stands here: each "
            "then is a new open refusal.",
            file=sys.stderr,
        )
