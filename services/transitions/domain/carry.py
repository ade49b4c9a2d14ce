"""How the row of one deadline goes on from what it was to what it ought to be; knows nothing of its neighbours."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.transitions.domain.identity import deadline_id
from services.transitions.domain.model import NO_NEWS, DeadlineRow, News, PlannedDeadline, WarningAt

OWED = frozenset({"pending", "missed"})
FIRED = frozenset({"missed", "attempted"})
ENDED = frozenset({"void", "superseded"})
DONE = frozenset({"met", "met_late", "attempted", "waived"})


class Moment(Struct, frozen=True, gc=False):
    """What is known up to when: all before `as_of`, and the newest of it arrived at `arrival` with `news`."""

    as_of: datetime
    arrival: datetime
    news: News = NO_NEWS


def voided(row: DeadlineRow, moment: Moment) -> DeadlineRow:
    if row.status == "void":
        return replace(row)
    return replace(
        row, status="void", settled_at=moment.arrival, known_at=moment.arrival, owed=False, behind=False
    )


def carried(
    row: DeadlineRow | None,
    planned: PlannedDeadline,
    episode: str,
    moment: Moment,
    *,
    quiet: bool,
    without_since: datetime | None = None,
) -> DeadlineRow:
    """The next state of a deadline. `quiet`: once missed and over it is nobody's work again, whatever comes back.

    `without_since` is when its episode was learned, where that stood without it until now.
    """
    status, settled_at = _status(row, planned, moment)
    owed = status in OWED and planned.owed
    generation = row.generation if row else 0
    learned = cause(planned.learned_at, without_since, moment) if without_since else planned.learned_at
    known, warnings = learned, planned.warnings
    if status in FIRED:
        known = max(planned.due_at, learned)
    elif status != "pending":
        known = moment.arrival
    if row is not None:
        over = row.status == status == "missed" and not row.owed
        # Whoever takes a waiver back takes back that nobody had to act: it was missed all along.
        unwaived = row.waived and not planned.waived
        if quiet and over and not unwaived:
            owed = False
        again = owed and over
        learned, known = _known(row, planned, status, moment, again=again and not unwaived, owed=owed)
        # Done in time, then only late: nobody was asked in between, so nothing was raised to be ended.
        reopened = (row.status not in OWED and owed) or (row.status, status) == ("met", "met_late")
        generation += reopened or again or _undone(row, planned, status, moment)
        warnings = _since(row, planned, moment)
    same = row is not None and row.due_at == planned.due_at and row.status == status
    warned = _warned(row, warnings, status, settled_at or moment.as_of)
    return DeadlineRow(
        deadline_id=row.deadline_id if row else deadline_id(episode, planned.kind),
        episode_id=episode,
        kind=planned.kind,
        status=status,
        due_at=planned.due_at,
        becomes=planned.becomes,
        settled_at=settled_at,
        generation=generation,
        late_known=planned.due_at < learned,
        provisional=planned.provisional,
        owed=owed,
        behind=row.behind if row and same else False,
        because=planned.because,
        severity=planned.severity,
        warnings=warnings,
        warned=warned,
        warned_at=warnings[warned - 1].at if warned else None,
        hold_until=row.hold_until if row and same and status != "pending" else planned.hold_until,
        learned_at=learned,
        known_at=known,
        revision=row.revision if row else 0,
        waived=planned.waived,
        responsible=planned.responsible,
    )


def _since(row: DeadlineRow, planned: PlannedDeadline, moment: Moment) -> tuple[WarningAt, ...]:
    """The warnings, each with when it came true where that was later: an attempt or a booking that had spared it is gone."""
    if row.due_at != planned.due_at or row.warnings == planned.warnings:
        return planned.warnings
    before = {warning.at: warning for warning in row.warnings}
    return tuple(
        replace(warning, known_at=before[warning.at].known_at)
        if warning.at in before
        else replace(warning, known_at=moment.arrival)
        if warning.at < moment.arrival
        else warning
        for warning in planned.warnings
    )


def _status(row: DeadlineRow | None, planned: PlannedDeadline, moment: Moment) -> tuple[str, datetime | None]:
    if planned.settled:
        return planned.settled
    fired = row is not None and row.status in FIRED and row.due_at == planned.due_at
    if fired or planned.due_at < moment.as_of:
        return planned.becomes, planned.due_at
    return "pending", None


def _known(
    row: DeadlineRow, planned: PlannedDeadline, status: str, moment: Moment, *, again: bool, owed: bool
) -> tuple[datetime, datetime]:
    """When the due time was learned, and when the present status."""
    if row.status in ENDED and status not in ENDED:
        learned = cause(planned.learned_at, row.known_at, moment)
    elif again:
        learned = moment.arrival
    elif row.due_at == planned.due_at:
        learned = row.learned_at
    else:
        learned = planned.learned_at
    if (
        status == row.status
        and owed == row.owed
        and (row.due_at == planned.due_at or status not in {"pending", *FIRED})
    ):
        return learned, row.known_at
    if status == "pending":
        return learned, moment.arrival if row.status in DONE else learned
    ran_out = status in FIRED and (
        row.status == "pending" or row.due_at != planned.due_at or row.status in ENDED
    )
    return learned, max(planned.due_at, learned) if ran_out else moment.arrival


def cause(learned: datetime, ended: datetime, moment: Moment) -> datetime:
    """The arrival that brought something back: what was learned after it had ended, else the newest input."""
    return learned if learned > ended else moment.arrival


def _undone(row: DeadlineRow, planned: PlannedDeadline, status: str, moment: Moment) -> bool:
    """Someone was told, and the due time has moved away from it: that alert is not about this any more."""
    if status != "pending" or planned.due_at <= row.due_at:
        return False
    return row.status == "missed" or _warned(row, planned.warnings, status, moment.as_of) < row.warned


def _warned(row: DeadlineRow | None, warnings: tuple[WarningAt, ...], status: str, until: datetime) -> int:
    """How many of the warnings have come true: before what settled it, or before now and as far as already said."""
    said = row.warned_at if row and row.warned and status == "pending" else None
    return sum([each.at < until or (said is not None and each.at <= said) for each in warnings])
