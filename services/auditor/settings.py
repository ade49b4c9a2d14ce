"""What an operator can set for the auditor, and the configuration that it reads as plain data."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import Field

from schemas.reference.facilities import Facilities, FacilitiesError, load_facilities
from services.auditor.domain.feed import Feed, feed_of
from services.auditor.protocols import Protocols
from services.chassis.settings import ServiceSettings, SettingsError

_SERVICES = Path(__file__).parents[1]
_FEEDS = _SERVICES / "admissions" / "feeds"


class Settings(ServiceSettings):
    """`protocol` is the one that transitions works by."""

    protocol: str = Field(
        default="transitions-of-care",
        description="the protocol by name, a shipped one or one of the configuration folder; layers behind it by `+`",
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
            protocols = Protocols(self.protocol, self.config_dir)
            return Rules(protocols, _feeds(self.config_dir), load_facilities(self.config_dir))
        except FacilitiesError as error:
            problem = f"{error}."
        except (OSError, yaml.YAMLError, KeyError, ValueError, TypeError) as error:
            problem = (
                f"The auditor cannot read protocol or feeds ({type(error).__name__}): "
                "see `baton protocols check` and `baton feeds check`."
            )
        raise SettingsError([problem])


class Rules:
    """What the audit goes by."""

    def __init__(self, protocols: Protocols, feeds: Mapping[str, Feed], facilities: Facilities) -> None:
        self.protocols = protocols
        self.feeds = feeds
        self.facilities = facilities


def _feeds(folder: Path | None) -> Mapping[str, Feed]:
    found = {}
    for place in (_FEEDS, folder / "feeds" if folder else None):
        for path in sorted(place.glob("*.yaml")) if place else ():
            feed = feed_of(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
            found[feed.name] = feed
    return found
