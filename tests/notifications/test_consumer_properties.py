"""The handler on a real Postgres does what the pure rules do, in any batches, and with many hands at once."""

import asyncio
import random
from uuid import UUID

import pytest
from msgspec.structs import replace

from schemas.transitions import DeadlineEvent
from services.notifications import store
from services.notifications.domain import late_known
from services.notifications.domain.model import Alert
from tests.notifications.book import Book
from tests.notifications.builders import a_deadline, a_warning, an_ack, at
from tests.notifications.conftest import House

pytestmark = pytest.mark.postgres

STATUSES = ("pending", "missed", "missed", "met", "met_late", "attempted", "void", "superseded")
NOW = at(500)


def a_history(number: int, chance: random.Random) -> list[DeadlineEvent]:
    events, known, generation = [], 60.0, 0
    for revision in range(1, chance.randint(2, 6)):
        known += chance.uniform(1, 20)
        generation += chance.random() < 0.2
        status = chance.choice(STATUSES)
        events.append(
            a_deadline(
                status,
                deadline_id=UUID(int=number),
                revision=revision,
                generation=generation,
                known_at=at(known),
                late_known=chance.random() < 0.3,
                team=chance.choice(["4W", "5N"]),
                warnings=(a_warning(48), a_warning(66, "P2")),
                warned=chance.randint(0, 2),
                hold_until=chance.choice([None, at(700)]),
                owed=status == "pending" or (status == "missed" and chance.random() < 0.8),
                acknowledged=(an_ack("call_72h_missed", 90),) if chance.random() < 0.3 else (),
            )
        )
    return events


def deliveries(chance: random.Random, histories: list[list[DeadlineEvent]]) -> list[list[DeadlineEvent]]:
    """Batches in which every history keeps its order, mixed with the others, some of it delivered again."""
    order = [number for number, history in enumerate(histories) for _ in history]
    chance.shuffle(order)
    waiting = [iter(history) for history in histories]
    stream = [next(waiting[number]) for number in order]
    stream = [again for n, event in enumerate(stream) for again in (event, stream[chance.randint(0, n)])]
    batches = []
    while stream:
        size = chance.randint(1, 12)
        batches.append(stream[:size])
        stream = stream[size:]
    return batches


def as_books_do(batches: list[list[DeadlineEvent]]) -> dict[UUID, Alert]:
    """What the pure rules make of the newest state of each deadline in each batch."""
    book = Book()
    for batch in batches:
        newest: dict[UUID, DeadlineEvent] = {}
        for event in batch:
            if event.deadline_id not in newest or event.revision > newest[event.deadline_id].revision:
                newest[event.deadline_id] = event
        for event in newest.values():
            book.apply(event, NOW)
    return book.rows


@pytest.mark.parametrize("seed", range(5))
async def test_the_handler_keeps_the_book(house: House, seed: int) -> None:
    """Every column of every alert, late-known lists aside, is what the rules say."""
    chance = random.Random(seed)
    batches = deliveries(chance, [a_history(number, chance) for number in range(1, 25)])
    await house.at(NOW)
    for batch in batches:
        await house.hear(*batch)

    async with house.pool.acquire() as db:
        rows = [*await store.seen_alerts(db), *await store.claim_held(db, at(9999), 999)]
    found = {row.alert_id: row for row in rows if row.kind != "late_known"}
    assert as_books_do(batches) == found


@pytest.mark.parametrize("seed", range(3))
async def test_many_hands_at_once_lose_nothing(house: House, seed: int) -> None:
    """Batches applied at the same time, doubled, in any order: no deadlock, and the lists add up."""
    chance = random.Random(seed)
    histories = [a_history(number, chance) for number in range(1, 25)]
    batches = deliveries(chance, histories)
    chance.shuffle(batches)
    await house.at(NOW)
    for start in range(0, len(batches), 6):
        await asyncio.gather(
            *(house.hear(*batch) for batch in batches[start : start + 6]), house.held.once(house.service)
        )

    last = [history[-1] for history in histories]
    items = await house.rows("SELECT * FROM late_item WHERE since <= timestamptz '2026-02-01'")
    alerts = [
        row
        for row in await house.rows("SELECT * FROM alert WHERE kind = 'late_known'")
        if row["ended_at"] is None
    ]
    counted = {team: sum(item["team"] == team for item in items) for team in {item["team"] for item in items}}
    assert counted == {row["team"]: row["items"] for row in alerts}
    assert len(last) == len(await house.rows("SELECT * FROM subject"))
    assert {(str(event.deadline_id), event.revision) for event in last} == {
        (row["subject"], row["revision"]) for row in await house.rows("SELECT * FROM subject")
    }


def test_a_team_is_named_by_its_list() -> None:
    """Lists of shadow feeds are other lists."""
    team = late_known.Team("4W", live=True)

    assert team.subject == "late_known:4W"
    assert replace(team, live=False).subject == "late_known:4W:shadow"
