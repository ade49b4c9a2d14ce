"""What an operator can set for the MLLP listener, beside what every process knows; each is checked at start."""

import ipaddress
import ssl
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, FilePath, model_validator

from services.admissions.settings import ReadingSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_FEED = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


def _networks(value: str) -> str:
    networks(value)
    return value


def networks(value: str) -> list[Network]:
    """Read addresses and networks separated by commas; raises ValueError at the first that is neither."""
    found: list[Network] = []
    for each in filter(None, (part.strip() for part in value.split(","))):
        try:
            found.append(ipaddress.ip_network(each, strict=False))
        except ValueError:
            raise ValueError("should be IP addresses or networks separated by commas") from None
    return found


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("should be an IP address of this machine; 0.0.0.0 or :: for all") from None
    return value


class Settings(ReadingSettings):
    """The listener: where it listens, who may connect, what confirms a message."""

    mllp_host: Annotated[str, AfterValidator(_host)] = Field(
        default="127.0.0.1", description="the address MLLP is served on"
    )
    mllp_port: int = Field(
        default=2575, ge=0, le=65_535, description="the port MLLP is served on; 0 takes a free one"
    )
    mllp_feed: str | None = Field(
        default=None,
        pattern=_FEED,
        description="the feed that every message of this listener belongs to; without it MSH-3 and MSH-4 decide",
        examples=["st-annes"],
    )
    mllp_confirm: Literal["kafka", "postgres"] = Field(
        default="kafka",
        description="what a message is acknowledged for: kafka: every in-sync replica has it (acks=all); postgres: "
        "admissions has committed it, for a broker that forgets what it holds (`baton up --embedded` sets it)",
    )
    mllp_store_seconds: float = Field(
        default=20.0,
        gt=0,
        le=600,
        description="how long a message may wait to be stored before its sender is told to try again, in seconds",
    )
    mllp_when_away: Literal["close", "answer"] = Field(
        default="close",
        description="what a sender in original mode gets then: close: no answer and the end of the connection; answer: AE",
    )
    mllp_answer_unidentified: Literal["AE", "AA"] = Field(
        default="AE",
        description="the answer to a message without a usable patient identifier, which is stored and refused by "
        "admissions; AA where an AE would stop the sender's queue",
    )
    mllp_frame_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="how long one frame may take from its first byte to its last (between frames a connection may be "
        "quiet for ever), in seconds",
    )
    mllp_connections: int = Field(default=1000, ge=1, le=60_000, description="the most connections at a time")
    mllp_held: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="the most messages of one connection that wait to be stored; then it is not read",
    )
    mllp_allow: Annotated[str, AfterValidator(_networks)] = Field(
        default="",
        description="the addresses and networks that may connect, separated by commas; without it all may",
        examples=["10.20.0.0/16,10.30.1.5"],
    )
    mllp_tls_certificate_file: FilePath | None = Field(
        default=None,
        description="our certificate (PEM), with those it is signed by: MLLP is then served over TLS only",
    )
    mllp_tls_key_file: FilePath | None = Field(
        default=None, description="the key (PEM) of it; without it, it is in the certificate's file"
    )
    mllp_tls_key_password: str | None = Field(
        default=None, repr=False, description="the password of that key"
    )
    mllp_tls_client_ca_file: FilePath | None = Field(
        default=None,
        description="the certificates (PEM) that a sender's own must be signed by: mutual TLS, nobody else may connect",
    )

    @property
    def mllp_networks(self) -> list[Network]:
        """Who may connect; empty: all."""
        return networks(self.mllp_allow)

    @property
    def mllp_needs_postgres(self) -> bool:
        return self.mllp_confirm == "postgres" or self.controlled_clock

    def mllp_ssl_context(self) -> ssl.SSLContext | None:
        """The TLS to senders; raises OSError or ssl.SSLError where a file is not what it should be."""
        if self.mllp_tls_certificate_file is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        password = self.mllp_tls_key_password or ""
        context.load_cert_chain(self.mllp_tls_certificate_file, self.mllp_tls_key_file, password)
        if self.mllp_tls_client_ca_file is not None:
            context.load_verify_locations(self.mllp_tls_client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    @model_validator(mode="after")
    def _mllp_holds(self) -> Self:
        if problem := _problem(self):
            raise ValueError(problem)
        return self


def _problem(said: Settings) -> str | None:
    besides = {
        "BATON_MLLP_TLS_KEY_FILE": said.mllp_tls_key_file,
        "BATON_MLLP_TLS_KEY_PASSWORD": said.mllp_tls_key_password,
        "BATON_MLLP_TLS_CLIENT_CA_FILE": said.mllp_tls_client_ca_file,
    }
    for name, value in besides.items():
        if value is not None and said.mllp_tls_certificate_file is None:
            return f"{name} is set and BATON_MLLP_TLS_CERTIFICATE_FILE is not: set both"
    try:
        context = said.mllp_ssl_context()
    except (OSError, ValueError):
        return (
            "the files of BATON_MLLP_TLS_… do not fit together: write certificate, key and the senders' CA in PEM, "
            "and the key's password if it has one"
        )
    loopback = ipaddress.ip_address(said.mllp_host).is_loopback
    if not loopback and context is None and not said.mllp_networks:
        return (
            f"BATON_MLLP_HOST is {said.mllp_host}, and anybody there could send: set BATON_MLLP_TLS_CERTIFICATE_FILE "
            "(and BATON_MLLP_TLS_CLIENT_CA_FILE), or BATON_MLLP_ALLOW to the senders' addresses"
        )
    return None
