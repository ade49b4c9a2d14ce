"""The worklist's application as a server in this process, on a database of its own, without Kafka: what browsers visit."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from services.chassis.postgres import Db, Pool, Row, open_pool
from services.chassis.web import listen, server
from services.worklist.access import store as sessions
from services.worklist.access import tokens
from services.worklist.app import build
from services.worklist.settings import Settings
from tests.worklist import hospital

PASSWORD = "a long sentence nobody guesses"
HASH = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)
USERS = f"""\
users:
  rn.ann: {{password: "{HASH}", roles: [coordinator]}}
  rn.ray: {{password: "{HASH}", roles: [coordinator]}}
  rn.sen: {{password: "{HASH}", roles: [coordinator, sensitive]}}
  lead: {{password: "{HASH}", roles: [supervisor]}}
  hall: {{password: "{HASH}", roles: [wall]}}
  ops: {{password: "{HASH}", roles: [operator]}}
"""


@dataclass
class Worklist:
    """A served worklist: its address, its database, and a thread that can be asked to do something there."""

    address: str
    loop: asyncio.AbstractEventLoop
    pool: Pool
    app: Any

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the server's loop, and wait for it."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(30)

    def take_in(self, *stories: hospital.Story) -> None:
        self.do(self._with(hospital.take_in, *stories))

    def act(self, story: hospital.Story, by: str = "rn.ray", outcome: str = "no_answer") -> str:
        """Have somebody enter a call elsewhere; gives its id."""
        done: str = self.do(self._with(hospital.act, story, by, outcome))
        return done

    def rows(self, query: str, *args: Any) -> list[Row]:
        found: list[Row] = self.do(self.pool.fetch(query, *args))
        return found

    def sign_in(self, name: str) -> str:
        """A session of a user of users.yaml, without the work of the password; gives its token."""
        token: str = self.do(self._with(self._session, name))
        return token

    def clear(self) -> None:
        """An empty hospital again; sessions stay."""
        tables = ("visit", "patient", "word", "episode", "deadline", "alert", "action", "lease")
        self.do(self.pool.execute("; ".join(f"DELETE FROM worklist.{table}" for table in tables)))
        # The words of the filters are remembered for some seconds: those of the test before.
        self.app.state.desk.memory.choices = None

    async def _with(self, work: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        async with self.pool.acquire() as db:
            return await work(db, *args)

    async def _session(self, db: Db, name: str) -> str:
        access = self.app.state.access
        user, credential, token = access.users.user(name), access.users.credential(name), tokens.new()
        await sessions.begin_session(db, token, user, "password", credential, access.settings.longest)
        return token


@contextlib.contextmanager
def serving(dsn: str, folder: Path, **settings: Any) -> Iterator[Worklist]:
    """Serve until the block ends."""
    (folder / "users.yaml").write_text(USERS)
    said = Settings(
        database_url=dsn,
        kafka_bootstrap_servers="localhost:9",
        config_dir=folder,
        http_port=0,
        # What is slow here is the machine, with other tests beside.
        **{"worklist_answer_within": 15, **settings},
    )
    service = build(said)
    app = service.routes[0].app  # type: ignore[attr-defined]
    port = listen(said)
    http = server(app)
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def life() -> None:
        service.pool = await open_pool(said, schema="worklist", plan_anew=True)
        live = asyncio.create_task(app.state.desk.live.run(service))
        loops.append(asyncio.get_running_loop())
        ready.set()
        try:
            await http.serve(sockets=[port])
        finally:
            live.cancel()
            await asyncio.gather(live, return_exceptions=True)
            service.pool.terminate()

    thread = threading.Thread(target=lambda: asyncio.run(life()), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield Worklist(f"http://127.0.0.1:{port.getsockname()[1]}", loops[0], service.pool, app)
    finally:
        http.should_exit = True
        thread.join(30)
