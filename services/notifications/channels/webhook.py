"""Signed webhooks: one POST for each message, a CloudEvent in structured mode.

For whoever receives them:

- `Content-Type: application/cloudevents+json`. `type` is `baton.notice.trigger`, `.update` or `.resolve`; `subject`
  is the alert, the same from its trigger to its resolve; `data.text` is ready to be shown.
- **Delivery is at least once.** `id` is the same each time a message is repeated: remember ids, or let a repeated
  `subject` update what is already there. Answer 2xx when you have it safely. Anything else, and no answer in time,
  is tried again, with growing pauses (or after `Retry-After`), for as long as the alert stands.
- **Check the signature** before you read the body:

      Baton-Signature: t=1767990000,v1=6c0e…

  `v1` is the hex HMAC-SHA256, under the shared secret, of `t`, a full stop and the body's bytes. Compare in constant
  time, and refuse a `t` more than five minutes from your clock. In Python:

      def genuine(header: str, body: bytes, secret: str, now: float) -> bool:
          parts = dict(part.partition("=")[::2] for part in header.split(","))
          signed = f"{parts.get('t', '')}.".encode() + body
          expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
          fresh = parts.get("t", "").isdigit() and abs(now - int(parts["t"])) <= 300
          return fresh and hmac.compare_digest(expected, parts.get("v1", ""))

  `verify` below is that function.
"""

import asyncio
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from schemas.base import iso
from services.notifications.channels import Answer, Message
from services.notifications.contacts import Contacts
from services.notifications.domain.model import Alert
from services.notifications.domain.notices import RESOLVE, TRIGGER
from services.notifications.domain.text import url
from services.notifications.kinds import WebhookChannel

SIGNATURE = "Baton-Signature"
TOLERANCE = 300.0
LONGEST_WAIT = 3600.0
"""A receiver that asks for more than an hour is asked again after an hour."""
SOURCE = "baton/notifications"


def sign(body: bytes, secret: str, at: int) -> str:
    """The value of the header Baton-Signature."""
    return f"t={at},v1={_digest(body, secret, str(at))}"


def verify(header: str, body: bytes, secret: str, now: float) -> bool:
    """Whether a message is ours and fresh; see above."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    at = parts.get("t", "")
    fresh = at.isascii() and at.isdigit() and abs(now - int(at)) <= TOLERANCE
    return fresh and hmac.compare_digest(_digest(body, secret, at).encode(), parts.get("v1", "").encode())


def _digest(body: bytes, secret: str, at: str) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhook:
    """One receiver. Redirects are not followed: the address is where the messages go."""

    def __init__(self, channel: WebhookChannel, contacts: Contacts) -> None:
        self.name = channel.name
        self.host = channel.host
        self.timeout = channel.timeout_seconds
        self._url = channel.webhook
        self._secret = channel.secret
        self._app_url = contacts.app_url
        self._names = contacts.names
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(self.timeout, connect=self.timeout / 2),
            headers={"User-Agent": "baton", "Content-Type": "application/cloudevents+json; charset=utf-8"},
            # A receiver on this machine is never behind a proxy.
            mounts={"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, message: Message) -> Answer:
        body = self._body(message)
        signature = sign(body, self._secret.get_secret_value(), int(message.wall.timestamp()))
        try:
            async with asyncio.timeout(self.timeout):
                return await self._post(body, signature, message.wall)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Answer(False, "not reached", arrived=False)
        except (TimeoutError, httpx.TimeoutException):
            return Answer(False, "timed out")
        except httpx.HTTPError:
            return Answer(False, "connection lost")

    async def _post(self, body: bytes, signature: str, wall: datetime) -> Answer:
        request = self._client.stream("POST", self._url, content=body, headers={SIGNATURE: signature})
        # The status is the answer. A body may be anything and of any length, so it is not read.
        async with request as response:
            wait = 0.0 if response.is_success else retry_after(response.headers.get("Retry-After"), wall)
            return Answer(response.is_success, str(response.status_code), wait=wait)

    def _body(self, message: Message) -> bytes:
        alert = message.alert
        return msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": message.key,
                "source": SOURCE,
                "type": f"baton.notice.{message.reason}",
                "subject": str(alert.alert_id),
                "time": iso(_time(message)),
                "datacontenttype": "application/json",
                "data": self._data(alert, message),
            }
        )

    def _data(self, alert: Alert, message: Message) -> dict[str, object]:
        """What a pager may show: nothing of the patient, of the stay, or of a unit whose name tells a diagnosis."""
        return {
            "alert_id": str(alert.alert_id),
            "reason": message.reason,
            "status": alert.status,
            "kind": alert.kind,
            "severity": alert.severity,
            "text": message.said,
            "case": alert.episode_id,
            "url": url(alert, self._app_url),
            "team": self._names.team(alert.team),
            "unit": self._names.unit(alert.unit),
            "raised_at": iso(alert.raised_at),
            "ended_at": iso(alert.ended_at) if alert.ended_at else None,
            "due_at": iso(alert.due_at) if alert.due_at else None,
            "items": alert.items,
        }


def _time(message: Message) -> datetime:
    """When what the message says became true, as far as it has an instant of its own."""
    if message.reason == RESOLVE and message.alert.ended_at:
        return message.alert.ended_at
    return message.alert.raised_at if message.reason == TRIGGER else message.wall


def retry_after(header: str | None, now: datetime) -> float:
    """Seconds to wait, from a Retry-After in seconds or as a date; 0 where it says nothing of use."""
    if header is None:
        return 0.0
    try:
        seconds = float(header) if header.strip().isdigit() else (_date(header) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _date(header: str) -> datetime:
    at = parsedate_to_datetime(header)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
