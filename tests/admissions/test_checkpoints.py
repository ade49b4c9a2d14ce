"""Visits closed for long stand as they are, whatever comes later; a new stay, a merge and a join still do what they do."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.admissions.checkpoints import EVENTS, VISITS, close, run
from services.admissions.domain.joins import account_move, joins
from services.admissions.feeds import Feeds
from services.admissions.merges import undo
from services.admissions.upkeep import refold
from services.chassis.service import Service
from tests.admissions.domain.several import any_message
from tests.admissions.test_identity_rows import FEEDS
from tests.admissions.test_identity_rows import feed as feed_events
from tests.admissions.test_inbound import feed, rows
from tests.messages import adt

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG_AGO = datetime(2026, 3, 3, tzinfo=UTC)

A01 = adt("A01", control="1", at="202601050830", admitted="202601050830")
A03 = adt("A03", control="2", at="202601091400", admitted="202601050830", discharged="202601091400")
STAY = [A01, A03]
OTHER = adt("A01", control="3", at="202601121000", mrn="70002", visit="V2", admitted="202601121000")
JOIN = (
    adt("A08", control="4", at="202601131000", mrn="70002", visit="V2")
    .replace(b"A08", b"A42")
    .replace(b"\rPV1", b"\rMRG|70001^^^HOSPA^MR||||V1^^^HOSPA^VN\rPV1")
)


async def close_all(service: Service) -> tuple[int, int]:
    return await close(service.pool, LONG_AGO, NOW)


async def whole(service: Service) -> list[Any]:
    """Every row of visits and patients, revisions and all."""
    visits = await service.pool.fetch(
        "SELECT visit_id, patient_id, reported_id, state, live, document, folded_into, revision FROM admissions.visit ORDER BY 1"
    )
    patients = await service.pool.fetch("SELECT * FROM admissions.patient ORDER BY 1")
    return [tuple(row) for row in (*visits, *patients)]


async def open_events(service: Service) -> int:
    found: int = await service.pool.fetchval(
        "SELECT count(*) FROM admissions.event WHERE octet_length(body) > 0"
    )
    return found


async def documents(service: Service) -> list[tuple[str, int, dict[str, Any]]]:
    return [(row["visit_number"], row["generation"], row["document"]) for row in (await rows(service))[0]]


async def test_closing_changes_nothing_that_anybody_sees(service: Service) -> None:
    """Given a discharge of long ago and a patient still here; then the first is closed, once, and no row says anything else;
    what its messages said can still be read.
    """
    await feed(service, [*STAY, OTHER])
    before = await whole(service)
    told = await service.pool.fetch("SELECT event_id, body FROM admissions.event ORDER BY 1")

    assert await close_all(service) == (1, 2)
    assert await close_all(service) == (0, 0)
    assert await whole(service) == before
    assert await open_events(service) == 1
    assert told == await service.pool.fetch(
        "SELECT e.event_id, admissions.body_of(e) AS body FROM admissions.event e ORDER BY 1"
    )
    assert await refold(service.pool, Feeds.load()) == 0


async def test_what_is_not_closed_yet(service: Service) -> None:
    """Given a discharge of which something was heard since; then the visit stays open."""
    await feed(service, STAY)
    arrived = datetime(2026, 1, 14, tzinfo=UTC)
    assert await close(service.pool, arrived, NOW) == (0, 0)
    assert await close(service.pool, arrived + timedelta(seconds=5), NOW) == (1, 2)


async def test_the_loop_closes_and_counts(service: Service) -> None:
    """Given the service's own setting of 90 days; then a visit of last January is closed, and both counters rise."""
    await feed(service, STAY)
    await service.pool.execute("INSERT INTO baton.clock (at) VALUES ($1)", NOW)
    await run(service)

    assert await open_events(service) == 0
    told = service.registry.exposition()
    assert f"{VISITS.name} 1.0".encode() in told
    assert f"{EVENTS.name} 2.0".encode() in told


async def test_repetitions_are_still_known(service: Service) -> None:
    """Given a closed visit; when its messages come again, then they are counted as duplicates and change nothing."""
    await feed(service, STAY)
    await close_all(service)
    before = await whole(service)
    await feed(service, STAY, start=100)

    assert await whole(service) == before
    assert await service.pool.fetchval("SELECT sum(duplicates) FROM admissions.tally") == 2


