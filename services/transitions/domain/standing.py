"""Cases that stand as they were last made: neither what they ought to be nor their rows differ, nor has time done anything."""

from datetime import datetime
from operator import attrgetter

from msgspec import Struct

from services.transitions.domain.latest import Latest
from services.transitions.domain.model import DeadlineRow, EpisodeRow, PlannedEpisode

said = attrgetter(*(name for name in EpisodeRow.__struct_fields__ if name not in {"deadlines", "revision"}))
"""What an episode's own row says."""


class _Made(Struct, frozen=True, gc=False):
    planned: PlannedEpisode
    row: EpisodeRow
    deadlines: tuple[DeadlineRow, ...]
    until: datetime | None


_MADE: Latest[_Made] = Latest(10_000)
forget = _MADE.forget


def note(planned: PlannedEpisode, row: EpisodeRow) -> None:
    """Keep what was made of a plan."""
    deadlines = tuple(row.deadlines.values())
    _MADE.keep((row.episode_id, row.protocol), _Made(planned, row, deadlines, _until(deadlines)))


def as_made(row: EpisodeRow, planned: PlannedEpisode, as_of: datetime) -> bool:
    """Whether this row was made of this plan, and making it once more would change nothing."""
    made = _MADE.get((row.episode_id, planned.protocol))
    return (
        made is not None
        and (made.until is None or as_of <= made.until)
        and made.deadlines == tuple(row.deadlines.values())
        and made.planned == planned
        and (made.row is row or said(made.row) == said(row))
    )


def _until(deadlines: tuple[DeadlineRow, ...]) -> datetime | None:
    """The next instant at which something falls due, or a warning comes true."""
    pending = [row for row in deadlines if row.status == "pending"]
    ahead = [warning.at for row in pending for warning in row.warnings[row.warned :]]
    return min((*ahead, *(row.due_at for row in pending)), default=None)
