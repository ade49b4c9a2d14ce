"""The difference between what one patient ought to be owed and the rows that say so; knows nothing of the database."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from services.transitions.domain import standing
from services.transitions.domain.carry import Moment, carried, cause, voided
from services.transitions.domain.model import (
    NO_NEWS,
    DeadlineRow,
    EpisodeRow,
    News,
    Notice,
    Plan,
    PlannedEpisode,
    PlannedReadmission,
)

Timer = tuple[int, datetime]


class Changes(Struct, frozen=True, gc=False):
    """What to write: the rows that changed, each with its new revision, and when to plan again.

    `rows` are all episodes of the patient as they stand afterwards, changed or not.
    """

    episodes: tuple[EpisodeRow, ...]
    deadlines: tuple[DeadlineRow, ...]
    rows: tuple[EpisodeRow, ...]
    replan_at: datetime | None


def reconcile(
    rows: Sequence[EpisodeRow],
    plan: Plan,
    *,
    patient_id: UUID,
    as_of: datetime,
    arrival: datetime,
    news: News = NO_NEWS,
) -> Changes:
    """Compare and give the difference only. Nothing that is passed in is changed.

    A deadline due strictly before `as_of` that no fact has settled has run out; one due at it is for the timer.
    """
    moment = Moment(as_of, arrival, news)
    before = {row.episode_id: row for row in rows}
    after: dict[str, EpisodeRow] = {}
    made: list[tuple[PlannedEpisode, EpisodeRow]] = []
    for planned in plan.episodes:
        name = planned.episode_id
        row = before.get(name)
        if planned.opens_at and planned.opens_at > as_of and (row is None or row.status == "void"):
            continue
        if row is not None and row.patient_id == patient_id and standing.as_made(row, planned, as_of):
            after[name] = row
            continue
        after[name] = _episode(row, planned, name, patient_id, moment)
        made.append((planned, after[name]))
    for name, row in before.items():
        if name not in after:
            after[name] = _void(row, patient_id, moment)
    episodes: list[EpisodeRow] = []
    deadlines: list[DeadlineRow] = []
    for name, row in after.items():
        _collect(before.get(name), row, episodes, deadlines)
    for planned, row in made:
        standing.note(planned, row)
    return Changes(tuple(episodes), tuple(deadlines), tuple(after.values()), plan.replan_at)


def timers(row: DeadlineRow, window_end: datetime | None = None) -> list[Timer]:
    """What is to be armed for this deadline: its due time as number 0, the warnings still ahead from 1 on.

    What is due when the window ends is settled by the plan that ends it: nobody can act on it any more.
    """
    if row.status != "pending":
        return []
    ahead = [(n, warning.at) for n, warning in enumerate(row.warnings, start=1) if n > row.warned]
    return ahead if window_end and row.due_at >= window_end else [(0, row.due_at), *ahead]


def _collect(
    old: EpisodeRow | None, new: EpisodeRow, episodes: list[EpisodeRow], deadlines: list[DeadlineRow]
) -> None:
    """Give what changed its next revision. What a deadline's event says of its episode counts as its own."""
    if old is new:
        return
    moved = old is not None and _address(old) != _address(new)
    for kind, deadline in new.deadlines.items():
        was = old.deadlines.get(kind) if old else None
        if was is None:
            deadline.revision = 1
        elif moved or deadline != was:
            deadline.revision = was.revision + 1
        else:
            new.deadlines[kind] = was
            continue
        deadlines.append(deadline)
    if old is None:
        new.revision = 1
    elif standing.said(old) != standing.said(new):
        new.revision = old.revision + 1
    else:
        return
    episodes.append(new)


_address = attrgetter("patient_id", "visit_id", "facility", "unit", "team", "live")


def _void(row: EpisodeRow, patient_id: UUID, moment: Moment) -> EpisodeRow:
    """It turned out never to have been."""
    if (row.status, row.patient_id) == ("void", patient_id) and all(
        each.status == "void" for each in row.deadlines.values()
    ):
        return row
    deadlines = {kind: voided(deadline, moment) for kind, deadline in row.deadlines.items()}
    if row.status == "void":
        return replace(row, patient_id=patient_id, deadlines=deadlines)
    return replace(
        row,
        patient_id=patient_id,
        status="void",
        closed_at=moment.arrival,
        close_reason=None,
        readmission=None,
        known_at=moment.arrival,
        deadlines=deadlines,
        notices=(),
        handoff=None,
        responsibility=(),
    )


