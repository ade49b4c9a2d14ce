"""Changes as they are committed, told to every open page: numbered, so that a page that was cut off goes on."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg

from services.chassis import metrics
from services.chassis.logs import get_logger
from services.chassis.loops import Signal, run_forever
from services.chassis.postgres import CONNECT_TIMEOUT, Pool
from services.worklist.sql import SQL

if TYPE_CHECKING:
    from services.chassis.service import Service

log = get_logger("worklist")

HEARTBEAT = 15.0
"""Seconds between comments on a silent stream: proxies close what says nothing."""
MOST_WAITING = 200
"""Changes that a page may be behind; who reads more slowly is let go, and comes back where it was."""
MOST_REPLAYED = 500
KEPT = 3600.0
REFUSALS_KEPT = 30 * 24 * 3600.0
"""Seconds for which changes are kept for pages that were cut off."""
RETRY_MS = 2000
CHANNEL = "worklist_change"

OPEN_STREAMS = metrics.declare("baton_worklist_streams", "gauge", "Pages that listen for changes now.")
DROPPED = metrics.declare(
    "baton_worklist_streams_dropped_total",
    "counter",
    "Streams ended because the page read too slowly; it comes back by itself.",
)

Change = tuple[int, str]
"""Its number, and its document."""


class Page:
    """One open page: changes wait here for it; None is the end."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Change | None] = asyncio.Queue(MOST_WAITING)
        self.dropped = False

    def end(self) -> None:
        """Let the page go, whatever is waiting."""
        self.dropped = True
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


class Live:
    """Hears of changes from Postgres and passes them to the pages of this process."""

    def __init__(self) -> None:
        self._pages: set[Page] = set()
        self._signal = Signal()
        self._last: int | None = None
        self._listener: asyncpg.Connection[asyncpg.Record] | None = None

    async def run(self, service: "Service") -> None:
        """Listen until cancelled; a lost connection is made again, and what was missed meanwhile is read."""
        self._registry = service.registry

        async def once() -> float | None:
            await self._listen(service.settings.database_url)
            await self._pass_on(service.pool)
            service.registry.gauge(OPEN_STREAMS).set(len(self._pages))
            return None

        try:
            await run_forever(
                "live", once, service.progress, signal=self._signal, retry_max=5, registry=service.registry
            )
        finally:
            for page in self._pages:
                page.end()
            if self._listener is not None:
                self._listener.terminate()

    async def _listen(self, dsn: str) -> None:
        if self._listener is not None and not self._listener.is_closed():
            return
        # Of its own: a connection of the pool would be missing there.
        self._listener = await asyncpg.connect(
            dsn, timeout=CONNECT_TIMEOUT, server_settings={"application_name": "baton-worklist-live"}
        )
        await self._listener.add_listener(CHANNEL, self._hear)

    def _hear(self, *_: object) -> None:
        self._signal.set()

    async def _pass_on(self, pool: Pool) -> None:
        """Read what has been noted since, and give it to everyone."""
        while True:
            async with pool.acquire() as db:
                if self._last is None:
                    self._last = (await db.fetchval(SQL["last_change"])) or 0
                rows = await db.fetch(SQL["changes_after"], self._last, MOST_REPLAYED)
            for row in rows:
                self._last = row["change_id"]
                self._give((row["change_id"], row["document"]))
            if len(rows) < MOST_REPLAYED:
                return

    def _give(self, change: Change) -> None:
        for page in list(self._pages):
            try:
                page.waiting.put_nowait(change)
            except asyncio.QueueFull:
                self._pages.discard(page)
                page.end()
                self._registry.counter(DROPPED).inc()

    async def stream(self, pool: Pool, after: int | None) -> AsyncIterator[bytes]:
        """Server-sent events: what changed behind `after`, then what changes; `reload` where that cannot be told."""
        page = Page()
        self._pages.add(page)
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            seen = 0
            async for event, number in self._missed(pool, after):
                seen = number
                yield event
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        change = await page.waiting.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if change is None:
                    return
                if change[0] > seen:
                    yield event_of(*change)
        finally:
            self._pages.discard(page)

    async def _missed(self, pool: Pool, after: int | None) -> AsyncIterator[tuple[bytes, int]]:
        """What was noted while the page was away, and the number of each."""
        if after is None:
            return
        async with pool.acquire() as db:
            window = await db.fetchrow(SQL["change_window"])
            rows = await db.fetch(SQL["changes_after"], after, MOST_REPLAYED)
        assert window is not None
        first, last = window["first"] or 1, window["last"] or 0
        if after > last or after < first - 1 or len(rows) == MOST_REPLAYED:
            yield f"id: {last}\nevent: reload\ndata: {{}}\n\n".encode(), last
            return
        for row in rows:
            yield event_of(row["change_id"], row["document"]), row["change_id"]

    async def prune(self, service: "Service") -> None:
        """Forget, once a minute, what is too old for any page to ask for."""

        async def once() -> float | None:
            async with service.pool.acquire() as db:
                await db.execute(SQL["prune_changes"], KEPT)
                await db.execute(SQL["prune_refusals"], REFUSALS_KEPT)
            return 60.0

        await run_forever("prune changes", once, service.progress, registry=service.registry)


def event_of(number: int, document: str) -> bytes:
    return f"id: {number}\nevent: change\ndata: {document}\n\n".encode()
