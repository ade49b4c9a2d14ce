"""A seeded hospital that writes a realistic ADT feed (HL7 v2.5.1), with what goes wrong on request, and its truth.

The same hospital and start give the same bytes: in another process, time zone or locale too.
"""

from collections.abc import Iterator
from datetime import datetime

from baton.simulate.hospital import Hospital, HospitalError
from baton.simulate.simulation import Sent, Simulation

__all__ = ["Hospital", "HospitalError", "Sent", "Simulation", "simulate"]


def simulate(hospital: Hospital, start: datetime, until: datetime | None = None) -> Iterator[Sent]:
    """Give the messages in order of arrival, lazily; without `until`, an endless feed. Times are aware.

    The feed begins before `start`, with what brought those who are inside then. Nothing is written from
    `until` on; what was written before it may arrive later. To go on where one was, skip what had arrived.
    """
    return iter(Simulation(hospital, start, until))
