"""Who comes when: a Poisson stream with the hours and weekdays of a hospital."""

from collections.abc import Iterator
from random import Random

from baton.simulate.catalogue import Catalogue
from baton.simulate.hospital import Hospital
from baton.simulate.times import DAY, HOUR, Clock

VISIT, EMERGENCY, DIRECT, PLANNED = range(4)
"""Home again from the emergency department; admitted from it; admitted directly; planned ahead (when it is booked)."""

OCCUPIED = 0.8
"""The share of beds in use, on average."""

VISITS = 2.2
"""Visits to the emergency department that end there, for each that becomes a stay."""

_ED_HOURS = (4, 3, 3, 2, 2, 3, 4, 6, 8, 10, 12, 12, 12, 11, 11, 11, 11, 11, 12, 12, 11, 9, 7, 5)
_DIRECT_HOURS = (0, 0, 0, 0, 0, 0, 1, 3, 6, 9, 11, 11, 10, 11, 12, 12, 10, 7, 4, 2, 1, 1, 0, 0)
_OFFICE_HOURS = (0, 0, 0, 0, 0, 0, 0, 0, 8, 12, 12, 12, 6, 12, 12, 11, 8, 2, 0, 0, 0, 0, 0, 0)
_ED_DAYS = (1.12, 1.03, 1.0, 0.98, 0.98, 0.93, 0.96)
_DIRECT_DAYS = (1.25, 1.2, 1.15, 1.15, 1.15, 0.6, 0.5)
_OFFICE_DAYS = (1.4, 1.4, 1.4, 1.4, 1.4, 0, 0)
_PATTERNS = (
    (_ED_HOURS, _ED_DAYS),
    (_ED_HOURS, _ED_DAYS),
    (_DIRECT_HOURS, _DIRECT_DAYS),
    (_OFFICE_HOURS, _OFFICE_DAYS),
)
_THURSDAY = 3  # 1970-01-01


def arrivals(hospital: Hospital, catalogue: Catalogue, clock: Clock, begin: int) -> Iterator[tuple[int, int]]:
    """Give second and way of every arrival from `begin` on, without end.

    Drawn at the busiest hour's pace and thinned to that of each hour.
    """
    rng = Random(f"{hospital.seed}/arrivals")
    week = [_paces(hospital, catalogue, hour) for hour in range(7 * 24)]
    busiest = max(map(sum, week))
    at = float(begin)
    while True:
        at += rng.expovariate(busiest)
        day, second = divmod(clock.local(int(at)), DAY)
        left = rng.random() * busiest
        for way, pace in enumerate(week[(day + _THURSDAY) % 7 * 24 + second // HOUR]):
            left -= pace
            if left < 0:
                yield int(at), way
                break


def _paces(hospital: Hospital, catalogue: Catalogue, hour: int) -> list[float]:
    """Arrivals a second by way, in one hour of the week."""
    emergency, direct, planned = catalogue.shares()
    # Who comes back takes a bed too; so does rehabilitation, and waiting for the hour of discharge.
    new = max(0.1, 1.1 - hospital.readmissions)
    daily = hospital.beds * OCCUPIED / (catalogue.mean_days() + 0.4) * new
    means = (emergency * VISITS, emergency, direct, planned)
    return [
        mean * daily / DAY * hours[hour % 24] * 24 / sum(hours) * days[hour // 24] * 7 / sum(days)
        for mean, (hours, days) in zip(means, _PATTERNS, strict=True)
    ]
