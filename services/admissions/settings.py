"""What an operator can set for admissions, beside what every process knows."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from schemas.reference.facilities import Facilities, FacilitiesError, load_facilities
from services.admissions.feed_file import FeedError
from services.admissions.feed_reload import Reload
from services.admissions.feeds import Feeds
from services.chassis.settings import ServiceSettings, SettingsError


class ReadingSettings(ServiceSettings):
    """What reads HL7: `feeds/*.yaml` and `facilities.yaml` in the configuration folder are read once, at start."""

    @property
    def feeds_dir(self) -> Path | None:
        """Where the hospital's own feed profiles are, if it has any."""
        return self.config_dir / "feeds" if self.config_dir else None

    def feeds(self) -> Feeds:
        """The feed profiles shipped, and those of the configuration folder."""
        own = self.feeds_dir
        try:
            return Feeds.load(own if own and own.exists() else None)
        except FeedError as error:
            raise SettingsError([str(fault) for fault in error.faults]) from None

    def reload(self) -> Reload:
        """What watches the profiles of the configuration folder."""
        try:
            return Reload(self.feeds_dir)
        except FeedError as error:
            raise SettingsError([str(fault) for fault in error.faults]) from None

    def facilities(self) -> Facilities:
        """Zones, types and teams of the facilities."""
        try:
            return load_facilities(self.config_dir)
        except FacilitiesError as error:
            raise SettingsError([f"{error}."]) from None


class Settings(ReadingSettings):
    """Admissions itself."""

    raw_retention: timedelta = Field(
        default=timedelta(days=90),
        gt=timedelta(0),
        description="how long raw messages are kept, as an ISO 8601 duration",
        examples=["P90D"],
    )
    checkpoint_after: timedelta = Field(
        default=timedelta(days=90),
        ge=timedelta(days=31),
        description="how long after its end, with no news, a visit is closed: later messages no longer change its state; "
        "an ISO 8601 duration",
        examples=["P90D"],
    )
    poison_share: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="the share of refused messages from which on admissions stops reading; 1 lets everything pass",
    )
    poison_window: int = Field(
        default=200,
        ge=20,
        le=1_000_000,
        description="among how many of the latest messages that share is counted",
    )
