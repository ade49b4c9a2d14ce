"""A merge that was wrong, undone: kept, void from its first telling to now, and the histories come apart again; and
how many were refused.
"""

from datetime import datetime
from uuid import UUID

from services.admissions import people, store
from services.admissions.domain.identity import ALREADY_RETIRED, CONFLICT, CYCLE, INTO_ITSELF
from services.admissions.people import Said, SetGrewError
from services.chassis import clock, metrics
from services.chassis.postgres import Pool, transaction

CAUSE = "merge_undone"

REASONS = (INTO_ITSELF, CYCLE, ALREADY_RETIRED, CONFLICT)
REFUSED = metrics.declare(
    "baton_merges_refused",
    "gauge",
    "Merges and re-labels of patients and visits that changed nothing and wait for a person, by reason: `baton merges list --status "
    "refused`. Every replica counts them all: take the largest, not the sum.",
    ["reason"],
)


async def undo(pool: Pool, event_id: UUID, by: str, why: str) -> datetime | None:
    """Say that a merge, link or re-label was wrong; gives since when it is undone, None where there is no such one.

    Every telling of it that was recorded by now is void, also one that comes again under another id; what the
    hospital merges later counts. Safe beside a running system, and safe to repeat.
    """
    wanted: set[UUID] = set()
    while True:
        try:
            async with transaction(pool) as db:
                now = await clock.now(db)
                found = await store.undo_merge(db, event_id, now, by, why)
                if found is None:
                    return None
                *pair, undone_at = found
                ids = await people.closure(db, {*pair, *wanted})
                held = await store.lock_set(db, ids, ())
                await store.lock_patients(db, held)
                if not await store.lock_set(db, ids, ()) <= held:
                    raise SetGrewError(ids)
                anew, renumbered = await people.identify(db, pair, held, {}, now, CAUSE)
                members = await store.members(db, held | anew)
                changed = await people.tell(db, members, Said(), anew) | renumbered
                if changed:
                    await store.touch_visits(db, changed, now, CAUSE, ())
                return undone_at
        except SetGrewError as grown:
            wanted |= grown.patients
