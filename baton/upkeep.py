"""Migrate, republish and refold: work on the database that the running services take up by themselves."""

import sys

import asyncpg

from baton.addresses import find_database
from baton.trouble import Trouble
from services.chassis import migrations


async def migrate() -> int:
    """Bring the schema up to date and name what was applied."""
    try:
        applied = await migrations.migrate(find_database())
    except migrations.SchemaError as error:
        raise Trouble(str(error)) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise unreachable(error) from None
    for name in applied:
        print(name)
    print(f"{len(applied)} applied." if applied else "The schema was up to date.", file=sys.stderr)
    return 0


def unreachable(error: Exception) -> Trouble:
    """Say that Postgres cannot be worked with, by the class of the error: its text may quote values."""
    return Trouble(
        f"The database cannot be reached or refuses us ({type(error).__name__}); see DATABASE_URL."
    )
