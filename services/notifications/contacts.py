"""Who is told, over which channels: `contacts.yaml`, checked as a whole before anything starts."""

import os
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from services.notifications.domain.text import GENERIC_TEAM, Names
from services.notifications.kinds import Channel, ChannelError, EmailChannel, WebhookChannel, printable

FILE = "contacts.yaml"
M = TypeVar("M", bound=BaseModel)

Turns = tuple[tuple[str, ...], ...]
"""The channels of a team in the order in which they are tried; those of one turn are told at once."""

DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


class ContactsError(ValueError):
    """contacts.yaml cannot be used; the text says where and what to do."""


def _app_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("should be scheme and host only, such as https://baton.example.org")
    return printable(url.rstrip("/"))


class Contacts(BaseModel):
    """The channels by name, and for each team those it is reached by; any other team is the default one.

    The channels of a later turn are told when those before them have not delivered for `fallback_after_seconds`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_url: Annotated[str, AfterValidator(_app_url)]
    channels: Mapping[str, Channel] = {}
    teams: Mapping[str, Turns] = {DEFAULT: ()}
    fallback_after_seconds: Annotated[float, Field(gt=0, le=3600)] = 120.0
    generic_team: Annotated[str, Field(min_length=1)] = GENERIC_TEAM
    revealing: tuple[str, ...] = ()
    label: Annotated[str, Field(pattern=r"^[A-Z]{0,12}$")] = ""

    def channels_of(self, team: str) -> dict[str, int]:
        """The channels that reach a team, and the turn of each, from 0."""
        turns = self.teams.get(team)
        turns = self.teams[DEFAULT] if turns is None else turns
        return {channel: turn for turn, channels in enumerate(turns) for channel in channels}

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
    return parse_contacts(text, os.environ if environment is None else environment, folder)


def parse_contacts(text: str, environment: Mapping[str, str], folder: Path | None = None) -> Contacts:
    """Read the text of a contacts.yaml; files it names are looked for in `folder`."""
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ContactsError(_say(f"line {mark.line + 1}" if mark else "it", "is not readable YAML")) from None
    if not isinstance(said, dict):
        raise ContactsError(_say("it", "holds no keys; write at least `app_url:`, `channels:` and `teams:`"))
    channels = {
        name: _channel(name, entry, environment, folder) for name, entry in _entries(said, "channels").items()
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


def _channel(name: str, entry: Any, environment: Mapping[str, str], folder: Path | None) -> Channel:
    where = f"channels.{name}"
    if not _NAME.fullmatch(name):
        raise ContactsError(_say(where, "should be a name of lower case letters, digits, - and _"))
    if not isinstance(entry, dict) or ("webhook" in entry) == ("email" in entry):
        raise ContactsError(_say(where, "should hold either `webhook:` or `email:`, and what belongs to it"))
    hidden = [key for key in ("name", "secret", "user", "password") if key in entry]
    if hidden:
        raise ContactsError(_say(f"{where}.{hidden[0]}", "is not known; leave it out"))
    values = entry | {"name": name}
    try:
        if "webhook" in entry:
            return _checked(WebhookChannel, where, values).with_secrets(environment)
        return _checked(EmailChannel, where, values).with_secrets(environment).within(folder)
    except ChannelError as error:
        problem = str(error)
    raise ContactsError(_say(where, problem))


def _team(name: str, entry: Any, channels: Mapping[str, Channel]) -> Turns:
    turns = [_at_once(one) for one in entry] if isinstance(entry, list) else [None]
    found: list[tuple[str, ...]] = []
    known: set[str] = set()
    for turn in turns:
        if turn is None:
            form = "such as [pager, mail], or [[pager, desk], mail] to tell two at once"
            raise ContactsError(_say(f"teams.{name}", f"should be a list of channels in their order, {form}"))
        for one in turn:
            if one not in channels:
                raise ContactsError(
                    _say(f"teams.{name}", f"names the channel {one}, which `channels:` does not have")
                )
        found.append(tuple(one for one in dict.fromkeys(turn) if one not in known))
        known |= set(turn)
    return tuple(filter(None, found))


def _at_once(entry: Any) -> list[str] | None:
    """The channels of one turn: a name, or a list of names; None for anything else."""
    names = entry if isinstance(entry, list) else [entry]
    return names if names and all(isinstance(one, str) for one in names) else None


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
