"""Who has which alert: acknowledgements found for the deadlines and episodes they speak of."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from schemas.transitions import Ack
from services.transitions.domain.meant import misdirected
from services.transitions.domain.model import Deed, EpisodeRow, Stay

MISSED = "_missed"
DUE_SOON = "_due_soon"
READMISSION = "readmission_detected"


def acknowledgements(
    rows: Iterable[EpisodeRow], stays: Sequence[Stay], deeds: Iterable[Deed]
) -> Mapping[str | UUID, tuple[Ack, ...]]:
    """The acknowledgements of each episode (readmissions) and deadline, by its id, oldest first.

    A deadline kind means its `_missed` alert. `readmission_detected` names the new stay.
    """
    given = sorted(
        (d for d in deeds if d.type == "alert_acknowledged" and d.kind and not misdirected(d, stays)),
        key=lambda deed: (deed.occurred_at, deed.action_id),
    )
    if not given:
        return {}
    root_of = {stay.visit_id: stay.root_id for stay in stays}
    found: dict[str | UUID, tuple[Ack, ...]] = {}
    for row in rows:
        if row.readmission is not None:
            about = [
                deed
                for deed in given
                if deed.kind == READMISSION and deed.root_id == root_of.get(row.readmission.visit_id)
            ]
            if about:
                found[row.episode_id] = tuple(_ack(READMISSION, deed) for deed in about)
        own = [deed for deed in given if deed.root_id == root_of.get(row.visit_id)]
        told = {notice.kind for notice in row.notices}
        heard = tuple(_ack(deed.kind, deed) for deed in own if deed.kind in told)
        if heard:
            found[row.episode_id] = (*found.get(row.episode_id, ()), *heard)
        for kind, deadline in row.deadlines.items():
            acks = tuple(
                _ack(deed.kind if deed.kind != kind else kind + MISSED, deed)
                for deed in own
                if deed.kind in (kind, kind + MISSED, kind + DUE_SOON)
            )
            if acks:
                found[deadline.deadline_id] = acks
    return found


def _ack(kind: str | None, deed: Deed) -> Ack:
    return Ack(kind=kind or "", at=deed.occurred_at, known_at=deed.at, by=deed.by)
