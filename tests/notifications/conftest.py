"""What the tests of notifications stand on: a database, a service around it, and a receiver that answers as told."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas import topics
from schemas.transitions import (
    DEADLINE_TYPE,
    EPISODE_TYPE,
    TEAM_ACK_TYPE,
    DeadlineEvent,
    EpisodeEvent,
    TeamAck,
)
from services.chassis import clock, health, metrics
from services.chassis.kafka import Record
from services.chassis.marks import Marks
from services.chassis.postgres import close_pool, open_pool
from services.chassis.service import Service
from services.notifications.app import reach
from services.notifications.consumer import Door
from services.notifications.contacts import Contacts, parse_contacts
from services.notifications.held import Held
from services.notifications.sender import Sender
from services.notifications.settings import Settings
from services.notifications.store import seen_alerts
from tests.notifications.builders import DUE, hours
from tests.notifications.inbox import Inbox, Post, mail_channel

SECRET = "a secret of at least sixteen characters"
NOW = DUE + hours(1)
HANG = 0
"""An answer that never comes."""

_offsets = itertools.count()


def a_record(event: DeadlineEvent | EpisodeEvent | TeamAck, **fields: Any) -> Record:
    kinds = {DeadlineEvent: DEADLINE_TYPE, EpisodeEvent: EPISODE_TYPE, TeamAck: TEAM_ACK_TYPE}
    given: dict[str, Any] = {
        "topic": topics.CARE_TRANSITIONS,
        "partition": 0,
        "offset": next(_offsets),
        "key": b"k",
        "value": event.model_dump_json().encode(),
        "headers": (("ce_type", kinds[type(event)].encode()),),
        "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
        "timestamp_type": "create",
    }
    return Record(**(given | fields))


class House:
    """Notifications without its process: everything an operator would see, driven by hand."""

    def __init__(self, service: Service, contacts: Contacts) -> None:
        self.service = service
        self.pool = service.pool
        self.contacts = contacts
        self.told = 0
        self.door = Door(contacts, self._tell)
        self.held = Held(contacts, self._tell, patience=0.0)
        self.senders: dict[str, Sender] = {}

    def _tell(self) -> None:
        self.told += 1

    async def at(self, now: datetime) -> None:
        """Put the controlled clock there."""
        async with self.pool.acquire() as db:
            await clock.set_clock(db, now)

    async def hear(self, *events: DeadlineEvent | EpisodeEvent | TeamAck) -> None:
        """Events arrive from Kafka, in one batch."""
        await self.door.on_transitions(self.service, [a_record(event) for event in events])

    async def send(self, channel: str = "pager") -> None:
        """One pass of a channel's sender."""
        if channel not in self.senders:
            found = self.contacts.channels[channel]
            self.senders[channel] = Sender(reach(found, self.contacts), self.contacts.app_url)
        await self.senders[channel].once(self.service)

    async def hurry(self, channel: str = "%") -> None:
        """Let every pause and every hold of a killed sender be over."""
        async with self.pool.acquire() as db:
            for column in ("due_at", "lease_until"):
                await db.execute(
                    f"UPDATE notice SET {column} = statement_timestamp() "
                    f"WHERE {column} IS NOT NULL AND channel LIKE $1",
                    channel,
                )

    async def run(self, *statements: str) -> None:
        async with self.pool.acquire() as db:
            for statement in statements:
                await db.execute(statement)

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        async with self.pool.acquire() as db:
            return [dict(row) for row in await db.fetch(statement)]

    async def close(self) -> None:
        """Give the connections of its channels back."""
        for sender in self.senders.values():
            await sender._channel.close()

    async def alerts(self) -> dict[str, str]:
        """Status by kind of what was raised."""
        async with self.pool.acquire() as db:
            return {alert.kind: alert.status for alert in await seen_alerts(db)}


