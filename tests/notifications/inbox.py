"""Mail servers on this machine: one that takes mail, or refuses it as told, and blunt ones that misbehave."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "baton", "pässword of the mail server"
HOST = "localhost"


@dataclass(frozen=True)
class Mail:
    """What the server took: by whom it was handed over, for whom, and its bytes as they came."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    encrypted: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        found = message_from_bytes(self.raw, policy=default)
        assert isinstance(found, EmailMessage)
        return found

    def __getitem__(self, header: str) -> str:
        return str(self.message[header])

    @property
    def reason(self) -> str:
        return self["Baton-Reason"]

    @property
    def text(self) -> str:
        return str(self.message.get_content())


@dataclass
class Inbox:
    """Takes mail; `refused` are answers by recipient, `answers` those to the next messages."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    hang: asyncio.Event | None = None

    @property
    def reasons(self) -> list[str]:
        return [mail.reason for mail in self.mails]

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.arrived.set()
        if self.hang is not None:
            await self.hang.wait()
        answer = self.answers.pop(0) if self.answers else "250 2.0.0 taken"
        if answer.startswith("250"):
            raw = envelope.content
            assert isinstance(raw, bytes)
            user = self.logins[-1][0] if self.logins else None
            transport = server.transport
            assert transport is not None
            encrypted = transport.get_extra_info("sslcontext") is not None
            self.mails.append(Mail(str(envelope.mail_from), tuple(envelope.rcpt_tos), raw, encrypted, user))
        return answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any
    ) -> AuthResult:
        assert isinstance(login, LoginPassword)
        self.logins.append((login.login.decode(), login.password.decode()))
        known = self.logins[-1] == (USER, PASSWORD)
        return AuthResult(success=known, handled=known)


class Patience:
    """Stands in for `asyncio` where time limits are set: none ends before a server has fallen silent."""

    def __init__(self) -> None:
        self._limits: list[asyncio.Timeout] = []

    def timeout(self, seconds: float) -> asyncio.Timeout:
        self._limits.append(asyncio.timeout(None))
        return self._limits[-1]

    def end(self) -> None:
        """The limit that runs is over."""
        if self._limits:
            self._limits[-1].reschedule(asyncio.get_running_loop().time())


class Post:
    """Starts mail servers, with certificates of an authority of its own."""

    def __init__(self, folder: Path) -> None:
        self.patience = Patience()
        authority = trustme.CA()
        self.ca_file = folder / "authority.pem"
        self.ca_file.write_bytes(authority.cert_pem.bytes())
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(self._tls)
        self._stack = AsyncExitStack()

    async def inbox(self, tls: str = "starttls", *, login: bool = True) -> Inbox:
        """A server that takes mail."""
        found = Inbox()

        def connected() -> SMTP:
            options: dict[str, Any] = {"auth_require_tls": False} if tls == "implicit" else {}
            if login:
                options |= {"authenticator": found.authenticate, "auth_required": tls == "starttls"}
            if tls == "starttls":
                options |= {"tls_context": self._tls, "require_starttls": True}
            loop = asyncio.get_running_loop()
            return SMTP(found, hostname="inbox.test", loop=loop, timeout=60, **options)

        found.port = await self._listen(connected, self._tls if tls == "implicit" else None)
        return found

    async def blunt(self, *lines: bytes | None) -> int:
        """A server that says a line of `lines` first and after each line it hears; None is silence. Then it goes."""
        release = asyncio.Event()
        self._stack.callback(release.set)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for line in lines:
                if line is None:
                    self.patience.end()
                    await release.wait()
                    break
                writer.write(line)
                heard = await reader.readline()
                if line.startswith(b"354"):
                    await reader.readuntil(b"\r\n.\r\n")
                if not heard:
                    break
            writer.close()

        def connected() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), talk)

        return await self._listen(connected, None)

    async def _listen(self, connected: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None) -> int:
        server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0, ssl=tls)
        self._stack.callback(server.close)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        await self._stack.aclose()


def mail_channel(port: int, **fields: Any) -> dict[str, Any]:
    """A channel as contacts.yaml writes it."""
    given = {
        "email": ["oncall@hospital.example"],
        "sender": "baton@hospital.example",
        "host": HOST,
        "port": port,
    }
    return given | fields
