"""How often: tries to sign in, counted in Postgres; requests of a session, counted in this process.

Tries must not start again with the other replica or a restart, and are few. Requests are many, and their limit
protects this process only: each counts its own.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

from services.chassis.clock import monotonic
from services.chassis.postgres import Db
from services.worklist.access.store import SQL

WINDOW = timedelta(minutes=15)
MOST_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `most` tries of one subject in a window."""

    name: str
    most: int
    window: timedelta = WINDOW


# Few for one who guesses from one place; more for the name alone, so that nobody far away keeps a nurse out easily
# (NIST SP 800-63B-4, 3.2.2, allows 100); most for an address, behind which a whole hospital may be.
NAME_HERE = Rule("name and address", 5)
NAME = Rule("name", 50)
ADDRESS = Rule("address", 100)
# What leaves a row here without a password: a sign-in that goes to the provider, or comes back from nowhere, a link.
BEGUN = Rule("begun", 60, timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class Refused:
    """No try is left for so many seconds; `first`: the one before was still allowed.

    Only the first is recorded: nobody fills the audit from outside.
    """

    seconds: int
    first: bool


@dataclass(frozen=True, slots=True)
class Try:
    """Something somebody tries, under the rules that limit it."""

    subjects: Sequence[tuple[Rule, str]]

    async def count(self, db: Db) -> Refused | None:
        """Count it; gives nothing where it may be tried.

        Counted before it is known whether it is right: many at once are still many.
        """
        rows = await db.fetch(
            SQL["count_try"],
            [rule.name for rule, _ in self.subjects],
            [subject for _, subject in self.subjects],
            [rule.window for rule, _ in self.subjects],
            [rule.most for rule, _ in self.subjects],
        )
        if not rows:
            return None
        return Refused(max(math.ceil(row["seconds"]) for row in rows), any(row["first"] for row in rows))

    async def was_right(self, db: Db) -> None:
        """It was no guess: the name begins anew, and the address has one try more."""
        names = [(rule.name, subject) for rule, subject in self.subjects if rule is not ADDRESS]
        rest = [(rule.name, subject) for rule, subject in self.subjects if rule is ADDRESS]
        await db.execute(SQL["forget_tries"], [rule for rule, _ in names], [who for _, who in names])
        await db.execute(SQL["take_try_back"], [rule for rule, _ in rest], [who for _, who in rest])


def password_try(name: str, address: str) -> Try:
    address = _network(address)
    return Try([(NAME_HERE, _of(name, address)), (NAME, _of(name)), (ADDRESS, _of(address))])


def begun_try(address: str) -> Try:
    return Try([(BEGUN, _of(_network(address)))])


def _network(address: str) -> str:
    """An address as one place: whoever has one of IPv6 has the 2^64 beside it."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else address


def _of(*parts: str) -> str:
    """A short digest: what was typed as a name may be a password, which 64 bits do not tell."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


class Requests:
    """A token bucket for each session: as many at once as a minute allows, refilled evenly."""

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._buckets: dict[UUID, tuple[float, float]] = {}

    def take(self, session_id: UUID) -> int:
        """Take one; gives the seconds to wait where there is none, 0 else."""
        now = monotonic()
        if len(self._buckets) > MOST_SESSIONS:
            self._buckets = {each: held for each, held in self._buckets.items() if now - held[1] < 60}
        left, since = self._buckets.get(session_id, (self._most, now))
        left = min(self._most, left + (now - since) * self._most / 60)
        if left < 1:
            self._buckets[session_id] = left, now
            return math.ceil((1 - left) * 60 / self._most)
        self._buckets[session_id] = left - 1, now
        return 0
