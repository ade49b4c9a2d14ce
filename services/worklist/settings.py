"""What an operator can set for the worklist, beside what every process knows."""

from datetime import time
from typing import Literal

from pydantic import Field

from schemas.reference.facilities import FacilitiesError, load_facilities
from services.chassis.settings import SettingsError
from services.worklist.access import AccessSettings
from services.worklist.contact import Contact


class Settings(AccessSettings):
    """Facilities, with the zones that contact hours are kept in, are read once, at start."""

    worklist_lease_minutes: float = Field(
        default=30.0, gt=0, le=24 * 60, description="how long a taken patient stays taken, in minutes"
    )
    worklist_contact_from: time = Field(
        default=time(8), description="when calls to patients may begin, on the clock of the facility"
    )
    worklist_contact_until: time = Field(
        default=time(20), description="when calls to patients must have ended, on the clock of the facility"
    )
    worklist_answer_within: float = Field(
        default=2.0, gt=0, le=60, description="how long a page may wait for the database, in seconds"
    )
    worklist_label: str = Field(
        default="",
        max_length=20,
        description="a word at the head of every page, such as TEST, where the hospital is not the real one",
    )
    worklist_board_names: Literal["none", "initials"] = Field(
        default="none",
        description="what a wall says of a patient: nothing but the last of the case, or initials too",
    )
    worklist_export_max: int = Field(
        default=20_000, ge=1, le=1_000_000, description="the most lines one export holds"
    )

    def contact(self) -> Contact:
        """When patients may be called; raises SettingsError with one sentence where that cannot be known."""
        if self.worklist_contact_from >= self.worklist_contact_until:
            raise SettingsError(
                [
                    "BATON_WORKLIST_CONTACT_FROM should be earlier in the day than BATON_WORKLIST_CONTACT_UNTIL."
                ]
            )
        try:
            facilities = load_facilities(self.config_dir)
        except FacilitiesError as error:
            raise SettingsError([f"{error}."]) from None
        return Contact(facilities, self.worklist_contact_from, self.worklist_contact_until)
