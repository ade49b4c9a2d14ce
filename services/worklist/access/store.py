"""What signing in keeps in Postgres: one typed function a statement; the caller opens the transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from services.chassis import sql
from services.chassis.postgres import Db, Row
from services.worklist.access.roles import Role, User
from services.worklist.access.tokens import digest

SQL = sql.load("services.worklist.access")


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in, by which method, and what that rests on.

    groups   what an OIDC provider said they are in
    unseen   how long ago the session was last used
    """

    session_id: UUID
    user: User
    method: str
    credential: str
    groups: frozenset[str] = frozenset()
    unseen: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that is under way at an OIDC provider."""

    nonce: str
    code_verifier: str
    next_path: str


async def begin_session(
    db: Db,
    token: str,
    user: User,
    method: str,
    credential: str,
    longest: timedelta,
    groups: Sequence[str] = (),
) -> UUID:
    session_id = uuid4()
    await db.execute(
        SQL["begin_session"],
        session_id,
        digest(token),
        user.subject,
        user.name,
        sorted(user.roles),
        list(user.teams),
        method,
        sorted(groups),
        longest,
        credential,
    )
    return session_id


async def read_session(db: Db, token: str, idle: timedelta) -> Session | None:
    """The session of a token; None where there is none, or it has ended."""
    row = await db.fetchrow(SQL["read_session"], digest(token), idle)
    if row is None or (user := _user(row["subject"], row)) is None:
        return None
    return Session(
        row["session_id"], user, row["method"], row["credential"], frozenset(row["groups"]), row["unseen"]
    )


def _user(subject: str, row: Row) -> User | None:
    """None where a role is one that this program does not know."""
    try:
        roles = frozenset(map(Role, row["roles"]))
    except ValueError:
        return None
    return User(subject, row["name"], roles, tuple(row["teams"]))


async def touch_session(db: Db, session_id: UUID) -> None:
    await db.execute(SQL["touch_session"], session_id)


async def end_session(db: Db, token: str) -> UUID | None:
    """End the session of a token; gives its id, None where there was none."""
    ended: UUID | None = await db.fetchval(SQL["end_session"], digest(token))
    return ended


async def end_one_session(db: Db, session_id: UUID) -> None:
    await db.execute(SQL["end_one_session"], session_id)


async def end_sessions_of(db: Db, subject: str) -> None:
    await db.execute(SQL["end_sessions_of"], subject)


async def sweep(db: Db, idle: timedelta) -> None:
    """Forget what is over."""
    await db.execute(SQL["drop_sessions"], idle)
    for name in ("drop_links", "drop_attempts", "drop_throttles"):
        await db.execute(SQL[name])


async def make_link(db: Db, token: str, user: User, lasts: timedelta) -> None:
    await db.execute(SQL["make_link"], digest(token), user.name, sorted(user.roles), list(user.teams), lasts)


async def use_link(db: Db, token: str) -> User | None:
    """Whom a link signs in; it is used up by that. None where it was used, is too old, or never was."""
    row = await db.fetchrow(SQL["use_link"], digest(token))
    return None if row is None else _user(f"link:{row['name']}", row)


async def begin_attempt(db: Db, state: str, browser: str, attempt: Attempt, lasts: timedelta) -> None:
    await db.execute(
        SQL["begin_attempt"],
        digest(state),
        digest(browser),
        attempt.nonce,
        attempt.code_verifier,
        attempt.next_path,
        lasts,
    )


async def end_attempt(db: Db, state: str, browser: str) -> Attempt | None:
    """The sign-in that came back to the browser that began it; None for any other."""
    row = await db.fetchrow(SQL["end_attempt"], digest(state), digest(browser))
    return None if row is None else Attempt(row["nonce"], row["code_verifier"], row["next_path"])
