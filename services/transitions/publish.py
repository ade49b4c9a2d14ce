"""How transitions' rows travel on `care.transitions` and `care.rejected`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from schemas import cloudevents, topics
from schemas.ids import uuid5
from schemas.transitions import ACTION_APPLIED_TYPE, DEADLINE_TYPE, EPISODE_TYPE, TEAM_ACK_TYPE
from services.chassis.kafka import Outgoing
from services.chassis.outbox import Outlet
from services.chassis.postgres import Row
from services.transitions.store import SQL

SOURCE = "baton/transitions"
_raw = msgspec.Raw
_ANSWERS = UUID("b6e0a1c2-7f0d-5a53-8a51-5b9d3c2e7f41")


def _event(kind: str, subject: object, revision: int, time: datetime) -> list[tuple[str, bytes]]:
    return cloudevents.headers(event_id=f"{subject}:{revision}", event_type=kind, source=SOURCE, time=time)


def _document(row: Row, raw: tuple[str, ...]) -> bytes:
    values: dict[str, Any] = {
        name: value for name, value in row.items() if name != "id" and value is not None
    }
    for name in raw:
        if name in values:
            values[name] = _raw(values[name].encode())
    return msgspec.json.encode(values)


def episode(row: Row) -> Outgoing:
    """An episode as it now stands."""
    return Outgoing(
        key=str(row["patient_id"]).encode(),
        value=_document(
            row, ("readmission", "programme", "lace", "acknowledged", "notices", "handoff", "responsibility")
        ),
        headers=_event(EPISODE_TYPE, row["episode_id"], row["revision"], row["known_at"]),
    )


def deadline(row: Row) -> Outgoing:
    """A deadline as it now stands."""
    return Outgoing(
        key=str(row["patient_id"]).encode(),
        value=_document(row, ("warnings", "acknowledged")),
        headers=_event(DEADLINE_TYPE, row["deadline_id"], row["revision"], row["known_at"]),
    )


def team_ack(row: Row) -> Outgoing:
    """Someone has the list of a team."""
    return Outgoing(
        key=row["team"].encode(),
        value=_document(row, ()),
        headers=_event(TEAM_ACK_TYPE, row["team"], row["revision"], row["known_at"]),
    )


def answer(row: Row) -> Outgoing:
    """What became of an action. Its id is not ours, so neither key nor header holds it."""
    own = str(uuid5(_ANSWERS, row["action_id"]))
    key = str(row["patient_id"] or own)
    return Outgoing(
        key=key.encode(),
        value=_document(row, ("kinds",)),
        headers=_event(ACTION_APPLIED_TYPE, own, row["revision"], row["known_at"]),
    )


def rejection(row: Row) -> Outgoing:
    """A refused action: its bytes and key unchanged, why and whence in headers."""
    headers = {
        "code": row["code"],
        "field": row["field"] or "",
        "source_topic": row["topic"],
        "source_partition": str(row["partition"]),
        "source_offset": str(row["record_offset"]),
    }
    return Outgoing(
        key=row["raw_key"],
        value=row["raw"],
        headers=[(name, text.encode()) for name, text in headers.items()],
    )


def outlets() -> list[Outlet]:
    """The state tables of transitions, each its own outbox."""
    return [
        _outlet("episodes", topics.CARE_TRANSITIONS, episode),
        _outlet("deadlines", topics.CARE_TRANSITIONS, deadline),
        _outlet("team_acks", topics.CARE_TRANSITIONS, team_ack),
        _outlet("answers", topics.CARE_TRANSITIONS, answer),
        _outlet("rejections", topics.CARE_REJECTED, rejection),
    ]


def _outlet(table: str, topic: str, compose: Callable[[Row], Outgoing]) -> Outlet:
    return Outlet(
        name=table,
        select_sql=SQL[f"unpublished_{table}"],
        mark_sql=SQL[f"{table}_published"],
        reset_sql=SQL[f"republish_{table}"],
        topic=topic,
        compose=compose,
    )