async def test_late_messages_fill_gaps_and_change_no_state(service: Service) -> None:
    """Given a closed visit; when its discharge is cancelled, its bed changed and its disposition told, then only the
    disposition, never said before, is taken over; and folding all again keeps it so.
    """
    await feed(service, STAY)
    await close_all(service)
    before = (await documents(service))[0][2]
    late = [
        adt("A13", control="10", at="202606011000", admitted="202601050830"),
        adt("A08", control="11", at="202606011001", admitted="202601050830", discharged="202601091400", unit="ICU",
            disposition="01"),
    ]  # fmt: skip
    await feed(service, late, start=10)
    after = (await documents(service))[0][2]

    assert after.pop("disposition")["code"] == "01"
    before.pop("disposition")
    assert after == before
    assert await refold(service.pool, Feeds.load()) == 0


async def test_a_number_used_again(service: Service) -> None:
    """Given a closed visit; when its number is used for a new stay, then that is the next generation, moves, ends, and is
    closed in its time.
    """
    await feed(service, STAY)
    await close_all(service)
    again = [
        adt("A01", control="20", at="202606020800", admitted="202606020800", mrn="70009"),
        adt("A02", control="21", at="202606021200", admitted="202606020800", unit="ICU", prior_unit="4W", mrn="70009"),
        adt("A03", control="22", at="202606041200", admitted="202606020800", discharged="202606041200", mrn="70009"),
    ]  # fmt: skip
    await feed(service, again, batch=1, start=20)
    found = await documents(service)

    assert [(number, generation, each["state"]) for number, generation, each in found] == [
        ("V1", 0, "discharged"),
        ("V1", 1, "discharged"),
    ]
    assert found[0][2]["discharged_at"] != found[1][2]["discharged_at"]
    assert len(found[1][2]["transfers"]) == 1
    assert [row["number"] for row in (await rows(service))[0]] == ["70001", "70009"]

    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert await close(service.pool, later, later) == (1, 3)
    assert await documents(service) == found
    assert await refold(service.pool, Feeds.load()) == 0
    assert await service.pool.fetchval("SELECT cardinality(bodies) FROM admissions.checkpoint") == 5


async def test_a_merge_of_patients_moves_a_closed_visit(service: Service) -> None:
    """Given a closed visit; when its patient is merged into another it follows, and when the merge is undone it comes back."""
    await feed(service, [*STAY, OTHER])
    await close_all(service)
    await feed(
        service,
        [adt("A40", control="30", at="202606010800", mrn="70002", merged="70001", visit=None)],
        start=30,
    )
    assert [row["number"] for row in (await rows(service))[0]] == ["70002", "70002"]

    merge: UUID = await service.pool.fetchval("SELECT event_id FROM admissions.merge")
    assert await undo(service.pool, merge, "ann", "two people") is not None
    assert [row["number"] for row in (await rows(service))[0]] == ["70001", "70002"]


async def test_a_join_opens_what_was_closed(service: Service) -> None:
    """Given a closed visit; when it is merged into another, then the rows are those of visits that were never closed, and it
    stays open from now on.
    """
    await feed(service, [*STAY, OTHER])
    await close_all(service)
    await feed(service, [JOIN], start=40)
    found = await rows(service)
    assert {row["state"] for row in found[0]} == {"folded", "discharged", "admitted"}
    assert await service.pool.fetchval("SELECT count(*) FROM admissions.checkpoint") == 0
    assert await close(service.pool, NOW, NOW) == (0, 0)

    async with service.pool.acquire() as db:
        await db.execute(
            "TRUNCATE admissions.visit, admissions.event, admissions.patient, admissions.visit_root, admissions.visit_join"
        )
    await feed(service, [*STAY, OTHER, JOIN])
    assert await rows(service) == found


@pytest.mark.parametrize("seed", range(4))
async def test_any_history_closed_stands(service: Service, seed: int) -> None:
    """Given messages of every kind, but joins, about three patients; when all that is over is closed, then no row changes, not
    either when all of them come again, nor when everything is folded anew.
    """
    dice = random.Random(seed)
    events = [any_message(dice.choice) for _ in range(90)]
    events = [event for event in events if not joins(event) and account_move(event) is None]
    await feed_events(service, events, batch=7)
    before = await whole(service)
    closed, _ = await close(service.pool, datetime(2030, 1, 1, tzinfo=UTC), NOW)
    dice.shuffle(events)
    await feed_events(service, events, batch=9, start=100)

    assert closed
    assert await whole(service) == before
    assert await refold(service.pool, FEEDS) == 0
    assert await whole(service) == before
