"""Publication from the state tables: rows whose revision is ahead of what was published go out as they stand."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.chassis import metrics
from services.chassis.health import Progress
from services.chassis.kafka import Outgoing, Producer, RecordRefusedError
from services.chassis.logs import get_logger
from services.chassis.loops import Signal, run_forever
from services.chassis.postgres import Db, Pool, transaction

log = get_logger("outbox")

CHUNK = 1000
REST = 1.0
# While another replica publishes the same outlet.
TURN = 0.05

_STORED = "SELECT cluster_id FROM baton.kafka_cluster WHERE service = $1 FOR UPDATE"
_STORE = """
INSERT INTO baton.kafka_cluster (service, cluster_id) VALUES ($1, $2)
ON CONFLICT (service) DO UPDATE SET cluster_id = excluded.cluster_id
"""


@dataclass(frozen=True, slots=True)
class Outlet:
    """One state table and the topic it is published to.

    select_sql  rows of which Kafka has yet to hear, at most $1 of them, the longest waiting first;
                must give the columns `id` and `revision`
    mark_sql    given $1 the ids and $2 the revisions that arrived, notes so, never backwards
    reset_sql   makes rows due again that changed at or after $1 (a timestamptz; null means all)
    compose     the record for a row
    """

    name: str
    select_sql: str
    mark_sql: str
    topic: str
    compose: Callable[[asyncpg.Record], Outgoing]
    reset_sql: str


async def republish(db: Db, outlets: Sequence[Outlet], since: datetime | None = None) -> None:
    """Make the rows due again that changed since then, or all of them; the relays see to the rest."""
    async with db.transaction():
        # A table may be large, and this is one statement.
        await db.execute("SET LOCAL statement_timeout TO 0")
        for outlet in outlets:
            await db.execute(outlet.reset_sql, since, timeout=3600)


class Relay:
    """Publishes the outlets of one service; any number of replicas may run, doubles are harmless."""

    def __init__(
        self,
        pool: Pool,
        producer: Producer,
        outlets: Sequence[Outlet],
        *,
        progress: Progress,
        service: str = "service",
        registry: metrics.Registry | None = None,
    ) -> None:
        self.outlets = tuple(outlets)
        self._pool = pool
        self._producer = producer
        self._progress = progress
        self._service = service
        self._registry = registry or metrics.Registry()
        self._signal = Signal()
        # Revisions that Kafka would not take, by outlet and id. They wait for a change, or for a restart.
        self._refused: dict[str, dict[Any, int]] = {outlet.name: {} for outlet in outlets}
        for outlet in outlets:
            self._registry.counter(metrics.PUBLISHED).labels(outlet.name)
            self._count_refused(outlet)
        self.cluster: str | None = None
        self._begun = 0
        self._passed = 0
        self._pass_over = asyncio.Event()

    def wake(self) -> None:
        """There is something to publish: to be called after the commit."""
        self._signal.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        await run_forever(
            "publish",
            self.once,
            self._progress,
            every=REST,
            signal=self._signal,
            retry_max=5,
            registry=self._registry,
        )

    async def once(self) -> float | None:
        """Publish whatever is due, until nothing is."""
        self._begun += 1
        begun, yielded = self._begun, False
        for outlet in self.outlets:
            yielded |= not await self._drain(outlet)
        if yielded:
            return TURN
        self._passed = begun
        self._pass_over.set()
        return None

    async def caught_up(self, seconds: float) -> bool:
        """Wait until everything committed before this call is published; False where that takes longer."""
        wanted = self._begun + 1
        self.wake()
        try:
            async with asyncio.timeout(seconds):
                while self._passed < wanted:
                    self._pass_over.clear()
                    await self._pass_over.wait()
        except TimeoutError:
            return False
        return True

    async def drained(self, db: Db) -> bool:
        """Whether everything is published, but for what Kafka would not take."""
        for outlet in self.outlets:
            if await self._due(db, outlet, limit=1):
                return False
        return True

    async def republish(self, db: Db, since: datetime | None = None) -> None:
        """Make everything due again that changed since then, or everything."""
        await republish(db, self.outlets, since)
        for outlet in self.outlets:
            self._refused[outlet.name].clear()
            self._count_refused(outlet)
        self.wake()

    async def on_cluster(self, cluster_id: str) -> None:
        """Publish everything again when the broker is not the one we published to."""
        if cluster_id == self.cluster:
            return
        async with transaction(self._pool) as db:
            stored = await db.fetchval(_STORED, self._service)
            if stored is not None and stored != cluster_id:
                log.warning("this is another Kafka than before; publishing everything again")
                await self.republish(db)
            await db.execute(_STORE, self._service, cluster_id)
        self.cluster = cluster_id
        self.wake()

    async def _drain(self, outlet: Outlet) -> bool:
        """Publish one outlet until it is empty; False when another replica is at it."""
        async with self._pool.acquire() as db:
            # Two services may share an outlet, as those that plan and that fire do. The lock only spares the work
            # of sending things twice; no row stays locked while Kafka is slow or away.
            lock = f"publish {outlet.name} to {outlet.topic}"
            if not await db.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", lock):
                return False
            try:
                while rows := await self._due(db, outlet, limit=CHUNK):
                    await self._publish(db, outlet, rows)
                    self._progress.beat("publish")
            finally:
                if not db.is_closed():
                    await db.fetchval("SELECT pg_advisory_unlock(hashtextextended($1, 0))", lock)
        return True

    async def _due(self, db: Db, outlet: Outlet, *, limit: int) -> list[asyncpg.Record]:
        refused = self._refused[outlet.name]
        rows = await db.fetch(outlet.select_sql, limit + len(refused))
        return [row for row in rows if refused.get(row["id"]) != row["revision"]]

    async def _publish(self, db: Db, outlet: Outlet, rows: Sequence[asyncpg.Record]) -> None:
        documents = [self._compose(outlet, row) for row in rows]
        ready = [(row, each) for row, each in zip(rows, documents, strict=True) if each is not None]
        try:
            await self._producer.send_many(outlet.topic, [document for _, document in ready])
        except RecordRefusedError as error:
            for index in error.indexes:
                self._refuse(outlet, ready[index][0], error)
            ready = [pair for index, pair in enumerate(ready) if index not in set(error.indexes)]
        sent = [row for row, _ in ready]
        if sent:
            await db.execute(outlet.mark_sql, [row["id"] for row in sent], [row["revision"] for row in sent])
            self._forgive(outlet, sent)
        self._registry.counter(metrics.PUBLISHED).labels(outlet.name).inc(len(sent))

    def _compose(self, outlet: Outlet, row: asyncpg.Record) -> Outgoing | None:
        try:
            return outlet.compose(row)
        except Exception as error:  # noqa: BLE001  (one row that cannot be told must not silence the others)
            self._refuse(outlet, row, error)
            return None

    def _refuse(self, outlet: Outlet, row: asyncpg.Record, error: Exception) -> None:
        self._refused[outlet.name][row["id"]] = row["revision"]
        self._count_refused(outlet)
        log.error(
            "a row cannot be published and is skipped until it changes",
            outlet=outlet.name,
            id=str(row["id"]),
            revision=row["revision"],
            exc_info=error,
        )

    def _forgive(self, outlet: Outlet, sent: Sequence[asyncpg.Record]) -> None:
        refused = self._refused[outlet.name]
        if refused:
            for row in sent:
                refused.pop(row["id"], None)
            self._count_refused(outlet)

    def _count_refused(self, outlet: Outlet) -> None:
        self._registry.gauge(metrics.REFUSED).labels(outlet.name).set(len(self._refused[outlet.name]))
