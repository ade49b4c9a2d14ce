"""What someone must hear of at once: a red flag in a call, a handoff that was declined. No deadline is waited for."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from schemas.ids import uuid5
from services.transitions.domain.episodes import Draft
from services.transitions.domain.handoff import DECLINED_TYPE
from services.transitions.domain.model import Deed, Notice

RED_FLAG, DECLINED = "red_flag", "handoff_declined"
P1, P2 = "P1", "P2"
DONE, NOT_NEEDED = "done", "not_needed"
_NOTICES = UUID("0d9f6c52-3b1e-5d0a-b7f4-6e2a8c1d9053")
_TALKED = frozenset({"phone", "in_person"})


def of_draft(drafts: Sequence[Draft], n: int, deeds: Sequence[Deed]) -> tuple[Notice, ...]:
    """The notices of one draft of a visit number. Drafts by start, deeds by time."""
    if not deeds:
        return ()
    draft = drafts[n]
    found = [*_declines(draft), *(() if draft.anchor else _red_flags(drafts, n, deeds))]
    found.sort(key=lambda notice: (notice.at, str(notice.notice_id)))
    return tuple(found)


def _declines(draft: Draft) -> Iterable[Notice]:
    """Each refusal stands until somebody accepts, or until there is nothing to accept any more."""
    accepted = draft.said[-1] if draft.acknowledged_at else None  # nothing said later is about this handoff
    for deed in draft.said:
        if deed.type == DECLINED_TYPE:
            yield _notice(DECLINED, P2, deed, accepted, over=draft.end is not None)


def _red_flags(drafts: Sequence[Draft], n: int, deeds: Sequence[Deed]) -> Iterable[Notice]:
    """A warning sign heard since this discharge stands until a clinician has spoken with the patient.

    One heard during the stay, and left at that, went home with the patient: it is told when they leave.
    It is told even where the case has ended by the calendar alone. Who is back in hospital, or dead, needs no call.
    """
    draft = drafts[n]
    begun = draft.stay.admitted_at or draft.stay.started_at or draft.start.at
    since = max([begun, *(earlier.start.at for earlier in drafts[:n] if not earlier.anchor)])
    until = min((later.start.at for later in drafts[n + 1 :] if not later.anchor), default=None)
    calls = [
        deed
        for deed in deeds
        if deed.type == "contact_attempted"
        and deed.occurred_at >= since
        and (until is None or deed.occurred_at < until)
    ]
    gone = draft.end is not None and draft.end.reason != "window_ended"
    for place, deed in enumerate(calls):
        if deed.red_flag:
            done = next((later for later in calls[place + 1 :] if _settles(later)), None)
            yield _notice(RED_FLAG, P1, deed, done, over=gone or until is not None)


def _settles(deed: Deed) -> bool:
    return deed.clinician and deed.outcome == "reached" and deed.channel in _TALKED


def _notice(kind: str, severity: str, deed: Deed, done: Deed | None, *, over: bool) -> Notice:
    name = uuid5(_NOTICES, deed.action_id)
    if done is not None:
        return Notice(name, kind, severity, deed.occurred_at, deed.at, DONE, max(done.at, deed.at))
    return Notice(name, kind, severity, deed.occurred_at, deed.at, NOT_NEEDED if over else None)
