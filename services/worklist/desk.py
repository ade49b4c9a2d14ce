"""What every request stands on: a look at the read model that ends in time, and the acts of a person."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from services.chassis import clock
from services.chassis.postgres import Db, Pool, is_transient
from services.worklist.contact import Contact
from services.worklist.problems import Problem
from services.worklist.settings import Settings
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
    """One look at the read model: by whom, when, and what contact hours go by. Ends with its request."""

    db: Db
    by: str
    now: datetime
    contact: Contact
    memory: Memory = field(default_factory=Memory)


class Desk:
    """The worklist as its routes see it; `service` is there once the process has started."""

    service: "Service"

    def __init__(self, settings: Settings) -> None:
        """Raise SettingsError where the facilities cannot be read."""
        self.settings = settings
        self.contact = settings.contact()
        self.memory = Memory()

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
                yield Look(db, by, await clock.now(db), self.contact, self.memory)
        except Exception as error:
            if not is_transient(error):
                raise
            raise slow("The database is slow or away just now: try again in a moment.") from error


def slow(sentence: str) -> Problem:
    return Problem(503, "unavailable", sentence, headers={"Retry-After": RETRY_AFTER})
