"""What an operator can set for signing in; what cannot work fails at start with one sentence."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from services.chassis.settings import ServiceSettings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Network = IPv4Network | IPv6Network


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("should be scheme and host only, such as https://baton.example.org")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("should be scheme and host only, such as https://baton.example.org")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("should begin with https://: passwords and patients' names would go in the open")
    # As browsers say it: without the port that is meant anyway.
    netloc = parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
    return f"{parts.scheme}://{netloc}"


def _issuer(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("should be the address of the provider, such as https://login.example.org/realms/x")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("should begin with https://: what the provider says could be changed on its way")
    return value


def networks(value: str) -> tuple[Network, ...]:
    """Read addresses and networks separated by commas; raises ValueError."""
    return tuple(ip_network(each.strip()) for each in value.split(",") if each.strip())


def _proxies(value: str) -> str:
    try:
        found = networks(value)
    except ValueError:
        raise ValueError("should be addresses or networks separated by commas, such as 10.0.0.0/28") from None
    if any(each.prefixlen == 0 for each in found):
        raise ValueError(
            "should name the proxies: with every address trusted, anybody may claim to be anybody"
        )
    return value


@dataclass(frozen=True, slots=True)
class Place:
    """Where browsers find the worklist: at one address, or, without any, at this machine's own names."""

    url: str | None

    @property
    def secure(self) -> bool:
        return self.url is not None and self.url.startswith("https://")

    def origin(self, host: str) -> str | None:
        """The origin of a request for this host; None where it is not ours (RFC 6454)."""
        host = host.lower()
        if self.url is not None:
            return self.url if host == urlsplit(self.url).netloc else None
        try:
            parts = urlsplit(f"//{host}")
            plain = parts.netloc == host and "@" not in host and (parts.port or 80) > 0
        except ValueError:
            return None
        return f"http://{host}" if plain and parts.hostname in LOOPBACK else None


class AccessSettings(ServiceSettings):
    """Signing in, sessions and limits; who may is in users.yaml of the configuration folder."""

    embedded: bool = Field(
        default=False, description="whether the servers are those that `baton up --embedded` started"
    )
    worklist_url: Annotated[str, AfterValidator(_url)] | None = Field(
        default=None,
        description="where browsers find the worklist; without it, on this machine only",
        examples=["https://baton.example.org"],
    )
    worklist_idle_minutes: float = Field(
        default=30.0, gt=0, le=12 * 60, description="how long a session lasts that nobody uses, in minutes"
    )
    worklist_session_hours: float = Field(
        default=12.0, gt=0, le=24, description="how long a session lasts at most, in hours"
    )
    worklist_requests_per_minute: int = Field(
        default=1200, ge=1, le=1_000_000, description="the most requests of one session in a minute"
    )
    worklist_trusted_proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        default="",
        description="the proxies whose X-Forwarded-For is believed, as addresses or networks; none by default",
    )
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] | None = Field(
        default=None, description="the OpenID Connect provider people sign in with"
    )
    oidc_client_id: str | None = Field(default=None, min_length=1, description="who we are to the provider")
    oidc_client_secret: str | None = Field(
        default=None, min_length=1, repr=False, description="our secret at the provider, if it gave us one"
    )
    oidc_scopes: str = Field(
        default="openid profile",
        pattern=r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$",
        description="what the provider is asked for, separated by blanks",
    )
    oidc_name_claim: str = Field(
        default="preferred_username", min_length=1, description="the claim that names a person to colleagues"
    )
    oidc_groups_claim: str = Field(
        default="groups",
        min_length=1,
        description="the claim with the groups that users.yaml gives roles to; dots lead into objects",
    )

    @property
    def place(self) -> Place:
        return Place(self.worklist_url)

    @property
    def idle(self) -> timedelta:
        return timedelta(minutes=self.worklist_idle_minutes)

    @property
    def longest(self) -> timedelta:
        return timedelta(hours=self.worklist_session_hours)

    @property
    def link_allowed(self) -> bool:
        """Whether one-time links are good: on the embedded servers of this machine, and nowhere else."""
        return self.embedded and urlsplit(self.database_url).hostname in LOOPBACK

    @model_validator(mode="after")
    def _access_holds(self) -> Self:
        if problem := _problem(self):
            raise ValueError(problem)
        return self


def _problem(said: AccessSettings) -> str | None:
    """What in the settings cannot be meant."""
    if said.worklist_url is None and not _loopback(said.http_host):
        return (
            "BATON_HTTP_HOST is an address others reach and BATON_WORKLIST_URL is not set: "
            "set it to the https address that browsers use"
        )
    if said.worklist_idle_minutes > said.worklist_session_hours * 60:
        return "BATON_WORKLIST_IDLE_MINUTES is longer than BATON_WORKLIST_SESSION_HOURS: make it shorter"
    if said.oidc_issuer is not None and said.oidc_client_id is None:
        return "BATON_OIDC_ISSUER is set and BATON_OIDC_CLIENT_ID is not: set the id the provider knows us by"
    if said.oidc_issuer is None and (said.oidc_client_id or said.oidc_client_secret):
        return (
            "BATON_OIDC_CLIENT_ID or BATON_OIDC_CLIENT_SECRET is set and BATON_OIDC_ISSUER is not: set it too"
        )
    if said.oidc_issuer is not None and said.worklist_url is None:
        return "BATON_OIDC_ISSUER is set and BATON_WORKLIST_URL is not: the provider must know where to send people back"
    if said.oidc_issuer is not None and "openid" not in said.oidc_scopes.split():
        return "BATON_OIDC_SCOPES lacks openid: without it the provider does not say who signed in"
    return None


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
