"""What a service waits for before it can work: each with back-off, each saying what is missing."""

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from services.chassis import migrations
from services.chassis.kafka import Admin, Broker, KafkaAwayError, TopicSpec
from services.chassis.logs import error_name, get_logger
from services.chassis.postgres import Pool, backoff, is_transient
from services.chassis.settings import ServiceSettings

log = get_logger("startup")


async def schema_known(settings: ServiceSettings, pool: Pool) -> None:
    """Return when the schema is the one this program knows; raise SchemaError when it is another."""
    for pause in backoff(settings.retry_min, settings.retry_max):
        try:
            async with pool.acquire() as db:
                return await migrations.check(db)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("waiting for Postgres", reason=error_name(error), retry_in=round(pause, 1))
        await asyncio.sleep(pause)
    return None


async def topics_exist(
    settings: ServiceSettings, admin: Admin, wanted: Sequence[TopicSpec], needed: Sequence[str]
) -> str:
    """Create the topics `wanted`, wait until those `needed` exist, and return the cluster's id.

    A consumer that meets a missing topic would have the broker create it, with one partition.
    """
    for pause in backoff(settings.retry_min, settings.retry_max):
        try:
            if wanted:
                await admin.ensure(wanted)
            missing = sorted(set(needed) - set(await admin.partitions(needed)))
            if not missing:
                return await admin.cluster_id()
            log.warning("waiting for topics that do not exist yet", topics=missing, retry_in=round(pause, 1))
        except KafkaAwayError as error:
            log.warning("waiting for Kafka", reason=str(error), retry_in=round(pause, 1))
        await asyncio.sleep(pause)
    raise AssertionError("back-off never ends")


async def broker_started(settings: ServiceSettings, broker: Broker) -> None:
    """Join the groups, however long it takes. FastStream's own application would give up and linger (P13)."""
    for pause in backoff(settings.retry_min, settings.retry_max):
        try:
            return await broker.start()
        except Exception as error:
            if not (isinstance(error, KafkaError) or is_transient(error)):
                raise
            log.warning("waiting for Kafka", reason=error_name(error), retry_in=round(pause, 1))
        await asyncio.sleep(pause)
    return None
