"""The worklist's application as a server in this process, on a database of its own, without Kafka: what browsers visit."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from argon2 import PasswordHasher

from services.chassis.web import Server, listen, server
from services.worklist.access import Role, User, tokens
from services.worklist.access import store as sessions
from services.worklist.app import build
from services.worklist.settings import Settings
from tests.worklist import hospital

PASSWORD = "a long sentence nobody guesses"
HASH = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)
USERS = f"""\
users:
  rn.ann: {{password: "{HASH}", roles: [coordinator]}}
  rn.ray: {{password: "{HASH}", roles: [coordinator]}}
  lead: {{password: "{HASH}", roles: [supervisor]}}
  ops: {{password: "{HASH}", roles: [operator]}}
"""


@dataclass
class Worklist:
    """A served worklist: its address, its database, and a thread that can be asked to do something there."""

    address: str
    dsn: str
    loop: asyncio.AbstractEventLoop
    http: Server
    app: Any
    tokens: dict[str, str] = field(default_factory=dict)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the server's loop, and wait for it."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(30)

    def take_in(self, *stories: hospital.Story) -> None:
        self.do(hospital.take_in(self.dsn, *stories))

    def act(self, story: hospital.Story, by: str = "rn.ray", words: str = "no_answer") -> str:
        done: str = self.do(hospital.act(self.dsn, story, by, words))
        return done

    def rows(self, query: str, *args: Any) -> list[asyncpg.Record]:
        async def ask() -> list[asyncpg.Record]:
            db = await asyncpg.connect(self.dsn)
            try:
                return await db.fetch(query, *args)
            finally:
                await db.close()

        found: list[asyncpg.Record] = self.do(ask())
        return found

    def clear(self) -> None:
        """An empty hospital again; sessions stay."""
        tables = "visit, patient, word, episode, deadline, alert, action, lease"
        self.rows(f"TRUNCATE {', '.join(f'worklist.{each}' for each in tables.split(', '))}")


@contextlib.contextmanager
def serving(dsn: str, folder: Path, **settings: Any) -> Iterator[Worklist]:
    """Serve until the block ends."""
    (folder / "users.yaml").write_text(USERS)
    said = Settings(
        database_url=dsn,
        kafka_bootstrap_servers="localhost:9",
        config_dir=folder,
        http_port=0,
        **settings,
    )
    service = build(said)
    desk = service.routes[0].app.state.desk  # type: ignore[attr-defined]
    port = listen(said)
    http = server(service.routes[0].app)  # type: ignore[attr-defined]
    ready = threading.Event()
    held: dict[str, Any] = {}

    async def life() -> None:
        service.pool = await asyncpg.create_pool(dsn, min_size=2, max_size=8)
        live = asyncio.create_task(desk.live.run(service))
        held["loop"] = asyncio.get_running_loop()
        ready.set()
        try:
            await http.serve(sockets=[port])
        finally:
            live.cancel()
            await asyncio.gather(live, return_exceptions=True)
            service.pool.terminate()

    thread = threading.Thread(target=lambda: asyncio.run(life()), daemon=True)
    thread.start()
    assert ready.wait(30)
    made = Worklist(
        f"http://127.0.0.1:{port.getsockname()[1]}",
        dsn,
        held["loop"],
        http,
        service.routes[0].app,  # type: ignore[attr-defined]
    )
    try:
        yield made
    finally:
        http.should_exit = True
        thread.join(20)


async def session_of(worklist: Worklist, name: str) -> str:
    """A session of a user of users.yaml, without the work of its password; gives the token."""
    roles = {"lead": Role.SUPERVISOR, "ops": Role.OPERATOR}.get(name, Role.COORDINATOR)
    users = worklist.app.state.access.users
    credential = users.credential(name)
    assert credential is not None
    token = tokens.new()
    db = await asyncpg.connect(worklist.dsn)
    try:
        user = User(f"file:{name}", name, frozenset({roles}))
        longest = worklist.app.state.access.settings.longest
        await sessions.begin_session(db, token, user, "password", credential, longest)
    finally:
        await db.close()
    return token
