"""The kinds of channel that contacts.yaml may name, each checked by itself."""

import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

SHORTEST_SECRET = 16
MOST_RECIPIENTS = 50
PORTS = {"starttls": 587, "implicit": 465, "none": 25}

# RFC 5321, without quoted and international ones: nothing in it can end a header line or an SMTP command.
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,250}[A-Za-z0-9])?")

Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class ChannelError(ValueError):
    """What a channel needs is not there; the text says what, to be put after the channel's name."""


def local(host: str) -> bool:
    """Whether messages to this host stay on this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def printable(url: str) -> str:
    """Refuse what urlsplit overlooks: a line break or a space within an address."""
    if not url.isprintable() or " " in url:
        raise ValueError("holds a space or a line break; leave it out")
    return url


def _webhook(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("is no address; write one such as https://pager.example.org/baton")
    if parts.username or parts.password:
        raise ValueError("holds a user or password; the signature says who we are, so leave them out")
    if parts.scheme == "http" and not local(parts.hostname):
        raise ValueError("is not encrypted; write https:// (http:// only on this machine)")
    return printable(url)


def _mailbox(address: str) -> str:
    if not _MAILBOX.fullmatch(address) or ".." in address:
        raise ValueError("is no mail address; write one such as oncall@hospital.example, without a name")
    return address


def _host(host: str) -> str:
    if not (_HOST.fullmatch(host) or local(host)):
        raise ValueError("is no name of a server; write one such as smtp.hospital.example")
    return host


def _several(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def _somebody(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(addresses) <= MOST_RECIPIENTS:
        raise ValueError(f"should be one to {MOST_RECIPIENTS} addresses; a list server reaches more")
    return tuple(dict.fromkeys(addresses))


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class _Channel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str


class WebhookChannel(_Channel):
    """A signed webhook. `secret_env` names the variable that holds the secret."""

    webhook: Annotated[str, AfterValidator(_webhook)] = Field(repr=False)
    secret_env: Variable
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    secret: SecretStr = SecretStr("")

    @property
    def host(self) -> str:
        """Where messages go, without the path: that may be a secret too."""
        return urlsplit(self.webhook).netloc

    def with_secrets(self, environment: Mapping[str, str]) -> Self:
        """The channel with what its variable holds; raises ChannelError."""
        secret = environment.get(self.secret_env, "")
        if len(secret) < SHORTEST_SECRET:
            raise ChannelError(
                f"needs the variable {self.secret_env} to hold a secret of at least {SHORTEST_SECRET} characters"
            )
        return self.model_copy(update={"secret": SecretStr(secret)})


class EmailChannel(_Channel):
    """Mail to some addresses, handed to one server. `user_env` and `password_env` name variables."""

    email: Annotated[tuple[Mailbox, ...], BeforeValidator(_several), AfterValidator(_somebody)] = Field(
        repr=False
    )
    sender: Mailbox
    host: Annotated[str, AfterValidator(_host)]
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    port: int = Field(default_factory=lambda known: PORTS.get(known.get("tls", ""), 0), ge=1, le=65535)
    ca_file: Path | None = None
    user_env: Variable | None = None
    password_env: Variable | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 30.0
    user: SecretStr = SecretStr("")
    password: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.tls == "none" and not local(self.host):
            raise ValueError(
                "is not encrypted; write `tls: starttls` or `tls: implicit` (none only on this machine)"
            )
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("needs both `user_env` and `password_env`, or neither")
        return self

    def with_secrets(self, environment: Mapping[str, str]) -> Self:
        """The channel with what its variables hold; raises ChannelError."""
        found = {}
        for field, variable in (("user", self.user_env), ("password", self.password_env)):
            if variable is not None:
                value = environment.get(variable, "")
                if not value:
                    raise ChannelError(f"needs the variable {variable} to hold the {field} of its server")
                found[field] = SecretStr(value)
        return self.model_copy(update=found)

    def within(self, folder: Path | None) -> Self:
        """The channel with its `ca_file` found, if need be in the configuration folder; raises ChannelError."""
        if self.ca_file is None:
            return self
        found = self.model_copy(update={"ca_file": (folder or Path()) / self.ca_file})
        try:
            found.tls_context()
        except OSError:
            raise ChannelError(
                "names a ca_file that does not hold certificates in PEM; put it there, or leave it out "
                "where the server's certificate is a public one"
            ) from None
        return found

    def tls_context(self) -> ssl.SSLContext:
        """Certificates are always verified: against `ca_file` alone where it is given, else the system's."""
        return ssl.create_default_context(cafile=self.ca_file)


Channel = WebhookChannel | EmailChannel
