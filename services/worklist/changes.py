"""What open pages should look at again: noted in the transaction that changed it, told to every process at its commit."""

from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from services.chassis.postgres import Db
from services.worklist.sql import SQL

MANY = 50
"""Above this many of a kind a change names nothing: whoever looks at anything should look again."""


@dataclass(slots=True)
class Touched:
    """What a transaction has changed, by the names that pages know it by. `case` is an episode's public id."""

    cases: set[str] = field(default_factory=set)
    patients: set[UUID] = field(default_factory=set)
    teams: set[str] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.cases or self.patients or self.teams or self.units or self.everything)

    def place(self, *, case: str | None, patient: UUID | None, team: str | None, unit: str | None) -> None:
        """Note everything a row says of where it belongs."""
        for names, name in ((self.cases, case), (self.teams, team), (self.units, unit)):
            if name is not None:
                names.add(name)
        if patient is not None:
            self.patients.add(patient)

    def document(self) -> bytes:
        """JSON for pages: opaque ids, teams and units; with `many` none of them."""
        named = (self.cases, self.patients, self.teams, self.units)
        many = self.everything or any(len(names) > MANY for names in named)
        said = {
            "cases": [] if many else sorted(self.cases),
            "patients": [] if many else sorted(map(str, self.patients)),
            "teams": [] if many else sorted(self.teams),
            "units": [] if many else sorted(self.units),
            "many": many,
        }
        return msgspec.json.encode(said)


async def note(db: Db, touched: Touched) -> None:
    """Note what was changed. The last thing before the commit: until then no other change can be noted."""
    if not touched:
        return
    await db.execute(SQL["lock_changes"])
    number = await db.fetchval(SQL["note_change"], touched.document().decode())
    await db.execute(SQL["tell_change"], str(number))
