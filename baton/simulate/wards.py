"""Wards and their beds: as many of each kind as the conditions ask for."""

from heapq import heapify, heappop, heappush
from random import Random

from baton.simulate.catalogue import Catalogue

EMERGENCY, INTENSIVE, REHAB = "ED", "ICU", "REHAB"
UNIT = 28
"""More beds than these are another unit of the same kind."""
_WHOLE = (EMERGENCY, INTENSIVE, REHAB)
ICU_DAYS = 2.0
_BAYS = 0.2
_REHAB_BEDS = 0.04

Place = tuple[str, str, str]
"""Unit, room and bed."""


class Wards:
    """The beds. A ward that is full puts up beds in its hall."""

    def __init__(self, beds: int, catalogue: Catalogue, seed: str) -> None:
        self._rng = Random(f"{seed}/beds")
        self._free: dict[str, list[Place]] = {}
        self._units: dict[str, list[str]] = {}
        self._halls: dict[str, list[int]] = {}
        for kind, size in _sizes(beds, catalogue).items():
            self._open(kind, size)

    def take(self, kind: str, beside: str = "") -> Place:
        """A bed of a ward of this kind, in another unit than `beside` where there is one with a free bed."""
        units = [unit for unit in self._units[kind] if self._free[unit]]
        units = [unit for unit in units if unit != beside] or units
        if units:
            return heappop(self._free[units[int(self._rng.random() * len(units))]])
        unit = next((unit for unit in self._units[kind] if unit != beside), self._units[kind][0])
        hall = self._halls[unit]
        hall.append(next(number for number in range(1, len(hall) + 2) if number not in hall))
        return unit, "HALL", str(hall[-1])

    def another(self, place: Place) -> Place | None:
        """Another bed of the same unit, if one is free."""
        return heappop(self._free[place[0]]) if self._free[place[0]] else None

    def free(self, place: Place) -> None:
        unit, room, bed = place
        if room == "HALL":
            self._halls[unit].remove(int(bed))
        else:
            heappush(self._free[unit], place)

    def _open(self, kind: str, size: int) -> None:
        count = 1 if kind in _WHOLE else -(-size // UNIT)
        self._units[kind] = units = [f"{kind}{number + 1}" if count > 1 else kind for number in range(count)]
        for number, unit in enumerate(units):
            rooms = size // count + (number < size % count)
            floor = 100 * (len(self._free) % 8 + 1)
            beds = [(unit, str(floor + bed // 2 + 1), "AB"[bed % 2]) for bed in range(rooms)]
            heapify(beds)
            self._free[unit] = beds
            self._halls[unit] = []


def _sizes(beds: int, catalogue: Catalogue) -> dict[str, int]:
    """Beds by kind of ward, in proportion to the days patients spend there; the emergency bays are besides."""
    days = {INTENSIVE: 0.0}
    for one in catalogue.conditions:
        weight = sum(one.by)
        intensive = one.icu * ICU_DAYS * 1.3
        days[INTENSIVE] += weight * intensive
        days[one.ward] = days.get(one.ward, 0.0) + weight * max(0.5, one.mean_days - intensive)
    left = beds * (1 - _REHAB_BEDS) / sum(days.values())
    sizes = {kind: max(2, round(share * left)) for kind, share in days.items()}
    return {EMERGENCY: max(4, round(beds * _BAYS)), **sizes, REHAB: max(2, round(beds * _REHAB_BEDS))}
