"""`baton worklist link`: an address that signs in once, on the embedded servers only."""

import os
import re
import sys
from collections.abc import Sequence

import asyncpg

from baton.addresses import Addresses, find_running
from baton.trouble import Misuse, Trouble
from services.worklist.access import links
from services.worklist.access.roles import Role
from services.worklist.access.users import NAME

NAMED = re.compile(NAME)


async def link(name: str, roles: Sequence[str], teams: Sequence[str]) -> int:
    """Print the address, alone, on stdout."""
    if not NAMED.fullmatch(name):
        raise Misuse("NAME should be lower case letters, digits, . _ @ and -, at most 60.")
    try:
        wanted = [Role(each) for each in roles] or links.ROLES
    except ValueError:
        raise Misuse(f"That is no role; the roles are {', '.join(Role)}.") from None
    here = find_running()
    if here is None:
        raise Trouble("Nothing is running here: start `baton up`.")
    print(await make(here, name, wanted, teams))
    print("Good once, within ten minutes.", file=sys.stderr)
    return 0


async def make(
    here: Addresses, name: str = links.NAME, roles: Sequence[Role] = links.ROLES, teams: Sequence[str] = ()
) -> str:
    """Make a link into the system at these addresses; raises Trouble where there is no place for one."""
    if not here.embedded:
        raise Misuse("Links are for the embedded servers: here people sign in with a password or a provider.")
    where = os.environ.get("BATON_WORKLIST_URL") or here.services.get("worklist")
    if where is None:
        raise Trouble("No worklist runs here.")
    try:
        db = await asyncpg.connect(here.database_url, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        raise Trouble("The embedded PostgreSQL cannot be reached.") from None
    try:
        return where.rstrip("/") + await links.make(db, name=name, roles=roles, teams=teams)
    finally:
        await db.close()
