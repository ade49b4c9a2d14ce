"""Where the patient is, and the moves that hand him to other people: another unit, facility or service."""

from datetime import datetime
from functools import lru_cache

from schemas.encounters import Location, Transfer, VisitState
from services.admissions.domain.cancels import Standing
from services.admissions.domain.construct import construct
from services.admissions.domain.model import AdtEvent, Place, Text
from services.admissions.domain.order import reach
from services.admissions.domain.said import DECIDES_CLASS
from services.admissions.domain.states import DISCHARGED, LIVING_IN

_NOWHERE = Place()


class Moves:
    """The place and service as last said, and the transfers so far."""

    __slots__ = (
        "_before",
        "_found",
        "_learned",
        "_moved_at",
        "_moved_by",
        "_placed_by",
        "_stand",
        "place",
        "service",
    )

    def __init__(self, stand: Standing) -> None:
        self.place: Place | None = None
        self.service: str | None = None
        self._stand = stand
        self._before: tuple[Place | None, str | None] = (None, None)
        self._moved_at: datetime | None = None
        self._moved_by = -1
        self._placed_by = -1
        self._found: dict[tuple[datetime, str], Transfer] = {}
        self._learned: dict[_Move, datetime] = {}

    def aware(self, n: int, before: VisitState | None, after: VisitState | None) -> bool:
        """Whether who recorded the n-th event could know where the patient had been taken by then."""
        return n >= self._placed_by or _takes(self._stand.events[n].trigger, before, after)

    def follow(
        self, at: datetime, n: int, before: VisitState | None, after: VisitState | None, *, converted: bool
    ) -> None:
        """Follow one event, which took the visit from one state to another."""
        event = self._stand.events[n]
        place = _stated(event)
        if not self.aware(n, before, after):
            return
        if place is not None and n not in self._stand.undone and _takes(event.trigger, before, after):
            self._placed_by = n
        if event.trigger == "A02":
            if n in self._stand.undone:
                return
            if place is not None:
                self._transferred(at, n, place, admitted=before in LIVING_IN)
        elif converted:
            self._hand_over(at, event, self._origin(event), place or self.place or _NOWHERE)
        elif event.trigger == "A12" and self._moved_by >= reach(self._stand.events, n):
            return
        if place is not None:
            self.place = place
        elif event.location is None and after is not DISCHARGED:
            # A bed given free at the discharge is still where the patient was.
            self.place = None
        if event.hospital_service is None or isinstance(event.hospital_service, str):
            self.service = event.hospital_service or None

    def _transferred(self, at: datetime, n: int, place: Place, *, admitted: bool) -> None:
        """A02; a second one of the same instant is the first one corrected."""
        event = self._stand.events[n]
        if self._moved_at == at:
            self._found.pop((at, "A02"), None)
            self.place, self.service = self._before
        self._moved_at, self._moved_by, self._before = at, n, (self.place, self.service)
        origin = self._origin(event)
        if admitted and (
            _differ(origin.unit, place.unit)
            or _differ(origin.facility, place.facility)
            or _differ(self.service, event.hospital_service)
        ):
            self._hand_over(at, event, origin, place)

    def _origin(self, event: AdtEvent) -> Place:
        """PV1-6 where it names a unit, else where the patient was last heard of."""
        prior = event.prior_location if isinstance(event.prior_location, Place) else None
        return prior if prior and (prior.unit or self.place is None) else self.place or _NOWHERE

    def _hand_over(self, at: datetime, event: AdtEvent, origin: Place, place: Place) -> None:
        trigger = "A02" if event.trigger == "A02" else "A06"
        service = event.hospital_service if isinstance(event.hospital_service, str) else self.service
        self._found[at, trigger] = construct(
            Transfer,
            at=at,
            learned_at=self._learned_at(event),
            trigger=trigger,
            origin=location(origin),
            destination=location(place),
            service=service or None,
        )

    def _learned_at(self, event: AdtEvent) -> datetime:
        """When this very move was first heard of."""
        found = _move(event)
        if found not in self._learned:
            for other in self._stand.standing(("A01", "A02", "A06")):
                move = _move(other)
                self._learned[move] = min(other.received_at, self._learned.get(move, other.received_at))
        return self._learned[found]

    def transfers(self) -> tuple[Transfer, ...]:
        return tuple(self._found[key] for key in sorted(self._found))


_Move = tuple[str, datetime, str | None, str | None]


def _takes(trigger: str, before: VisitState | None, after: VisitState | None) -> bool:
    """Whether an event by itself takes the patient somewhere; any other shows where its writer thought he was."""
    return trigger == "A02" or (before is not after and trigger in DECIDES_CLASS)


def _move(event: AdtEvent) -> _Move:
    place = _stated(event) or _NOWHERE
    return (event.trigger, event.occurred_at, place.unit, place.facility)


# A visit is folded again with every message of it.
@lru_cache(maxsize=16384)
def location(place: Place) -> Location:
    return construct(Location, unit=place.unit, room=place.room, bed=place.bed, facility=place.facility)


def _stated(event: AdtEvent) -> Place | None:
    """PV1-3 where it says more than the facility."""
    place = event.location
    return place if isinstance(place, Place) and (place.unit or place.room or place.bed) else None


def _differ(before: str | None, after: Text) -> bool:
    return before is not None and isinstance(after, str) and after not in ("", before)
