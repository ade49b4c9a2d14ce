"""Rows of admissions in memory, each with what a replay remembers of it so as not to work it out again."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from schemas.encounters import Patient, Visit
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.model import AdtEvent, PatientKey
from services.admissions.domain.onward import begin, goes_on
from services.admissions.domain.order import order_key, record_key
from services.admissions.domain.person import Registers, absorb
from services.admissions.domain.stay import summary
from services.admissions.domain.superseded import last_word
from services.admissions.domain.walk import Walk
from services.admissions.ledger import Told
from services.admissions.store import RootKey


class Identifier(Struct):
    """A row of admissions.patient: an identifier and what was said under it; survivors hold the whole person.

    `last` is what happened last of all that was said; `absorbed` tells whether the registers have it, which they need
    not while it only repeats what was said before.
    """

    patient_id: UUID
    key: PatientKey
    survivor_id: UUID
    record_id: UUID | None = None
    registers: Registers | None = None
    person: Patient | None = None
    last: AdtEvent | None = None
    absorbed: bool = True

    def said(self) -> Registers | None:
        """What was said under the identifier."""
        if not self.absorbed and self.last is not None:
            self.registers, self.absorbed = absorb(self.registers, self.last), True
        return self.registers

    def hear(self, event: AdtEvent) -> Registers:
        """Take in what an event says; gives what is known then."""
        self.registers = absorb(self.said(), event)
        if self.last is None or order_key(event) > order_key(self.last):
            self.last = event
        return self.registers


class VisitRow(Struct):
    """A row of admissions.visit."""

    visit_id: UUID
    reported_id: UUID
    patient_id: UUID
    live: bool
    test: bool
    learned_at: datetime
    revision: int
    visit: Visit
    root_id: UUID
    folded_into: UUID | None = None


class Root(Struct):
    """A row of admissions.visit_root with its events and, by generation, its visits.

    `reporter` is the event recorded last with the identifier it came under, `last` the last word of the visit as folded.
    `walk` has the first `taken` events, where the visit only ever went on.
    """

    root_id: UUID
    key: RootKey
    feed: str
    told: list[Told]
    visits: list[VisitRow]
    reporter: tuple[AdtEvent, UUID] | None = None
    last: AdtEvent | None = None
    walk: Walk | None = None
    taken: int = 0

    def tell(self, event: AdtEvent, patient_id: UUID | None) -> None:
        """Keep an event of the visit number, and who was named last."""
        self.told.append((patient_id, event))
        if patient_id is not None and event.trigger != "A31":
            known = self.reporter and self.reporter[0]
            if (
                known is None
                or event.recorded_at > known.recorded_at
                or (event.recorded_at == known.recorded_at and record_key(event) > record_key(known))
            ):
                self.reporter = event, patient_id

    def repeated(self, event: AdtEvent) -> None:
        """Note that an event only says again what the last word says."""
        self.last = event
        if self.taken == len(self.told) - 1:
            self.taken += 1

    def fold(self, profile: FeedProfile) -> list[Visit]:
        """The visits of a number that is its own: mostly one, which goes on with one more event."""
        own = [event for _, event in self.told]
        follows = self.walk is not None and self.taken == len(own) - 1
        if self.walk is None or not follows or not goes_on(self.walk, own[-1], own[:-1]):
            self.walk = begin(own[0], profile) if len(own) == 1 else None
        self.last, self.taken = last_word(own), len(own)
        return list(fold(own, profile)) if self.walk is None else [summary(self.walk, 0)]
