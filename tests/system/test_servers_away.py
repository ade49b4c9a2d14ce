"""Kafka or Postgres is away for a while: the processes wait, say so, and lose and double nothing.

BATON_AWAY says for how many seconds; a minute is what was promised, a few seconds are what a test run has time for.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from services.chassis.migrations import migrate
from tests.infra import KafkaServer, PostgresServer
from tests.system import deliveries, rows, stories
from tests.system.conftest import NewSystem
from tests.system.rows import Rows
from tests.system.stand import PROCESSES, System, until

AWAY = float(os.environ.get("BATON_AWAY", "4"))

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(600 + 10 * AWAY)]


async def test_nothing_is_lost_or_doubled_when_kafka_is_away(
    new_system: NewSystem, kafka_broker: KafkaServer, undisturbed: Rows
) -> None:
    """Given Kafka away at start, then frozen under load, then killed under load; then each time every process is
    alive and says that Kafka is missing, goes on by itself when it is back, and the rows are those of an undisturbed
    run.
    """
    story = stories.of_all_tests()
    first, second, third = stories.thirds(story)
    async with new_system(story.starts_at, BATON_BATCH_MAX_RECORDS="5") as system:
        async with _away(system, "kafka", kafka_broker.stop, kafka_broker.start):
            system.launch()
        for process in system.processes.values():
            await until(process.has_started, f"{process.name} starts when Kafka is there")
        await system.play(*first)
        async with _away(system, "kafka", kafka_broker.pause, kafka_broker.resume):
            pass
        await system.play(*second)
        async with _away(system, "kafka", lambda: kafka_broker.stop(kill=True), kafka_broker.start):
            pass
        await system.play(*third)
        await system.at_rest()
        after = await rows.rows(system)
        wrong = await deliveries.complaints(system, system.receiver.deliveries)

    assert rows.different(undisturbed, after) == {}
    assert wrong == []


async def test_nothing_is_lost_or_doubled_when_postgres_is_away(
    new_system: NewSystem, own_postgres: PostgresServer, undisturbed: Rows
) -> None:
    """Given Postgres away at start, then restarted under load, then killed under load; then each time every process
    is alive and says that Postgres is missing, goes on by itself when it is back, and the rows are those of an
    undisturbed run.
    """
    url = await asyncio.to_thread(own_postgres.fresh_database)
    await migrate(url)
    story = stories.of_all_tests()
    first, (during_the_restart, *second), (during_the_crash, *third) = stories.thirds(story)
    async with new_system(story.starts_at, database_url=url, BATON_BATCH_MAX_RECORDS="5") as system:
        async with _away(system, "postgres", own_postgres.stop, own_postgres.start):
            system.launch()
        for process in system.processes.values():
            await until(process.has_started, f"{process.name} starts when Postgres is there")
        await system.play(*first)
        async with _away(system, "postgres", own_postgres.stop, own_postgres.start):
            await system.hand_over(during_the_restart)
        await system.clock(during_the_restart.at)
        await system.play(*second)
        async with _away(system, "postgres", own_postgres.kill, own_postgres.start):
            await system.hand_over(during_the_crash)
        await system.clock(during_the_crash.at)
        await system.play(*third)
        await system.at_rest()
        after = await rows.rows(system)
        wrong = await deliveries.complaints(system, system.receiver.deliveries)

    assert rows.different(undisturbed, after) == {}
    assert wrong == []


@asynccontextmanager
async def _away(
    system: System, server: str, leave: Callable[[], None], come_back: Callable[[], None]
) -> AsyncIterator[None]:
    """Take a server away for a while, with the system at work; every process says so, lives, and sees it return."""
    await asyncio.to_thread(leave)
    try:
        yield
        gone_at = time.monotonic()
        for name in PROCESSES:
            await until(partial(_misses, system, name, server), f"{name} misses {server}")
        while time.monotonic() - gone_at < AWAY:
            for name in PROCESSES:
                alive = await system.processes[name].ask("/healthz")
                assert alive.status_code == 200, (name, alive.text)
            await asyncio.sleep(0.5)
    finally:
        await asyncio.to_thread(come_back)
    for name in PROCESSES:
        await until(partial(_ready, system, name), f"{name} is ready again")


async def _misses(system: System, name: str, server: str) -> bool:
    said = await system.processes[name].ask("/readyz")
    checks = said.json()["checks"]
    missing = not checks.get(server, {"ok": False})["ok"]
    return said.status_code == 503 and missing


async def _ready(system: System, name: str) -> bool:
    return (await system.processes[name].ask("/readyz")).status_code == 200
