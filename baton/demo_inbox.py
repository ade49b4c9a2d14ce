"""The demo's inbox: a webhook and a mail server on loopback, and a page that shows what each receiver got."""

import asyncio
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from baton import demo_page
from baton.ports import PROCESSES
from baton.trouble import Misuse, Trouble
from schemas.base import iso
from services.chassis import clock
from services.chassis.web import Server, server
from services.notifications.channels.webhook import SIGNATURE, verify

PORT = 8025
MOST = 2000
LARGEST = 100_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
SECRET_ENV = "BATON_DEMO_SECRET"  # noqa: S105  (the variable's name)
CONTACTS = """\
# Written by `make demo` at each start: both receivers are the demo inbox.
label: DEMO
app_url: http://127.0.0.1:{port}
channels:
  pager: {{webhook: "http://127.0.0.1:{port}/webhook", secret_env: {secret}, timeout_seconds: 5}}
  mail: {{email: [team@north.demo.example], sender: baton@demo.example, host: 127.0.0.1, port: {smtp}, tls: none}}
fallback_after_seconds: 20
teams:
  default: [pager, mail]
  north: [mail]
"""
FACILITIES = """\
facilities:
  DEMOHOSP: {zone: America/New_York}
  DEMONORTH: {zone: America/New_York, team: north}
"""

Story = Callable[[str], Awaitable[str]]


class Inbox:
    """What was received, in memory and in a file of the demo's home; ports are taken at once, served by `run`."""

    def __init__(self, home: Path, story: Story, *, kept_port: int = 0) -> None:
        self.summary = ""
        self.secret = secrets.token_urlsafe(24)
        self._home = home
        self._story = story
        self._file = home / "inbox.jsonl"
        self._received = _read(self._file)
        self._known = {each["id"] for each in self._received}
        self._changed = asyncio.Event()
        self._http = _listen(kept_port)
        self._smtp = _bind(0)
        self.port: int = self._http.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configure(self) -> dict[str, str]:
        """Write the demo's contacts and facilities; gives the variables by which the services find them."""
        folder = self._home / "config"
        folder.mkdir(exist_ok=True)
        smtp = self._smtp.getsockname()[1]
        contacts = CONTACTS.format(port=self.port, smtp=smtp, secret=SECRET_ENV)
        (folder / "contacts.yaml").write_text(contacts, encoding="utf-8")
        (folder / "facilities.yaml").write_text(FACILITIES, encoding="utf-8")
        return {"BATON_CONFIG_DIR": str(folder), SECRET_ENV: self.secret}

    async def run(self) -> None:
        """Serve both until cancelled."""
        loop = asyncio.get_running_loop()
        mail = await loop.create_server(
            lambda: SMTP(self, hostname="demo.example", ident="Baton demo inbox", data_size_limit=LARGEST),
            sock=self._smtp,
        )
        http: Server = server(self._application())
        serving = asyncio.create_task(http.serve(sockets=[self._http]))
        try:
            await asyncio.shield(serving)
        finally:
            mail.close()
            http.should_exit = True
            self._tell()
            await serving

    def update(self, summary: str) -> None:
        """Show this line at the head of the page."""
        if summary != self.summary:
            self.summary = summary
            self._tell()

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  (aiosmtpd's name)
        """Take a mail, as aiosmtpd asks."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        body = mail.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        taken = self._take(
            {
                "by": "mail", "id": str(mail["Message-ID"] or secrets.token_hex(8)),
                "alert": str(mail["Baton-Alert"] or ""), "reason": str(mail["Baton-Reason"] or ""),
                "from": str(mail["From"] or ""), "to": str(mail["To"] or ""), "subject": str(mail["Subject"] or ""),
                "importance": str(mail["Importance"] or "normal"), "text": text,
            }
        )  # fmt: skip
        return "250 2.0.0 The demo inbox has it" if taken else "452 4.3.1 The demo inbox cannot keep it"

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/received", self._fragment),
                Route("/events", self._events),
                Route("/c/{case}", self._case),
                Route("/webhook", self._webhook, methods=["POST"]),
                Route("/inbox.css", lambda _: _asset("inbox.css", "text/css")),
                Route("/inbox.js", lambda _: _asset("inbox.js", "text/javascript")),
            ]
        )

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(demo_page.page(self._received, self.summary), headers=HEADERS)

    async def _fragment(self, _: Request) -> Response:
        return HTMLResponse(demo_page.received(self._received, self.summary), headers=HEADERS)

    async def _case(self, request: Request) -> Response:
        try:
            story = await self._story(request.path_params["case"])
        except Trouble as trouble:
            return HTMLResponse(
                demo_page.case("No such case", str(trouble)), status_code=404, headers=HEADERS
            )
        return HTMLResponse(demo_page.case(request.path_params["case"], story), headers=HEADERS)

    async def _webhook(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                return PlainTextResponse("The message is too large.", 413)
        if not verify(request.headers.get(SIGNATURE, ""), body, self.secret, clock.wall().timestamp()):
            return PlainTextResponse("The signature does not hold.", 401)
        said: dict[str, Any] = json.loads(body)
        taken = self._take(
            {"by": "webhook", "id": said["id"], "alert": said["subject"], "reason": said["type"].rpartition(".")[2]}
            | {name: said["data"].get(name) for name in ("text", "status", "severity", "kind", "case", "team", "unit")}
        )  # fmt: skip
        return PlainTextResponse("", 204 if taken else 503)

    async def _events(self, _: Request) -> Response:
        return StreamingResponse(self._news(), media_type="text/event-stream", headers=HEADERS)

    async def _news(self) -> AsyncIterator[str]:
        while True:
            yield "data: news\n\n"
            await self._changed.wait()
            await asyncio.sleep(0.2)

    def _take(self, message: dict[str, Any]) -> bool:
        """Keep a message, on disk first; False where it could not be kept. One that is known is kept already."""
        if message["id"] in self._known:
            return True
        message["at"] = iso(clock.wall())
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps(message))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        self._known.add(message["id"])
        self._received = [*self._received, message][-MOST:]
        self._tell()
        return True

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _asset(name: str, kind: str) -> Response:
    return Response(
        (Path(__file__).with_name("demo_assets") / name).read_bytes(), media_type=kind, headers=HEADERS
    )


def _read(file: Path) -> list[dict[str, Any]]:
    """The messages of earlier starts; half a line at a break is none."""
    found = []
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    for line in lines[-MOST:]:
        try:
            message = json.loads(line or "null")
        except ValueError:
            continue
        if isinstance(message, dict) and "id" in message:
            found.append(message)
    return found


def _listen(kept: int) -> socket.socket:
    """Take the page's port: after those that BATON_HTTP_PORT names, else as before, else the usual or a free one."""
    first = os.environ.get("BATON_HTTP_PORT") or "0"
    if first.isdigit() and int(first):
        port = int(first) + len(PROCESSES)
        try:
            return _bind(port)
        except OSError:
            raise Misuse(
                f"Port {port} is in use: free it, or set BATON_HTTP_PORT to another first port."
            ) from None
    for port in filter(None, (kept, PORT)):
        try:
            return _bind(port)
        except OSError:
            continue
    return _bind(0)


def _bind(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(("127.0.0.1", port))
        taken.listen(64)
    except OSError:
        taken.close()
        raise
    taken.setblocking(False)
    return taken
