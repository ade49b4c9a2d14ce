"""What an operator can set for the auditor, and the configuration that it reads as plain data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from schemas.reference.facilities import Facilities, FacilitiesError, load_facilities
from services.auditor.domain.feed import Feed, feed_of
from services.auditor.domain.protocol import Protocol
from services.chassis.settings import ServiceSettings, SettingsError

_SERVICES = Path(__file__).parents[1]
_FEEDS = _SERVICES / "admissions" / "feeds"
_PROTOCOLS = _SERVICES / "transitions" / "protocols"


class Settings(ServiceSettings):
    """`protocol` is the one that transitions works by."""

    protocol: str = Field(
        default="transitions-of-care",
        description="the protocol by name, a shipped one or one of the configuration folder; layers behind it by `+` (the auditor leaves out cases under layers)",
    )
    audit_hour: int = Field(
        default=3,
        ge=0,
        le=23,
        description="the hour of the day, UTC, at which the auditor looks through everything",
    )

    def rules(self) -> "Rules":
        """Protocol, feeds and facilities; raises SettingsError with one sentence where they cannot be used."""
        try:
            name = self.protocol.partition("+")[0]
            data = _protocol(name, self.config_dir)
            Protocol(data)
            label = f"{name.partition('@')[0]}@{data['version']}"
            return Rules(label, data, _feeds(self.config_dir), load_facilities(self.config_dir))
        except FacilitiesError as error:
            problem = f"{error}."
        except (OSError, yaml.YAMLError, KeyError, ValueError, TypeError) as error:
            problem = (
                f"The auditor cannot read protocol or feeds ({type(error).__name__}): "
                "see `baton protocols check` and `baton feeds check`."
            )
        raise SettingsError([problem])


class Rules:
    """What the audit goes by. `label` is how an episode names the version it was opened under."""

    def __init__(
        self, label: str, protocol: Mapping[str, Any], feeds: Mapping[str, Feed], facilities: Facilities
    ) -> None:
        self.label = label
        self.protocol = protocol
        self.feeds = feeds
        self.facilities = facilities


def _protocol(name: str, folder: Path | None) -> Mapping[str, Any]:
    """The file by its name; one that `extends` another changes spans of it."""
    said = _yaml(name, [folder / "protocols"] if folder else [], _PROTOCOLS)
    if "extends" not in said:
        return said
    base = dict(_yaml(said["extends"], [folder / "protocols"] if folder else [], _PROTOCOLS))
    base["engine"] = {**base["engine"], **said.get("engine", {})}
    deadlines = {kind: dict(rule) for kind, rule in base["deadlines"].items()}
    for kind, within in said.get("elapsed", {}).items():
        deadlines[kind]["due"] = {"elapsed": within}
    return {**base, "deadlines": deadlines}


def _feeds(folder: Path | None) -> Mapping[str, Feed]:
    found = {}
    for place in (_FEEDS, folder / "feeds" if folder else None):
        for path in sorted(place.glob("*.yaml")) if place else ():
            feed = feed_of(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
            found[feed.name] = feed
    return found


def _yaml(name: str, own: list[Path], shipped: Path) -> dict[str, Any]:
    places = [place / f"{name}.yaml" for place in (*own, shipped)]
    path = next((each for each in places if each.exists()), places[-1])
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(said, dict):
        raise TypeError(path.name)
    return said
