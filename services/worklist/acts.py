"""What a person does: an action into the outbox, a patient taken or given back; each is one transaction."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from pydantic import ValidationError

from schemas.actions import ACTION, Action, ActionWithdrawn
from services.chassis.postgres import Db, Row
from services.worklist import changes
from services.worklist.changes import Touched
from services.worklist.desk import Desk, Look
from services.worklist.patient import action_view
from services.worklist.problems import Problem, not_found
from services.worklist.sql import SQL
from services.worklist.store import withdrawal_id
from services.worklist.views import ActionView, Taken

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of its arrival an action may say it happened; transitions refuses more."""
OURS = ("visit", "facility", "authority", "by")
"""What an action says that the worklist knows better than whoever enters it."""

Record = Callable[[Db, "Place"], Awaitable[None]]
"""Writes down, in the same transaction, that this was done, and to whom."""


@dataclass(frozen=True, slots=True)
class Place:
    """The case an act is about."""

    case: str
    patient_id: UUID
    number: str | None
    facility: str | None
    authority: str | None


async def submit(
    desk: Desk,
    by: str,
    case: str,
    said: Mapping[str, Any],
    *,
    key: str | None = None,
    record: Record | None = None,
) -> ActionView:
    """Enter an action on a case; it goes to care.actions from the outbox, however long Kafka is away.

    `said` is an action of schemas/actions.py; the visit and who did it are filled in, `occurred_at` is now where it is
    left out. `key` (of whoever enters it) makes a repetition the same action; without one the action's own `id` does.
    Raises a Problem: 404 unknown case, 409 the key was used for another action, 422 with the fields that are wrong.
    """
    async with desk.act(by) as look:
        place = await place_of(look, case)
        action = compose(said, place, by, key, look.now)
        if isinstance(action, ActionWithdrawn):
            await _must_be_of(look, action.id, place)
        if await _enter(look, action, place):
            if record is not None:
                await record(look.db, place)
            await _touch(look, place)
        row = await look.db.fetchrow(SQL["action"], key_of(action))
        assert row is not None
        _must_be_same(row, action)
    desk.wake()
    return action_view(row)


async def take(
    desk: Desk, by: str, case: str, *, kind: str | None = None, record: Record | None = None
) -> Taken:
    """Have the patient of a case for as long as a lease lasts, or for longer; 409 where somebody else has."""
    async with desk.act(by) as look:
        place = await place_of(look, case)
        kind = kind or await look.db.fetchval(SQL["next_kind"], place.case)
        if kind is None:
            raise Problem(409, "nothing_owed", "Nothing is owed in this case, so there is nothing to take.")
        held = await look.db.fetchrow(SQL["lease_for_update"], place.patient_id)
        until = look.now + timedelta(minutes=desk.settings.worklist_lease_minutes)
        got = await look.db.fetchval(SQL["take"], place.patient_id, by, place.case, kind, look.now, until)
        if got is None:
            raise Problem(409, "taken", "Somebody else works on this patient just now.")
        if held is None or held["by"] != by or held["until"] <= look.now:
            await _tell(look, "item_taken", place, kind, by)
        if record is not None:
            await record(look.db, place)
        await _touch(look, place)
    desk.wake()
    return Taken(by=by, until=until)


async def release(
    desk: Desk, by: str, case: str, *, anyone: bool = False, record: Record | None = None
) -> bool:
    """Give the patient of a case back: one's own, or with `anyone` whoever's; False where there was nothing to."""
    async with desk.act(by) as look:
        place = await place_of(look, case)
        row = await look.db.fetchrow(SQL["release"], place.patient_id, None if anyone else by)
        if row is not None:
            await _tell(look, "item_released", place, row["kind"], row["by"])
            if record is not None:
                await record(look.db, place)
            await _touch(look, place)
    desk.wake()
    return row is not None


async def end_leases(desk: Desk) -> int:
    """Let those go who have had a patient for longer than a lease lasts; gives how many leases ended."""
    async with desk.act("") as look:
        rows = await look.db.fetch(SQL["end_leases"], look.now)
        touched = Touched()
        for row in rows:
            place = await place_of(look, row["episode_id"])
            await _tell(look, "item_released", place, row["kind"], row["by"])
            await _touch_into(look, place, touched)
        await changes.note(look.db, touched)
    if rows:
        desk.wake()
    return len(rows)


