"""Who asks: what a handler may know of it, and what it must say of what it shows."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import HTTPConnection, Request

from services.chassis.clock import monotonic
from services.chassis.postgres import Db
from services.worklist.access import audit
from services.worklist.access.audit import Action, Entry, From, Outcome
from services.worklist.access.roles import Permission, User

if TYPE_CHECKING:
    from services.worklist.access.door import Access

STATE = "caller"
REMEMBERED = 900.0
"""Seconds for which what a page fetches again by itself is covered by the row of the first time."""
MOST_REMEMBERED = 200_000


class NotAllowed(Exception):
    """The person may not see or do this."""


class NotRecorded(Exception):
    """The audit row could not be written, so nothing is shown."""


@dataclass(slots=True)
class Caller:
    """One request: who asks, from where, and whether what is shown has been recorded.

    background  the page asked by itself, not the person
    """

    origin: From
    access: "Access"
    csrf: str = ""
    background: bool = False
    recorded: bool = False


def caller_of(request: HTTPConnection) -> Caller:
    """The caller the gate has let in; without the gate there is none, and nobody gets past this."""
    found = request.scope.get("state", {}).get(STATE)
    if not isinstance(found, Caller):
        raise NotAllowed
    return found


def current_user(request: Request) -> User:
    """The person who has signed in, as a dependency."""
    user = caller_of(request).origin.user
    if user is None:
        raise NotAllowed
    return user


def csrf_token(request: Request) -> str:
    """What a form of this session carries as `csrf_token`, and a script as X-CSRF-Token."""
    return caller_of(request).csrf


def require(*permissions: Permission) -> Callable[[Request], Awaitable[User]]:
    """A dependency: the person who has signed in, if they have every one of these permissions; a refusal is recorded."""

    async def allowed(request: Request) -> User:
        user = current_user(request)
        lacking = [each for each in permissions if not user.may(each)]
        if lacking:
            await refuse(request, lacking[0])
        return user

    return allowed


async def refuse(request: Request, lacking: Permission) -> None:
    """Record that somebody wanted what they may not, and raise NotAllowed."""
    caller = caller_of(request)
    action = Action.VIEW if request.method in {"GET", "HEAD"} else Action.UPDATE
    entry = Entry(action, str(lacking), outcome=Outcome.REFUSED, reason="no permission")
    await caller.access.write(caller.origin, entry)
    raise NotAllowed


async def record_view(
    request: Request,
    what: str,
    *,
    patients: Sequence[UUID] = (),
    cases: Sequence[str] = (),
    fields: Collection[str] = (),
    object_id: str | None = None,
    action: Action = Action.VIEW,
    db: Db | None = None,
) -> None:
    """Write the row of what is about to be shown; raises NotRecorded where that fails, and then nothing is shown.

    Give the connection you hold as `db`, outside any transaction, so that a request never waits for a second one. What
    a page fetches again by itself is recorded for the patients it did not show this person in the last quarter of an
    hour.
    """
    caller = caller_of(request)
    whole = Entry(action, what, object_id, patients, cases, fields)
    again = caller.background and action is Action.VIEW
    entry = caller.access.seen.only_new(caller.origin, whole) if again else whole
    if entry is not None:
        await caller.access.write(caller.origin, entry, db)
        caller.access.seen.remember(caller.origin, entry)
    caller.recorded = True


async def record_action(
    db: Db,
    request: Request,
    action: Action,
    what: str,
    *,
    patients: Sequence[UUID] = (),
    cases: Sequence[str] = (),
    object_id: str | None = None,
    reason: str | None = None,
) -> None:
    """Write the row of an action, in the transaction that does it: both are there, or neither.

    `reason` is a word of ours (`waived`, `entered_wrongly`), never what somebody typed.
    """
    caller = caller_of(request)
    await audit.record(
        db,
        caller.origin,
        Entry(action, what, object_id, patients, cases, outcome=Outcome.DONE, reason=reason),
    )
    caller.recorded = True


def without_patients(request: Request) -> None:
    """Say that the answer shows nothing of any patient; as a dependency or a call."""
    caller_of(request).recorded = True


@dataclass(slots=True)
class Seen:
    """Which fields of which patients and cases a session was shown by which page, for a while; each process its own."""

    _known: dict[tuple[object, ...], float] = field(default_factory=dict)

    def only_new(self, origin: From, entry: Entry) -> Entry | None:
        """The entry without what is remembered; None where nothing is left of it."""
        limit = monotonic() - REMEMBERED
        page = _page(origin, entry)

        def fresh(each: object) -> bool:
            return self._known.get((*page, each), limit) <= limit

        patients = [each for each in entry.patients if fresh(each)]
        cases = [each for each in entry.cases if fresh(each)]
        empty = not entry.patients and not entry.cases
        if not patients and not cases and not (empty and fresh(entry.object_id)):
            return None
        return Entry(entry.action, entry.what, entry.object_id, patients, cases, entry.fields)

    def remember(self, origin: From, entry: Entry) -> None:
        now = monotonic()
        if len(self._known) > MOST_REMEMBERED:
            self._known = {each: at for each, at in self._known.items() if now - at < REMEMBERED}
        if len(self._known) > MOST_REMEMBERED:
            self._known = {}  # what is forgotten is recorded once more
        for each in (*entry.patients, *entry.cases, entry.object_id):
            self._known[*_page(origin, entry), each] = now


def _page(origin: From, entry: Entry) -> tuple[object, ...]:
    return origin.session_id, entry.what, frozenset(entry.fields)
