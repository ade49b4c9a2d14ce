"""One deadline of an episode: when it is due, what has settled it, what it becomes otherwise."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import structs

from services.transitions.domain import calendar, contact, owed
from services.transitions.domain.episodes import WINDOW_ENDED, Draft, End
from services.transitions.domain.model import PlannedDeadline
from services.transitions.domain.owed import Start
from services.transitions.domain.protocol import (
    AckRule,
    ActionRule,
    ArrivalRule,
    ContactRule,
    DeadlineRule,
    Protocol,
    WithVisit,
)
from services.transitions.domain.work import VISITED, Work, done_at

_MOMENT = timedelta(microseconds=1)


def plan_deadline(
    rule: DeadlineRule, draft: Draft, work: Work, waived_at: datetime | None, protocol: Protocol
) -> PlannedDeadline:
    """What is owed by one rule. `work` is what was done about the discharge, `waived_at` when this was waived."""
    start, end, engine = draft.start, draft.end, protocol.engine
    due, because, told_at = _due(rule, start, work)
    tried: list[datetime] = []
    enough = False
    if isinstance(rule.met_by, AckRule):
        done = draft.acknowledged_at
    elif isinstance(rule.met_by, ContactRule):
        done = contact.reached_at(rule.met_by, work.contacts)
        tried = contact.tries(rule.met_by, work.contacts)
        enough = contact.tried_enough(rule.met_by, tried, due, engine.attempt_gap)
    elif isinstance(rule.met_by, ArrivalRule):
        done = draft.arrived_at
    else:
        done = done_at(rule.met_by, work, start)
    moved_at = draft.under.moved_at
    if moved_at:
        told_at = max(told_at or moved_at, moved_at)
        said = calendar.say_instant(moved_at, start.facility.tz)
        because = f"{because}; under {draft.under.label} by a decision of {said}"
    learned = learned_at(rule, draft, protocol)
    if told_at and told_at > learned:
        learned = told_at
    # What is due with the window is missed as it ends: somebody has to hear of that, and can lay it aside.
    with_window = end is not None and end.reason == WINDOW_ENDED and due == end.at
    waived = waived_at if not end or not waived_at or waived_at < end.at or with_window else None
    return PlannedDeadline(
        kind=rule.kind,
        due_at=due,
        becomes="attempted" if enough else "missed",
        because=because,
        severity=owed.severity(
            rule, facility=start.facility, unit=draft.unit, high_risk=_high_risk(draft), page=draft.page
        ),
        learned_at=learned,
        settled=_settled(due, done, waived, end, enough=enough),
        provisional=draft.opening.provisional,
        owed=not waived and (not end or (with_window and draft.told_of_window)),
        warnings=owed.warnings(rule, start, due, tried=tried, bookings=work.bookings, page=draft.page),
        hold_until=draft.hold_until,
        waived=waived is not None,
        responsible=rule.responsible,
    )


def call_backs(
    rules: Iterable[DeadlineRule],
    draft: Draft,
    work: Work,
    waived: Mapping[str, datetime],
    protocol: Protocol,
) -> tuple[PlannedDeadline, ...]:
    """What is owed because a call asked for it: its clock runs from that call, and the settle window is no matter."""
    found = []
    for rule in rules:
        if not rule.opened_by or not isinstance(rule.met_by, ContactRule):
            continue
        asking = contact.asked(rule.met_by, work.contacts)
        if asking is None:
            continue
        start = Start(asking.occurred_at, "request for a call back", draft.start.facility)
        from_then = structs.replace(draft, start=start, learned_at=asking.at, hold_until=None, page=True)
        since = structs.replace(work, contacts=contact.after(work.contacts, asking))
        waived_at = waived.get(rule.kind)
        counts = waived_at if waived_at and waived_at >= asking.at else None
        found.append(plan_deadline(rule, from_then, since, counts, protocol))
    return tuple(found)


def learned_at(rule: DeadlineRule, draft: Draft, protocol: Protocol) -> datetime:
    """When it could be known that this is owed."""
    told = draft.stay.disposition_learned_at
    if told and told > draft.learned_at and not draft.anchor and rule.kind not in protocol.unknown_kinds:
        return told  # owed only because of the destination: nobody could know before that was known
    return draft.learned_at


def _due(rule: DeadlineRule, start: Start, work: Work) -> tuple[datetime, str, datetime | None]:
    """The due time, how it came about, and when that was told where it was told after the discharge."""
    if isinstance(rule.due, WithVisit):
        return _due_with_visit(rule.due, start, work)
    due, because = owed.due_at(rule.due, start)
    if rule.complexity:
        because = f"{because}; {work.judged.because}"
    if work.booked and isinstance(rule.met_by, ActionRule) and rule.met_by.action == VISITED:
        because += _say_booked(work, start, due)
    return due, because, work.judged.learned_at if rule.complexity else None


def _due_with_visit(rule: WithVisit, start: Start, work: Work) -> tuple[datetime, str, datetime | None]:
    """The date of the visit: of the one that took place, else of the appointment; never later than it is due."""
    level = work.judged.level
    latest, because = next(
        owed.due_at(due, start) for complexity, due in rule.visits if complexity in {None, level}
    )
    booked = _day_ends(work.booked.occurs_at, start) if work.booked and work.booked.occurs_at else None
    visited = _day_ends(work.visited.occurred_at, start) if work.visited else None
    due = visited or booked
    if due is None or due >= latest:
        told_then = [deed.at for deed in (work.visited, work.booked) if deed]
        learned = max((at for at in (work.judged.learned_at, *told_then) if at), default=None)
        return latest, f"{because}, when the visit is due; {work.judged.because}", learned
    told = [deed.at for deed, end in ((work.visited, visited), (work.booked, booked)) if deed and end == due]
    day = calendar.say_day(calendar.local_date(due - _MOMENT, start.facility.tz))
    what = "the day of the visit" if visited else "the day for which the visit is booked"
    return due, f"to the end of {day}, {what}", min(told)


def _day_ends(at: datetime, start: Start) -> datetime:
    zone = start.facility.tz
    return calendar.end_of_day(calendar.local_date(at, zone), zone)


def _say_booked(work: Work, start: Start, due: datetime) -> str:
    if (
        work.booked is None
        or work.booked.occurs_at is None
        or (work.visited and work.visited.occurred_at < due)
    ):
        return ""
    late = ", which is too late" if work.booked.occurs_at >= due else ""
    return f"; booked for {calendar.say_instant(work.booked.occurs_at, start.facility.tz)}{late}"


def _high_risk(draft: Draft) -> bool:
    """Whoever is not known to be at low risk is at high risk."""
    return draft.opening.raised or draft.risk.high is not False


def _settled(
    due: datetime, done: datetime | None, waived: datetime | None, end: End | None, *, enough: bool
) -> tuple[str, datetime] | None:
    """What facts alone decide, the earliest fact first. `due` itself is already too late.

    An end at the due instant still finds the deadline pending: messages come before timers. Only the window is a
    timer itself, and what is due on its last day has had that day.
    """
    if waived and waived < due and (done is None or waived < done):
        return "waived", waived
    if done and done < due:
        return "met", done
    if end and (end.at < due or (end.at == due and end.reason != WINDOW_ENDED)):
        return end.pending, end.at
    if done and not enough:
        return "met_late", done
    return None
