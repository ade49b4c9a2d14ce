"""What somebody who has signed in does: may they, the act itself, and its audit row, in one transaction."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from services.chassis.postgres import Db
from services.worklist import acts
from services.worklist.access import Action, Permission, User, record_action, refuse, without_patients
from services.worklist.acts import Place, Record
from services.worklist.desk import Desk
from services.worklist.sql import SQL
from services.worklist.views import ActionView, Taken

_AUDITED = {
    "action_withdrawn": Action.UPDATE,
    "deadline_waived": Action.UPDATE,
    "alert_acknowledged": Action.ACK,
    "handoff_acknowledged": Action.ACK,
}


def desk_of(request: Request) -> Desk:
    """The desk of the application that answers this request."""
    desk: Desk = request.app.state.desk
    return desk


async def do(
    request: Request, user: User, case: str, said: Mapping[str, Any], *, key: str | None = None
) -> ActionView:
    """Enter an action on a case; see acts.submit. A waiver and what others entered ask for more than ACT."""
    desk, kind = desk_of(request), str(said.get("type"))
    if kind == "deadline_waived" and not user.may(Permission.WAIVE):
        await refuse(request, Permission.WAIVE)
    if (
        kind == "action_withdrawn"
        and not user.may(Permission.WITHDRAW_ANY)
        and await _entered_by(desk, user, said.get("id")) != user.name
    ):
        await refuse(request, Permission.WITHDRAW_ANY)
    # The same key again is answered with what stood in its row the first time.
    without_patients(request)
    record = _record(request, _AUDITED.get(kind, Action.CREATE), kind)
    return await acts.submit(desk, user.name, case, said, key=key, record=record)


async def take(request: Request, user: User, case: str, *, kind: str | None = None) -> Taken:
    """Have the patient of a case for a while; see acts.take."""
    record = _record(request, Action.UPDATE, "item_taken")
    return await acts.take(desk_of(request), user.name, case, kind=kind, record=record)


async def release(request: Request, user: User, case: str) -> bool:
    """Give the patient of a case back: one's own, or, with the permission, anyone's."""
    record = _record(request, Action.UPDATE, "item_released")
    anyone = user.may(Permission.RELEASE_ANY)
    return await acts.release(desk_of(request), user.name, case, anyone=anyone, record=record)


def _record(request: Request, action: Action, what: str) -> Record:
    async def write(db: Db, place: Place) -> None:
        await record_action(db, request, action, what, patients=[place.patient_id], cases=[place.case])

    return write


async def _entered_by(desk: Desk, user: User, action_id: object) -> str | None:
    """Who entered an action; nobody where there is none of this id."""
    if not isinstance(action_id, str) or "\0" in action_id:
        return user.name
    async with desk.look(user.name) as look:
        row = await look.db.fetchrow(SQL["action"], action_id)
    # That there is no such action is said by what looks for it next.
    return user.name if row is None else row["by"]
