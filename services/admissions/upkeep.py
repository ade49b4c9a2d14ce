"""What keeps admissions in shape: old raw messages go by the month; refolding after an upgrade."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.admissions import holding, ledger, store
from services.admissions.domain.fold import applied
from services.admissions.domain.silence import WEEKS
from services.admissions.feeds import Feeds
from services.admissions.people import SetGrewError
from services.admissions.settings import Settings
from services.admissions.store import Kept
from services.chassis import clock
from services.chassis.logs import get_logger
from services.chassis.postgres import Pool, transaction
from services.chassis.service import Service

log = get_logger("admissions.upkeep")

PAGE = 200
"""Visit numbers, or events without one, that are applied in one transaction."""


async def prune(service: Service) -> None:
    """Drop the months of raw messages that are wholly older than the retention; what they said stays.

    What is too old to tell a feed's habit goes as well.
    """
    settings = service.settings
    retention = (
        settings.raw_retention
        if isinstance(settings, Settings)
        else Settings.model_fields["raw_retention"].default
    )
    async with service.pool.acquire() as db:
        now = await clock.now(db)
        oldest = now - retention
        await db.execute(store.SQL["forget_heard"], now - timedelta(weeks=WEEKS + 2))
        for name in sorted(await store.message_months(db)):
            year, month = int(name[-7:-3]), int(name[-2:])
            end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            if end <= oldest:
                await db.execute(f'DROP TABLE IF EXISTS admissions."{name}"')
                log.info("a month of raw messages was dropped", month=name)


async def refold(pool: Pool, feeds: Feeds, tell: Callable[[int, int], None] | None = None) -> int:
    """Apply every stored event again, as this version understands it; gives the number of visits that changed.

    What names no visit comes first: merges hold before the visits. Closed visits stand as they are. Safe beside a
    running system and safe to repeat: nothing changes where nothing differs. `tell` is given the number of events
    read and of visits changed after each page.
    """
    read, changed = 0, 0
    for by_visit in (False, True):
        after = UUID(int=0)
        while True:
            async with pool.acquire() as db:
                if by_visit:
                    roots = await store.stored_roots(db, after, PAGE)
                    page = await store.stored_events(db, roots)
                else:
                    page = await store.stored_events_without_visit(db, after, PAGE)
                    roots = [one.event_id for one in page]
            if not roots:
                break
            after, read = roots[-1], read + len(page)
            changed += await refold_events(pool, feeds, page) if page else 0
            if tell:
                tell(read, changed)
    return changed


async def refold_events(pool: Pool, feeds: Feeds, page: Sequence[Kept]) -> int:
    """Apply these stored events again, in one transaction; gives the number of visits that changed."""
    wanted: set[UUID] = set()
    while True:
        try:
            async with transaction(pool) as db:
                again = await holding.surrogates(db, [(one.event_id, one.event) for one in page])
                held = await holding.hold(db, again, wanted)
                written = await ledger.settle(db, again, held, feeds)
                await store.mark_applied(db, [one.event_id for one in again if applied(one.event.trigger)])
                return written
        except SetGrewError as grown:
            wanted |= grown.patients
