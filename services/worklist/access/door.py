"""Signing in as a whole: who may, their sessions, and what the gate and the handlers ask of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.chassis.logs import error_name, get_logger
from services.chassis.loops import run_forever
from services.chassis.postgres import Db, Pool, is_transient
from services.chassis.settings import SettingsError
from services.worklist.access import audit, headers, pages, store, users
from services.worklist.access.answers import Unavailable, refuse, unavailable
from services.worklist.access.audit import Action, Entry, From
from services.worklist.access.caller import NotAllowed, NotRecorded, Seen, without_patients
from services.worklist.access.cookies import Cookies
from services.worklist.access.gate import Gate
from services.worklist.access.limits import Requests
from services.worklist.access.oidc import Oidc
from services.worklist.access.roles import User
from services.worklist.access.settings import AccessSettings, networks
from services.worklist.access.store import Session
from services.worklist.access.tokens import new
from services.worklist.access.users import UsersError
from services.worklist.problems import Problem

if TYPE_CHECKING:
    from services.chassis.service import Service

log = get_logger("worklist.access")

EVERY = 5.0
"""Seconds between two looks at users.yaml; who is taken out of it is out after at most that."""
ANSWER_WITHIN = 5.0
TOUCH_AT_LEAST = timedelta(minutes=1)
LINK = "link"
PASSWORD = "password"  # noqa: S105  (a method, not a password)
OIDC = "oidc"


class Access:
    """Everything of signing in; `pool` gives the pool once the process has one, else raises a Problem or gives None."""

    def __init__(self, settings: AccessSettings, pool: Callable[[], Pool | None]) -> None:
        """Raise SettingsError where users.yaml cannot be used, or nobody of the provider would have a role."""
        self.settings = settings
        self.place = settings.place
        self.cookies = Cookies(settings.place.secure)
        self.proxies = networks(settings.worklist_trusted_proxies)
        self.requests = Requests(settings.worklist_requests_per_minute)
        self.seen = Seen()
        self.fault: str | None = None
        self._pool = pool
        self._data = b""
        try:
            self._data = users.read(settings.config_dir)
            self.users = users.parse(self._data)
        except UsersError as error:
            raise SettingsError(str(error).splitlines()) from None
        if settings.oidc_issuer is not None and not self.users.groups:
            problem = "BATON_OIDC_ISSUER is set and users.yaml gives no group a role: write `groups:` there."
            raise SettingsError([problem])
        self.oidc = Oidc(settings) if settings.oidc_issuer is not None else None
        self.policy = headers.policy(origin_of(settings.oidc_issuer) if settings.oidc_issuer else "")
        # Comparing a password takes a processor and 64 MiB; more at once would only wait for each other.
        self.comparing = asyncio.Semaphore(2)

    def install(self, app: FastAPI) -> None:
        """Put the gate around the application, and the pages of signing in into it."""
        app.state.access = self
        app.add_middleware(Gate, access=self)
        app.include_router(pages.router)
        app.add_exception_handler(NotAllowed, _not_allowed)
        app.add_exception_handler(NotRecorded, _not_recorded)
        app.add_exception_handler(Unavailable, _unavailable)

    # --- the database ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Db]:
        """A connection; raises Unavailable where there is none soon."""
        try:
            pool = self._pool()
        except Problem:
            pool = None
        if pool is None:
            raise Unavailable
        try:
            async with asyncio.timeout(ANSWER_WITHIN), pool.acquire() as db:
                yield db
        except Exception as error:
            if is_transient(error):
                raise Unavailable from error
            raise

    async def write(self, origin: From, entry: Entry, db: Db | None = None) -> None:
        """Write an audit row on its own; raises NotRecorded where it cannot be."""
        try:
            if db is not None:
                await audit.record(db, origin, entry)
                return
            async with self.database() as own:
                await audit.record(own, origin, entry)
        except Exception as error:  # noqa: BLE001  (whatever kept it from being written)
            log.error("an audit row could not be written; nothing is shown", reason=error_name(error))  # noqa: TRY400
            raise NotRecorded from None

    # --- sessions -------------------------------------------------------------------------------------------

    async def session(self, token: str, *, in_use: bool) -> Session | None:
        """The session of a token as it stands now; `in_use` keeps it from ending for want of use."""
        async with self.database() as db:
            found = await store.read_session(db, token, self.settings.idle)
            if found is None:
                return None
            user = self._still(found)
            if user is None:
                await self._end(db, found)
                return None
            if (in_use or user.is_wall) and found.unseen > min(self.settings.idle / 20, TOUCH_AT_LEAST):
                await store.touch_session(db, found.session_id)
        return Session(found.session_id, user, found.method, found.credential, found.groups, found.unseen)

    def _still(self, session: Session) -> User | None:
        """The person as users.yaml has them now; None where what the session rests on is another, or gone."""
        if session.method == LINK:
            return session.user if self.settings.link_allowed else None
        if session.method == PASSWORD:
            held = self.users.credential(session.user.name)
            return self.users.user(session.user.name) if held == session.credential else None
        if self.oidc is None or self.credential_of_groups(session.groups) != session.credential:
            return None
        return self.users.of_groups(session.user.subject, session.user.name, session.groups)

    def credential_of_groups(self, groups: frozenset[str]) -> str:
        """What the session of somebody in these groups rests on: provider, client, and the roles of the groups."""
        said = self.settings
        return f"{said.oidc_issuer} {said.oidc_client_id} {self.users.groups_credential(groups)}"

    async def _end(self, db: Db, session: Session) -> None:
        async with db.transaction():
            await store.end_one_session(db, session.session_id)
            origin = From(session.user, None, session.session_id)
            await audit.record(db, origin, Entry(Action.LOGOUT, "session", reason="user_or_role_changed"))
        log.info("a session ends: its user or their roles are others now")

    async def begin(
        self,
        db: Db,
        origin: From,
        user: User,
        method: str,
        credential: str,
        groups: frozenset[str] = frozenset(),
        replaced: str | None = None,
    ) -> str:
        """Begin a session under a new token; the one it replaces ends. Gives the token."""
        token = new()
        async with db.transaction():
            if replaced is not None:
                await store.end_session(db, replaced)
            session_id = await store.begin_session(
                db, token, user, method, credential, self.settings.longest, sorted(groups)
            )
            await audit.record(
                db, From(user, origin.address, session_id), Entry(Action.LOGIN, "session", reason=method)
            )
        return token

    # --- users.yaml -----------------------------------------------------------------------------------------

    async def run(self, service: "Service") -> None:
        """Look at users.yaml and forget what is over, again and again until cancelled."""
        await run_forever(
            "access",
            partial(self.once, service.pool),
            service.progress,
            every=EVERY,
            registry=service.registry,
        )

    async def once(self, pool: Pool) -> None:
        before = self.fault
        await asyncio.to_thread(self.look)
        if self.fault is not None and self.fault != before:
            log.error("users.yaml is refused; what stood before stays in force", reason=self.fault)
        async with pool.acquire() as db:
            await store.sweep(db, self.settings.idle)

    def look(self) -> None:
        """Take a changed users.yaml, where it is good; a file that is gone has no users."""
        try:
            data = users.read(self.settings.config_dir)
            if data != self._data:
                self.users = users.parse(data)
                self._data = data
                log.info("users.yaml has changed, and is in force", users=len(self.users.users))
        except UsersError as error:
            self.fault = str(error)
        else:
            self.fault = None

    async def readiness(self, _: "Service") -> str | None:
        """What /readyz says: nothing, or what is wrong with the users.yaml that is not in force."""
        return f"{self.fault} What stood before stays in force." if self.fault else None


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def _not_allowed(request: Request, _: Exception) -> Response:
    without_patients(request)
    return refuse(request, 403, "not_allowed", "Your role may not see or do this.")


async def _not_recorded(request: Request, _: Exception) -> Response:
    without_patients(request)
    sentence = "This could not be recorded in the audit, so it is not shown: try again in a moment."
    return refuse(request, 503, "not_recorded", sentence, {"Retry-After": "2"})


async def _unavailable(request: Request, _: Exception) -> Response:
    without_patients(request)
    return unavailable(request)
