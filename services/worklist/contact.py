"""When a patient may be called: between two times of day on the clock of the facility."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from schemas.reference.facilities import Facilities
from services.worklist.views import Hours


@dataclass(frozen=True, slots=True)
class Contact:
    """Contact hours, the same at every facility, each in its own zone (the patient's own zone is not known)."""

    facilities: Facilities
    start: time = time(8)
    end: time = time(20)

    def hours(self, facility: str | None, now: datetime) -> Hours:
        """The hours at a facility, and how they stand at `now`."""
        zone = self.facilities.zone_of(facility)
        local = now.astimezone(zone)
        is_open = self.start <= local.time() < self.end
        return Hours(
            zone=zone.key,
            start=f"{self.start:%H:%M}",
            end=f"{self.end:%H:%M}",
            open=is_open,
            next_open=None if is_open else self._next(local),
        )

    def _next(self, local: datetime) -> datetime:
        day = local.date() if local.time() < self.start else local.date() + timedelta(days=1)
        return datetime.combine(day, self.start, tzinfo=local.tzinfo).astimezone(UTC)
