"""The read model made anew beneath those who work on it: told again by its owners, then what nobody told of is swept.

Rows stay until then, so the list is never empty. What people took and what they entered here is not touched.
"""

from services.chassis.postgres import Db
from services.worklist import changes
from services.worklist.changes import Touched
from services.worklist.sql import SQL
from services.worklist.store import lock_projection

SWEEPS = (
    "sweep_visits",
    "sweep_patients",
    "sweep_words",
    "sweep_episodes",
    "sweep_deadlines",
    "sweep_alerts",
)


async def begin(db: Db) -> int:
    """Begin a build; what is published again from now on counts. Gives its number."""
    number: int = await db.fetchval(SQL["begin_build"])
    return number


async def end(db: Db, build: int) -> int:
    """Sweep what the build did not bring, when everything published again has been applied; gives how many rows."""
    swept = 0
    async with db.transaction():
        await lock_projection(db)
        for name in SWEEPS:
            args = () if name == "sweep_words" else (build,)
            done = await db.execute(SQL[name], *args, timeout=600)
            swept += int(done.rpartition(" ")[2])
        await db.execute(SQL["end_build"], build)
        await changes.note(db, Touched(everything=True))
    return swept
