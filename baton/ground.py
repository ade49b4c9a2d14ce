"""What the services stand on: schema, topics and clock brought to where they need them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import httpx

from baton.addresses import Addresses
from baton.trouble import Misuse, Trouble
from schemas.base import iso
from schemas.topics import TOPICS
from services.chassis import clock, kafka, logs, migrations
from services.chassis.postgres import Db, Pool
from services.chassis.settings import SECURITY, ServiceSettings, SettingsError, load

UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
OURS = {"application_name": "baton", "timezone": "UTC"}
LOGIN = (
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


def settings_of(addresses: Addresses) -> ServiceSettings:
    """Give the settings of a process that works with the system at these addresses."""
    # What the environment says of another Kafka does not hold for the embedded broker.
    unset: dict[str, Any] = dict.fromkeys(SECURITY if addresses.embedded else ())
    try:
        settings = load(
            ServiceSettings,
            database_url=addresses.database_url,
            kafka_bootstrap_servers=addresses.kafka_bootstrap_servers,
            topic_prefix=addresses.topic_prefix,
            kafka_idempotence=not addresses.embedded,
            controlled_clock=addresses.controlled_clock,
            **unset | ({"kafka_security_protocol": "PLAINTEXT"} if addresses.embedded else {}),
        )
    except SettingsError as error:
        raise Misuse(str(error)) from None
    # stdout is for data: what the chassis has to say goes to stderr, if it matters.
    logs.configure("baton", settings.model_copy(update={"log_level": "ERROR", "log_format": "plain"}))
    return settings


@asynccontextmanager
async def database(addresses: Addresses) -> AsyncIterator[Db]:
    """One connection for a command; whatever keeps Postgres from working with us is one sentence."""
    try:
        db = await asyncpg.connect(
            addresses.database_url,
            timeout=10,
            server_settings=OURS,
        )
    except UNREACHABLE as error:
        raise unreachable(error) from None
    try:
        yield db
    except UNREACHABLE as error:
        raise unreachable(error) from None
    finally:
        await db.close(timeout=2)


@asynccontextmanager
async def pool(addresses: Addresses) -> AsyncIterator[Pool]:
    """A few connections, for work that the services' own code does."""
    try:
        async with asyncpg.create_pool(
            addresses.database_url, min_size=1, max_size=4, timeout=10, server_settings=OURS
        ) as opened:
            yield opened
    except UNREACHABLE as error:
        raise unreachable(error) from None


def unreachable(error: Exception) -> Trouble:
    """Say what keeps Postgres from working with us, by the class of the error: its text may quote values."""
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, LOGIN):
        return Trouble(
            f"Postgres refused a statement ({type(error).__name__}): is this database Baton's? `baton migrate`."
        )
    return Trouble(
        f"The database cannot be reached or refuses us ({type(error).__name__}); see DATABASE_URL."
    )


async def migrate(addresses: Addresses) -> list[str]:
    try:
        return await migrations.migrate(addresses.database_url)
    except migrations.SchemaError as error:
        raise Trouble(str(error)) from None
    except UNREACHABLE as error:
        raise unreachable(error) from None


async def ensure_topics(addresses: Addresses) -> None:
    """Create the topics that are missing."""
    specs = [kafka.TopicSpec(t.name, t.partitions, t.compacted, t.retention_ms, t.max_bytes) for t in TOPICS]
    try:
        await kafka.ensure_topics(settings_of(addresses), specs)
    except kafka.KafkaAwayError as error:
        raise Trouble(f"{error} See KAFKA_BOOTSTRAP_SERVERS.") from None


async def forget_offsets(addresses: Addresses) -> None:
    """A broker that begins anew counts from zero: what was applied of the old one says nothing there."""
    async with database(addresses) as db:
        await db.execute("UPDATE baton.applied_mark SET applied_offset = NULL")


async def set_clock(addresses: Addresses, at: datetime | None) -> datetime | None:
    """Put the controlled clock to `at`, where asked; give where it stands, None where real time decides."""
    async with database(addresses) as db:
        if at is not None:
            await _must_be_for_tests(db, addresses)
            try:
                await clock.set_clock(db, at)
            except clock.ClockError:
                stands = iso(await clock.now(db))
                raise Misuse(f"The controlled clock here stands at {stands} and goes forward only.") from None
        return await clock.now(db) if await clock.controlled(db) else None


async def _must_be_for_tests(db: Db, addresses: Addresses) -> None:
    """The clock may be taken over where it already was, or where nothing was read by the real one."""
    if await clock.controlled(db):
        return
    if await db.fetchval("SELECT EXISTS (SELECT FROM admissions.event)"):
        where = "This embedded database" if addresses.embedded else "This database"
        raise Misuse(
            f"{where} holds messages read by the real clock: --clock is for an empty one, for tests."
        )


async def is_ready(http: str) -> bool:
    """Tell whether a process says that it can do its work."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            return (await client.get(f"{http}/readyz")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
