"""What an operator can set for transitions, beside what every process knows."""

from pydantic import Field

from schemas.reference.facilities import FacilitiesError, load_facilities
from services.chassis.settings import ServiceSettings, SettingsError
from services.transitions.planner import Rules
from services.transitions.protocol import DEFAULT, ProtocolError, load_protocol


class Settings(ServiceSettings):
    """`protocol` names a shipped protocol file, or one in the configuration folder."""

    protocol: str = Field(
        default=DEFAULT, description="the protocol by name: a shipped one, or one of the configuration folder"
    )

    def rules(self) -> Rules:
        """The protocol and the facilities, read once at start."""
        try:
            return Rules(load_protocol(self.protocol, self.config_dir), load_facilities(self.config_dir))
        except ProtocolError as error:
            raise SettingsError([str(fault) for fault in error.faults]) from None
        except FacilitiesError as error:
            raise SettingsError([f"{error}."]) from None
