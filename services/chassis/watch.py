"""What every service does beside its work: see who answers, and mark how far it has got."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from services.chassis import clock, marks, metrics, migrations
from services.chassis.kafka import Admin, KafkaAwayError
from services.chassis.listening import listen
from services.chassis.logs import error_name
from services.chassis.loops import run_forever
from services.chassis.postgres import Pool, is_transient

if TYPE_CHECKING:
    from services.chassis.service import Service

REACH_INTERVAL = 5.0
LONGEST_PAUSE = 5.0
PATIENCE = 4.0


async def reach(service: "Service") -> None:
    """See, for ever, whether Postgres and Kafka answer."""
    await run_forever(
        "reach",
        partial(reach_once, service),
        service.progress,
        every=REACH_INTERVAL,
        registry=service.registry,
    )


async def reach_once(service: "Service") -> None:
    """A broker that came back with nothing is given everything again."""
    reachable = service.registry.gauge(metrics.REACHABLE)
    postgres = None
    if service.uses_postgres:
        postgres = await postgres_answers(service.pool)
        reachable.labels("postgres").set(postgres is None)
    kafka = await kafka_answers(service.admin)
    reachable.labels("kafka").set(kafka is None)
    if kafka is not None:
        # Whoever reads from Kafka waits for it; that is progress.
        for subscriber in service.subscribers:
            service.progress.beat(subscriber.name)
    elif postgres is None and service.outlets:
        await _same_cluster(service)


async def _same_cluster(service: "Service") -> None:
    cluster = await service.admin.cluster_id()
    if cluster != service.relay.cluster:
        await service.admin.ensure(service.topics)
        service.producer.forget_topics()
        await service.relay.on_cluster(cluster)


async def mark(service: "Service") -> None:
    """Write, for ever, how far the partitions in which nothing happens are applied; at once where that is wanted."""
    await run_forever(
        "mark",
        partial(mark_once, service),
        service.progress,
        every=service.settings.mark_interval,
        signal=service.mark_wanted,
        retry_max=LONGEST_PAUSE,
        registry=service.registry,
    )


async def listen_for_wanted_marks(service: "Service") -> None:
    """Hear, for ever, that someone waits for our mark."""
    once = partial(_hear, service)
    await run_forever(
        "marks wanted", once, service.progress, every=1, retry_max=LONGEST_PAUSE, registry=service.registry,
        limit=float("inf"),
    )  # fmt: skip


async def _hear(service: "Service") -> None:
    await listen(service.settings.database_url, marks.WANTED, lambda _: service.mark_wanted.set())


async def mark_once(service: "Service") -> None:
    await service.marks.cover_idle(service.pool, service.admin, service.subscribers)
    service.marked.set()
    async with service.pool.acquire() as db:
        lowest = await service.marks.lowest(db)
        now = await clock.now(db)
    if lowest is not None:
        age = (now - lowest).total_seconds()
        service.registry.gauge(metrics.MARK_AGE).labels(service.name).set(age)


async def postgres_answers(pool: Pool) -> str | None:
    """Nothing when Postgres answers and holds the schema this program knows; else what is wrong."""
    try:
        async with asyncio.timeout(PATIENCE), pool.acquire() as db:
            await migrations.check(db)
    except migrations.SchemaError as error:
        return str(error)
    except Exception as error:
        if not is_transient(error):
            raise
        return f"Postgres does not answer: {error_name(error)}."
    return None


async def kafka_answers(admin: Admin) -> str | None:
    """Nothing when Kafka answers; else what is wrong."""
    try:
        async with asyncio.timeout(PATIENCE):
            await admin.cluster_id()
    except (KafkaAwayError, TimeoutError) as error:
        return f"Kafka does not answer: {error_name(error)}."
    return None
