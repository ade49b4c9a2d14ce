"""Events with sensible defaults: a call owed 72 hours after a discharge on Friday 9 January 2026."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from schemas.transitions import Ack, DeadlineEvent, EpisodeEvent, Readmission, Warning  # noqa: A004

DISCHARGED = datetime(2026, 1, 9, 20, 0, tzinfo=UTC)
DUE = DISCHARGED + timedelta(hours=72)
DEADLINE = UUID(int=1)
PATIENT = UUID(int=2)
VISIT = UUID(int=3)
NEW_VISIT = UUID(int=4)
CASE = "7K2MABCD"


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def at(n: float) -> datetime:
    """The instant `n` hours after the discharge."""
    return DISCHARGED + hours(n)


def a_warning(n: float, severity: str = "P3") -> Warning:
    return Warning(at=at(n), severity=severity)


def a_deadline(status: str = "pending", **fields: Any) -> DeadlineEvent:
    """A call owed; missed at its due time unless `known_at` says otherwise."""
    settled = {"missed": DUE, "pending": DISCHARGED}
    given: dict[str, Any] = {
        "deadline_id": DEADLINE,
        "episode_id": CASE,
        "patient_id": PATIENT,
        "visit_id": VISIT,
        "revision": 1,
        "kind": "call_72h",
        "status": status,
        "due_at": DUE,
        "owed": status in {"pending", "missed"},
        "because": "Nobody has called.",
        "severity": "P2",
        "learned_at": DISCHARGED,
        "known_at": settled.get(status, DUE + hours(1)),
        "facility": "HOSPA",
        "unit": "4W",
        "team": "4W",
    }
    return DeadlineEvent(**(given | fields))


def an_episode(**fields: Any) -> EpisodeEvent:
    given: dict[str, Any] = {
        "episode_id": CASE,
        "patient_id": PATIENT,
        "visit_id": VISIT,
        "revision": 1,
        "kind": "discharge",
        "status": "open",
        "opened_at": DISCHARGED,
        "protocol": "standard",
        "facility": "HOSPA",
        "unit": "4W",
        "team": "4W",
        "learned_at": DISCHARGED,
        "known_at": DISCHARGED,
    }
    return EpisodeEvent(**(given | fields))


def a_readmission(**fields: Any) -> Readmission:
    given: dict[str, Any] = {
        "visit_id": NEW_VISIT,
        "verdict": "readmit_suspected_unplanned",
        "at": at(99),
        "known_at": at(100),
    }
    return Readmission(**(given | fields))


def an_ack(kind: str, n: float) -> Ack:
    return Ack(kind=kind, at=at(n), known_at=at(n))
