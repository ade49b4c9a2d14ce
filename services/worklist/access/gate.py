"""The gate every request passes: host, size, session, rate, CSRF; and no answer leaves unrecorded. Closed by default."""

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.clock import monotonic
from services.chassis.logs import get_logger
from services.worklist.access import answers, headers
from services.worklist.access.audit import From
from services.worklist.access.caller import STATE, Caller
from services.worklist.access.cookies import ENTRY, SESSION
from services.worklist.access.requests import (
    HOME,
    client_address,
    form_field,
    from_elsewhere,
    local_path,
    path_of,
)
from services.worklist.access.tokens import csrf, same

if TYPE_CHECKING:
    from services.worklist.access.door import Access
    from services.worklist.access.store import Session

log = get_logger("worklist.access")

SAFE = frozenset({"GET", "HEAD"})
OPEN = frozenset({"/sign-in", "/signed-out", "/favicon.ico"})
OPEN_BELOW = ("/static/", "/sign-in/")
API = "/api/"
DESCRIPTION = "/api/v1/openapi.json"
MOST_BODY = 64 * 1024
"""Bytes of a request: a form with a long note has a tenth of it."""
BODY_WITHIN = 10.0
LOOK_AGAIN = 15.0
"""Seconds after which an open stream asks whether its session still stands."""
BACKGROUND = "baton-background"


class _Ended(Exception):
    """The session behind a stream has ended."""


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, access: "Access") -> None:
        self._app = app
        self._access = access
        self._secure = access.place.secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers.put(message, self._access.policy, secure=self._secure)
            await send(message)

        request = Request(scope, receive)
        refusal, body = await self._let_in(request, receive)
        if refusal is not None:
            await refusal(scope, receive, dressed)
            return
        caller: Caller = scope["state"][STATE]
        watched = _Watched(self._access, request, caller, dressed)
        try:
            await self._app(scope, _again(body, receive), watched)
        except _Ended:
            log.info("a stream ends with its session")
        except Exception:
            if not watched.started:
                sentence = "This did not work, and is no fault of yours: try again in a moment."
                await answers.refuse(request, 500, "error", sentence)(scope, receive, dressed)
            raise

    async def _let_in(self, request: Request, receive: Receive) -> tuple[Response | None, bytes]:
        """Nothing, where the request may go on, and its body; else what it is answered."""
        hosts = request.headers.getlist("host")
        origin = self._access.place.origin(hosts[0]) if len(hosts) == 1 else None
        if origin is None:
            where = self._access.place.url or "localhost or 127.0.0.1"
            return answers.refuse(request, 400, "unknown_host", f"The worklist is at {where}, not here."), b""
        body = b""
        if request.method not in SAFE:
            try:
                async with asyncio.timeout(BODY_WITHIN):
                    read = await _read(request.headers, receive)
            except TimeoutError:
                return answers.refuse(request, 408, "too_slow", "The request took too long to arrive."), b""
            if read is None:
                sentence = f"The request is larger than {MOST_BODY // 1024} KiB."
                return answers.refuse(request, 413, "too_large", sentence), b""
            body = read
        token = request.cookies.get(self._access.cookies.name(SESSION))
        try:
            session = await self._access.session(token, in_use=not _background(request)) if token else None
        except answers.Unavailable:
            return answers.unavailable(request), b""
        self._introduce(request, session, token)
        return self._may_go_on(request, session, origin, body), body

    def _introduce(self, request: Request, session: "Session | None", token: str | None) -> None:
        peer = request.client.host if request.client else None
        address = client_address(peer, request.headers.getlist("x-forwarded-for"), self._access.proxies)
        origin = From(session.user if session else None, address, session.session_id if session else None)
        held = token if session else request.cookies.get(self._access.cookies.name(ENTRY))
        request.scope.setdefault("state", {})[STATE] = Caller(
            origin,
            self._access,
            csrf=csrf(held) if held else "",
            background=_background(request),
            recorded=_is_open(request.scope["path"]) or request.scope["path"] == DESCRIPTION,
        )

    def _may_go_on(
        self, request: Request, session: "Session | None", origin: str, body: bytes
    ) -> Response | None:
        if session is None:
            if not _is_open(request.scope["path"]):
                return not_signed_in(request)
        elif wait := self._access.requests.take(session.session_id):
            return answers.too_many(request, wait)
        if request.method in SAFE:
            return None
        return self._forged(request, origin, body)

    def _forged(self, request: Request, origin: str, body: bytes) -> Response | None:
        """What an unsafe request is answered that another site may have caused; nothing where it is ours."""
        said = request.headers
        origins = said.getlist("origin")
        wanted = request.scope["state"][STATE].csrf
        refusal = answers.refuse(
            request, 403, "stale_form", "The form is too old, or was not one of ours: load the page again."
        )
        if from_elsewhere(origins, said.get("sec-fetch-site"), origin):
            return refusal
        given = said.get("x-csrf-token") or form_field(said.get("content-type", ""), body, "csrf_token")
        if wanted and same(given, wanted):
            return None
        if (
            request.scope["path"].startswith(API)
            and [each.lower() for each in origins] == [origin]
            and wanted
        ):
            return None
        return refusal


