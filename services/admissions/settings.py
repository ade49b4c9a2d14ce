"""What an operator can set for admissions, beside what every process knows."""

from datetime import timedelta

from pydantic import Field

from schemas.reference.facilities import Facilities, FacilitiesError, load_facilities
from services.admissions.feeds import FeedError, Feeds
from services.chassis.settings import ServiceSettings, SettingsError


class Settings(ServiceSettings):
    """`feeds/*.yaml` and `facilities.yaml` in the configuration folder are read once, at start."""

    raw_retention: timedelta = Field(
        default=timedelta(days=90),
        gt=timedelta(0),
        description="how long raw messages are kept, as an ISO 8601 duration",
        examples=["P90D"],
    )

    def feeds(self) -> Feeds:
        """The feed profiles shipped, and those of the configuration folder."""
        own = self.config_dir / "feeds" if self.config_dir else None
        try:
            return Feeds.load(own if own and own.exists() else None)
        except FeedError as error:
            raise SettingsError([str(error)]) from None

    def facilities(self) -> Facilities:
        """Zones, types and teams of the facilities."""
        try:
            return load_facilities(self.config_dir)
        except FacilitiesError as error:
            raise SettingsError([f"{error}."]) from None
