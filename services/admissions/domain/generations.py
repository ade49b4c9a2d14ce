"""One visit number, several stays: where the number was used again after a discharge (recurring series, new year)."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime

from services.admissions.domain.cancels import discharge_time, discharged_at, standing
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.states import ADMITS, CANCELS_PLAN, DISCHARGED, PLANS
from services.admissions.domain.walk import walk

_TO_COME = PLANS | CANCELS_PLAN

Bound = tuple[datetime, datetime]
"""The discharge of one stay and the start of the next."""


def generations(events: Sequence[AdtEvent], profile: FeedProfile) -> list[Sequence[AdtEvent]]:
    """Split the events (in the order they were recorded) of a visit number into those of its stays."""
    bounds = _bounds(events, profile)
    if not bounds:
        return [events]
    lefts, starts = [left for left, _ in bounds], [start for _, start in bounds]
    parts: list[list[AdtEvent]] = [[] for _ in range(len(bounds) + 1)]
    for event in events:
        parts[generation_of(event, lefts, starts)].append(event)
    return [part for part in parts if part]


def _bounds(events: Sequence[AdtEvent], profile: FeedProfile) -> list[Bound]:
    """A new stay begins with a PV1-44 later than the discharge of the stay before it."""
    bounds: list[Bound] = []
    admissions = _admissions(events)
    for start, n in admissions:
        if bounds and start <= bounds[-1][1]:
            continue
        before = _earlier(events, start, n, admissions[0][0])
        if bounds:
            left, begun = bounds[-1]
            before = [event for event in before if generation_of(event, [left], [begun])]
        if any(discharge_time(event) for event in before):
            stay = standing(before, profile)
            ended = discharged_at(before, stay.discharges)
            if ended and ended < start and walk(stay, profile).state is DISCHARGED:
                bounds.append((ended, start))
    return bounds


def _admissions(events: Sequence[AdtEvent]) -> list[tuple[datetime, int]]:
    """Admissions by PV1-44; none where no discharge could be before one of them."""
    found = [
        (event.admit_at, n)
        for n, event in enumerate(events)
        if event.trigger in ADMITS and isinstance(event.admit_at, datetime)
    ]
    left = [at for event in events if (at := discharge_time(event))] if found else []
    return sorted(found) if left and max(found)[0] > min(left) else []


def _earlier(events: Sequence[AdtEvent], start: datetime, n: int, first: datetime) -> list[AdtEvent]:
    """What speaks of the stays before an admission: recorded before it, or a discharge entered late.

    A cancel that was recorded later takes back the discharge, but not the stay that had begun since.
    """
    found = []
    for position, event in enumerate(events):
        if isinstance(event.admit_at, datetime):
            speaks = event.admit_at < start and (position < n or discharge_time(event) is not None)
        else:
            left = None if position < n else discharge_time(event)
            speaks = position < n or (left is not None and first <= left < start)
        if speaks:
            found.append(event)
    return found


def generation_of(event: AdtEvent, lefts: Sequence[datetime], starts: Sequence[datetime]) -> int:
    """By PV1-44 where the event has it, else by its time: a plan is for what comes, anything else for what was."""
    if isinstance(event.admit_at, datetime):
        return bisect_left(lefts, event.admit_at)
    if event.trigger in _TO_COME:
        return bisect_left(lefts, event.occurred_at)
    at = event.discharge_at if isinstance(event.discharge_at, datetime) else event.occurred_at
    return bisect_right(starts, at)
