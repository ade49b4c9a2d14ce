"""The rows of transitions as the events that notifications reads, with no broker between them."""

from collections.abc import Iterator
from operator import attrgetter

from pydantic import TypeAdapter

from baton.replay.notifications import Event, Notifications
from baton.replay.transitions import Transitions
from schemas import transitions as schemas
from schemas.transitions import Ack, DeadlineEvent, DeadlineStatus, EpisodeEvent, EpisodeStatus, Readmission
from services.admissions.domain.construct import construct
from services.transitions.domain.model import DeadlineRow, EpisodeRow, Notice, PlannedReadmission

_ACKS: TypeAdapter[tuple[Ack, ...]] = TypeAdapter(tuple[Ack, ...])
_STATUS = {status.value: status for status in DeadlineStatus}
_EPISODE_STATUS = {status.value: status for status in EpisodeStatus}
_DEADLINE = (
    "deadline_id", "episode_id", "revision", "kind", "due_at", "settled_at", "generation", "late_known", "provisional",
    "owed", "behind", "because", "severity", "warnings", "warned", "warned_at", "hold_until", "learned_at", "known_at",
    "responsible",
)  # fmt: skip
_EPISODE = (
    "episode_id", "patient_id", "visit_id", "revision", "kind", "opened_at", "closed_at", "close_reason", "protocol",
    "facility", "unit", "team", "live", "learned_at", "known_at",
)  # fmt: skip
_of_deadline, _of_episode = attrgetter(*_DEADLINE), attrgetter(*_EPISODE)


def pass_on(transitions: Transitions, notifications: Notifications) -> Iterator[Event]:
    """Everything that changed since this was last asked for, in its latest state.

    What no alert could follow from is left out: a pending deadline nobody was warned of, of which nobody was told.
    """
    changed, acknowledged = transitions.take_changed(), transitions.acknowledged
    for row in changed.episodes.values():
        if row.readmission is not None or row.notices or notifications.knows(row.episode_id):
            yield _episode(row, acknowledged.get(row.episode_id))
    for episode, deadline in changed.deadlines.values():
        if deadline.status != "pending" or deadline.warned or notifications.knows(str(deadline.deadline_id)):
            yield _deadline(episode, deadline, acknowledged.get(deadline.deadline_id))
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


def _deadline(episode: EpisodeRow, row: DeadlineRow, acks: str | None) -> DeadlineEvent:
    return construct(
        DeadlineEvent,
        **dict(zip(_DEADLINE, _of_deadline(row), strict=True)),
        patient_id=episode.patient_id,
        visit_id=episode.visit_id,
        status=_STATUS[row.status],
        facility=episode.facility,
        unit=episode.unit,
        team=episode.team,
        live=episode.live,
        acknowledged=_ACKS.validate_json(acks) if acks else (),
    )
