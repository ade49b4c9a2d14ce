"""Postgres: a pool that waits for its server, transactions, and which errors pass by themselves."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from services.chassis.logs import error_name, get_logger
from services.chassis.settings import ServiceSettings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Row: TypeAlias = asyncpg.Record
    Pool: TypeAlias = asyncpg.Pool[Row]
    Db: TypeAlias = asyncpg.Connection[Row] | PoolConnectionProxy[Row]
else:
    Row = asyncpg.Record
    Pool = asyncpg.Pool
    Db = Any

log = get_logger("postgres")

# A statement of ours takes milliseconds; one that takes a minute is stuck, and its batch is better retried.
STATEMENT_TIMEOUT = 60
# Whoever holds a lock works for at most one batch.
LOCK_TIMEOUT = 30
CONNECT_TIMEOUT = 5
CLOSE_TIMEOUT = 1

_PASSING = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCachedStatementError,
)


def is_transient(error: BaseException) -> bool:
    """Whether the same work may well succeed later, unchanged: a lost connection, a deadlock, a restart."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_transient(inner) for inner in error.exceptions)
    return isinstance(error, _PASSING)


def backoff(first: float, longest: float) -> Iterator[float]:
    """Pauses that double up to `longest`, each shortened a little at random so that replicas spread out."""
    pause = first
    while True:
        yield pause * random.uniform(0.8, 1.0)
        pause = min(pause * 2, longest)


async def open_pool(settings: ServiceSettings, *, schema: str, plan_anew: bool = False) -> Pool:
    """Open the pool, and wait for as long as Postgres is away. Unqualified names mean `schema`.

    `plan_anew`: every statement is planned for the values it is given, which pays where some may be null.
    """
    for pause in backoff(settings.retry_min, settings.retry_max):
        try:
            return await _create(settings, schema, "force_custom_plan" if plan_anew else "auto")
        except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
            log.error("Postgres refuses the user or password of DATABASE_URL", retry_in=round(pause, 1))  # noqa: TRY400
        except asyncpg.InvalidCatalogNameError:
            log.error("the database of DATABASE_URL does not exist", retry_in=round(pause, 1))  # noqa: TRY400
        except _PASSING as error:
            log.warning("waiting for Postgres", reason=error_name(error), retry_in=round(pause, 1))
        await asyncio.sleep(pause)
    raise AssertionError("back-off never ends")


async def _create(settings: ServiceSettings, schema: str, plans: str) -> Pool:
    return await asyncpg.create_pool(
        settings.database_url,
        min_size=1,
        max_size=settings.database_pool_size,
        timeout=CONNECT_TIMEOUT,
        command_timeout=STATEMENT_TIMEOUT + 5,
        server_settings={
            "application_name": f"baton-{schema}",
            "search_path": f"{schema}, public",
            "timezone": "UTC",
            "statement_timeout": f"{STATEMENT_TIMEOUT}s",
            "lock_timeout": f"{LOCK_TIMEOUT}s",
            "idle_in_transaction_session_timeout": f"{STATEMENT_TIMEOUT}s",
            # Our statements are short; compiling one costs more than running it.
            "jit": "off",
            "plan_cache_mode": plans,
        },
    )


async def close_pool(pool: Pool) -> None:
    """Give connections back, but not for longer than a shutdown may take."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await pool.close()
    except (TimeoutError, *_PASSING):
        pool.terminate()


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Db]:
    """One connection in one transaction: committed at the end, rolled back on any error."""
    async with pool.acquire(timeout=LOCK_TIMEOUT) as db, db.transaction():
        yield db


async def ping(pool: Pool) -> None:
    """Raise unless Postgres answers soon."""
    async with asyncio.timeout(CONNECT_TIMEOUT), pool.acquire() as db:
        await db.fetchval("SELECT 1")
