"""E-mail: one message in plain text to all recipients of the channel, handed to one SMTP server.

For whoever receives it:

- Subject and text are those of every other channel; `Importance` follows the severity; `Baton-Reason` is trigger,
  update or resolve, `Baton-Alert` the alert, the same from its trigger to its resolve: filters can go by them.
- All mails about one alert are one thread: `References` and `In-Reply-To` name the first of them.
- **Delivery is at least once.** `Message-ID` is the same each time a message is repeated.

For whoever runs the server: TLS with a verified certificate, before a password or a message is said; a server that
offers none is not used. A message is delivered when the server has taken it for *every* recipient. Where it takes it
for some, those have it, and only the others are tried again. 4xx, no answer and a lost connection are tried again with
growing pauses; 5xx is a refusal: it counts as a failing channel at once, and is tried again at the longest pause.
"""

import asyncio
import re
import ssl
from collections.abc import Iterable
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime

import aiosmtplib
from aiosmtplib import SMTP

from services.notifications.channels import Answer, Message
from services.notifications.contacts import Contacts
from services.notifications.domain.letter import importance, letter
from services.notifications.domain.text import url
from services.notifications.kinds import EmailChannel

FAREWELL = 2.0
"""Seconds for a QUIT; the message is taken by then."""

# Any server takes 7 bits. Lines are not folded: a folded message id is no id any more, nor is a link.
_POLICY = WIRE.clone(cte_type="7bit", max_line_length=900)
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")


class Email:
    """One server and one list of recipients."""

    def __init__(self, channel: EmailChannel, contacts: Contacts) -> None:
        self.name = channel.name
        self.host = f"{channel.host}:{channel.port}"
        self.timeout = channel.timeout_seconds
        self._channel = channel
        self._tls = None if channel.tls == "none" else channel.tls_context()
        self._domain = channel.sender.rpartition("@")[2]
        self._app_url = contacts.app_url
        self._names = contacts.names

    async def close(self) -> None:
        """Each message has a connection of its own."""

    async def send(self, message: Message) -> Answer:
        recipients = [each for each in self._channel.email if each not in message.took]
        if not recipients:  # whom it could not reach is no recipient any more
            return Answer(True, "taken before")
        talk = _Talk(self._client(), self._channel)
        try:
            async with asyncio.timeout(self.timeout):
                await talk.begin(self._tls)
                answer = await talk.hand_over(recipients, self._mail(message).as_bytes())
            await talk.end()
        except _Unfit as error:
            return Answer(False, str(error), arrived=False)
        except aiosmtplib.SMTPResponseException as error:
            arrived = talk.handed_over and not 400 <= error.code < 600
            return Answer(False, _refusal(error, talk.stage), arrived, final=_for_good(error))
        except TimeoutError:
            return Answer(False, f"timed out {talk.stage}", arrived=talk.handed_over)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Answer(False, _trouble(error, talk.stage), arrived=talk.handed_over)
        finally:
            talk.close()
        return answer

    def _client(self) -> SMTP:
        channel = self._channel
        return SMTP(
            hostname=channel.host,
            port=channel.port,
            timeout=self.timeout,
            # Known without a look-up, which may take longer than the server, and with a dot, which some ask for.
            local_hostname=self._domain,
            use_tls=channel.tls == "implicit",
            start_tls=False,
            tls_context=self._tls,
        )

    def _mail(self, message: Message) -> EmailMessage:
        alert = message.alert
        mail = EmailMessage(_POLICY)
        mail["From"] = f"Baton <{self._channel.sender}>"
        mail["To"] = ", ".join(self._channel.email)
        mail["Subject"] = message.said.removesuffix(url(alert, self._app_url)).rstrip()
        mail["Date"] = format_datetime(message.wall)
        mail["Message-ID"] = self._id(message.key)
        if message.first not in {"", message.key}:
            mail["In-Reply-To"] = mail["References"] = self._id(message.first)
        mail["Importance"] = importance(alert, message.reason)
        # Neither an answering machine nor a mailing list answers to these.
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["Baton-Alert"] = str(alert.alert_id)
        mail["Baton-Reason"] = message.reason
        mail.set_content(letter(alert, message.reason, message.said, self._app_url, self._names))
        return mail

    def _id(self, key: str) -> str:
        return f"<{key.replace(':', '.')}@{self._domain}>"


class _Unfit(Exception):
    """The server does not offer what a message needs; the text is the answer for the record."""


class _Talk:
    """One connection, and how far it has come."""

    def __init__(self, client: SMTP, channel: EmailChannel) -> None:
        self.stage = "on connecting"
        self.handed_over = False
        self._client = client
        self._channel = channel

    async def begin(self, tls: ssl.SSLContext | None) -> None:
        """Connect, encrypt and log in, as far as the channel says so."""
        await self._client.connect()
        await self._client.ehlo()
        if self._channel.tls == "starttls":
            self.stage = "at STARTTLS"
            if not self._client.supports_extension("starttls"):
                raise _Unfit("STARTTLS is not offered")
            await self._client.starttls(tls_context=tls)
            await self._client.ehlo()
        if self._channel.user_env is not None:
            self.stage = "at the login"
            await self._log_in()

    async def _log_in(self) -> None:
        """Try one method, once: a wrong password tried three ways locks accounts."""
        methods = self._client.server_auth_methods
        if "plain" in methods:
            log_in = self._client.auth_plain
        elif "login" in methods:
            log_in = self._client.auth_login
        else:
            raise _Unfit("neither AUTH PLAIN nor AUTH LOGIN is offered")
        await log_in(self._channel.user.get_secret_value(), self._channel.password.get_secret_value())

    async def hand_over(self, recipients: Iterable[str], mail: bytes) -> Answer:
        """One transaction for all recipients the server takes."""
        self.stage = "for the sender"
        await self._client.mail(self._channel.sender)
        self.stage = "for the recipient"
        took, refused = [], []
        for each in recipients:
            try:
                await self._client.rcpt(each)
                took.append(each)
            except aiosmtplib.SMTPRecipientRefused as error:
                refused.append(error)
        # What may pass by itself is the answer: with one recipient to be tried again soon, all are.
        worst = min(refused, key=_for_good, default=None)
        if worst is not None and not took:
            raise worst
        self.stage = "for the message"
        self.handed_over = True
        response = await self._client.data(mail)
        if worst is None:
            return Answer(True, str(response.code), took=tuple(took))
        word = f"{_code(worst)} for {len(refused)} of {len(refused) + len(took)} recipients"
        return Answer(False, word, final=_for_good(worst), took=tuple(took))

    async def end(self) -> None:
        """Say goodbye; whatever comes of it, the message is taken."""
        with suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(FAREWELL):
                await self._client.quit()

    def close(self) -> None:
        self._client.close()


def _refusal(error: aiosmtplib.SMTPResponseException, stage: str) -> str:
    """The code, never the server's text: it repeats addresses, and whatever else it likes."""
    return f"{_code(error)} {stage}" if error.code > 0 else f"no SMTP {stage}"


def _code(error: aiosmtplib.SMTPResponseException) -> str:
    enhanced = _ENHANCED.match(error.message)
    return f"{error.code} {enhanced[0]}" if enhanced else str(error.code)


def _for_good(error: aiosmtplib.SMTPResponseException) -> bool:
    return 500 <= error.code < 600


def _trouble(error: Exception, stage: str) -> str:
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS {stage}"
    if isinstance(error, aiosmtplib.SMTPServerDisconnected):
        return f"connection lost {stage}"
    return "not reached" if stage == "on connecting" else f"connection lost {stage}"
