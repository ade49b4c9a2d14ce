"""The rows of transitions as notifications reads them, with no broker between them."""

from collections.abc import Iterator
from operator import attrgetter

from pydantic import TypeAdapter

from baton.replay.notifications import Event, Notifications
from baton.replay.transitions import Changed
from schemas import transitions as schemas
from schemas.transitions import Ack, DeadlineStatus, EpisodeEvent, EpisodeStatus, Readmission
from services.admissions.domain.construct import construct
from services.notifications.domain.model import Deadline
from services.transitions.domain.model import DeadlineRow, EpisodeRow, Notice, PlannedReadmission

_ACKS: TypeAdapter[tuple[Ack, ...]] = TypeAdapter(tuple[Ack, ...])
_STATUS = {status.value: status for status in DeadlineStatus}
_EPISODE_STATUS = {status.value: status for status in EpisodeStatus}
_EPISODE = (
    "episode_id", "patient_id", "visit_id", "revision", "kind", "opened_at", "closed_at", "close_reason", "protocol",
    "facility", "unit", "team", "live", "learned_at", "known_at",
)  # fmt: skip
_of_episode = attrgetter(*_EPISODE)


def pass_on(changed: Changed, notifications: Notifications) -> Iterator[Event]:
    """Everything that changed, in its latest state.

    What no alert could follow from is left out: a pending deadline nobody was warned of, of which nobody was told.
    """
    acknowledged = changed.acknowledged
    for row in changed.episodes.values():
        if row.readmission is not None or row.notices or notifications.knows(row.episode_id):
            yield _episode(row, acknowledged.get(row.episode_id))
    for episode, deadline in changed.deadlines.values():
        subject = str(deadline.deadline_id)
        if deadline.status != "pending" or deadline.warned or notifications.knows(subject):
            yield _deadline(subject, episode, deadline, acknowledged.get(deadline.deadline_id))
    yield from changed.team_acks.values()


def _episode(row: EpisodeRow, acks: str | None) -> EpisodeEvent:
    found = row.readmission
    return construct(
        EpisodeEvent,
        **dict(zip(_EPISODE, _of_episode(row), strict=True)),
        status=_EPISODE_STATUS[row.status],
        readmission=None if found is None else _readmission(found),
        notices=tuple(map(_notice, row.notices)),
        acknowledged=_ACKS.validate_json(acks) if acks else (),
    )


def _readmission(found: PlannedReadmission) -> Readmission:
    return Readmission.model_validate({name: getattr(found, name) for name in found.__struct_fields__})


def _notice(found: Notice) -> schemas.Notice:
    return schemas.Notice.model_validate({name: getattr(found, name) for name in found.__struct_fields__})


def _deadline(subject: str, episode: EpisodeRow, row: DeadlineRow, acks: str | None) -> Deadline:
    return Deadline(
        subject,
        row.deadline_id,
        row.episode_id,
        episode.patient_id,
        episode.visit_id,
        row.kind,
        _STATUS[row.status],
        row.due_at,
        row.generation,
        row.late_known,
        row.owed,
        row.severity,
        row.warnings,  # type: ignore[arg-type] # they have the fields of a Warning
        row.warned,
        row.hold_until,
        row.learned_at,
        row.known_at,
        episode.facility,
        episode.unit,
        episode.team,
        episode.live,
        _ACKS.validate_json(acks) if acks else (),
    )