async def place_of(look: Look, case: str) -> Place:
    """The case by its public id; a Problem (404) where there is none."""
    row = await look.db.fetchrow(SQL["case_for_action"], case.upper())
    if row is None:
        raise not_found("case")
    return Place(row["episode_id"], row["patient_id"], row["number"], row["facility"], row["authority"])


def compose(said: Mapping[str, Any], place: Place, by: str, key: str | None, now: datetime) -> Action:
    """The action as it will stand on care.actions; raises a Problem (422) with the fields that are wrong."""
    if place.number is None:
        raise Problem(
            409, "visit_unknown", "The visit of this case has no number yet: try again in a moment."
        )
    given = {name: value for name, value in said.items() if name not in OURS}
    given |= {"visit": place.number, "facility": place.facility, "authority": place.authority, "by": by}
    if given.get("type") != "action_withdrawn":
        given["id"] = key or given.get("id") or str(uuid4())
    try:
        action = ACTION.validate_json(msgspec.json.encode(given))
    except (ValidationError, ValueError, TypeError) as error:
        raise Problem(422, "invalid", "The action is not as it should be.", fields=_fields(error)) from None
    if "occurred_at" in type(action).model_fields and getattr(action, "occurred_at", None) is None:
        action = action.model_copy(update={"occurred_at": now})
    if holding := [name for name, value in action if isinstance(value, str) and "\0" in value]:
        raise Problem(422, "invalid", "A NUL is no text.", fields=tuple(holding))
    if getattr(action, "occurred_at", now) > now + CLOCK_SKEW:
        raise Problem(422, "in_the_future", "This has not happened yet.", fields=("occurred_at",))
    return action


def _fields(error: Exception) -> tuple[str, ...]:
    if not isinstance(error, ValidationError):
        return ()
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return tuple(sorted({".".join(map(str, one["loc"][1:])) or "type" for one in found}))


def key_of(action: Action) -> str:
    """Under which id an action is kept: its own; of a withdrawal one that follows from what it undoes."""
    assert action.id is not None
    return withdrawal_id(action.id) if isinstance(action, ActionWithdrawn) else action.id


async def _enter(look: Look, action: Action, place: Place) -> bool:
    return bool(
        await look.db.fetchval(
            SQL["enter_action"],
            key_of(action),
            action.type,
            action.by,
            look.now,
            getattr(action, "occurred_at", None) or look.now,
            place.patient_id,
            place.case,
            place.number,
            place.facility,
            place.authority,
            action.id if isinstance(action, ActionWithdrawn) else None,
            action.model_dump_json(exclude_none=True),
        )
    )


def _must_be_same(row: Row, action: Action) -> None:
    if (row["type"], row["number"], row["by"]) != (action.type, action.visit, action.by):
        raise Problem(
            409, "key_used", "This key was used for another action: choose a new one.", fields=("id",)
        )


async def _must_be_of(look: Look, action_id: str, place: Place) -> None:
    row = await look.db.fetchrow(SQL["action"], action_id)
    if row is None or (place.patient_id != row["patient_id"] and place.number != row["number"]):
        raise not_found("action")


async def _tell(look: Look, kind_of_action: str, place: Place, kind: str, by: str) -> None:
    """Have everybody know of a lease, where the visit is known by a number."""
    if place.number is not None:
        said = {"type": kind_of_action, "kind": kind}
        await _enter(look, compose(said, place, by, None, look.now), place)


async def _touch(look: Look, place: Place) -> None:
    touched = Touched()
    await _touch_into(look, place, touched)
    await changes.note(look.db, touched)


async def _touch_into(look: Look, place: Place, touched: Touched) -> None:
    touched.place(case=place.case, patient=place.patient_id, team=None, unit=None)
    for row in await look.db.fetch(SQL["places_of_case"], place.case):
        touched.place(case=None, patient=None, team=row["team"], unit=row["unit"])
