"""What people did about one discharge, as far as due times depend on it: complexity, appointment, visit."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from services.transitions.domain import calendar
from services.transitions.domain.episodes import Draft
from services.transitions.domain.model import Deed
from services.transitions.domain.owed import Start
from services.transitions.domain.protocol import ActionRule, Complexity

HIGH, MODERATE = "high", "moderate"
VISITED = "visit_completed"
_ANY_VISIT = ActionRule(VISITED)


class Judged(Struct, frozen=True, gc=False):
    """The complexity of medical decision making, why, and when that was learned (None: with the discharge)."""

    level: str
    because: str
    learned_at: datetime | None = None


_UNASSESSED = Judged(MODERATE, "complexity taken as moderate until a clinician assesses it")


class Work(Struct, frozen=True, gc=False):
    """What was done from the discharge on, by time, and what was said that due times depend on.

    `booked` is the appointment as last told of all `bookings`, `visited` the first visit that counts.
    """

    done: Sequence[Deed] = ()
    contacts: Sequence[Deed] = ()
    judged: Judged = _UNASSESSED
    bookings: Sequence[Deed] = ()
    booked: Deed | None = None
    visited: Deed | None = None


NOTHING = Work()


def work_on(drafts: Sequence[Draft], n: int, deeds: Sequence[Deed], rule: Complexity) -> Work:
    """What was done about one discharge of a visit number. Drafts by start, deeds by time.

    It ends with what ended the episode, or with the next discharge under the same number. What was said
    about the patient may have been said before the discharge, but not of an earlier stay.
    """
    draft = drafts[n]
    if draft.anchor:
        return NOTHING
    judged = _unassessed(draft, rule)
    if not deeds:
        return NOTHING if judged is _UNASSESSED else Work(judged=judged)
    ends = [later.start.at for later in drafts[n + 1 :] if not later.anchor]
    if draft.end:
        ends.append(draft.end.at)
    until = min(ends, default=None)
    again = any(not earlier.anchor for earlier in drafts[:n])
    since = draft.stay.admitted_at or draft.stay.started_at if again else None
    said = [
        deed
        for deed in deeds
        if (until is None or deed.occurred_at < until) and (since is None or deed.occurred_at >= since)
    ]
    done = [deed for deed in said if deed.occurred_at >= draft.start.at]
    assessed = next(reversed(_told(said, "complexity_assessed")), None)
    bookings = _told(said, "appointment_booked")
    booked = bookings[-1] if bookings else None
    return Work(
        done=done,
        contacts=[deed for deed in done if deed.type == "contact_attempted"],
        judged=_assessed(assessed) if assessed else judged,
        bookings=bookings,
        booked=booked if booked and booked.occurs_at and booked.occurs_at >= draft.start.at else None,
        visited=_first(_ANY_VISIT, done, draft.start),
    )


def done_at(rule: ActionRule, work: Work, start: Start) -> datetime | None:
    """When this was done first."""
    found = _first(rule, work.done, start)
    return found.occurred_at if found else None


def _first(rule: ActionRule, done: Sequence[Deed], start: Start) -> Deed | None:
    for deed in done:
        if deed.type != rule.action or rule.specialty not in {None, deed.specialty}:
            continue
        if rule.from_day or deed.discharging_practitioner:
            days = (_day(deed.occurred_at, start) - _day(start.at, start)).days
            if days < rule.from_day or (deed.discharging_practitioner and days == 0):
                continue
        return deed
    return None


def _day(at: datetime, start: Start) -> date:
    return calendar.local_date(at, start.facility.tz)


def _told(said: Sequence[Deed], type_: str) -> list[Deed]:
    """In the order of the telling, whatever they are about."""
    return sorted((deed for deed in said if deed.type == type_), key=lambda deed: (deed.at, deed.action_id))


def _assessed(deed: Deed) -> Judged:
    level = deed.complexity or MODERATE
    return Judged(level, f"complexity assessed as {level}", deed.at)


def _unassessed(draft: Draft, rule: Complexity) -> Judged:
    lace, programme = draft.risk.lace, draft.risk.programme
    if programme and programme.decision in rule.high_programmes:
        said = programme.decision.replace("_", " ")
        return Judged(
            HIGH, f"complexity taken as high in {said} until a clinician assesses it", draft.risk.learned_at
        )
    if lace and lace.total >= rule.high_lace:
        said = f"complexity taken as high for a LACE of {lace.total} until a clinician assesses it"
        return Judged(HIGH, said, draft.stay.learned_at)
    return _UNASSESSED
