"""How far the processes of a run have come: what is applied, what is published, and whether they still live."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Self

import asyncpg

from services.chassis.kafka import Admin
from services.chassis.postgres import Db
from tests.bench.stand import PARTITIONS, Ground, Process, cpu_seconds, say

POLL = 0.05
PATIENCE = 600.0
AT_REST = 0.35
"""CPU seconds a second that four idle processes may use, with their marks and questions."""

_APPLIED = 'SELECT "partition", applied_offset + 1 FROM baton.applied_mark WHERE consumer = $1 AND topic = $2'


class Progress:
    """The product's: each consumer notes in its own transaction what it has applied."""

    poll = POLL

    def __init__(self, ground: Ground, running: Mapping[str, Process]) -> None:
        self.ground = ground
        self._running = running
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.db: Db = await asyncpg.connect(self.ground.database_url)
        self._stack.push_async_callback(self.db.close)
        self.admin = await self._stack.enter_async_context(Admin(self.ground.settings))
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._stack.aclose()

    async def read(self, consumer: str, topic: str) -> dict[int, int]:
        """The next offset of each partition that the consumer has still to apply."""
        return {number: upto or 0 for number, upto in await self.db.fetch(_APPLIED, consumer, topic)}

    async def ends(self, topic: str) -> list[int]:
        found = await self.admin.end_offsets([topic])
        return [found[topic, number] for number in range(PARTITIONS)]

    async def until_applied(self, consumer: str, topic: str, wanted: Sequence[int]) -> None:
        """Wait until a consumer has applied every partition up to these offsets, exclusive."""
        began = told = time.monotonic()
        while True:
            found = await self.read(consumer, topic)
            reached = [found.get(number, 0) for number in range(PARTITIONS)]
            if all(have >= want for have, want in zip(reached, wanted, strict=True)):
                return
            if time.monotonic() - told > 5:
                told = time.monotonic()
                say(f"{consumer}: {sum(reached)} of {sum(wanted)} records of {topic}")
            await self._rest(began)

    async def until_published(self, *tables: str) -> None:
        """Wait until Kafka has the latest state of every row."""
        began = time.monotonic()
        for table in tables:
            waits = f"SELECT EXISTS (SELECT FROM {table}_unpublished)"
            while await self.db.fetchval(waits):
                await self._rest(began)

    async def until_rest(self) -> float:
        """Wait until alerts, too, have caught up and the processes are idle; gives the seconds it took."""
        began = time.monotonic()
        await self.until_published("transitions.episode", "transitions.deadline")
        pids = {name: process.pid for name, process in self._running.items()}
        while True:
            before = sum(cpu_seconds(pids).values())
            await asyncio.sleep(1)
            if sum(cpu_seconds(pids).values()) - before < AT_REST:
                return round(time.monotonic() - began - 1, 1)
            await self._rest(began)

    async def _rest(self, began: float) -> None:
        for process in self._running.values():
            process.must_live()
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError(f"not done after {PATIENCE:.0f} s")
        await asyncio.sleep(self.poll)


class CommittedProgress(Progress):
    """The straightforward version's: all it leaves is the offsets its groups have committed."""

    poll = 0.25

    async def read(self, consumer: str, topic: str) -> dict[int, int]:
        committed = await self.admin.committed(consumer, [topic])
        return {number: offset for (_, number), offset in committed.items()}
