"""The read model made anew beneath those who work: never empty, and what they did is kept."""

import pytest

from services.worklist import acts, queries, rebuild
from services.worklist.views import Filters
from tests.worklist.builders import CASE, a_deadline, an_alert, an_encounter, an_episode
from tests.worklist.stand import Worklist

pytestmark = pytest.mark.postgres

CALL = {"type": "contact_attempted", "channel": "phone", "party": "patient", "outcome": "no_answer"}


async def listed(house: Worklist) -> list[tuple[str | None, bool, int]]:
    async with house.desk.look("rn1") as look:
        shown = await queries.page(look, Filters())
    return [(item.name, item.taken is not None, item.pending) for item in shown.items]


async def build(house: Worklist) -> tuple[int, int]:
    """The build's number, and what it swept; everything is told again in the middle."""
    async with house.pool.acquire() as db:
        number = await rebuild.begin(db)
    assert len(await listed(house)) > 0
    await house.hear(an_encounter(), an_episode(), a_deadline())
    async with house.pool.acquire() as db:
        return number, await rebuild.end(db, number)


async def test_what_nobody_told_of_again_is_swept(house: Worklist) -> None:
    """Given rows that no owner has, when the model is rebuilt, then they are gone, and the rest stands as told."""
    await house.hear(an_alert())
    await house.run("UPDATE deadline SET status = 'met', owed = false, revision = 99")
    await house.run("INSERT INTO word SELECT gen_random_uuid(), 'stray', patient_id FROM patient")
    await house.run("UPDATE deadline SET owed = true")

    assert await build(house) == (1, 2)
    assert await listed(house) == [("Okonkwo-Lindé, Maren", False, 0)]
    assert await house.rows("SELECT status, revision FROM deadline") == [{"status": "pending", "revision": 1}]
    assert await house.rows("SELECT * FROM alert") == []
    async with house.desk.look("ops") as look:
        shown = await queries.operations(look)
    assert (shown.build, shown.rebuilding) == (1, False)


async def test_what_was_taken_and_entered_is_kept(house: Worklist) -> None:
    """Given a taken patient and a call that waits for Kafka, when the model is rebuilt, then both are still there."""
    await acts.take(house.desk, "rn1", CASE)
    await acts.submit(house.desk, "rn1", CASE, CALL, key="k1")
    await build(house)

    assert await listed(house) == [("Okonkwo-Lindé, Maren", True, 2)]
    assert len(await house.publish()) == 2


async def test_a_model_that_was_lost_comes_back(house: Worklist) -> None:
    """Given tables that somebody emptied while people worked, when the owners tell again, then the list is as it was."""
    await acts.take(house.desk, "rn1", CASE)
    before = await listed(house)
    await house.run("TRUNCATE visit, patient, word, episode, deadline, alert, build")
    await house.hear(a_deadline())
    assert len(await listed(house)) == 1
    async with house.pool.acquire() as db:
        number = await rebuild.begin(db)
    await house.hear(an_encounter(), an_episode(), a_deadline())
    async with house.pool.acquire() as db:
        await rebuild.end(db, number)

    assert await listed(house) == before


async def test_rebuilding_twice_changes_nothing(house: Worklist) -> None:
    await build(house)

    assert await build(house) == (2, 0)


async def test_an_old_record_does_not_undo_what_the_build_has_told(house: Worklist) -> None:
    """Given a newer state in this build, when an older one arrives after it, then the newer one stands."""
    await house.hear(a_deadline("met", revision=2))
    async with house.pool.acquire() as db:
        number = await rebuild.begin(db)
    await house.hear(a_deadline("met", revision=2))
    await house.hear(a_deadline(revision=1))
    async with house.pool.acquire() as db:
        await rebuild.end(db, number)

    assert await house.rows("SELECT status FROM deadline") == [{"status": "met"}]
