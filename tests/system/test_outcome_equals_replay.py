"""A scenario through the running system ends as in `baton replay`: one domain code, two ways to step it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from baton import replay
from baton.outcome import outcome
from schemas.topics import ADT_INBOUND, CARE_ACTIONS
from services.auditor.examine import Report, examine
from services.auditor.settings import Settings
from services.chassis.kafka import Outgoing
from tests.baton.odd import odd_feed
from tests.baton.stories import stories, without_void
from tests.system.conftest import NewSystem
from tests.system.stand import System

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(900)]

MOMENT = timedelta(microseconds=1)
NEXT = """
SELECT min(at) FROM (
    SELECT fire_at AS at FROM transitions.timer
    UNION ALL SELECT raise_at FROM notifications.alert
    UNION ALL SELECT since FROM notifications.late_item WHERE NOT counted
) AS armed
"""


async def test_stories_end_in_the_running_system_as_in_the_replay(new_system: NewSystem) -> None:
    """Given all stories told at once, line by line under the controlled clock; then the outcome from Postgres is
    that of the replay, but for what turned out never to have been; and the audit of it finds nothing.
    """
    told = stories()
    lines = replay.in_order(line for story in told for line in story.lines())
    until = max(story.until for story in told)

    running, audit = await _run(new_system, lines, until)

    assert _differences(replay.replay(lines, until, replay.load()), running) == {}
    assert [each.sentence for each in audit.differences] == []
    assert audit.audited > 10 * sum(audit.left_out.values())


async def test_an_odd_feed_ends_in_the_running_system_as_in_the_replay(new_system: NewSystem) -> None:
    """Given hundreds of messages that correct, cancel and merge in no sensible order, many at one instant on all
    partitions; then both ways end in the same outcome.
    """
    lines = replay.in_order(odd_feed(20260105, 40))
    until = lines[-1].at + timedelta(days=1)

    running, _ = await _run(new_system, lines, until)

    assert _differences(replay.replay(lines, until, replay.load()), running) == {}


async def _run(
    new_system: NewSystem, lines: Sequence[replay.Line], until: datetime
) -> tuple[dict[str, Any], Report]:
    """Give the outcome of the running system after it was told these lines, and what its auditor says of it."""
    async with new_system(lines[0].at - timedelta(minutes=1)) as system:
        await system.start()
        async with system.watched():
            for at, arriving in groupby(lines, key=lambda line: line.at):
                await _walk(system, at - MOMENT)
                await _deliver(system, list(arriving), at)
            await _walk(system, until)
        async with system.db() as db:
            audit = await examine(
                db, Settings(database_url="postgresql://x", kafka_bootstrap_servers="x:1").rules()
            )
        return await outcome(system.database_url), audit


async def _deliver(system: System, lines: Sequence[replay.Line], at: datetime) -> None:
    """Messages first, then actions, stamped with their instant while the clock has not quite reached it."""
    for topic, values in (
        (ADT_INBOUND, [line.adt for line in lines if line.adt is not None]),
        (CARE_ACTIONS, [line.action for line in lines if line.action is not None]),
    ):
        if values:
            stamp = round(at.timestamp() * 1000)
            await system.send(topic, [Outgoing(None, value, timestamp_ms=stamp) for value in values])
            await system.at_rest(told=False)


async def _walk(system: System, to: datetime) -> None:
    """Move the clock, stopping wherever something happens by itself."""
    async with system.db() as db:
        while (at := await db.fetchval(NEXT)) is not None and at <= to:
            await system.clock(at)
            await system.at_rest(told=False)
    await system.clock(to)
    await system.at_rest(told=False)


def _differences(replayed: dict[str, Any], running: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """The rows that only one of them has, by list. Void ones are left out: they may depend on what arrived when."""
    one, other = without_void(replayed), without_void(running)
    found = {
        name: {
            "only replayed": [row for row in one[name] if row not in other[name]],
            "only running": [row for row in other[name] if row not in one[name]],
        }
        for name in one
    }
    return {
        name: rows for name, rows in found.items() if any(rows.values()) or len(one[name]) != len(other[name])
    }