def not_signed_in(request: Request) -> Response:
    """Send a person to sign in, whether what they asked for exists or not; tell a program that it must."""
    path = quote(request.scope["path"], safe="/:@!$&'()*+,;=~-._")
    if path.startswith(API) or headers.STREAM in request.headers.get("accept", ""):
        return answers.refuse(request, 401, "not_signed_in", "Sign in first.")
    script = request.headers.get("hx-request") is not None
    if script:
        # Back to the page the person looks at, not to the part of it that the script wanted.
        asked = path_of(request.headers.get("hx-current-url", ""))
    elif request.method in SAFE:
        asked = f"{path}?{request.url.query}" if request.url.query else path
    else:
        asked = HOME
    asked = local_path(asked)
    where = "/sign-in" if asked == HOME else f"/sign-in?next={quote(asked, safe='')}"
    return (
        Response(status_code=401, headers={"HX-Redirect": where})
        if script
        else RedirectResponse(where, status_code=303)
    )


def _shows(status: int, said: Headers) -> bool:
    """Whether an answer may show something: any page, a form that comes back with its faults included."""
    page = said.get("content-type", "").startswith("text/html") and said.get("content-length") != "0"
    return page or (200 <= status < 300 and status != 204)


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)


def _background(request: Request) -> bool:
    """Whether the page asks by itself: that keeps nobody signed in."""
    said = request.headers
    return said.get(BACKGROUND) == "true" or headers.STREAM in said.get("accept", "")


async def _read(said: Headers, receive: Receive) -> bytes | None:
    """The whole body; None where it is too large, or does not come to its end."""
    length = said.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BODY:
        return None
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None  # whoever sent half of a form has gone; half a note is not entered
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > MOST_BODY:
            return None
        if not message.get("more_body"):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read already, and then whatever else comes."""
    given = False

    async def once_more() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        while (message := await receive())["type"] == "http.request":
            pass
        return message

    return once_more


class _Watched:
    """`send` of one answer: a page that was not recorded does not leave; a stream ends with its session."""

    def __init__(self, access: "Access", request: Request, caller: Caller, send: Send) -> None:
        self._access = access
        self._request = request
        self._caller = caller
        self._send = send
        self.started = False
        self._withheld = False
        self._stream = False
        self._looked = monotonic()

    async def __call__(self, message: Message) -> None:
        if self._withheld:
            return
        if message["type"] == "http.response.start":
            self.started = True
            said = Headers(raw=message.get("headers", []))
            if not self._caller.recorded and _shows(message["status"], said):
                self._withheld = True
                log.error("an answer was withheld: its handler did not say whose data it shows")
                answer = answers.refuse(
                    self._request, 500, "not_recorded", "This page was not recorded, so it is not shown."
                )
                await answer(self._request.scope, self._request.receive, self._send)
                return
            self._stream = said.get("content-type", "").startswith(headers.STREAM)
        elif self._stream and monotonic() - self._looked > LOOK_AGAIN:
            await self._look()
        await self._send(message)

    async def _look(self) -> None:
        self._looked = monotonic()
        token = self._request.cookies.get(self._access.cookies.name(SESSION))
        try:
            session = await self._access.session(token, in_use=False) if token else None
        except answers.Unavailable:
            return
        if session is None:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _Ended
