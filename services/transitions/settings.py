"""What an operator can set for transitions, beside what every process knows."""

from pydantic import Field

from schemas.reference.facilities import FacilitiesError, load_facilities
from services.chassis.settings import ServiceSettings, SettingsError
from services.transitions.planner import Rules
from services.transitions.protocol import DEFAULT, Library, ProtocolError


class Settings(ServiceSettings):
    """`protocol` names a shipped protocol file, or one in the configuration folder, with layers behind it."""

    protocol: str = Field(
        default=DEFAULT,
        description="the protocol by name, a shipped one or one of the configuration folder; layers behind it by `+`",
    )

    def rules(self) -> Rules:
        """The protocol and the facilities, read once at start."""
        try:
            library = Library(self.config_dir)
            return Rules(library.protocol(self.protocol), load_facilities(self.config_dir), library)
        except ProtocolError as error:
            raise SettingsError([str(fault) for fault in error.faults]) from None
        except FacilitiesError as error:
            raise SettingsError([f"{error}."]) from None
