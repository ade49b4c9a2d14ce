"""A stay in which nothing is taken back goes on from where it stands: each event in its turn, as the fold of all has it.

For a replay, which takes the events of a year one by one. Anything but one more event at the end asks for the fold.
"""

from collections.abc import Iterable
from datetime import datetime

from services.admissions.domain.cancels import discharge_time, standing
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.states import ADMITS
from services.admissions.domain.walk import Walk, take, walk

_GOES_ON = frozenset({"A02", "A03", "A06", "A08"})
_TIMED_ANEW = frozenset({"A01", "A06"})
"""Events whose time depends on when the visit was first heard of; see `walk`."""


def begin(event: AdtEvent, profile: FeedProfile) -> Walk | None:
    """The walk of a stay that begins with this event; None where it is no admission, or one to come."""
    if event.trigger not in ADMITS or not _plain(event):
        return None
    return walk(standing([event], profile), profile)


def goes_on(found: Walk, event: AdtEvent, earlier: Iterable[AdtEvent]) -> bool:
    """Take one more event into the walk and give True; False, and the walk is as it was, where all must be folded.

    `earlier` are all events so far. The walk has them but for updates that only repeated the one before (`superseded.repeats`).
    """
    stand, left = found.stand, discharge_time(event)
    if event.trigger not in _GOES_ON or not _plain(event) or (event.trigger == "A06" and stand.discharges):
        return False
    for other in earlier:
        if other.recorded_at >= event.recorded_at or other.occurred_at > event.occurred_at:
            return False
        # The same again may be a replay of it, and a stay that begins after a discharge is another.
        if other.fingerprint == event.fingerprint:
            return False
        if left is not None and isinstance(other.admit_at, datetime) and other.admit_at > left:
            return False
    n = len(stand.events)
    stand.events = [*stand.events, event]
    if event.trigger == "A06":
        stand.admitted = True
    if left is not None:
        stand.discharges.append(n)
    take(found, event.occurred_at, n)
    return True


def _plain(event: AdtEvent) -> bool:
    """Whether the event takes no discharge back, nothing of it is to come, and its time is the same whatever else is known."""
    at, recorded = event.occurred_at, event.recorded_at
    return (
        at <= recorded
        and at == (event.stated_at or recorded if event.trigger in _TIMED_ANEW else at)
        and event.discharge_at is not None
        and not (isinstance(event.admit_at, datetime) and event.admit_at > recorded)
    )
