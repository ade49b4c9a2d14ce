"""The outcome document, built the same way from rows in memory and from rows in Postgres."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from schemas.base import iso
from services.transitions.domain.risk.model import Lace, Programme


class VisitRow(Struct, frozen=True, gc=False):
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
        "visits": _sorted(map(_visit, visits), "facility", "number", "generation"),
        "episodes": _sorted(
            map(_episode, episodes), "opened_at", "facility", "visit", "kind", "status", "closed_at"
        ),
        "readmissions": _sorted(map(_plain, readmissions), "index_visit", "visit", "verdict"),
        "alerts": _sorted(
            map(_plain, alerts), "raised_at", "visit", "kind", "index_visit", "status", "ended_at"
        ),
        "rejected": _sorted(map(_plain, rejected), "at", "code"),
    }


def _visit(row: VisitRow) -> dict[str, Any]:
    said = _plain(row)
    said["class"] = said.pop("patient_class")
    names = (
        "number",
        "facility",
        "generation",
        "patient_id",
        "state",
        "class",
        "admitted_at",
        "discharged_at",
        "disposition",
    )
    return {name: said[name] for name in names}


def _episode(row: EpisodeRow) -> dict[str, Any]:
    said = _plain(row)
    deadlines = _sorted(map(_plain, said.pop("deadlines")), "due_at", "kind")
    told = {
        "programme": None if row.programme is None else _told(row.programme, "decision", "reasons"),
        "lace": None
        if row.lace is None
        else _told(row.lace, "l", "a", "c", "e", "total", "band", "provisional"),
    }
    return said | told | {"deadlines": deadlines}


def _told(value: Struct, *names: str) -> dict[str, Any]:
    said = {name: getattr(value, name) for name in names}
    return {name: list(each) if isinstance(each, tuple) else each for name, each in said.items()}


def _plain(row: Struct) -> dict[str, Any]:
    values = ((name, getattr(row, name)) for name in row.__struct_fields__)
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in values}


def _sorted(rows: Iterable[dict[str, Any]], *by: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [(row[name] is not None, row[name]) for name in by])
