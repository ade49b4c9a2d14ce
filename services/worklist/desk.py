"""What every request stands on: a look at the read model that ends in time, and the acts of a person."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.chassis.postgres import Db, Pool, is_transient
from services.worklist.contact import Contact
from services.worklist.live import Live
from services.worklist.problems import Problem
from services.worklist.settings import Settings
from services.worklist.sql import SQL
from services.worklist.views import Choices

if TYPE_CHECKING:
    from services.chassis.service import Service

RETRY_AFTER = "2"


@dataclass(slots=True)
class Memory:
    """What is dear to find out and may be some seconds old: each with when it was found out."""

    choices: tuple[float, Choices] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the read model: by whom, when, and what contact hours go by. Ends with its request.

    `change` is the number of a change that everything read by it has seen.
    """

    db: Db
    by: str
    now: datetime
    contact: Contact
    memory: Memory = field(default_factory=Memory)
    change: int = 0


class Desk:
    """The worklist as its routes see it; `service` is there once the process has started."""

    service: "Service"

    def __init__(self, settings: Settings) -> None:
        """Raise SettingsError where the facilities cannot be read."""
        self.settings = settings
        self.contact = settings.contact()
        self.memory = Memory()
        self.live = Live()

    @property
    def pool(self) -> Pool:
        """The pool; a Problem (503) while the process is starting."""
        pool: Pool | None = getattr(getattr(self, "service", None), "pool", None)
        if pool is None:
            raise slow("The worklist is starting: try again in a moment.")
        return pool

    @asynccontextmanager
    async def look(self, by: str) -> AsyncIterator[Look]:
        """A connection for one request; a Problem (503) where the database is away, or slower than is bearable."""
        pool = self.pool
        try:
            async with asyncio.timeout(self.settings.worklist_answer_within), pool.acquire() as db:
                moment = await db.fetchrow(SQL["moment"])
                assert moment is not None
                now = moment["now"].astimezone(UTC)
                yield Look(db, by, now, self.contact, self.memory, moment["change"])
        except Exception as error:
            if not is_transient(error):
                raise
            raise slow("The database is slow or away just now: try again in a moment.") from error

    @asynccontextmanager
    async def act(self, by: str) -> AsyncIterator[Look]:
        """A look in one transaction, to be written in; it commits when the body ends well."""
        async with self.look(by) as look, look.db.transaction():
            yield look

    def wake(self) -> None:
        """After the commit: there is something to publish."""
        relay = getattr(self.service, "relay", None)
        if relay is not None:
            relay.wake()


def slow(sentence: str) -> Problem:
    return Problem(503, "unavailable", sentence, headers={"Retry-After": RETRY_AFTER})
