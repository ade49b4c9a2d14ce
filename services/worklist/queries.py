"""Reading the read model: one function a question; each takes a Look and gives views."""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from schemas.alerts import AlertEvent
from services.chassis.clock import monotonic
from services.chassis.postgres import Row
from services.worklist.desk import Look
from services.worklist.problems import Problem
from services.worklist.sql import SQL
from services.worklist.views import (
    SEARCH_MAX,
    AlertView,
    BoardSlot,
    BoardView,
    Choice,
    Choices,
    Counts,
    Feed,
    Filters,
    Found,
    Holding,
    Item,
    ListPage,
    OpsView,
    Refused,
    Taken,
)
from services.worklist.words import ranges

REFUSALS_SHOWN = timedelta(days=7)

MOST_FOUND = 50_000
"""Patients that a search looks at, at most; whoever types one letter means nobody in particular."""
CHOICES_AGE = 5.0
_CASE = re.compile(r"^[A-Z0-9]{6,12}$")


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """A place in the list: behind this item."""

    due_at: datetime
    deadline_id: UUID

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raise a Problem where the text is no cursor of ours."""
        try:
            raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
            found = msgspec.json.decode(raw, type=cls)
        except (msgspec.MsgspecError, binascii.Error, ValueError):
            found = None
        if found is None or found.due_at.tzinfo is None:
            raise Problem(
                404, "bad_cursor", "This is no place in the list: begin at its first page.", fields=("after",)
            )
        return found


# --- the list -----------------------------------------------------------------------------------------------


async def page(look: Look, filters: Filters, *, limit: int = 50, after: str | None = None) -> ListPage:
    """The open items under these filters, soonest due first, behind the cursor `after` (a Problem where it is none)."""
    given = await _narrow(look, filters)
    rows = await _rows(look, given, limit + 1, Cursor.read(after) if after else None)
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    return ListPage(
        items=_items(look, shown),
        next=str(Cursor(last["due_at"], last["deadline_id"])) if last else None,
        counts=await _counts(look, given),
        as_of=look.now,
        change=look.change,
    )


async def counts(look: Look, filters: Filters) -> Counts:
    """How many open items there are under these filters."""
    return await _counts(look, await _narrow(look, filters))


async def choices(look: Look) -> Choices:
    """The words the list can be filtered by, as they were at most five seconds ago."""
    known = look.memory.choices
    if known is None or monotonic() - known[0] > CHOICES_AGE:
        known = look.memory.choices = (monotonic(), _choices(await look.db.fetch(SQL["list_words"])))
    return known[1]


def _choices(rows: Iterable[Row]) -> Choices:
    tallies: dict[str, Counter[str]] = {
        name: Counter() for name in ("team", "unit", "facility", "kind", "programme")
    }
    for row in rows:
        for name, tally in tallies.items():
            if row[name] is not None:
                tally[row[name]] += row["items"]
    teams, units, facilities, kinds, programmes = (
        tuple(Choice(value=value, items=items) for value, items in sorted(tally.items()))
        for tally in tallies.values()
    )
    return Choices(teams=teams, units=units, facilities=facilities, kinds=kinds, programmes=programmes)


async def _narrow(look: Look, filters: Filters) -> tuple[object, ...]:
    """The filters as the statements take them ($1 to $11)."""
    patients = await _search(look, filters.q, MOST_FOUND) if filters.q and filters.q.strip() else None
    return (
        filters.team,
        filters.unit,
        filters.facility,
        filters.kind,
        filters.programme,
        filters.late_known,
        filters.overdue,
        look.now,
        filters.mine,
        look.by,
        patients,
    )


async def _rows(look: Look, given: tuple[object, ...], limit: int, after: Cursor | None) -> list[Row]:
    place = (after.due_at, after.deadline_id) if after else (None, None)
    return await look.db.fetch(SQL["list_page"], *given, *place, limit)


async def _counts(look: Look, given: tuple[object, ...]) -> Counts:
    row = await look.db.fetchrow(SQL["list_counts"], *given)
    assert row is not None
    return Counts(**dict(row))


def _items(look: Look, rows: Iterable[Row]) -> tuple[Item, ...]:
    hours = {
        facility: look.contact.hours(facility, look.now) for facility in {row["facility"] for row in rows}
    }
    return tuple(
        Item(
            **{name: row[name] for name in _PLAIN},
            case=row["episode_id"],
            overdue=row["due_at"] <= look.now,
            taken=Taken(by=row["taken_by"], until=row["taken_until"]) if row["taken_by"] else None,
            hours=hours[row["facility"]],
            source=f"{row['deadline_id']}:{row['revision']}",
        )
        for row in rows
    )


_PLAIN = (
    "deadline_id", "patient_id", "kind", "status", "due_at", "late_known", "provisional", "severity", "because", "team",
    "facility", "unit", "programme", "name", "number", "birth_date", "language", "visit_number", "attempts", "pending",
)  # fmt: skip


# --- finding people -----------------------------------------------------------------------------------------


async def search(look: Look, q: str, *, limit: int = 20) -> tuple[Found, ...]:
    """Patients whose names, numbers or cases begin with the words of `q`, whether or not anything is owed."""
    rows = await look.db.fetch(SQL["found_patients"], await _search(look, q, limit))
    return tuple(
        Found(case=row["episode_id"], **{name: row[name] for name in _FOUND}) for row in rows[:limit]
    )


_FOUND = ("patient_id", "name", "birth_date", "number", "owed")


async def _search(look: Look, q: str, limit: int) -> list[UUID]:
    """Whom a search means; a text without any letter or digit means nobody."""
    text = q.strip()[:SEARCH_MAX]
    low, high = ranges(text)
    if not low:
        return []
    found = [row["patient_id"] for row in await look.db.fetch(SQL["find_patients"], low, high, limit)]
    by_case = await patient_of(look, text)
    return [by_case, *found] if by_case and by_case not in found else found


async def patient_of(look: Look, case: str) -> UUID | None:
    """The patient of a case, by its public id: what /c/<case> resolves to."""
    if not _CASE.match(case.upper()):
        return None
    found: UUID | None = await look.db.fetchval(SQL["patient_of"], case.upper())
    return found


# --- alerts, the board, operations --------------------------------------------------------------------------


def alert_view(document: str, answers: dict[UUID, str] | None = None) -> AlertView:
    """An alert as a page shows it; `answers` are the names of those who took one, by deadline."""
    event = AlertEvent.model_validate_json(document)
    answered = (answers or {}).get(event.deadline_id) if event.deadline_id else None
    return AlertView(
        alert_id=event.alert_id,
        kind=event.kind,
        severity=event.severity,
        status=event.status,
        raised_at=event.raised_at,
        ended_at=event.ended_at,
        acknowledged_at=event.acknowledged_at,
        answered_by=answered if event.acknowledged_at else None,
        case=event.episode_id,
        team=event.team,
        unit=event.unit,
        due_at=event.due_at,
        items=event.items,
        source=f"{event.alert_id}:{event.revision}",
    )


async def alerts(
    look: Look,
    *,
    team: str | None = None,
    unit: str | None = None,
    facility: str | None = None,
    limit: int = 100,
) -> tuple[AlertView, ...]:
    """Alerts that fire or are answered and not over, the newest first."""
    rows = await look.db.fetch(SQL["standing_alerts"], team, unit, facility, limit)
    return tuple(alert_view(row["document"]) for row in rows)


async def board(
    look: Look, filters: Filters, *, hours: int = 12, limit: int = 30, names: bool = False
) -> BoardView:
    """The wall view of what the filters leave: at most `limit` items that are overdue, and as many that come next.

    A wall is read by whoever passes: without `names` its items say nothing of whom they are about.
    """
    given = await _narrow(look, filters)
    slots: dict[datetime, dict[str, int]] = {}
    for row in await look.db.fetch(SQL["list_hours"], *given, hours):
        slots.setdefault(row["at"], {})[row["severity"]] = row["items"]
    overdue = await _rows(look, _set_overdue(given), limit, None)
    coming = await _rows(look, given, limit, Cursor(look.now, UUID(int=2**128 - 1)))
    places = (filters.team, filters.unit, filters.facility)
    holders = await look.db.fetch(SQL["holders"], *places, look.now)
    show = tuple if names else _nameless
    return BoardView(
        counts=await _counts(look, given),
        hours=tuple(
            BoardSlot(at=at, items=sum(by.values()), severities=by) for at, by in sorted(slots.items())
        ),
        overdue=show(_items(look, overdue)),
        next=show(_items(look, coming)),
        holders=tuple(Holding(**dict(row)) for row in holders),
        alerts=await alerts(look, team=filters.team, unit=filters.unit, facility=filters.facility, limit=30),
        as_of=look.now,
        change=look.change,
    )


def _nameless(items: Iterable[Item]) -> tuple[Item, ...]:
    nothing = dict.fromkeys(("name", "number", "birth_date", "language", "visit_number"))
    return tuple(item.model_copy(update=nothing) for item in items)


def _set_overdue(given: tuple[object, ...]) -> tuple[object, ...]:
    return (*given[:6], True, *given[7:])


async def operations(look: Look) -> OpsView:
    """The main pictures for an operator."""
    db, everything = look.db, await _narrow(look, Filters())
    owed = await _counts(look, everything)
    actions = await db.fetch(SQL["count_actions"])
    by_state = {row["state"]: row["actions"] for row in actions}
    window = await db.fetchrow(SQL["change_window"])
    build = await db.fetchrow(SQL["build"])
    rows = await db.fetch(SQL["count_refusals"], look.now - REFUSALS_SHOWN)
    refusals = tuple(Refused(**dict(row)) for row in rows)
    assert window is not None
    return OpsView(
        lag=tuple(
            Feed(**dict(row), behind_seconds=_age(look.now, row["mark"]))
            for row in await db.fetch(SQL["marks"])
        ),
        feeds={row["feed"]: row["at"] for row in await db.fetch(SQL["feeds"])},
        deadlines={"owed": owed.total, "overdue": owed.overdue, "late_known": owed.late_known},
        alerts={row["status"]: row["alerts"] for row in await db.fetch(SQL["count_alerts"])},
        actions=by_state,
        refused=sum(one.records for one in refusals),
        refusals=refusals,
        oldest_waiting=min((row["oldest"] for row in actions if row["state"] != "refused"), default=None),
        changes=window["last"] or 0,
        build=build["build"] if build else 0,
        rebuilding=build["rebuilding"] if build else False,
        as_of=look.now,
    )


def _age(now: datetime, mark: datetime | None) -> float | None:
    return None if mark is None else max(0.0, (now - mark).total_seconds())
