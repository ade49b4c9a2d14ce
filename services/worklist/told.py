"""A visit as the read model keeps it: the event without its patient."""

from datetime import datetime
from uuid import UUID

from schemas.base import Instant, Message
from schemas.encounters import Location, Visit


class Told(Message):
    """What adt.encounters last said of a visit, apart from the person. `cause` is the trigger event of HL7."""

    visit_id: UUID
    revision: int
    live: bool = True
    test: bool = False
    learned_at: Instant
    cause: str
    visit: Visit

    @classmethod
    def of(cls, document: str) -> "Told":
        return cls.model_validate_json(document)

    def discreet(self) -> "Told":
        """The same without what tells that it is a stay under 42 CFR Part 2, if it is one."""
        if self.visit.security_label is None:
            return self
        hidden = {
            "location": None,
            "transfers": tuple(
                move.model_copy(
                    update={
                        "origin": _without_unit(move.origin),
                        "destination": _without_unit(move.destination),
                    }
                )
                for move in self.visit.transfers
            ),
            "hospital_service": None,
            "attending": None,
            "diagnoses": (),
            "former_diagnoses": (),
            "security_label": None,
        }
        return self.model_copy(update={"visit": self.visit.model_copy(update=hidden)})

    @property
    def source(self) -> str:
        """The id of the event."""
        return f"{self.visit_id}:{self.revision}"

    def message(self, learned_at: datetime | None) -> str | None:
        """The id (MSH-10) of the message that arrived then and told of a fact of this visit."""
        return next((one.control_id for one in self.visit.sources if one.learned_at == learned_at), None)


def _without_unit(location: Location) -> Location:
    return Location(facility=location.facility)
