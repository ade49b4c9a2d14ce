"""What waits for an instant is raised at it: alerts held by a settle window, and late-known work."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from schemas import topics
from services.chassis import clock, marks
from services.chassis.loops import run_forever
from services.chassis.postgres import Db, transaction
from services.chassis.service import Service
from services.notifications import book, store
from services.notifications.consumer import announce
from services.notifications.contacts import Contacts
from services.notifications.domain import alerts

CHUNK = 500
REST = 1.0
BEHIND_REST = 0.05
"""While something is due and what was known by then is not applied yet."""

APPLIED = (
    ("transitions", (topics.ADT_INBOUND, topics.CARE_ACTIONS)),
    ("notifications", (topics.CARE_TRANSITIONS,)),
)
"""Whose applied marks must have passed an instant before it counts: a message within the window may end the alert."""


class Held:
    """One replica; any number may run."""

    def __init__(self, contacts: Contacts, tell: Callable[[], None], patience: float) -> None:
        """Call `tell` after something was raised; wait for a mark that stands still for `patience` seconds."""
        self._contacts = contacts
        self._tell = tell
        self._patience = clock.Patience(patience)

    async def run(self, service: Service) -> None:
        """Raise until cancelled."""
        await run_forever(
            "raise",
            partial(self.once, service),
            service.progress,
            every=REST,
            retry_max=5,
            registry=service.registry,
        )

    async def once(self, service: Service) -> float:
        """Raise whatever may be raised now; gives how long to rest, in seconds."""
        async with service.pool.acquire() as db:
            now = await clock.now(db)
            due = await store.next_raise(db)
            mark = await applied(db)
        waited_long = self._patience.watch(mark)
        if due is None or due > now:
            return REST if due is None else min((due - now).total_seconds(), REST)
        until = now if waited_long else min(mark, now) if mark else None
        if until is None or due > until:
            return BEHIND_REST
        await self._raise(service, until)
        return 0

    async def _raise(self, service: Service, until: datetime) -> None:
        async with transaction(service.pool) as db:
            changes = list(alerts.raise_held(await store.claim_held(db, until, CHUNK), until))
            await book.write(db, changes, self._contacts, until)
        async with transaction(service.pool) as db:
            lists = dict.fromkeys(await store.ripe_teams(db, until))
            changes += await book.follow_lists(db, lists, self._contacts, until)
        if changes:
            announce(service, changes)
            self._tell()


async def applied(db: Db) -> datetime | None:
    """Up to when everything that reached Baton is in our rows; None until that is known."""
    found = [await marks.lowest(db, consumer, read) for consumer, read in APPLIED]
    known = [mark for mark in found if mark is not None]
    return min(known) if len(known) == len(found) else None
