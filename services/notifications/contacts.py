"""Who is told, over which channels: `contacts.yaml`, checked as a whole before anything starts."""

import os
import re
from collections.abc import Mapping
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from services.notifications.domain.text import GENERIC_TEAM, Names

FILE = "contacts.yaml"
M = TypeVar("M", bound=BaseModel)

DEFAULT = "default"
SHORTEST_SECRET = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


class ContactsError(ValueError):
    """contacts.yaml cannot be used; the text says where and what to do."""


def _local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _webhook(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("is no address; write one such as https://pager.example.org/baton")
    if parts.username or parts.password:
        raise ValueError("holds a user or password; the signature says who we are, so leave them out")
    if parts.scheme == "http" and not _local(parts.hostname):
        raise ValueError("is not encrypted; write https:// (http:// only on this machine)")
    return url


def _app_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("should be scheme and host only, such as https://baton.example.org")
    return url.rstrip("/")


class Channel(BaseModel):
    """One way to reach people: a signed webhook. `secret_env` names the variable that holds the secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    webhook: Annotated[str, AfterValidator(_webhook)] = Field(repr=False)
    secret_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    secret: SecretStr = SecretStr("")

    @property
    def host(self) -> str:
        """Where messages go, without the path: that may be a secret too."""
        return urlsplit(self.webhook).netloc


class Contacts(BaseModel):
    """The channels by name, and for each team those it is reached by; any other team is the default one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_url: Annotated[str, AfterValidator(_app_url)]
    channels: Mapping[str, Channel] = {}
    teams: Mapping[str, tuple[str, ...]] = {DEFAULT: ()}
    generic_team: Annotated[str, Field(min_length=1)] = GENERIC_TEAM
    revealing: tuple[str, ...] = ()

    def channels_of(self, team: str) -> tuple[str, ...]:
        """The names of the channels that reach a team."""
        found = self.teams.get(team)
        return self.teams[DEFAULT] if found is None else found

    @property
    def names(self) -> Names:
        return Names(list(self.revealing), self.generic_team)


def load_contacts(folder: Path | None, environment: Mapping[str, str] | None = None) -> Contacts:
    """Read contacts.yaml of the configuration folder, or the one shipped, or raise ContactsError."""
    given = None if folder is None else folder / FILE
    if given is not None and given.exists():
        text = given.read_text("utf-8")
    else:
        text = files("services.notifications").joinpath("config", FILE).read_text("utf-8")
    return parse_contacts(text, os.environ if environment is None else environment)


def parse_contacts(text: str, environment: Mapping[str, str]) -> Contacts:
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ContactsError(_say(f"line {mark.line + 1}" if mark else "it", "is not readable YAML")) from None
    if not isinstance(said, dict):
        raise ContactsError(_say("it", "holds no keys; write at least `app_url:`, `channels:` and `teams:`"))
    channels = {
        name: _channel(name, entry, environment) for name, entry in _entries(said, "channels").items()
    }
    teams = {name: _team(name, entry, channels) for name, entry in _entries(said, "teams").items()}
    if DEFAULT not in teams:
        raise ContactsError(_say("teams", "has no `default`; write `default: []` if nobody is to be told"))
    return _checked(Contacts, "", said | {"channels": channels, "teams": teams})


def _entries(said: dict[str, Any], key: str) -> dict[str, Any]:
    entries = said.get(key) or {}
    if not isinstance(entries, dict):
        raise ContactsError(_say(key, "holds no names; write one entry a name"))
    return {str(name): entry for name, entry in entries.items()}


def _channel(name: str, entry: Any, environment: Mapping[str, str]) -> Channel:
    where = f"channels.{name}"
    if not _NAME.fullmatch(name):
        raise ContactsError(_say(where, "should be a name of lower case letters, digits, - and _"))
    if not isinstance(entry, dict):
        raise ContactsError(_say(where, "holds no keys; write `webhook:` and `secret_env:`"))
    channel = _checked(Channel, where, {**entry, "name": name, "secret": ""})
    secret = environment.get(channel.secret_env, "")
    if len(secret) < SHORTEST_SECRET:
        needs = f"needs the variable {channel.secret_env} to hold a secret of at least {SHORTEST_SECRET} characters"
        raise ContactsError(_say(where, needs))
    return channel.model_copy(update={"secret": SecretStr(secret)})


def _team(name: str, entry: Any, channels: Mapping[str, Channel]) -> tuple[str, ...]:
    if not isinstance(entry, list) or not all(isinstance(one, str) for one in entry):
        raise ContactsError(_say(f"teams.{name}", "should be a list of channels, such as [pager]"))
    for one in entry:
        if one not in channels:
            raise ContactsError(
                _say(f"teams.{name}", f"names the channel {one}, which `channels:` does not have")
            )
    return tuple(dict.fromkeys(entry))


def _checked(model: type[M], where: str, values: dict[str, Any]) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(filter(None, [where, *map(str, first["loc"])]))
        reason = {"missing": "is missing", "extra_forbidden": "is not known; leave it out"}.get(first["type"])
        raise ContactsError(
            _say(place, reason or first["msg"].removeprefix("Value error, ").removeprefix("Input "))
        ) from None


def _say(where: str, what: str) -> str:
    return f"{FILE}: {where} {what}."
