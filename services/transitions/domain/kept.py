"""Under which protocol a case stands: the one it was opened under, until a recorded decision moves it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from services.transitions.domain.model import Stay
from services.transitions.domain.protocol import Protocol

MOVED = "protocol_moved"


class Under(Struct, frozen=True, gc=False):
    """The protocol of a case, the label it keeps of it, and when it was moved there."""

    protocol: Protocol
    label: str
    moved_at: datetime | None = None


class Kept(Struct, frozen=True, gc=False):
    """The cases of one patient that stand under another protocol than the present one.

    `opened` by visit and anchor; `moved` by visit number, for what had begun when it was decided.
    """

    opened: Mapping[tuple[UUID, str], Under] = {}
    moved: Mapping[UUID, Under] = {}

    def under(self, stay: Stay, anchor: str, begun: datetime, present: Under) -> Under:
        """What holds for the case that this stay opened at `begun`."""
        moved = self.moved.get(stay.root_id)
        if moved and moved.moved_at and begun <= moved.moved_at:
            return moved
        return self.opened.get((stay.visit_id, anchor), present)


NOTHING_KEPT = Kept()
