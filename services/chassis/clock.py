"""The one place that may ask what time it is: the database says, or the controlled clock's row in it."""

import time
from datetime import UTC, datetime

from services.chassis.postgres import Db

# Where the controlled clock is not on, baton.clock is empty and the database's own clock decides.
NOW = "coalesce((SELECT at FROM baton.clock), statement_timestamp())"


class ClockError(Exception):
    """The controlled clock was asked for something it does not do."""


async def now(db: Db) -> datetime:
    """The current time of the system, the same for every process, in UTC."""
    at: datetime = await db.fetchval(f"SELECT {NOW}")
    return at.astimezone(UTC)


async def set_clock(db: Db, at: datetime) -> None:
    """Put the controlled clock to `at`; it goes forward only."""
    if at.tzinfo is None:
        raise ClockError(
            "The clock needs a time with its offset from UTC, such as 2026-01-12T10:00:00-05:00."
        )
    moved = await db.fetchval(
        "INSERT INTO baton.clock (at) VALUES ($1) "
        "ON CONFLICT (single) DO UPDATE SET at = excluded.at WHERE baton.clock.at <= excluded.at RETURNING at",
        at,
    )
    if moved is None:
        raise ClockError("The controlled clock goes forward only; it is already past that time.")


async def controlled(db: Db) -> bool:
    """Whether the controlled clock is on in this database."""
    return bool(await db.fetchval("SELECT EXISTS (SELECT FROM baton.clock)"))


def monotonic() -> float:
    """Seconds that only ever pass; for durations, never for instants."""
    return time.monotonic()


def wall() -> datetime:
    """This machine's clock, in UTC; for measurements only, never for what is decided or stored."""
    return datetime.now(UTC)


class Patience:
    """Measures how long something has stood still, in real seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._value: object = None
        self._since = monotonic()

    def watch(self, value: object) -> bool:
        """Tell whether `value` has stayed the same for longer than the patience; a new value starts again."""
        if value != self._value:
            self._value = value
            self._since = monotonic()
        return self.elapsed > self.seconds

    @property
    def elapsed(self) -> float:
        return monotonic() - self._since
