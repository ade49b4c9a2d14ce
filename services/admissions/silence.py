"""Looks, once a minute, which feeds and units have gone quiet; the alert rules read the metric."""

from datetime import datetime, timedelta
from functools import partial

from schemas import topics
from schemas.reference.facilities import Facilities
from services.admissions.consumer import Inbound
from services.admissions.domain.silence import (
    WEEKS,
    Silence,
    Source,
    hours_of_habit,
    is_quiet,
    may_be_silent,
    silence,
)
from services.admissions.store import SQL
from services.chassis import clock, marks, metrics
from services.chassis.logs import get_logger
from services.chassis.loops import run_forever
from services.chassis.postgres import Db
from services.chassis.service import Service

log = get_logger("admissions.silence")

EVERY = 60.0

SILENT = metrics.declare(
    "baton_feed_silent_seconds",
    "gauge",
    "How long a feed, or a unit in it, has sent nothing, while it usually would have; there is none for those that "
    "are as always. Every replica tells all of them.",
    ["feed", "facility", "unit"],
)


class Watch:
    """What was quiet when last looked."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound
        self._quiet: set[Source] = set()

    async def run(self, service: Service) -> None:
        """Look until cancelled."""
        once = partial(self.once, service)
        await run_forever("silence", once, service.progress, every=EVERY, registry=service.registry)

    async def once(self, service: Service) -> None:
        """Look now. What waits in Kafka has been sent: we look no further than everything is applied."""
        async with service.pool.acquire() as db:
            now = await marks.lowest(db, service.name, [topics.ADT_INBOUND]) or await clock.now(db)
            quiet = await self._find(db, now)
        feeds = {source.feed for source in quiet if not source.unit}
        # Where the whole feed is silent its units need not be named.
        quiet = {
            source: found for source, found in quiet.items() if not source.unit or source.feed not in feeds
        }
        gauge = service.registry.gauge(SILENT)
        gauge.clear()
        for source, found in quiet.items():
            gauge.labels(source.feed, source.facility, source.unit).set(found.lasts.total_seconds())
        self._tell(quiet)

    async def _find(self, db: Db, now: datetime) -> dict[Source, Silence]:
        rows = await db.fetch(SQL["last_heard"], now - timedelta(weeks=WEEKS + 1))
        sources = {
            Source(row["feed"], row["facility"], row["unit"]): (row["first_at"], row["last_at"])
            for row in rows
            if may_be_silent(row["last_at"], now)
        }
        quiet = {}
        for source, (first_at, last_at) in sorted(sources.items()):
            profile = self._inbound.feeds.by_name.get(source.feed)
            facilities: Facilities = self._inbound.facilities
            zone = facilities.zone_of(source.facility or None)
            hours = hours_of_habit(last_at, now, zone)
            counts = await db.fetch(SQL["heard_at"], source.feed, source.facility, source.unit, list(hours))
            found = silence(last_at, now, dict(map(tuple, counts)), first_at, zone)
            longest = profile.feed_silence if profile and not source.unit else None
            if is_quiet(found, longest):
                quiet[source] = found
        return quiet

    def _tell(self, quiet: dict[Source, Silence]) -> None:
        for source in sorted(quiet.keys() - self._quiet):
            found = quiet[source]
            log.warning(
                "nothing comes any more", feed=source.feed, facility=source.facility or None,
                unit=source.unit or None, since=found.since.isoformat(),
                usual=None if found.expected is None else round(found.expected),
            )  # fmt: skip
        for source in sorted(self._quiet - quiet.keys()):
            log.info(
                "it is heard again",
                feed=source.feed,
                facility=source.facility or None,
                unit=source.unit or None,
            )
        self._quiet = set(quiet)