class Receiver:
    """A far side that answers each request with the next of `answers`, then with 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.arrived = asyncio.Event()
        self.port = 0
        self._release = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/very-private-path"

    @property
    def messages(self) -> list[Any]:
        return [json.loads(body) for _, body in self.requests]

    @property
    def reasons(self) -> list[str]:
        return [message["type"].removeprefix("baton.notice.") for message in self.messages]

    async def answer(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), await request.body()))
        self.arrived.set()
        status = self.answers.pop(0) if self.answers else 200
        if status == HANG:
            await self._release.wait()
        return Response("never shown", status_code=status or 200, headers=self.headers)

    def release(self) -> None:
        self._release.set()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A real HTTP server on this machine."""
    found = Receiver()
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    found.port = taken.getsockname()[1]
    app = Starlette(routes=[Route("/{path:path}", found.answer, methods=["POST"])])
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve(sockets=[taken]))
    yield found
    found.release()
    server.should_exit = True
    await running


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    """Mail servers on this machine."""
    found = Post(tmp_path)
    yield found
    await found.close()


def some_contacts(url: str, *more: str) -> Contacts:
    """A pager for everybody, and further channels to the same address, told at once."""
    channels = {
        name: {"webhook": url, "secret_env": "HOOK_SECRET", "timeout_seconds": 0.5}
        for name in ("pager", *more)
    }
    said = {
        "app_url": "https://baton.example.org",
        "channels": channels,
        "teams": {"default": [list(channels)]},
        "revealing": ["detox"],
    }
    return parse_contacts(json.dumps(said), {"HOOK_SECRET": SECRET})


@pytest.fixture
async def service(database: str) -> AsyncIterator[Service]:
    """As much of a running service as handlers and loops touch."""
    settings = Settings(database_url=database, kafka_bootstrap_servers="127.0.0.1:1")
    pool = await open_pool(settings, schema="notifications")
    found = SimpleNamespace(
        name="notifications",
        settings=settings,
        pool=pool,
        progress=health.Progress(),
        registry=metrics.Registry(),
        relay=SimpleNamespace(wake=lambda: None),
        marks=Marks("notifications", [topics.CARE_TRANSITIONS]),
    )
    yield cast("Service", found)
    await close_pool(pool)


@pytest.fixture
async def house(service: Service, receiver: Receiver) -> AsyncIterator[House]:
    """Notifications with one pager, an hour after the call was due."""
    found = House(service, some_contacts(receiver.url))
    await found.at(NOW)
    yield found
    await found.close()


def of(rows: Iterable[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of rows."""
    return [tuple(row[name] for name in names) for row in rows]


# --- a team whose channels have an order ----------------------------------------------------------------------

TWO = ["a@hospital.example", "b@hospital.example"]


def ordered(receiver: Receiver, inbox: Inbox, turns: list[Any] | None = None, after: float = 120) -> Contacts:
    """A pager, then mail, unless `turns` says otherwise."""
    hook = {"webhook": receiver.url, "secret_env": "HOOK_SECRET", "timeout_seconds": 30}
    said = {
        "app_url": "https://baton.example.org",
        "channels": {
            "pager": hook,
            "desk": hook,
            "mail": mail_channel(inbox.port, tls="none", email=TWO),
        },
        "teams": {"default": turns or ["pager", "mail"]},
        "fallback_after_seconds": after,
    }
    return parse_contacts(json.dumps(said), {"HOOK_SECRET": SECRET})


@pytest.fixture
async def inbox(post: Post) -> Inbox:
    return await post.inbox("none", login=False)


@pytest.fixture
async def ward(service: Service, receiver: Receiver, inbox: Inbox) -> AsyncIterator[House]:
    """Notifications with a pager and, two minutes later, mail; an hour after the call was due."""
    found = House(service, ordered(receiver, inbox))
    await found.at(NOW)
    yield found
    await found.close()


async def told(house: House) -> dict[str, tuple[str, bool]]:
    """What each channel knows, and whether it has something to hear."""
    rows = await house.rows("SELECT channel, told, due_at IS NOT NULL AS waits FROM notice ORDER BY channel")
    return {row["channel"]: (row["told"], row["waits"]) for row in rows}


async def both(house: House) -> None:
    """One pass of each channel's sender."""
    await house.send("pager")
    await house.send("mail")
