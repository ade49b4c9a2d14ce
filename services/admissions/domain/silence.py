"""When a feed, or a unit in it, is quieter than it ever is at this hour of this weekday; knows no database.

A silence is told by what it has cost: how many messages would usually have come since the last one. Multiples of
the usual gap would not do: messages come at random, and one gap in twenty is three times the mean.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from msgspec import Struct

WEEKS = 8
"""How far back the habit is looked for."""
FEWEST_WEEKS = 2
"""With less history nothing is usual yet."""
SHORTEST = timedelta(minutes=30)
EXPECTED = 10.0
"""So many messages missed by habit: at random that happens once in twenty thousand such silences."""
CLOSED = timedelta(days=14)
"""Whoever has said nothing for so long is closed, not quiet."""

_HOUR = timedelta(hours=1)


class Source(Struct, frozen=True, order=True):
    """A feed, or a unit at a facility of it; both are empty for the feed as a whole."""

    feed: str
    facility: str = ""
    unit: str = ""


class Silence(Struct, frozen=True):
    """How long nothing has come, and how many messages usually come in that time; None while nothing is usual yet."""

    since: datetime
    lasts: timedelta
    expected: float | None


def may_be_silent(last_at: datetime, now: datetime) -> bool:
    """Whether it is worth looking at the habit."""
    return SHORTEST <= now - last_at <= CLOSED


def hours_of_habit(last_at: datetime, now: datetime, zone: ZoneInfo) -> set[datetime]:
    """The hours (UTC) of the weeks before that tell what is usual between these instants."""
    return {earlier for start, _ in _hours(last_at, now) for earlier in _weeks_before(start, zone)}


def silence(
    last_at: datetime, now: datetime, counts: Mapping[datetime, int], first_at: datetime, zone: ZoneInfo
) -> Silence:
    """Judge one source: `counts` by hour (UTC) as far as there were any, `first_at` when it was first heard.

    Usual is the median of that hour of the weekday by the wall clock of `zone` (a clinic opens at seven in
    summer and in winter), over the weeks since the source is known.
    """
    expected = 0.0
    for start, share in _hours(last_at, now):
        known = [counts.get(hour, 0) for hour in _weeks_before(start, zone) if hour >= _whole(first_at)]
        if len(known) < FEWEST_WEEKS:
            return Silence(last_at, now - last_at, None)
        expected += share * median(known)
    return Silence(last_at, now - last_at, expected)


def is_quiet(found: Silence, longest: timedelta | None) -> bool:
    """Whether someone should look: more is missing than chance explains, or the feed's own limit has passed."""
    if longest is not None and found.lasts > longest:
        return True
    return found.lasts >= SHORTEST and found.expected is not None and found.expected >= EXPECTED


def _hours(since: datetime, until: datetime) -> Iterator[tuple[datetime, float]]:
    """Each hour between the instants with the share of it that lies between them."""
    start = _whole(since)
    while start < until:
        end = start + _HOUR
        yield start, (min(end, until) - max(start, since)) / _HOUR
        start = end


def _weeks_before(hour: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The same hour on the wall, one to eight weeks ago."""
    local = hour.astimezone(zone)
    for week in range(1, WEEKS + 1):
        yield _whole((local - timedelta(weeks=week)).astimezone(UTC))


def _whole(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
