"""The worklist without its process: its read model, its application, and people who have signed in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
from pydantic import BaseModel

from schemas.actions import ACTION
from services.chassis import clock, health, metrics
from services.chassis.kafka import Record
from services.chassis.marks import Marks
from services.chassis.postgres import close_pool, open_pool
from services.chassis.service import Service
from services.worklist.access import Access, tokens
from services.worklist.app import web
from services.worklist.consumer import TOPICS, Door
from services.worklist.desk import Desk
from services.worklist.publish import outlet
from services.worklist.settings import Settings
from tests.worklist.access.stand import HTTP, USERS, cookie_of, sign_in
from tests.worklist.builders import a_record


class Worklist:
    """Everything a coordinator would see, driven by hand."""

    def __init__(self, service: Service, desk: Desk, access: Access) -> None:
        self.service = service
        self.pool = service.pool
        self.desk = desk
        self.door = Door()
        self.app = web(desk, access)
        self.woken = 0
        self._browsers: list[httpx.AsyncClient] = []

    async def at(self, now: datetime) -> None:
        """Put the controlled clock there."""
        async with self.pool.acquire() as db:
            await clock.set_clock(db, now)

    async def hear(self, *events: BaseModel) -> None:
        """Events arrive from Kafka, in one batch."""
        await self.read([a_record(event) for event in events])

    async def read(self, records: list[Record]) -> None:
        await self.door.on_records(self.service, records)

    async def publish(self) -> list[dict[str, Any]]:
        """What the outbox sends now, as it stands on care.actions, and as the worklist reads it there."""
        sending = outlet()
        async with self.pool.acquire() as db:
            rows = await db.fetch(sending.select_sql, 1000)
            sent = [sending.compose(row) for row in rows]
            await db.execute(sending.mark_sql, [row["id"] for row in rows], [row["revision"] for row in rows])
        said = [ACTION.validate_json(one.value or b"") for one in sent]
        await self.hear(*said)
        return [one.model_dump(mode="json", exclude_none=True) for one in said]

    async def rows(self, statement: str, *args: Any) -> list[dict[str, Any]]:
        async with self.pool.acquire() as db:
            return [dict(row) for row in await db.fetch(statement, *args)]

    async def run(self, statement: str, *args: Any) -> None:
        async with self.pool.acquire() as db:
            await db.execute(statement, *args)

    async def browser(self, name: str | None = "lead") -> httpx.AsyncClient:
        """Somebody's browser, signed in (None: not), that sends its CSRF token along."""
        transport = httpx.ASGITransport(self.app, client=("10.1.2.3", 4711), raise_app_exceptions=False)
        browser = httpx.AsyncClient(transport=transport, base_url=HTTP)
        self._browsers.append(browser)
        if name is not None:
            answer = await sign_in(browser, name)
            assert answer.status_code == 303, answer.text
            browser.headers["X-CSRF-Token"] = tokens.csrf(cookie_of(browser))
        return browser

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.aclose()


@asynccontextmanager
async def worklist(database: str, folder: Path, **given: Any) -> AsyncIterator[Worklist]:
    """A process of the worklist as far as handlers and requests go; a second one on the database is a replica."""
    (folder / "users.yaml").write_text(USERS)
    settings = Settings(
        database_url=database,
        kafka_bootstrap_servers="127.0.0.1:1",
        config_dir=folder,
        **({"worklist_requests_per_minute": 10_000} | given),
    )
    pool = await open_pool(settings, schema="worklist", plan_anew=True)
    service = cast(
        "Service",
        SimpleNamespace(
            name="worklist",
            settings=settings,
            pool=pool,
            progress=health.Progress(),
            registry=metrics.Registry(),
            relay=SimpleNamespace(wake=lambda: None),
            marks=Marks("worklist", TOPICS),
        ),
    )
    desk = Desk(settings)
    desk.service = service
    found = Worklist(service, desk, Access(settings, lambda: pool))
    try:
        yield found
    finally:
        await found.close()
        await close_pool(pool)
