"""The audit: one row for whatever somebody saw or did, written with the action, or before the page is sent."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.chassis.postgres import Db
from services.worklist.access import store
from services.worklist.access.roles import User

NOBODY = "nobody"
"""The actor where it is not known who it was."""


class Action(StrEnum):
    """What was done. BREAK_GLASS is kept free; nothing writes it yet."""

    VIEW = "VIEW"
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    ACK = "ACK"
    EXPORT = "EXPORT"
    LOGIN = "LOGIN"
    LOGOUT = "LOGOUT"
    BREAK_GLASS = "BREAK_GLASS"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class From:
    """Where a request came from: whose, from which address, in which session."""

    user: User | None
    address: str | None = None
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row says. It holds ids and words of ours: never a name of a patient, a number, or what somebody typed.

    what      the kind of thing: `patient`, `list`, `contact_attempted`, `session`
    object_id our id of it, if it has one
    patients  whose data it was; a list names all that it showed
    cases     the same by case id
    fields    the names of the fields that were shown
    reason    a word of ours
    """

    action: Action
    what: str
    object_id: str | None = None
    patients: Sequence[UUID] = ()
    cases: Sequence[str] = ()
    fields: Collection[str] = ()
    outcome: Outcome = Outcome.DONE
    reason: str | None = None


async def record(db: Db, origin: From, entry: Entry) -> None:
    """Write a row, in the transaction of the caller if there is one; whoever cannot write it must not go on."""
    user = origin.user
    await db.execute(
        store.SQL["record"],
        user.subject if user else NOBODY,
        sorted(user.roles) if user else [],
        entry.action,
        entry.what,
        entry.object_id,
        list(dict.fromkeys(entry.patients)),
        list(dict.fromkeys(entry.cases)),
        sorted(entry.fields),
        origin.address,
        origin.session_id,
        entry.outcome,
        entry.reason,
    )