def _episode(
    row: EpisodeRow | None,
    planned: PlannedEpisode,
    name: str,
    patient_id: UUID,
    moment: Moment,
) -> EpisodeRow:
    stands = row is not None and row.status != "void"
    status = "closed" if planned.closed else "open"
    reason, closed_at = planned.closed or (None, None)
    if row is None:
        planned = _in_hindsight(planned, moment)
        learned, known = planned.learned_at, planned.learned_at if status == "open" else moment.arrival
    else:
        learned = row.learned_at if stands else cause(planned.learned_at, row.known_at, moment)
        same = (row.status, row.close_reason) == (status, reason)
        known = row.known_at if same else moment.arrival
    readmission = _readmission(row if stands else None, planned.readmission, moment)
    notices = _notices(row.notices if row else (), planned.notices, None if stands else learned, moment)
    if row is not None and (_taken_back(row.readmission, readmission) or _fewer(row.notices, notices)):
        known = moment.arrival
    deadlines: dict[str, DeadlineRow] = {}
    for deadline in planned.deadlines:
        was = row.deadlines.get(deadline.kind) if row else None
        # A missed handoff that the patient left behind is not paged again when the leave is cancelled.
        quiet = planned.kind == "unit_handoff"
        without = row.learned_at if row and stands and was is None else None
        deadlines[deadline.kind] = carried(was, deadline, name, moment, quiet=quiet, without_since=without)
    for kind, was in row.deadlines.items() if row else ():
        if kind not in deadlines:
            deadlines[kind] = voided(was, moment)
    return EpisodeRow(
        episode_id=name,
        patient_id=patient_id,
        visit_id=planned.visit_id,
        kind=planned.kind,
        anchor=planned.anchor,
        status=status,
        opened_at=planned.opened_at,
        closed_at=closed_at,
        close_reason=reason,
        protocol=planned.protocol,
        facility=planned.facility,
        unit=planned.unit,
        team=planned.team,
        live=planned.live,
        readmission=readmission,
        programme=planned.programme,
        lace=planned.lace,
        learned_at=learned,
        known_at=known,
        revision=row.revision if row else 0,
        deadlines=deadlines,
        notices=notices,
        handoff=planned.handoff,
        responsibility=planned.responsibility,
    )


def _in_hindsight(planned: PlannedEpisode, moment: Moment) -> PlannedEpisode:
    """What opens now, of facts that were all known before, is known since what made it so: a late A06, a corrected class."""
    before = moment.news.before.get(planned.visit_id)
    if before is None or planned.learned_at > before or planned.opens_at:
        return planned
    if planned.learned_at in moment.news.fresh.get(planned.visit_id, ()):
        return planned
    deadlines = tuple(
        replace(deadline, learned_at=max(deadline.learned_at, moment.arrival))
        for deadline in planned.deadlines
    )
    return replace(planned, learned_at=moment.arrival, deadlines=deadlines)


def _notices(
    old: tuple[Notice, ...], new: tuple[Notice, ...], since: datetime | None, moment: Moment
) -> tuple[Notice, ...]:
    """Say of those that ended by themselves when that came to light, once, and of those that came back since when.

    `since` is when the episode was learned that did not stand until now.
    """
    before = {notice.notice_id: notice for notice in old}
    return tuple(_notice(before.get(notice.notice_id), notice, since, moment) for notice in new)


def _notice(was: Notice | None, notice: Notice, since: datetime | None, moment: Moment) -> Notice:
    known = max(notice.known_at, since or notice.known_at, was.known_at if was else notice.known_at)
    if was and was.ended and not notice.ended:
        known = moment.arrival
    if not notice.ended:
        return replace(notice, known_at=known)
    ended_at = was.ended_at if was and was.ended else notice.ended_at
    return replace(notice, known_at=known, ended_at=ended_at or moment.arrival)


def _fewer(old: tuple[Notice, ...], new: tuple[Notice, ...]) -> bool:
    """Whether something that somebody heard of was taken back."""
    return bool({notice.notice_id for notice in old} - {notice.notice_id for notice in new})


def _taken_back(old: PlannedReadmission | None, new: PlannedReadmission | None) -> bool:
    """Whether a readmission that somebody heard of is none any more, or another one."""
    if old is None or not old.notice:
        return False
    return new is None or not new.notice or new.visit_id != old.visit_id


def _readmission(
    row: EpisodeRow | None, new: PlannedReadmission | None, moment: Moment
) -> PlannedReadmission | None:
    """Keep when it was known for as long as what a person hears of it stays the same."""
    old = row.readmission if row else None
    if new is None or row is None:
        return new
    if old is None or old.visit_id != new.visit_id:
        # Where both stays were known, a merge made them one person's, or a correction took away what lay between.
        told = moment.news.told
        return new if row.visit_id in told or new.visit_id in told else replace(new, known_at=moment.arrival)
    if old.notice == new.notice:
        return replace(new, known_at=old.known_at)
    return new if new.known_at > old.known_at else replace(new, known_at=moment.arrival)
