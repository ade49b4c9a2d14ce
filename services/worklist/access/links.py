"""One-time links, by which the embedded stack lets in whoever reads its terminal."""

from collections.abc import Sequence
from datetime import timedelta

from services.chassis.postgres import Db
from services.worklist.access import store
from services.worklist.access.roles import Role, User
from services.worklist.access.tokens import new

LASTS = timedelta(minutes=10)
NAME = "demo"
ROLES = (Role.COORDINATOR, Role.SUPERVISOR, Role.OPERATOR)
"""Whoever tries Baton on their own machine shall see all of it but what few may."""


async def make(db: Db, *, name: str = NAME, roles: Sequence[Role] = ROLES, teams: Sequence[str] = ()) -> str:
    """Make a link; gives its path, which holds the only copy of its token."""
    token = new()
    await store.make_link(db, token, User(f"link:{name}", name, frozenset(roles), tuple(teams)), LASTS)
    return f"/sign-in/link?token={token}"
