"""Changes on open pages: as they are committed, in order, once; and a page that was cut off goes on where it was."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from services.worklist import acts, changes, live
from services.worklist.changes import Touched
from services.worklist.live import Live
from tests.worklist.builders import CASE, PATIENT, a_deadline
from tests.worklist.stand import Worklist

pytestmark = pytest.mark.postgres


@pytest.fixture
async def listening(house: Worklist) -> AsyncIterator[Worklist]:
    """A process that listens."""
    running = asyncio.create_task(house.desk.live.run(house.service))
    yield house
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


class Reader:
    """An open page, as far as its stream goes."""

    def __init__(self, house: Worklist, after: int | None = None) -> None:
        self._stream = house.desk.live.stream(house.pool, after)

    async def next(self) -> tuple[str, int, dict[str, object]]:
        """The next event: its name, number and data."""
        while True:
            async with asyncio.timeout(10):
                text = (await anext(self._stream)).decode()
            if text.startswith("id: "):
                number, name, data = (line.partition(": ")[2] for line in text.strip().split("\n"))
                return name, int(number), msgspec.json.decode(data)

    async def close(self) -> None:
        await self._stream.aclose()  # type: ignore[attr-defined]


async def last(house: Worklist) -> int:
    (row,) = await house.rows("SELECT max(change_id) AS last FROM change")
    return int(row["last"])


async def test_a_change_reaches_open_pages(listening: Worklist) -> None:
    """Given open pages, when a deadline is met, then each hears of the case, its patient, team and unit."""
    readers = [Reader(listening, await last(listening)) for _ in range(3)]
    heard = [asyncio.create_task(reader.next()) for reader in readers]
    await asyncio.sleep(0.1)
    await listening.hear(a_deadline("met", revision=2))

    wanted = {"cases": [CASE], "patients": [str(PATIENT)], "teams": ["4W"], "units": ["4W"], "many": False}
    for name, _, data in await asyncio.gather(*heard):
        assert (name, data) == ("change", wanted)
    for reader in readers:
        await reader.close()


async def test_what_is_not_newer_is_no_change(house: Worklist) -> None:
    before = await last(house)
    await house.hear(a_deadline())

    assert await last(house) == before


async def test_a_page_that_was_cut_off_goes_on(listening: Worklist) -> None:
    """Given a page that was away for two changes, when it comes back, then it hears of both, in order, then goes on."""
    seen = await last(listening)
    await listening.hear(a_deadline("missed", revision=2))
    await acts.take(listening.desk, "rn1", CASE)
    reader = Reader(listening, seen)
    numbers = [(await reader.next())[1] for _ in range(2)]
    await acts.release(listening.desk, "rn1", CASE)

    numbers.append((await reader.next())[1])
    assert numbers == sorted(set(numbers))
    assert numbers[0] > seen
    await reader.close()


@pytest.mark.parametrize("after", [-1, 10_000])
async def test_a_page_that_cannot_be_told_loads_again(house: Worklist, after: int) -> None:
    """Given a number that is no change of ours, when a page comes with it, then it is told to load again."""
    reader = Reader(house, after)

    assert (await reader.next())[:2] == ("reload", await last(house))
    await reader.close()


async def test_a_page_that_was_away_too_long_loads_again(
    house: Worklist, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.run("UPDATE change SET at = at - interval '2 hours'")
    for revision in (2, 3):
        await house.hear(a_deadline(revision=revision))
    monkeypatch.setattr(live, "KEPT", 3600.0)
    pruning = asyncio.create_task(house.desk.live.prune(house.service))
    while (await house.rows("SELECT count(*) AS n FROM change"))[0]["n"] > 2:
        await asyncio.sleep(0.01)
    pruning.cancel()
    reader = Reader(house, 0)

    assert (await reader.next())[0] == "reload"
    await reader.close()


async def test_a_page_that_reads_too_slowly_is_let_go(
    house: Worklist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a page that reads nothing, when more changes come than may wait, then its stream ends, and others' do not."""
    monkeypatch.setattr(live, "MOST_WAITING", 2)
    hub = Live()
    hub._registry = house.service.registry
    slow, quick = hub.stream(house.pool, None), hub.stream(house.pool, None)
    await anext(slow), await anext(quick)
    for number in range(1, 5):
        hub._give((number, "{}"))
        if number < 4:
            await anext(quick)

    with pytest.raises(StopAsyncIteration):
        await anext(slow)
    assert b"id: 4" in await anext(quick)


async def test_a_lost_connection_loses_no_change(listening: Worklist) -> None:
    """Given a page that listens, when Postgres cuts the listener off and something changes, then the page hears of it."""
    reader = Reader(listening, await last(listening))
    heard = asyncio.create_task(reader.next())
    await asyncio.sleep(0.1)
    await listening.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'baton-worklist-live'"
    )
    await listening.hear(a_deadline("met", revision=2))

    assert (await heard)[0] == "change"
    await reader.close()


def test_a_storm_names_nobody() -> None:
    """Above fifty cases a change says only that there are many."""
    touched = Touched()
    for n in range(51):
        touched.place(case=f"CASE{n:04d}", patient=None, team="4W", unit=None)

    assert msgspec.json.decode(touched.document()) == {
        "cases": [], "patients": [], "teams": [], "units": [], "many": True,
    }  # fmt: skip


async def test_changes_are_numbered_in_the_order_of_commits(house: Worklist) -> None:
    """Given two transactions that note changes, when the first has not committed, then the second waits for it."""
    touched = Touched(cases={CASE})
    async with house.pool.acquire() as first, house.pool.acquire() as second:
        begun = first.transaction()
        await begun.start()
        await changes.note(first, touched)

        async def other() -> None:
            async with second.transaction():
                await changes.note(second, touched)

        waiting = asyncio.create_task(other())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await begun.commit()
        await waiting
