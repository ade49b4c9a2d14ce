"""The outcome document, built the same way from rows in memory and from rows in Postgres."""

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any

from msgspec import Struct, to_builtins

from services.transitions.domain.risk.model import Lace, Programme


class VisitRow(Struct, frozen=True, gc=False, rename={"patient_class": "class"}):
    """A visit as it stands, under the surviving patient's number."""

    number: str
    facility: str
    generation: int
    patient_id: str
    state: str
    patient_class: str | None
    admitted_at: datetime | None
    discharged_at: datetime | None
    disposition: str | None


class DeadlineRow(Struct, frozen=True, gc=False):
    kind: str
    due_at: datetime
    status: str
    settled_at: datetime | None
    late_known: bool
    provisional: bool
    because: str


class EpisodeRow(Struct, frozen=True, gc=False):
    visit: str
    facility: str
    patient_id: str
    kind: str
    status: str
    opened_at: datetime
    closed_at: datetime | None
    close_reason: str | None
    deadlines: tuple[DeadlineRow, ...] = ()
    programme: Programme | None = None
    lace: Lace | None = None


class ReadmissionRow(Struct, frozen=True, gc=False):
    index_visit: str
    visit: str
    verdict: str


class AlertRow(Struct, frozen=True, gc=False):
    """An alert that is or was to be seen; a `late_known` one names no visit."""

    visit: str | None
    index_visit: str | None
    kind: str
    severity: str
    raised_at: datetime
    status: str
    ended_at: datetime | None


class RejectedRow(Struct, frozen=True, gc=False):
    at: datetime
    code: str


def build(
    *,
    visits: Iterable[VisitRow],
    episodes: Iterable[EpisodeRow],
    readmissions: Iterable[ReadmissionRow],
    alerts: Iterable[AlertRow],
    rejected: Iterable[RejectedRow],
) -> dict[str, Any]:
    """Give the document of contract.md section 5, its lists in one order whatever the order of the rows."""
    return {
        "visits": _sorted(map(to_builtins, visits), "facility", "number", "generation"),
        "episodes": _nulls_first(
            map(_episode, episodes), "opened_at", "facility", "visit", "kind", "status", "closed_at"
        ),
        "readmissions": _sorted(map(to_builtins, readmissions), "index_visit", "visit", "verdict"),
        "alerts": _nulls_first(
            map(to_builtins, alerts), "raised_at", "visit", "kind", "index_visit", "status", "ended_at"
        ),
        "rejected": _sorted(map(to_builtins, rejected), "at", "code"),
    }


def _episode(row: EpisodeRow) -> dict[str, Any]:
    said: dict[str, Any] = to_builtins(row)
    if row.programme is not None:
        said["programme"] = _told(row.programme, "decision", "reasons")
    if row.lace is not None:
        said["lace"] = _told(row.lace, "l", "a", "c", "e", "total", "band", "provisional")
    deadlines = said.pop("deadlines")
    return said | {"deadlines": _sorted(deadlines, "due_at", "kind")}


def _told(value: Struct, *names: str) -> dict[str, Any]:
    said = {name: getattr(value, name) for name in names}
    return {name: list(each) if isinstance(each, tuple) else each for name, each in said.items()}


def _sorted(rows: Iterable[dict[str, Any]], *by: str) -> list[dict[str, Any]]:
    return sorted(rows, key=itemgetter(*by))


def _nulls_first(rows: Iterable[dict[str, Any]], *by: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [(row[name] is not None, row[name]) for name in by])
