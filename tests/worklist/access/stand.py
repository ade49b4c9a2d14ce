"""A small application behind the gate, with a page of each kind, for tests of who gets through it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import httpx
from argon2 import PasswordHasher
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from services.worklist.access import (
    Access,
    AccessSettings,
    Action,
    Permission,
    User,
    current_user,
    record_action,
    record_view,
    require,
    tokens,
    without_patients,
)
from tests.infra.postgres import execute

PATIENT, OTHER = UUID(int=1), UUID(int=2)
CASE = "ABC234"
PASSWORD = "a long sentence nobody guesses"
# As weak as is taken: what these tests are about does not get better by waiting.
HASH = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)
HTTP = "http://127.0.0.1:8000"
HTTPS = "https://baton.example.org"

USERS = f"""\
users:
  rn1: {{password: "{HASH}", roles: [coordinator], teams: [tcm]}}
  lead: {{password: "{HASH}", roles: [supervisor]}}
  ops: {{password: "{HASH}", roles: [operator]}}
  hall: {{password: "{HASH}", roles: [wall]}}
groups:
  nurses: {{roles: [coordinator], teams: [tcm]}}
"""


def application(access: Access) -> FastAPI:
    """Pages with patients, without, forgetful ones, an action, and a stream."""
    app = FastAPI()
    access.install(app)
    patients = Depends(require(Permission.SEE_PATIENTS))

    @app.get("/")
    async def home(request: Request, user: Annotated[User, Depends(current_user)]) -> HTMLResponse:
        without_patients(request)
        return HTMLResponse(f"{user.name} {','.join(user.teams)}")

    @app.get("/c/{case}")
    async def case(request: Request, case: str, _: Annotated[User, patients]) -> Response:
        if case != CASE:
            return Response("no such case", status_code=404)
        await record_view(
            request, "patient", patients=[PATIENT], cases=[case], fields=["phones", "name"], object_id=case
        )
        return HTMLResponse("Ana Testperson")

    @app.get("/list")
    async def listed(request: Request, _: Annotated[User, patients]) -> HTMLResponse:
        await record_view(request, "list", patients=[PATIENT, OTHER])
        return HTMLResponse("Ana Testperson, Bo Testperson")

    @app.get("/export")
    async def export(request: Request, _: Annotated[User, patients]) -> Response:
        await record_view(request, "export", patients=[PATIENT], action=Action.EXPORT)
        return Response("Ana Testperson", media_type="text/csv")

    @app.get("/forgotten")
    async def forgotten(_: Annotated[User, patients], status: int = 200) -> HTMLResponse:
        return HTMLResponse("Ana Testperson", status_code=status)

    @app.post("/act")
    @app.post("/api/v1/act")
    async def act(request: Request, _: Annotated[User, Depends(require(Permission.ACT))]) -> JSONResponse:
        failing = request.query_params.get("fails") == "true"
        async with access.database() as db, db.transaction():
            await record_action(
                db,
                request,
                Action.CREATE,
                "contact_attempted",
                patients=[PATIENT],
                cases=[CASE],
                object_id="a1",
            )
            if failing:
                raise ZeroDivisionError
        return JSONResponse({"length": len(await request.body())})

    @app.get("/stream")
    async def stream(request: Request, _: Annotated[User, patients], lines: int = 3) -> StreamingResponse:
        without_patients(request)

        async def told() -> AsyncIterator[str]:
            for _ in range(lines):
                yield ": still here\n\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(told(), media_type="text/event-stream")

    return app


@dataclass
class Stand:
    """The application, its database, and whoever browses it."""

    access: Access
    database: str
    app: FastAPI
    folder: Path
    base: str = HTTP
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    def browser(self, address: str = "10.1.2.3", **headers: str) -> httpx.AsyncClient:
        """A browser with a cookie jar of its own."""
        transport = httpx.ASGITransport(self.app, client=(address, 4711), raise_app_exceptions=False)
        browser = httpx.AsyncClient(transport=transport, base_url=self.base, headers=headers)
        self.browsers.append(browser)
        return browser

    async def signed_in(self, name: str = "rn1") -> httpx.AsyncClient:
        browser = self.browser()
        answer = await sign_in(browser, name)
        assert answer.status_code == 303, answer.text
        return browser

    def csrf(self, browser: httpx.AsyncClient) -> str:
        """The token the pages of this session carry."""
        return tokens.csrf(cookie_of(browser))

    async def rows(self, query: str, *args: Any) -> list[asyncpg.Record]:
        db = await asyncpg.connect(self.database)
        try:
            return await db.fetch(query, *args)
        finally:
            await db.close()

    async def execute(self, statement: str) -> None:
        await execute(self.database, statement)

    async def audit(self) -> list[tuple[Any, ...]]:
        """(actor, action, what, outcome, reason) of every row but sign-ins that were right."""
        rows = await self.rows(
            "SELECT actor, action, object_type, outcome, reason FROM worklist.audit "
            "WHERE NOT (action = 'LOGIN' AND outcome = 'done') ORDER BY audit_id"
        )
        return [tuple(row) for row in rows]

    def write_users(self, text: str) -> None:
        (self.folder / "users.yaml").write_text(text)
        self.access.look()


async def csrf_of(browser: httpx.AsyncClient, path: str = "/sign-in") -> str:
    """The token a form carries."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', (await browser.get(path)).text)
    assert found is not None
    return found[1]


async def sign_in(
    browser: httpx.AsyncClient, name: str = "rn1", password: str = PASSWORD, asked: str = ""
) -> httpx.Response:
    """Fill in the form and send it."""
    form = {"name": name, "password": password, "csrf_token": await csrf_of(browser)}
    return await browser.post("/sign-in", data=form | ({"next": asked} if asked else {}))


def cookie_of(browser: httpx.AsyncClient) -> str:
    """The session's token."""
    return next(each.value or "" for each in browser.cookies.jar if each.name in {"baton", "__Host-baton"})


@asynccontextmanager
async def standing(database: str, folder: Path, **settings: Any) -> AsyncIterator[Stand]:
    """A process of the worklist, as far as signing in goes; a second one on the same database is a replica."""
    if not (folder / "users.yaml").exists():
        (folder / "users.yaml").write_text(USERS)
    said = AccessSettings(
        database_url=database, kafka_bootstrap_servers="localhost:9092", config_dir=folder, **settings
    )
    pool = await asyncpg.create_pool(database, min_size=1, max_size=6)
    access = Access(said, lambda: pool)
    stand = Stand(access, database, application(access), folder, said.worklist_url or HTTP)
    try:
        yield stand
    finally:
        for browser in stand.browsers:
            await browser.aclose()
        await pool.close()
