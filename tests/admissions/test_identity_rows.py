"""Merges, links, moves and re-labels in Postgres: the rows are those of a replay, in whatever order it all came."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from baton.replay.admissions import Admissions
from baton.replay.scenario import Line
from services.admissions import publish
from services.admissions.consumer import Inbound
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.feeds import Feeds
from services.admissions.ledger import NEVER_WAS
from services.admissions.settings import Settings
from services.admissions.store import SQL
from services.admissions.upkeep import refold
from services.chassis.kafka import Record
from services.chassis.service import Service
from tests.admissions.domain.histories import LONG
from tests.admissions.domain.several import any_message
from tests.messages import record

pytestmark = pytest.mark.postgres

AT = datetime(2026, 1, 20, tzinfo=UTC)
FEEDS = Feeds([FeedProfile(feed="default"), FeedProfile(feed="HOSPA")])


class Made(Inbound):
    """Reads events that the test made, by their ids."""

    def __init__(self, events: Sequence[AdtEvent]) -> None:
        super().__init__(Settings())
        self.feeds = self._newest = FEEDS
        self._events = {event.event_id.encode(): event for event in events}

    def read(self, record: Record, now: datetime) -> tuple[list[Any], list[Any]]:
        return [(self._events[record.value or b""], record, record.value)], []


async def feed(service: Service, events: Sequence[AdtEvent], *, batch: int, start: int = 0) -> None:
    inbound = Made(events)
    records = [record(event.event_id.encode(), offset=start + n, at=AT) for n, event in enumerate(events)]
    for first in range(0, len(records), batch):
        await inbound.on_inbound(service, records[first : first + batch])


async def published(service: Service) -> list[Any]:
    """What everybody is told of each visit, but for surrogates, revisions and sources, which a replay does not tell."""
    rows = await service.pool.fetch(SQL["unpublished_visits"], 10_000)
    told = [(msgspec.json.decode(publish.encounter(row).value or b""), row["cause"]) for row in rows]
    return _comparable((said["visit"], said["patient"], said["live"]) for said, _ in told)


def replayed(events: Sequence[AdtEvent]) -> list[Any]:
    """The same of a replay, one message after the other."""
    admissions = Admissions(Made(events))
    for event in events:
        admissions.on_messages(admissions.read([Line(AT, adt=event.event_id.encode())]), AT)
    return _comparable(
        (
            msgspec.json.decode(row.visit.model_dump_json(exclude_none=True, exclude_defaults=True)),
            msgspec.json.decode(patient.model_dump_json(exclude_none=True, exclude_defaults=True)),
            row.live,
        )
        for row, patient in admissions.visits()
    )


def _comparable(told: Any) -> list[Any]:
    return sorted(
        (
            (
                {key: value for key, value in visit.items() if key != "sources"},
                {key: value for key, value in patient.items() if key != "patient_id"},
                live,
            )
            for visit, patient, live in told
            if NEVER_WAS not in visit.get("flags", ())
        ),
        key=repr,
    )


@pytest.mark.parametrize("seed", range(500 if LONG else 8))
async def test_rows_are_those_of_a_replay(service: Service, seed: int) -> None:
    """Given thirty messages of every kind about three patients, shuffled and repeated, in batches of any size; then
    everybody is told what a replay of them tells, and folding all of it again changes nothing.
    """
    dice = random.Random(seed)
    events = [any_message(dice.choice) for _ in range(30)]
    shuffled = [*events, *dice.choices(events, k=10)]
    dice.shuffle(shuffled)
    await feed(service, shuffled, batch=dice.randint(1, 12))

    assert await published(service) == replayed(events)
    assert await refold(service.pool, FEEDS) == 0


async def test_two_replicas_at_once(service: Service) -> None:
    """Given the same messages read by two replicas in other orders; then nobody waits for ever, and the rows are the same."""
    dice = random.Random(5)
    events = [any_message(dice.choice) for _ in range(40)]
    first, second = list(events), list(events)
    dice.shuffle(first)
    dice.shuffle(second)
    await asyncio.gather(feed(service, first, batch=2), feed(service, second, batch=3, start=100))

    assert await published(service) == replayed(events)
